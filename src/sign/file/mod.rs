//! Reads a PDF as far as signing needs: what is asked for and no more, each time from its bytes.
//!
//! Nothing is repaired: a reader that mends a broken file sees something else than the reader of whom the signature
//! is later asked. What an attacker can make large (sections, objects, nesting, packed streams) has an end, and all
//! of it together has one, so that no file keeps us busy for long. A file is read by whoever signs it and by whoever
//! verifies it; a revision of it is read by reading its first bytes alone.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

mod error;
mod filter;
mod object;
mod parser;
mod revision;
mod xref;

pub use error::FileError;
pub use object::{Dictionary, Id, Indirect, Object, Stream};
pub use revision::{Hole, Revision};
pub use xref::{Entry, Section};

use parser::{LARGEST_NUMBER, Parser};
use xref::{References, stream_data};

/// Largest file, in bytes.
pub const LARGEST: usize = 64 << 20;
/// How many pages a file may have.
pub const PAGES: usize = 20_000;
/// How many bytes are read as values, all times together.
const READ: usize = 64 << 20;
/// How many bytes are unpacked, all streams together.
const UNPACK: usize = 64 << 20;
/// How many objects may lie in one object stream.
const PACKED: usize = 100_000;
/// How many objects are read to read one: it lies in a stream whose length is an object of its own.
const LEVELS: usize = 3;
/// How deep pages, or fields, lie in each other.
pub(super) const TREE: usize = 64;

/// A key of a dictionary, and where its value stands.
pub type Span = (Vec<u8>, Range<usize>);

/// A PDF.
#[derive(Debug)]
pub struct File<'a> {
    bytes: &'a [u8],
    references: References,
    work: Mutex<Work>,
    pages: OnceLock<(Vec<Id>, HashMap<Id, usize>)>,
}

/// What may still be done, and the object streams that were unpacked.
#[derive(Debug)]
struct Work {
    read: usize,
    unpack: usize,
    streams: HashMap<u32, Arc<Packed>>,
}

/// An object stream, unpacked.
#[derive(Debug)]
struct Packed {
    data: Vec<u8>,
    /// Numbers, and where the values stand.
    index: Vec<(u32, usize)>,
}

impl<'a> File<'a> {
    /// Reads the cross-references and looks whether there is a catalogue.
    ///
    /// # Errors
    ///
    /// The file is too large, no PDF, encrypted, or its cross-references are broken.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FileError> {
        if bytes.len() > LARGEST {
            return Err(FileError::Size);
        }
        if !bytes.starts_with(b"%PDF-1.") && !bytes.starts_with(b"%PDF-2.") {
            return Err(FileError::Head);
        }
        let references = References::read(bytes)?;
        let work = Mutex::new(Work { read: READ, unpack: UNPACK, streams: HashMap::new() });
        let file = Self { bytes, references, work, pages: OnceLock::new() };
        if file.sections().iter().any(|section| section.trailer.has("Encrypt")) {
            return Err(FileError::Encrypted);
        }
        file.catalog()?;
        Ok(file)
    }

    /// The bytes it was read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sections of cross-references, from the newest to the oldest. There is at least one.
    pub fn sections(&self) -> &[Section] {
        &self.references.sections
    }

    /// Whether cross-references are there twice, once for old readers (ISO 32000-1, 7.5.8.4).
    pub fn is_hybrid(&self) -> bool {
        self.references.is_hybrid
    }

    /// Each object number that was ever used, and where the object is.
    pub fn entries(&self) -> impl Iterator<Item = (u32, Entry)> {
        self.references.entries.iter().map(|(number, entry)| (*number, *entry))
    }

    /// Where an object is.
    pub fn entry(&self, number: u32) -> Entry {
        self.references.entries.get(&number).copied().unwrap_or(Entry::Free)
    }

    /// The newest trailer.
    pub fn trailer(&self) -> &Dictionary {
        static EMPTY: Dictionary = Dictionary::empty();
        self.sections().first().map_or(&EMPTY, |section| &section.trailer)
    }

    /// The number of the first object that can be added: what `/Size` says is not always true.
    fn first_new_number(&self) -> Result<u32, FileError> {
        let largest = self.references.entries.keys().max().copied().unwrap_or_default();
        let size = self.trailer().get("Size").and_then(Object::as_integer).and_then(|size| u32::try_from(size).ok());
        let next = size.ok_or(FileError::Part("`/Size`"))?.max(largest + 1);
        if next > LARGEST_NUMBER - 100_000 { Err(FileError::Limit("objects")) } else { Ok(next) }
    }

    /// Where the catalogue is.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn root(&self) -> Result<Id, FileError> {
        self.trailer().get("Root").and_then(Object::as_reference).ok_or(FileError::Part("the catalogue"))
    }

    /// The catalogue.
    ///
    /// # Errors
    ///
    /// There is none, or it can not be read.
    pub fn catalog(&self) -> Result<Dictionary, FileError> {
        let catalog = self.dictionary(&self.root()?.into())?.filter(|catalog| catalog.has("Pages"));
        catalog.ok_or(FileError::Part("the catalogue"))
    }

    /// What an object number stands for; nothing if the object is not there.
    ///
    /// # Errors
    ///
    /// The object is not where it should be, is broken, or too much was read.
    pub fn get(&self, id: Id) -> Result<Option<Indirect>, FileError> {
        self.load(id, LEVELS)
    }

    /// A value, or what it refers to; a stream and what is not there is `null`.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn resolve(&self, value: &Object) -> Result<Object, FileError> {
        match value {
            Object::Reference(id) => Ok(match self.get(*id)? {
                Some(Indirect::Value(value)) if value.as_reference().is_none() => value,
                _ => Object::Null,
            }),
            direct => Ok(direct.clone()),
        }
    }

    /// The dictionary that a value is or refers to, if it does.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn dictionary(&self, value: &Object) -> Result<Option<Dictionary>, FileError> {
        Ok(match self.resolve(value)? {
            Object::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        })
    }

    /// The array that a value of a dictionary is or refers to; empty if there is none.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn array(&self, dictionary: &Dictionary, key: &str) -> Result<Vec<Object>, FileError> {
        Ok(match dictionary.get(key).map(|value| self.resolve(value)).transpose()? {
            Some(Object::Array(elements)) => elements,
            _ => Vec::new(),
        })
    }

    /// The stream that a value refers to, if it does.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn stream(&self, value: &Object) -> Result<Option<Stream>, FileError> {
        let found = value.as_reference().map(|id| self.get(id)).transpose()?.flatten();
        Ok(found.and_then(|found| if let Indirect::Stream(stream) = found { Some(stream) } else { None }))
    }

    /// The bytes of a stream as they are stored.
    pub fn raw(&self, stream: &Stream) -> &'a [u8] {
        self.bytes.get(stream.data.clone()).unwrap_or_default()
    }

    /// The bytes of a stream, unpacked.
    ///
    /// # Errors
    ///
    /// It is packed with something else than Flate, or all that was unpacked becomes too much.
    pub fn unpacked(&self, stream: &Stream) -> Result<Vec<u8>, FileError> {
        filter::decode(&stream.dictionary, self.raw(stream), &mut self.work().unpack)
    }

    /// The keys of a dictionary that is an object of its own, and where in the file their values stand, to the byte.
    /// Nothing if it lies in an object stream or is no dictionary.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn spans(&self, id: Id) -> Result<Option<Vec<Span>>, FileError> {
        let Entry::At { offset, generation } = self.entry(id.number) else { return Ok(None) };
        let mut parser = Parser::new(self.bytes, offset);
        if generation != id.generation || parser.head() != Some(id) {
            return Ok(None);
        }
        let spans = parser.spans().ok();
        self.spend(parser.at().saturating_sub(offset))?;
        Ok(spans)
    }

    /// The pages in their order.
    ///
    /// # Errors
    ///
    /// The tree of pages is broken, too deep, or has more than [`PAGES`] pages.
    pub fn pages(&self) -> Result<&[Id], FileError> {
        Ok(&self.all_pages()?.0)
    }

    /// Which page an object is, from 0.
    ///
    /// # Errors
    ///
    /// As [`File::pages`].
    pub fn page_index(&self, id: Id) -> Result<Option<usize>, FileError> {
        Ok(self.all_pages()?.1.get(&id).copied())
    }

    fn all_pages(&self) -> Result<&(Vec<Id>, HashMap<Id, usize>), FileError> {
        if let Some(pages) = self.pages.get() {
            return Ok(pages);
        }
        let pages = self.read_pages()?;
        let places = pages.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        Ok(self.pages.get_or_init(|| (pages, places)))
    }

    fn read_pages(&self) -> Result<Vec<Id>, FileError> {
        let broken = FileError::Part("the tree of pages");
        let catalog = self.catalog()?;
        let root = catalog.get("Pages").and_then(Object::as_reference).ok_or(broken)?;
        let (mut pages, mut seen, mut open) = (Vec::new(), HashSet::new(), vec![(root, 0)]);
        while let Some((id, depth)) = open.pop() {
            if !seen.insert(id) || depth > TREE {
                return Err(broken);
            }
            let node = self.dictionary(&id.into())?.ok_or(broken)?;
            if !node.has("Kids") {
                pages.push(id);
                if pages.len() > PAGES {
                    return Err(FileError::Limit("pages"));
                }
                continue;
            }
            for kid in self.array(&node, "Kids")?.iter().rev() {
                open.push((kid.as_reference().ok_or(broken)?, depth + 1));
            }
            if open.len() > 2 * PAGES {
                return Err(FileError::Limit("pages"));
            }
        }
        Ok(pages)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, bytes: usize) -> Result<(), FileError> {
        let mut work = self.work();
        // Even what is empty is work.
        work.read = work.read.checked_sub(bytes + 16).ok_or(FileError::Limit("bytes to read"))?;
        Ok(())
    }

    fn load(&self, id: Id, levels: usize) -> Result<Option<Indirect>, FileError> {
        let levels = levels.checked_sub(1).ok_or(FileError::Object(id.number))?;
        match self.entry(id.number) {
            Entry::At { offset, generation } if generation == id.generation => {
                self.read_at(id, offset, levels).map(Some)
            }
            Entry::In { stream, index } if id.generation == 0 => {
                let packed = self.packed(stream, levels)?;
                let place = usize::try_from(index).ok().and_then(|index| packed.index.get(index));
                let (_, at) = place.filter(|(number, _)| *number == id.number).ok_or(FileError::Object(id.number))?;
                let mut parser = Parser::new(&packed.data, *at);
                let value = parser.value().map_err(|error| located(error, id))?;
                self.spend(parser.at().saturating_sub(*at))?;
                Ok(Some(Indirect::Value(value)))
            }
            _ => Ok(None),
        }
    }

    fn read_at(&self, id: Id, offset: usize, levels: usize) -> Result<Indirect, FileError> {
        let mut parser = Parser::new(self.bytes, offset);
        if parser.head() != Some(id) {
            return Err(FileError::Object(id.number));
        }
        let value = parser.value().map_err(|error| located(error, id));
        self.spend(parser.at().saturating_sub(offset))?;
        match value? {
            value if parser.keyword(b"endobj") => Ok(Indirect::Value(value)),
            Object::Dictionary(dictionary) => {
                let length = match dictionary.get("Length") {
                    Some(Object::Reference(length)) => match self.load(*length, levels)? {
                        Some(Indirect::Value(length)) => length.as_integer(),
                        _ => None,
                    },
                    direct => direct.and_then(Object::as_integer),
                };
                let length = length.and_then(|length| usize::try_from(length).ok());
                let data = length.and_then(|length| stream_data(&mut parser, length));
                data.map(|data| Indirect::Stream(Stream { dictionary, data })).ok_or(FileError::Object(id.number))
            }
            _ => Err(FileError::Object(id.number)),
        }
    }

    /// An object stream, unpacked once.
    fn packed(&self, number: u32, levels: usize) -> Result<Arc<Packed>, FileError> {
        if let Some(packed) = self.work().streams.get(&number) {
            return Ok(Arc::clone(packed));
        }
        let broken = FileError::Object(number);
        if !matches!(self.entry(number), Entry::At { generation: 0, .. }) {
            return Err(broken);
        }
        let Some(Indirect::Stream(stream)) = self.load(Id { number, generation: 0 }, levels)? else {
            return Err(broken);
        };
        let whole =
            |key| stream.dictionary.get(key).and_then(Object::as_integer).and_then(|value| usize::try_from(value).ok());
        let (Some(count), Some(first), true) = (whole("N"), whole("First"), stream.dictionary.is("Type", "ObjStm"))
        else {
            return Err(broken);
        };
        if count > PACKED {
            return Err(FileError::Limit("objects in one stream"));
        }
        let data = self.unpacked(&stream)?;
        let mut parser = Parser::new(&data, 0);
        let pair = |_| {
            let number = parser.unsigned().and_then(|number| u32::try_from(number).ok())?;
            let at = parser.unsigned().and_then(|at| usize::try_from(at).ok())?;
            Some((number, first.checked_add(at)?))
        };
        let index = (0..count).map(pair).collect::<Option<_>>().ok_or(broken)?;
        let packed = Arc::new(Packed { data, index });
        self.work().streams.insert(number, Arc::clone(&packed));
        Ok(packed)
    }
}

/// Names the object in which a value is broken.
fn located(error: FileError, id: Id) -> FileError {
    if let FileError::Syntax(_) = error { FileError::Object(id.number) } else { error }
}
