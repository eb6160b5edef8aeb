//! Carries a letter's objects over into the print file: bytes as written, with other numbers.
//!
//! Only what would collide between letters is changed: references, keys of the parent tree, ids of structure elements,
//! names of destinations. It does not know what the whole looks like.

use std::ops::Range;

use super::PrintFileError::{self, Malformed};
use super::letter::Letter;
use super::objects::{Objects, push_number, push_reference};
use super::scan::{Dict, Scanner, Token, integer, plain};

/// An object that is being carried over and must not be met again before it is done.
const UNDER_WAY: u32 = u32::MAX;
/// Deepest shared object within others. A page holds fonts that hold descendants that hold files: four.
const MAX_SHARED: usize = 16;
/// The largest integer of a PDF (ISO 32000-1, annex C).
const MAX_KEY: u32 = i32::MAX as u32;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Carries one letter over.
pub struct Copier<'a, 'o> {
    letter: &'a Letter<'a>,
    pub objects: &'o mut Objects,
    /// New numbers by old ones, 0 for none yet.
    numbers: Vec<u32>,
    /// Old numbers that have a new one and wait to be carried over.
    waiting: Vec<u32>,
    /// What the keys of the letter's parent tree become.
    keys: Range<usize>,
    /// What goes before each id and name.
    prefix: String,
    depth: usize,
}

impl<'a, 'o> Copier<'a, 'o> {
    pub fn new(letter: &'a Letter<'a>, objects: &'o mut Objects, keys: Range<usize>, prefix: String) -> Self {
        let numbers = vec![0; letter.numbers()];
        Copier { letter, objects, numbers, waiting: Vec::new(), keys, prefix, depth: 0 }
    }

    /// Lets an old number stand for an object of the print file.
    pub fn stand_for(&mut self, old: u32, new: u32) -> Result<(), PrintFileError> {
        *self.slot(old)? = new;
        Ok(())
    }

    /// The new number of an object that belongs to this letter alone; it is carried over in [`Copier::drain`].
    pub fn own(&mut self, old: u32) -> Result<u32, PrintFileError> {
        match *self.slot(old)? {
            0 => {
                let new = self.objects.number()?;
                *self.slot(old)? = new;
                self.waiting.push(old);
                Ok(new)
            }
            UNDER_WAY => Err(Malformed("objects refer to each other in a circle")),
            new => Ok(new),
        }
    }

    /// The new number of an object that other letters may have, too, with all that it refers to.
    pub fn shared(&mut self, old: u32) -> Result<u32, PrintFileError> {
        let depth = self.depth;
        match *self.slot(old)? {
            0 if depth < MAX_SHARED => {}
            0 | UNDER_WAY => return Err(Malformed("objects refer to each other in a circle")),
            new => return Ok(new),
        }
        *self.slot(old)? = UNDER_WAY;
        let object = self.letter.object(old)?;
        let mut value = Vec::with_capacity(object.value.len() + 16);
        self.depth += 1;
        self.copy(object.value, b"", true, &mut value)?;
        self.depth -= 1;
        let new = self.objects.share(&value, object.data)?;
        *self.slot(old)? = new;
        Ok(new)
    }

    /// Carries over what has been referred to, and what that refers to.
    pub fn drain(&mut self) -> Result<(), PrintFileError> {
        let mut value = Vec::new();
        let mut next = 0;
        while let Some(old) = self.waiting.get(next).copied() {
            let object = self.letter.object(old)?;
            value.clear();
            self.copy(object.value, b"", false, &mut value)?;
            let new = *self.slot(old)?;
            match object.data {
                Some(_) => self.objects.stand(new, &value, object.data)?,
                None => self.objects.pack(new, &value),
            }
            next += 1;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Appends the entries of a dictionary but those that the caller writes.
    pub fn entries(&mut self, dict: &Dict, but: &[&str], out: &mut Vec<u8>) -> Result<(), PrintFileError> {
        for (key, value) in dict.entries().filter(|(key, _)| !but.iter().any(|but| but.as_bytes() == *key)) {
            out.push(b'/');
            out.extend_from_slice(key);
            out.push(b' ');
            // Only a page has these two. Whatever is below them knows nothing of its page.
            self.copy(value, key, matches!(key, b"Resources" | b"Contents"), out)?;
        }
        Ok(())
    }

    /// Appends a value with its numbers changed. `key` is the one that it stands under.
    pub fn copy(&mut self, value: &[u8], key: &[u8], shared: bool, out: &mut Vec<u8>) -> Result<(), PrintFileError> {
        let mut source = Source { value, scanner: Scanner::new(value), kept: 0 };
        self.one(&mut source, key, shared, out)?;
        source.keep(source.scanner.at, out);
        Ok(())
    }

    /// Goes over one value. The reader has been over it, so it is not nested too deep.
    fn one(&mut self, source: &mut Source, key: &[u8], shared: bool, out: &mut Vec<u8>) -> Result<(), PrintFileError> {
        let start = source.scanner.skip_space();
        match source.scanner.token()? {
            Token::Dict => loop {
                match source.scanner.token()? {
                    Token::Name(key) => self.one(source, plain(key)?, shared, out)?,
                    Token::DictEnd => return Ok(()),
                    _ => return Err(Malformed("a key of a dictionary is not a name")),
                }
            },
            Token::Array => {
                while !source.ends_array() {
                    self.one(source, key, shared, out)?;
                }
            }
            Token::Reference(old) => {
                source.keep(start, out);
                push_reference(out, if shared { self.shared(old)? } else { self.own(old)? });
                source.kept = source.scanner.at;
            }
            Token::Number(digits) if matches!(key, b"StructParents" | b"StructParent") => {
                source.keep(start, out);
                push_number(out, self.parent_key(digits)?);
                source.kept = source.scanner.at;
            }
            Token::Text(text) if !shared && matches!(key, b"ID" | b"Headers" | b"Dest" | b"D") => {
                source.keep(start, out);
                self.prefixed(text, out);
                source.kept = source.scanner.at;
            }
            Token::DictEnd | Token::ArrayEnd => return Err(Malformed("a value is missing")),
            Token::Name(_) | Token::Number(_) | Token::Text(_) | Token::Word(_) => {}
        }
        Ok(())
    }

    /// What a key of the letter's parent tree becomes.
    pub fn parent_key(&self, digits: &[u8]) -> Result<u32, PrintFileError> {
        let key = integer(digits).and_then(|key| self.keys.start.checked_add(key));
        let key = key.filter(|key| self.keys.contains(key)).ok_or(Malformed("a key of the parent tree is wrong"))?;
        u32::try_from(key).ok().filter(|key| *key < MAX_KEY).ok_or(PrintFileError::Full)
    }

    /// Appends a string that no other letter has.
    pub fn prefixed(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some((open, rest)) = text.split_first() else { return };
        out.push(*open);
        for byte in self.prefix.bytes() {
            if *open == b'<' {
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            } else {
                out.push(byte);
            }
        }
        out.extend_from_slice(rest);
    }

    /// The name that a name of the letter becomes, as a hexadecimal string.
    pub fn name(&self, name: &[u8]) -> String {
        let digits = self.prefix.bytes().chain(name.iter().copied()).map(|byte| format!("{byte:02X}"));
        format!("<{}>", digits.collect::<String>())
    }

    fn slot(&mut self, old: u32) -> Result<&mut u32, PrintFileError> {
        self.numbers.get_mut(old as usize).ok_or(Malformed("an object is missing"))
    }
}

/// A value on its way, of which the bytes before `kept` have been dealt with.
struct Source<'a> {
    value: &'a [u8],
    scanner: Scanner<'a>,
    kept: usize,
}

impl Source<'_> {
    fn keep(&mut self, end: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.value[self.kept..end]);
        self.kept = end;
    }

    fn ends_array(&mut self) -> bool {
        let ends = self.value.get(self.scanner.skip_space()) == Some(&b']');
        self.scanner.at += usize::from(ends);
        ends
    }
}
