//! Reads values from bytes (ISO 32000-1, 7.2 and 7.3): nested no deeper than 64, and no more than half a million in one
//! object, whatever the bytes are.

use std::ops::Range;

use super::object::{Dictionary, Id, Object};
use super::{FileError, Span};

/// How deep arrays and dictionaries may lie in each other.
const DEPTH: usize = 64;
/// How many values one object may have.
const VALUES: usize = 500_000;
/// Largest object number (ISO 32000-1, annex C).
pub(super) const LARGEST_NUMBER: u32 = 8_388_607;

/// An entry of a dictionary: its key, its value, and where that stands.
type Item = (Vec<u8>, Object, Range<usize>);

/// A place in bytes.
pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()), values: VALUES }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn fail<T>(&self) -> Result<T, FileError> {
        Err(FileError::Syntax(self.at))
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes past white space and comments.
    pub(super) fn space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) {
                self.at += 1;
            } else if byte == b'%' {
                let line = self.rest().iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                self.at = line.map_or(self.bytes.len(), |length| self.at + length);
            } else {
                break;
            }
        }
    }

    /// Goes past white space alone.
    pub(super) fn space_only(&mut self) {
        self.at += self.rest().iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Goes to a place, if there is one.
    pub(super) fn go(&mut self, at: usize) -> Option<()> {
        self.bytes.get(at..)?;
        self.at = at;
        Some(())
    }

    /// Goes past a word, if it stands here.
    pub(super) fn take(&mut self, word: &[u8]) -> bool {
        let here = self.rest().starts_with(word);
        if here {
            self.at += word.len();
        }
        here
    }

    /// Goes past a word after white space.
    pub(super) fn keyword(&mut self, word: &[u8]) -> bool {
        self.space();
        let next = self.rest().get(word.len());
        next.is_none_or(|byte| !is_regular(*byte)) && self.take(word)
    }

    /// A whole number without a sign, after white space.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        self.space();
        let digits = self.rest().iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(self.rest().get(..digits)?).ok()?.parse().ok()?;
        self.at += digits;
        Some(number)
    }

    /// `1 0 obj`.
    pub(super) fn head(&mut self) -> Option<Id> {
        let number = u32::try_from(self.unsigned()?).ok()?;
        let generation = u16::try_from(self.unsigned()?).ok()?;
        self.keyword(b"obj").then_some(Id { number, generation })
    }

    /// A value, after white space.
    pub(super) fn value(&mut self) -> Result<Object, FileError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Object, FileError> {
        self.space();
        self.values = self.values.checked_sub(1).ok_or(FileError::Limit("values in one object"))?;
        if depth > DEPTH {
            return Err(FileError::Limit("values inside each other"));
        }
        match self.peek() {
            Some(b'<') if self.take(b"<<") => {
                let entries = self.entries(depth)?.into_iter().map(|(key, value, _)| (key, value)).collect();
                Dictionary::of(entries).map(Object::Dictionary).ok_or(FileError::Syntax(self.at))
            }
            Some(b'<') => self.hexadecimal(),
            Some(b'(') => self.literal(),
            Some(b'/') => Ok(Object::Name(self.name()?)),
            Some(b'[') => self.array(depth),
            Some(b'+' | b'-' | b'.' | b'0'..=b'9') => self.number_or_reference(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Object, FileError> {
        if self.keyword(b"null") {
            Ok(Object::Null)
        } else if self.keyword(b"true") {
            Ok(Object::Boolean(true))
        } else if self.keyword(b"false") {
            Ok(Object::Boolean(false))
        } else {
            self.fail()
        }
    }

    fn array(&mut self, depth: usize) -> Result<Object, FileError> {
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            self.space();
            if self.take(b"]") {
                return Ok(Object::Array(elements));
            }
            elements.push(self.nested(depth + 1)?);
        }
    }

    /// The entries of a dictionary whose `<<` is behind, and where the values stand.
    fn entries(&mut self, depth: usize) -> Result<Vec<Item>, FileError> {
        let mut entries = Vec::new();
        loop {
            self.space();
            if self.take(b">>") {
                return Ok(entries);
            }
            let key = self.name()?;
            self.space();
            let start = self.at;
            let value = self.nested(depth + 1)?;
            entries.push((key, value, start..self.at));
        }
    }

    /// The keys of a dictionary and where their values stand, to the byte.
    pub(super) fn spans(&mut self) -> Result<Vec<Span>, FileError> {
        self.space();
        if !self.take(b"<<") {
            return self.fail();
        }
        Ok(self.entries(0)?.into_iter().map(|(key, _, range)| (key, range)).collect())
    }

    fn name(&mut self) -> Result<Vec<u8>, FileError> {
        if !self.take(b"/") {
            return self.fail();
        }
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| is_regular(*byte)) {
            self.at += 1;
            if byte != b'#' {
                name.push(byte);
                continue;
            }
            let digits = (self.digit(0), self.digit(1));
            let (Some(high), Some(low)) = digits else { return self.fail() };
            self.at += 2;
            name.push(high << 4 | low);
        }
        Ok(name)
    }

    /// The hexadecimal digit some bytes ahead.
    fn digit(&self, ahead: usize) -> Option<u8> {
        let byte = self.bytes.get(self.at + ahead)?;
        char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
    }

    fn hexadecimal(&mut self) -> Result<Object, FileError> {
        self.at += 1;
        let mut bytes = Vec::new();
        let mut half = None;
        while let Some(byte) = self.peek() {
            if let Some(digit) = self.digit(0) {
                match half.take() {
                    Some(high) => bytes.push(high << 4 | digit),
                    None => half = Some(digit),
                }
            } else if byte == b'>' {
                self.at += 1;
                bytes.extend(half.map(|high| high << 4));
                return Ok(Object::String(bytes));
            } else if !is_space(byte) {
                break;
            }
            self.at += 1;
        }
        self.fail()
    }

    fn literal(&mut self) -> Result<Object, FileError> {
        self.at += 1;
        let mut bytes = Vec::new();
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => bytes.extend(self.escape()),
                b'\r' => {
                    // An end of a line is a line feed, however it is written.
                    self.take(b"\n");
                    bytes.push(b'\n');
                }
                b')' if open == 0 => return Ok(Object::String(bytes)),
                _ => {
                    open = open + usize::from(byte == b'(') - usize::from(byte == b')');
                    bytes.push(byte);
                }
            }
        }
        self.fail()
    }

    /// What stands after a backslash in a string; nothing if a line goes on.
    fn escape(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'f' => Some(12),
            b'\n' => None,
            b'\r' => {
                self.take(b"\n");
                None
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = self.peek() else { break };
                    code = code * 8 + u32::from(next - b'0');
                    self.at += 1;
                }
                // What is too large loses its highest bit (ISO 32000-1, 7.3.4.2).
                u8::try_from(code & 0xFF).ok()
            }
            other => Some(other),
        }
    }

    fn number_or_reference(&mut self) -> Result<Object, FileError> {
        let start = self.at;
        if let Some(id) = self.reference() {
            return Ok(Object::Reference(id));
        }
        self.at = start;
        let length = self.rest().iter().take_while(|byte| matches!(byte, b'+' | b'-' | b'.' | b'0'..=b'9')).count();
        let text = std::str::from_utf8(self.rest().get(..length).unwrap_or_default()).unwrap_or_default();
        let number = match text.parse() {
            Ok(number) => Object::Integer(number),
            Err(_) if text.len() < 64 && text.parse::<f64>().is_ok() => Object::Real(text.into()),
            Err(_) => return self.fail(),
        };
        self.at += length;
        Ok(number)
    }

    fn reference(&mut self) -> Option<Id> {
        let number = u32::try_from(self.unsigned()?).ok().filter(|number| *number <= LARGEST_NUMBER)?;
        if !self.peek().is_some_and(is_space) {
            return None;
        }
        let generation = u16::try_from(self.unsigned()?).ok()?;
        (self.peek().is_some_and(is_space) && self.keyword(b"R")).then_some(Id { number, generation })
    }
}

/// White space (ISO 32000-1, table 1).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &[u8]) -> Result<String, FileError> {
        let mut out = Vec::new();
        Parser::new(text, 0).value()?.write(&mut out);
        Ok(String::from_utf8(out).expect("what is written is ASCII"))
    }

    #[test]
    fn values_are_read_as_the_standard_says() {
        for (text, expected) in [
            (&b"<</A 1/B[1 2 R 3 0 R 4]/C<</D null>>>>"[..], "<</A 1/B [1 2 R 3 0 R 4]/C <</D null>>>>"),
            (b"% a comment\n [true false.5]", ""),
            (b"[true false .5 -0.50 +7 10 20]", "[true false .5 -0.50 7 10 20]"),
            (b"(a\\(b\\)(c)\\\r\nd\\101\\7)", "<612862292863296441 07>"),
            (b"<48 6 5 7>", "(Hep)"),
            (b"/A#20B", "/A#20B"),
            (b"1 0 Rx", "1"),
            (b"1 0R", "1"),
        ] {
            let found = written(text).unwrap_or_default();
            assert_eq!(found, expected.replace("441 07", "44107"), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in [
            &b""[..],
            b"<<",
            b"[1",
            b"(a",
            b"<4",
            b"<4x>",
            b"<</A>>",
            b"<</A 1/A 2>>",
            b"<<1 2>>",
            b"--1",
            b"1.2.3",
            b"x",
            b"/A#2",
            b"nul",
        ] {
            assert!(written(text).is_err(), "{}", text.escape_ascii());
        }
        assert!(written(&b"[".repeat(100_000)).is_err(), "too deep");
        assert!(written(&[&b"["[..], &b"0 ".repeat(VALUES), b"]"].concat()).is_err(), "too many");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in "[ -~]{0,60}") {
            if let Ok(once) = written(bytes.as_bytes()) {
                prop_assert_eq!(written(once.as_bytes()).expect("what was written is read"), once);
            }
        }
    }
}
