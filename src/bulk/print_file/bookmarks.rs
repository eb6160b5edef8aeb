//! The bookmarks of a print file: an entry for each letter, the letter's own entries below it (ISO 32000-1, 12.3.3).
//!
//! It knows no structure and no pages but the one that an entry leads to.

use super::PrintFileError::{self, Malformed};
use super::copy::Copier;
use super::letter::{Letter, Seen};
use super::objects::{Objects, push_reference};
use super::scan::{Dict, integer, reference};

/// The bookmarks of the letters so far.
#[derive(Debug)]
pub struct Bookmarks {
    root: u32,
    first: Option<u32>,
    before_last: Option<u32>,
    /// Not written before it is known what comes after it.
    last: Option<Bookmark>,
}

impl Bookmarks {
    pub fn begin(objects: &mut Objects) -> Result<Self, PrintFileError> {
        Ok(Bookmarks { root: objects.number()?, first: None, before_last: None, last: None })
    }

    pub fn push(&mut self, bookmark: Bookmark, objects: &mut Objects) {
        self.first.get_or_insert(bookmark.number);
        let number = bookmark.number;
        if let Some(last) = self.last.replace(bookmark) {
            last.write(self.root, self.before_last, Some(number), objects);
            self.before_last = Some(last.number);
        }
    }

    /// Writes the last entry and the root, which is returned. All `count` entries are closed.
    pub fn finish(self, count: usize, objects: &mut Objects) -> u32 {
        let mut value = format!("<</Type/Outlines/Count {count}").into_bytes();
        if let (Some(first), Some(last)) = (self.first, self.last) {
            last.write(self.root, self.before_last, None, objects);
            value.extend_from_slice(format!("/First {first} 0 R/Last {} 0 R", last.number).as_bytes());
        }
        value.extend_from_slice(b">>");
        objects.pack(self.root, &value);
        self.root
    }
}

/// A letter's entry among the bookmarks, written when the next one is known.
#[derive(Debug)]
pub struct Bookmark {
    pub number: u32,
    /// A PDF string.
    pub title: String,
    pub destination: Vec<u8>,
    /// First, last and number of the letter's own bookmarks.
    pub below: Option<(u32, u32, usize)>,
}

impl Bookmark {
    /// The entry with its neighbours, closed.
    fn write(&self, parent: u32, before: Option<u32>, after: Option<u32>, objects: &mut Objects) {
        let mut value = format!("<</Title{}/Parent {parent} 0 R/Dest", self.title).into_bytes();
        value.extend_from_slice(&self.destination);
        let (first, last) = self.below.map_or((None, None), |(first, last, _)| (Some(first), Some(last)));
        for (key, number) in [("/Prev ", before), ("/Next ", after), ("/First ", first), ("/Last ", last)] {
            if let Some(number) = number {
                value.extend_from_slice(key.as_bytes());
                push_reference(&mut value, number);
            }
        }
        if let Some((_, _, count)) = self.below {
            value.extend_from_slice(format!("/Count -{count}").as_bytes());
        }
        value.extend_from_slice(b">>");
        objects.pack(self.number, &value);
    }
}

/// The letter's own bookmarks: first, last, and how many show when the letter's entry is open.
pub fn own_bookmarks(letter: &Letter, copier: &mut Copier) -> Result<Option<(u32, u32, usize)>, PrintFileError> {
    let Some(outlines) = letter.catalog.get("Outlines") else { return Ok(None) };
    siblings(letter, copier, &letter.dict(outlines)?, &mut Seen::of(letter), 0)
}

fn siblings(
    letter: &Letter,
    copier: &mut Copier,
    parent: &Dict,
    seen: &mut Seen,
    depth: usize,
) -> Result<Option<(u32, u32, usize)>, PrintFileError> {
    let Some(first) = parent.get("First") else { return Ok(None) };
    let (mut item, mut visible) = (first, 0);
    loop {
        let entry = letter.dict_of(seen.once(item, depth)?)?;
        let below = siblings(letter, copier, &entry, seen, depth + 1)?;
        // A closed entry has a negative count.
        let is_open = entry.get("Count").and_then(integer).is_some();
        visible += 1 + below.filter(|_| is_open).map_or(0, |(_, _, count)| count);
        match entry.get("Next") {
            Some(next) => item = next,
            None => break,
        }
    }
    let (Some(first), Some(last)) = (reference(first), reference(item)) else {
        return Err(Malformed("a bookmark has no number"));
    };
    if parent.get("Last").and_then(reference) != Some(last) {
        return Err(Malformed("the last bookmark is not the last"));
    }
    Ok(Some((copier.own(first)?, copier.own(last)?, visible)))
}
