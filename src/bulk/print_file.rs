//! Print files: many finished letters bound into one PDF, for a printing house or the printer in the office.
//!
//! The print file itself keeps to PDF/A-2a and PDF/UA-1, as each of its letters does. Letters are written as they come;
//! what stays in memory is where each object stands, a few bytes an object, and the hashes of what letters can share
//! (fonts, pictures, colours). Pages are taken as they are, nothing is rendered or packed anew.
//!
//! PDF bytes in, PDF bytes out. This room knows no HTTP, no Typst and no kinds of documents. It reads what our own
//! renderer writes (plain cross-reference table, no changes saved on top), and refuses anything else instead of mending it:
//! bytes are carried over as written, so a value that is not understood is never lost or changed on its way.
//!
//! - `scan` reads syntax, `letter` opens a letter, `copy` renumbers its objects, `carry` carries its parts over.
//! - `objects` gives out numbers and packs, `tree` makes long trees, `front` says what stands on the outside.

mod bookmarks;
mod carry;
mod copy;
mod front;
mod letter;
mod objects;
mod scan;
mod structure;
mod tree;

use std::io::{self, Write};

pub use self::front::Front;
pub use self::objects::MOST_BYTES;

use self::bookmarks::Bookmarks;
use self::carry::{Carried, Place};
use self::letter::Letter;
use self::objects::Objects;
use self::structure::{Structure, page_labels};
use self::tree::{Node, Pages};

/// Why a letter or a print file cannot be written. Never holds what a letter says.
#[derive(Debug, thiserror::Error)]
pub enum PrintFileError {
    /// The letter breaks the rules of PDF. The print file is as it was.
    #[error("the letter is not a whole PDF: {0}")]
    Malformed(&'static str),
    /// The letter is a PDF that our renderer does not write. The print file is as it was.
    #[error("the letter has {0}, which cannot go into a print file")]
    Unsupported(&'static str),
    /// A field of [`Front`].
    #[error("`{0}` of the print file is wrong")]
    Front(&'static str),
    /// The print file has as much as PDF/A-2 lets a file hold. Before a letter: the file is as it was.
    #[error("the print file is full: begin another one")]
    Full,
    /// There is no PDF without pages.
    #[error("a print file needs a letter")]
    Empty,
    /// Writing failed before, so the file is in pieces.
    #[error("the print file broke off earlier")]
    Broken,
    /// Writing fails.
    #[error("cannot write the print file")]
    Write(#[from] io::Error),
}

/// Where a letter is in the print file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its first page, from 1.
    pub first_page: usize,
    /// Its pages, without an empty one after it.
    pub pages: usize,
    /// Whether an empty page follows.
    pub blank_after: bool,
}

/// A print file that is being written.
#[derive(Debug)]
pub struct PrintFile<W: Write> {
    out: W,
    objects: Objects,
    pages: Pages,
    outside: Outside,
    structure: Structure,
    bookmarks: Bookmarks,
    /// The first page of each letter, from 0.
    first_pages: Vec<usize>,
    /// All letters have the same.
    intents: Option<u32>,
    destinations: Vec<Node<String>>,
    /// Set while something is written, so it stays set when that fails.
    broken: bool,
}

/// What is written at the end but known at the beginning.
#[derive(Debug)]
struct Outside {
    info: String,
    ids: String,
    language: String,
    metadata: u32,
    two_sided: bool,
}

impl<W: Write> PrintFile<W> {
    /// Begins a print file.
    ///
    /// # Errors
    ///
    /// [`PrintFileError::Front`] if a field is wrong.
    pub fn begin(out: W, front: &Front) -> Result<Self, PrintFileError> {
        front.check()?;
        let mut objects = Objects::new();
        let metadata = front.xmp();
        let dict = format!("<</Type/Metadata/Subtype/XML/Length {}>>", metadata.len());
        let metadata = objects.add(dict.as_bytes(), Some(metadata.as_bytes()))?;
        let structure = Structure::begin(&mut objects)?;
        let bookmarks = Bookmarks::begin(&mut objects)?;
        let outside = Outside {
            info: front.info(),
            ids: front.ids(),
            language: front::text(front.language),
            metadata,
            two_sided: front.two_sided,
        };
        Ok(PrintFile {
            out,
            objects,
            pages: Pages::default(),
            outside,
            structure,
            bookmarks,
            first_pages: Vec::new(),
            intents: None,
            destinations: Vec::new(),
            broken: false,
        })
    }

    /// Adds a letter: its pages, with a bookmark of this name.
    ///
    /// # Errors
    ///
    /// [`PrintFileError::Malformed`], [`PrintFileError::Unsupported`] or [`PrintFileError::Full`] for a letter that is not
    /// taken, with the print file as it was; [`PrintFileError::Write`] or [`PrintFileError::Broken`] if the print file is
    /// lost.
    pub fn add(&mut self, letter: &[u8], bookmark: &str) -> Result<Placed, PrintFileError> {
        if self.broken {
            return Err(PrintFileError::Broken);
        }
        let letter = Letter::read(letter)?;
        let (objects, pages) = (self.objects.mark(), self.pages.mark());
        match self.carry(&letter, bookmark) {
            Ok(carried) => self.keep(carried),
            Err(refused) => {
                self.objects.back_to(objects);
                self.pages.back_to(pages);
                Err(refused)
            }
        }
    }

    /// Writes what stands above all letters, and returns what it was written to.
    ///
    /// # Errors
    ///
    /// [`PrintFileError::Empty`] without a letter, [`PrintFileError::Write`], [`PrintFileError::Broken`] or, for a file at
    /// the limit, [`PrintFileError::Full`].
    pub fn finish(mut self) -> Result<W, PrintFileError> {
        if self.broken {
            return Err(PrintFileError::Broken);
        }
        let intents = self.intents.ok_or(PrintFileError::Empty)?;
        let objects = &mut self.objects;
        let pages = self.pages.finish(objects)?;
        let structure = self.structure.finish(objects)?;
        let labels = page_labels(&self.first_pages, objects)?.ok_or(PrintFileError::Empty)?;
        let outlines = self.bookmarks.finish(self.first_pages.len(), objects);
        let destinations = tree::finish(self.destinations, objects)?;
        let names = destinations.map_or(String::new(), |root| format!("/Names<</Dests {root} 0 R>>"));
        let Outside { info, ids, language, metadata, two_sided } = self.outside;
        let duplex = if two_sided { "DuplexFlipLongEdge" } else { "Simplex" };
        let catalog = format!(
            "<</Type/Catalog/Pages {pages} 0 R/PageLabels {labels} 0 R/PageMode/UseOutlines/Outlines {outlines} 0 R\
             /StructTreeRoot {structure} 0 R/MarkInfo<</Marked true>>/Lang{language}/Metadata {metadata} 0 R\
             /OutputIntents {intents} 0 R{names}/ViewerPreferences<</DisplayDocTitle true/Duplex/{duplex}>>>>"
        );
        let (catalog, info) = (objects.add(catalog.as_bytes(), None)?, objects.add(info.as_bytes(), None)?);
        objects.finish(&mut self.out, &format!("/Root {catalog} 0 R/Info {info} 0 R{ids}"))?;
        Ok(self.out)
    }

    fn carry(&mut self, letter: &Letter, bookmark: &str) -> Result<Carried, PrintFileError> {
        let place = Place {
            number: self.first_pages.len() + 1,
            document: self.structure.document,
            first_parent: self.structure.next_parent,
            bookmark,
            two_sided: self.outside.two_sided,
        };
        let carried = carry::carry(letter, &place, &mut self.objects, &mut self.pages)?;
        if self.intents.is_some_and(|intents| intents != carried.intents) {
            return Err(PrintFileError::Unsupported("another output intent than the letters before it"));
        }
        if self.structure.contradicts(&carried) {
            return Err(PrintFileError::Unsupported("another meaning of a role than the letters before it"));
        }
        Ok(carried)
    }

    /// Takes a letter in for good.
    fn keep(&mut self, mut carried: Carried) -> Result<Placed, PrintFileError> {
        let first = self.pages.count() - carried.sheets();
        let placed = Placed { first_page: first + 1, pages: carried.pages, blank_after: carried.blank_after };
        self.first_pages.push(first);
        self.intents = Some(carried.intents);
        self.structure.push(&mut carried);
        self.destinations.extend(carried.destinations);
        self.bookmarks.push(carried.bookmark, &mut self.objects);
        self.broken = true;
        self.objects.write(&mut self.out)?;
        self.broken = false;
        Ok(placed)
    }
}

#[cfg(test)]
mod tests;
