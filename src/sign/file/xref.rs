//! Cross-references: where each object is, by the newest section that says so (ISO 32000-1, 7.5.4, 7.5.8).
//!
//! Nothing is repaired. A file whose cross-references are wrong means different things to different readers, and is
//! neither signed nor called good.

use std::collections::{HashMap, HashSet};

use super::FileError;
use super::filter::decode;
use super::object::{Dictionary, Object};
use super::parser::{LARGEST_NUMBER, Parser};

/// How many sections a file may have.
const SECTIONS: usize = 1000;
/// How many entries all sections may have together.
const ENTRIES: usize = 2_000_000;
/// How far from the end `startxref` is looked for.
const TAIL: usize = 2048;

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nowhere: it was never used, or deleted.
    Free,
    /// At an offset, with a generation.
    At {
        /// Of the first byte of `1 0 obj`.
        offset: usize,
        /// Its generation.
        generation: u16,
    },
    /// In an object stream.
    In {
        /// The number of the stream.
        stream: u32,
        /// Its place there, from 0.
        index: u32,
    },
}

/// One section of cross-references with its trailer.
#[derive(Debug)]
pub struct Section {
    /// Where it begins.
    pub offset: usize,
    /// Its trailer.
    pub trailer: Dictionary,
    /// Whether it is a stream.
    pub is_stream: bool,
}

/// All sections, and what they say together.
#[derive(Debug)]
pub(super) struct References {
    /// From the newest to the oldest.
    pub(super) sections: Vec<Section>,
    pub(super) entries: HashMap<u32, Entry>,
    /// Whether a section is there both as a table and as a stream.
    pub(super) is_hybrid: bool,
    left: usize,
}

impl References {
    /// Follows the sections from the last one to the first.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, FileError> {
        let mut all = Self { sections: Vec::new(), entries: HashMap::new(), is_hybrid: false, left: ENTRIES };
        let mut seen = HashSet::new();
        let mut next = Some(last_section(bytes)?);
        while let Some(offset) = next {
            if !seen.insert(offset) || seen.len() > SECTIONS {
                return Err(FileError::References("they lead in a circle, or there are more than 1000"));
            }
            next = all.section(bytes, offset)?;
        }
        Ok(all)
    }

    /// Reads the section at an offset; gives the one before it.
    fn section(&mut self, bytes: &[u8], offset: usize) -> Result<Option<usize>, FileError> {
        let mut parser = Parser::new(bytes, offset);
        let is_stream = !parser.keyword(b"xref");
        let (found, trailer) = if is_stream { self.stream(bytes, offset)? } else { self.table(&mut parser)? };
        let (free, used): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, entry)| *entry == Entry::Free);
        self.add(used);
        if let Some(extra) = trailer.get("XRefStm").filter(|_| !is_stream) {
            // What old readers do not see stands there (7.5.8.4), and counts before what is free here.
            self.is_hybrid = true;
            let (found, _) = self.stream(bytes, offset_of(extra)?)?;
            self.add(found);
        }
        self.add(free);
        let before = trailer.get("Prev").map(offset_of).transpose()?;
        self.sections.push(Section { offset, trailer, is_stream });
        Ok(before)
    }

    fn add(&mut self, found: Vec<(u32, Entry)>) {
        for (number, entry) in found {
            self.entries.entry(number).or_insert(entry);
        }
    }

    /// Counts entries; there is an end to them.
    fn spend(&mut self, count: u64) -> Result<(), FileError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.left = self.left.checked_sub(count).ok_or(FileError::Limit("cross-references"))?;
        Ok(())
    }

    fn table(&mut self, parser: &mut Parser<'_>) -> Result<(Vec<(u32, Entry)>, Dictionary), FileError> {
        let broken = FileError::References("a table is broken");
        let mut found = Vec::new();
        while !parser.keyword(b"trailer") {
            let (Some(first), Some(count)) = (parser.unsigned(), parser.unsigned()) else { return Err(broken) };
            self.spend(count)?;
            for number in first..first.saturating_add(count) {
                let (Some(offset), Some(generation)) = (parser.unsigned(), parser.unsigned()) else {
                    return Err(broken);
                };
                let is_used = parser.keyword(b"n");
                if !is_used && !parser.keyword(b"f") {
                    return Err(broken);
                }
                let entry = match (usize::try_from(offset), u16::try_from(generation)) {
                    (Ok(offset), Ok(generation)) if is_used => Entry::At { offset, generation },
                    (Ok(_), Ok(_)) => Entry::Free,
                    _ => return Err(broken),
                };
                found.push((numbered(number)?, entry));
            }
        }
        match parser.value()? {
            Object::Dictionary(trailer) => Ok((found, trailer)),
            _ => Err(broken),
        }
    }

    fn stream(&mut self, bytes: &[u8], offset: usize) -> Result<(Vec<(u32, Entry)>, Dictionary), FileError> {
        let broken = FileError::References("a stream is broken");
        let (dictionary, data) = stream_at(bytes, offset).ok_or(broken)?;
        if !dictionary.is("Type", "XRef") {
            return Err(broken);
        }
        let widths: Vec<usize> =
            whole(dictionary.get("W"))?.iter().filter_map(|width| usize::try_from(*width).ok()).collect();
        let [kind, second, third] = widths.as_slice() else { return Err(broken) };
        if widths.iter().any(|width| *width > 8) || *second == 0 {
            return Err(broken);
        }
        let ranges = match dictionary.get("Index") {
            Some(index) => whole(Some(index))?,
            None => vec![
                0,
                dictionary
                    .get("Size")
                    .and_then(Object::as_integer)
                    .and_then(|size| u64::try_from(size).ok())
                    .ok_or(broken)?,
            ],
        };
        let rows = decode(&dictionary, data, &mut (ENTRIES * 8))?;
        let mut rows = rows.chunks_exact(kind + second + third);
        let mut found = Vec::new();
        for range in ranges.chunks(2) {
            let [first, count] = range else { return Err(broken) };
            self.spend(*count)?;
            for number in *first..first.saturating_add(*count) {
                let row = rows.next().ok_or(broken)?;
                let (head, rest) = row.split_at(*kind);
                let (middle, last) = rest.split_at(*second);
                let kind = if head.is_empty() { 1 } else { big_endian(head) };
                found.push((numbered(number)?, entry_of(kind, big_endian(middle), big_endian(last)).ok_or(broken)?));
            }
        }
        Ok((found, dictionary))
    }
}

/// An entry of a stream (table 18). A kind that is not known is an object that is not there.
fn entry_of(kind: u64, middle: u64, last: u64) -> Option<Entry> {
    Some(match kind {
        1 => Entry::At { offset: usize::try_from(middle).ok()?, generation: u16::try_from(last).ok()? },
        2 => Entry::In { stream: u32::try_from(middle).ok()?, index: u32::try_from(last).ok()? },
        _ => Entry::Free,
    })
}

/// The stream of cross-references at an offset. Its length stands in it, since nothing else can be looked up yet.
fn stream_at(bytes: &[u8], offset: usize) -> Option<(Dictionary, &[u8])> {
    let mut parser = Parser::new(bytes, offset);
    parser.head()?;
    let Ok(Object::Dictionary(dictionary)) = parser.value() else { return None };
    let length = usize::try_from(dictionary.get("Length")?.as_integer()?).ok()?;
    let range = stream_data(&mut parser, length)?;
    Some((dictionary, bytes.get(range)?))
}

/// The bytes of a stream whose dictionary was just read, if it ends where its length says (7.3.8).
pub(super) fn stream_data(parser: &mut Parser<'_>, length: usize) -> Option<std::ops::Range<usize>> {
    parser.space();
    let begins = parser.take(b"stream") && (parser.take(b"\r\n") || parser.take(b"\n"));
    let start = parser.at();
    let end = start.checked_add(length).filter(|_| begins)?;
    parser.go(end)?;
    parser.space_only();
    parser.take(b"endstream").then_some(start..end)
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn numbered(number: u64) -> Result<u32, FileError> {
    u32::try_from(number).ok().filter(|number| *number <= LARGEST_NUMBER).ok_or(FileError::Limit("objects"))
}

fn offset_of(value: &Object) -> Result<usize, FileError> {
    let offset = value.as_integer().and_then(|offset| usize::try_from(offset).ok());
    offset.ok_or(FileError::References("an offset is none"))
}

/// An array of whole numbers without signs.
fn whole(value: Option<&Object>) -> Result<Vec<u64>, FileError> {
    let elements = value.and_then(Object::as_array).unwrap_or_default();
    let numbers = elements.iter().map(|element| u64::try_from(element.as_integer()?).ok()).collect::<Option<_>>();
    numbers.ok_or(FileError::References("a stream is broken"))
}

/// Where the last section begins.
fn last_section(bytes: &[u8]) -> Result<usize, FileError> {
    const WORD: &[u8] = b"startxref";
    let none = FileError::References("there is no `startxref` at the end");
    let tail = bytes.len().saturating_sub(TAIL);
    let found = bytes.get(tail..).unwrap_or_default().windows(WORD.len()).rposition(|window| window == WORD);
    let mut parser = Parser::new(bytes, tail + found.ok_or(none)? + WORD.len());
    let offset = parser.unsigned().and_then(|offset| usize::try_from(offset).ok());
    parser.space_only();
    if !parser.take(b"%%EOF") {
        return Err(none);
    }
    offset.filter(|offset| *offset < bytes.len()).ok_or(none)
}
