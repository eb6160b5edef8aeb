//! Writes one revision behind a file (ISO 32000-1, 7.5.6): what was there stays byte for byte, and objects that are
//! new or changed follow with cross-references of the kind the file has.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::object::{write_hex, write_text};
use super::{Dictionary, Entry, File, FileError, Id, Object};

/// How wide the numbers of a `/ByteRange` are written: they are known only in the end.
const RANGE_WIDTH: usize = 40;

/// Entries of a trailer that each section has for itself, those of a stream among them.
const OF_SECTION: [&str; 11] =
    ["Root", "ID", "Size", "Prev", "XRefStm", "Type", "W", "Index", "Length", "Filter", "DecodeParms"];

/// One revision in the making.
#[derive(Debug)]
pub struct Revision<'f, 'a> {
    file: &'f File<'a>,
    changed: BTreeMap<u32, (u16, Body)>,
    next: u32,
}

#[derive(Debug)]
enum Body {
    Value(Object),
    Stream(Dictionary, Vec<u8>),
    /// A signature whose `/Contents` has room for so many bytes.
    Signature(Dictionary, usize),
}

/// Where a signature goes in a finished file, with `<` and `>`: all but this is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    range: Range<usize>,
}

impl<'f, 'a> Revision<'f, 'a> {
    /// Begins a revision.
    ///
    /// # Errors
    ///
    /// The file has its cross-references twice, or no object can be added.
    pub fn new(file: &'f File<'a>) -> Result<Self, FileError> {
        if file.is_hybrid() {
            return Err(FileError::References("they are there twice, for old and for new readers"));
        }
        Ok(Self { file, changed: BTreeMap::new(), next: file.first_new_number()? })
    }

    /// The file as it was before.
    pub fn file(&self) -> &'f File<'a> {
        self.file
    }

    /// A number for a new object.
    pub fn reserve(&mut self) -> Id {
        let id = Id { number: self.next, generation: 0 };
        self.next += 1;
        id
    }

    /// Adds a value.
    pub fn add(&mut self, value: impl Into<Object>) -> Id {
        let id = self.reserve();
        self.set(id, value);
        id
    }

    /// Adds a stream with bytes that are packed as its dictionary says; its length is set here.
    pub fn add_stream(&mut self, dictionary: Dictionary, data: Vec<u8>) -> Id {
        let id = self.reserve();
        self.set_stream(id, dictionary, data);
        id
    }

    /// Adds a signature with room for so many bytes. There is at most one in a revision.
    pub fn add_signature(&mut self, dictionary: Dictionary, room: usize) -> Id {
        let id = self.reserve();
        self.changed.insert(id.number, (id.generation, Body::Signature(dictionary, room)));
        id
    }

    /// Sets what an object number stands for.
    pub fn set(&mut self, id: Id, value: impl Into<Object>) {
        self.changed.insert(id.number, (id.generation, Body::Value(value.into())));
    }

    /// Sets a stream under a number.
    pub fn set_stream(&mut self, id: Id, mut dictionary: Dictionary, data: Vec<u8>) {
        dictionary.set("Length", i64::try_from(data.len()).unwrap_or(i64::MAX));
        self.changed.insert(id.number, (id.generation, Body::Stream(dictionary, data)));
    }

    /// A value as it is in this revision, or what it refers to; a stream and what is not there is `null`.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn resolve(&self, value: &Object) -> Result<Object, FileError> {
        let changed = value.as_reference().and_then(|id| self.changed.get(&id.number));
        match changed {
            Some((_, Body::Value(value))) => Ok(value.clone()),
            Some(_) => Ok(Object::Null),
            None => self.file.resolve(value),
        }
    }

    /// The dictionary that a value is or refers to in this revision, if it does.
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

    /// Puts an element at the end of an array that a dictionary holds or refers to. The dictionary changes only if it
    /// holds the array, or has none; says whether it did.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn append(
        &mut self,
        dictionary: &mut Dictionary,
        key: &str,
        element: impl Into<Object>,
    ) -> Result<bool, FileError> {
        let held = dictionary.get(key).cloned();
        let mut elements = match held.as_ref().map(|value| self.resolve(value)).transpose()? {
            Some(Object::Array(elements)) => elements,
            None | Some(Object::Null) => Vec::new(),
            Some(_) => return Err(FileError::Part("an array")),
        };
        elements.push(element.into());
        if let Some(Object::Reference(id)) = held {
            self.set(id, elements);
            return Ok(false);
        }
        dictionary.set(key, elements);
        Ok(true)
    }

    /// The catalogue of this revision.
    ///
    /// # Errors
    ///
    /// As [`File::catalog`].
    pub fn catalog(&self) -> Result<Dictionary, FileError> {
        self.dictionary(&self.file.root()?.into())?.ok_or(FileError::Part("the catalogue"))
    }

    /// Sets the catalogue.
    ///
    /// # Errors
    ///
    /// As [`File::root`].
    pub fn set_catalog(&mut self, catalog: Dictionary) -> Result<(), FileError> {
        self.set(self.file.root()?, catalog);
        Ok(())
    }

    /// The file with this revision; where the signature goes, if one was added. The same objects give the same bytes.
    ///
    /// # Errors
    ///
    /// The file becomes too large, or has no `/Root`.
    pub fn finish(mut self) -> Result<(Vec<u8>, Option<Hole>), FileError> {
        let bytes = self.file.bytes();
        let mut out = Vec::with_capacity(bytes.len() + 40_000);
        out.extend_from_slice(bytes);
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        let start = out.len();
        let (mut entries, mut holes) = (BTreeMap::new(), None);
        for (number, (generation, body)) in std::mem::take(&mut self.changed) {
            entries.insert(number, Entry::At { offset: out.len(), generation });
            write_text(&mut out, format_args!("{number} {generation} obj\n"));
            match body {
                Body::Value(value) => value.write(&mut out),
                Body::Stream(dictionary, data) => write_stream(&dictionary, &data, &mut out),
                Body::Signature(dictionary, room) => holes = Some(write_signature(&dictionary, room, &mut out)),
            }
            out.extend_from_slice(b"\nendobj\n");
        }
        let trailer = self.trailer(out.get(start..).unwrap_or_default())?;
        self.write_references(trailer, entries, &mut out);
        if out.len() > super::LARGEST {
            return Err(FileError::Size);
        }
        let hole = holes.map(|(hole, range)| fill_range(&mut out, hole, range));
        Ok((out, hole))
    }

    /// What the trailer says but for `/Size`. The second part of `/ID` is a digest of what is new and of the first.
    fn trailer(&self, new: &[u8]) -> Result<Dictionary, FileError> {
        let old = self.file.trailer();
        let mut trailer = Dictionary::new().with("Root", self.file.root()?);
        // What else it says stays, as 7.5.6 asks.
        for (key, value) in old.iter() {
            if let Some(key) = std::str::from_utf8(key).ok().filter(|key| !OF_SECTION.contains(key)) {
                trailer.set(key, value.clone());
            }
        }
        let known = old.get("ID").map(|id| self.file.resolve(id)).transpose()?;
        let mut digest = Sha256::new();
        for part in known.iter().filter_map(Object::as_array).flatten().filter_map(Object::as_string) {
            digest.update(part);
        }
        digest.update(self.file.bytes().len().to_be_bytes());
        digest.update(new);
        let own = Object::String(digest.finalize().iter().take(16).copied().collect());
        let first = known.and_then(|id| id.as_array()?.first().filter(|first| first.as_string().is_some()).cloned());
        trailer.set("ID", vec![first.unwrap_or_else(|| own.clone()), own]);
        let before = self.file.sections().first().map_or(0, |section| section.offset);
        trailer.set("Prev", i64::try_from(before).unwrap_or_default());
        Ok(trailer)
    }

    fn write_references(&self, mut trailer: Dictionary, mut entries: BTreeMap<u32, Entry>, out: &mut Vec<u8>) {
        let start = out.len();
        let is_stream = self.file.sections().first().is_some_and(|section| section.is_stream);
        if is_stream {
            entries.insert(self.next, Entry::At { offset: start, generation: 0 });
            trailer.set("Size", i64::from(self.next) + 1);
            write_text(out, format_args!("{} 0 obj\n", self.next));
            let (index, rows) = rows(&entries);
            let widths = vec![Object::from(1), Object::from(4), Object::from(2)];
            trailer = trailer.with("Type", Object::name("XRef")).with("W", widths).with("Index", index);
            trailer.set("Length", i64::try_from(rows.len()).unwrap_or_default());
            write_stream(&trailer, &rows, out);
            out.extend_from_slice(b"\nendobj\n");
        } else {
            trailer.set("Size", i64::from(self.next));
            out.extend_from_slice(b"xref\n");
            for run in runs(&entries) {
                write_text(out, format_args!("{} {}\n", run.first().map_or(0, |(number, _, _)| *number), run.len()));
                for (_, offset, generation) in run {
                    write_text(out, format_args!("{offset:010} {generation:05} n\r\n"));
                }
            }
            out.extend_from_slice(b"trailer\n");
            trailer.write(out);
            out.push(b'\n');
        }
        write_text(out, format_args!("startxref\n{start}\n%%EOF\n"));
    }
}

impl Hole {
    /// The hole of a signature that is there, filled or not.
    ///
    /// # Errors
    ///
    /// As [`File::get`].
    pub fn of(file: &File<'_>, signature: Id) -> Result<Option<Self>, FileError> {
        let spans = file.spans(signature)?.unwrap_or_default();
        let contents = spans.into_iter().find(|(key, _)| key == b"Contents");
        Ok(contents.map(|(_, range)| Self { range }))
    }

    /// Whether it is written in hexadecimal digits, and is what a `/ByteRange` of a file of so many bytes leaves out.
    pub(in crate::sign) fn is_left_out(&self, document: &[u8], range: &[i64]) -> bool {
        let place = document.get(self.range.clone()).unwrap_or_default();
        let is_hexadecimal = place.first() == Some(&b'<') && place.last() == Some(&b'>');
        let numbers = [0, self.range.start, self.range.end, document.len().saturating_sub(self.range.end)];
        is_hexadecimal && range.iter().copied().map(usize::try_from).eq(numbers.map(Ok))
    }

    /// The bytes before and after it, which are signed.
    pub fn covered<'b>(&self, document: &'b [u8]) -> Option<[&'b [u8]; 2]> {
        Some([document.get(..self.range.start)?, document.get(self.range.end..)?])
    }

    /// How many bytes it takes.
    pub fn room(&self) -> usize {
        self.range.len().saturating_sub(2) / 2
    }

    /// Puts a signature in; nothing if it does not fit, or the hole is not of this document.
    pub fn fill(&self, document: &mut [u8], signature: &[u8]) -> Option<()> {
        let place = document.get_mut(self.range.clone()).filter(|_| signature.len() <= self.room())?;
        let (b'<', b'>') = (*place.first()?, *place.last()?) else { return None };
        let digits = place.get_mut(1..place.len() - 1)?;
        let mut filled = Vec::with_capacity(digits.len());
        write_hex(signature, &mut filled);
        filled.resize(digits.len(), b'0');
        digits.copy_from_slice(&filled);
        Some(())
    }
}

fn write_stream(dictionary: &Dictionary, data: &[u8], out: &mut Vec<u8>) {
    dictionary.write(out);
    out.extend_from_slice(b"\nstream\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\nendstream");
}

/// Writes a signature; gives the hole, and where its `/ByteRange` is to be written.
fn write_signature(dictionary: &Dictionary, room: usize, out: &mut Vec<u8>) -> (Hole, Range<usize>) {
    out.extend_from_slice(b"<<");
    dictionary.write_entries(out);
    out.extend_from_slice(b"/ByteRange");
    let range = out.len()..out.len() + RANGE_WIDTH;
    out.resize(range.end, b' ');
    out.extend_from_slice(b"/Contents");
    let start = out.len();
    out.push(b'<');
    out.resize(start + 1 + room * 2, b'0');
    out.push(b'>');
    let hole = Hole { range: start..out.len() };
    out.extend_from_slice(b">>");
    (hole, range)
}

/// Writes the `/ByteRange` of a hole, now that the length of the file is known.
fn fill_range(out: &mut [u8], hole: Hole, range: Range<usize>) -> Hole {
    let Range { start, end } = hole.range;
    let mut text = Vec::with_capacity(RANGE_WIDTH);
    write_text(&mut text, format_args!("[0 {start} {end} {}]", out.len().saturating_sub(end)));
    text.resize(RANGE_WIDTH, b' ');
    if let Some(place) = out.get_mut(range) {
        place.copy_from_slice(&text);
    }
    hole
}

/// Entries whose numbers follow each other: number, offset, generation.
fn runs(entries: &BTreeMap<u32, Entry>) -> Vec<Vec<(u32, usize, u16)>> {
    let mut runs: Vec<Vec<(u32, usize, u16)>> = Vec::new();
    for (number, entry) in entries {
        let Entry::At { offset, generation } = *entry else { continue };
        let row = (*number, offset, generation);
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|(last, _, _)| last + 1 == *number) => run.push(row),
            _ => runs.push(vec![row]),
        }
    }
    runs
}

/// `/Index` and the rows of a stream of cross-references with the widths 1, 4 and 2.
fn rows(entries: &BTreeMap<u32, Entry>) -> (Vec<Object>, Vec<u8>) {
    let (mut index, mut rows) = (Vec::new(), Vec::new());
    for run in runs(entries) {
        index.push(Object::from(i64::from(run.first().map_or(0, |(number, _, _)| *number))));
        index.push(Object::from(i64::try_from(run.len()).unwrap_or_default()));
        for (_, offset, generation) in run {
            rows.push(1);
            rows.extend_from_slice(&u32::try_from(offset).unwrap_or_default().to_be_bytes());
            rows.extend_from_slice(&generation.to_be_bytes());
        }
    }
    (index, rows)
}
