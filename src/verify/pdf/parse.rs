//! From bytes to values (ISO 32000-2, 7.2 and 7.3). Strict: what two readers might understand differently is an error here.

use std::cell::Cell;

use super::value::{Dictionary, Id, Value};

/// Deepest nesting of arrays and dictionaries.
const DEEPEST: usize = 48;
/// Longest name, in bytes (ISO 32000-1, annex C has 127).
const LONGEST_NAME: usize = 1024;
/// How many bytes can be passed over, one by one, in about the time of a step.
const PASSED_A_STEP: usize = 4;
/// How many bytes can be compared or digested in about the time of a step.
pub(in crate::verify) const BYTES_A_STEP: usize = 64;
/// Most digits of a whole number.
const LONGEST_NUMBER: usize = 15;
/// How many bytes of a name or a string count as a value, by the memory that they take.
const BYTES_A_VALUE: usize = 32;
/// As how many values a dictionary counts beside its entries, by the memory that even a small one takes.
const DICTIONARY: usize = 8;

/// Why a file can not be read as a PDF, or no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::verify) enum PdfError {
    #[error("the file is broken at byte {0}")]
    Syntax(usize),
    #[error("`{0}` is missing or is not what it has to be")]
    Structure(&'static str),
    #[error("the file takes more work than is allowed; hand in a smaller one")]
    Limit,
}

/// What may be spent on one file, counted in things done and not in time, so that the answer is the same on every machine.
#[derive(Debug)]
pub(in crate::verify) struct Budget {
    /// Values that may be parsed; each takes memory.
    values: Cell<usize>,
    /// Bytes that may come out of compressed streams.
    inflated: Cell<usize>,
    /// Values that may be looked at in comparisons.
    steps: Cell<usize>,
}

impl Budget {
    pub fn new(values: usize, inflated: usize, steps: usize) -> Self {
        Self { values: Cell::new(values), inflated: Cell::new(inflated), steps: Cell::new(steps) }
    }

    pub fn values(&self, count: usize) -> Result<(), PdfError> {
        spend(&self.values, count)
    }

    pub fn inflated(&self, bytes: usize) -> Result<(), PdfError> {
        spend(&self.inflated, bytes)
    }

    pub fn left_to_inflate(&self) -> usize {
        self.inflated.get()
    }

    pub fn steps(&self, count: usize) -> Result<(), PdfError> {
        spend(&self.steps, count)
    }

    /// Pays for bytes that were passed over. Where that is more than is left, the next value is the last.
    pub fn passed(&self, bytes: usize) {
        if spend(&self.steps, bytes / PASSED_A_STEP).is_err() {
            self.values.set(0);
        }
    }
}

fn spend(left: &Cell<usize>, cost: usize) -> Result<(), PdfError> {
    let rest = left.get().checked_sub(cost);
    left.set(rest.unwrap_or(0));
    rest.map(|_| ()).ok_or(PdfError::Limit)
}

/// Where the value of a key stands, from its first byte to the one after its last.
pub(in crate::verify) type Span = std::ops::Range<usize>;

/// Reads values from `bytes`, beginning at `at`.
pub(in crate::verify) struct Parser<'a> {
    bytes: &'a [u8],
    pub at: usize,
    budget: &'a Budget,
    /// Spans of the values in the outermost dictionary.
    pub spans: Vec<(Box<[u8]>, Span)>,
}

impl<'a> Parser<'a> {
    pub fn new(bytes: &'a [u8], at: usize, budget: &'a Budget) -> Self {
        Self { bytes, at, budget, spans: Vec::new() }
    }

    fn fault<T>(&self) -> Result<T, PdfError> {
        Err(PdfError::Syntax(self.at))
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes white space, and no comments.
    pub fn skip_blank(&mut self) {
        let blank = self.rest().iter().take_while(|byte| is_space(**byte)).count();
        self.at += blank;
        self.budget.passed(blank);
    }

    /// The next bytes, to the letter.
    pub fn exactly<const COUNT: usize>(&mut self) -> Result<&'a [u8; COUNT], PdfError> {
        let Some(bytes) = self.rest().first_chunk() else { return self.fault() };
        self.at += COUNT;
        Ok(bytes)
    }

    /// Passes white space and comments.
    pub fn skip_space(&mut self) {
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| byte != b'\r' && byte != b'\n') {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
        // Comments that many objects share are a cheap way to have them read over and over.
        self.budget.passed(self.at - start);
    }

    /// Takes a keyword that ends where it should.
    pub fn keyword(&mut self, word: &str) -> Result<(), PdfError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return self.fault();
        }
        let after = self.bytes.get(self.at + word.len()).copied();
        if after.is_some_and(is_regular) {
            return self.fault();
        }
        self.at += word.len();
        Ok(())
    }

    /// A whole number without sign.
    pub fn natural(&mut self) -> Result<usize, PdfError> {
        let digits = self.rest().iter().take(LONGEST_NUMBER + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.rest().get(..digits).filter(|digits| (1..=LONGEST_NUMBER).contains(&digits.len()));
        let number = text.and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
        match number {
            Some(number) if !self.bytes.get(self.at + digits).copied().is_some_and(is_regular) => {
                self.at += digits;
                Ok(number)
            }
            _ => self.fault(),
        }
    }

    /// `12 0 obj`, and the space after it.
    pub fn header(&mut self) -> Result<Id, PdfError> {
        let number = self.natural()?;
        self.skip_space();
        let generation = self.natural()?;
        self.skip_space();
        self.keyword("obj")?;
        self.skip_space();
        match (u32::try_from(number), u16::try_from(generation)) {
            (Ok(number), Ok(generation)) => Ok(Id { number, generation }),
            _ => self.fault(),
        }
    }

    /// The value that begins here, after white space.
    pub fn value(&mut self) -> Result<Value, PdfError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Value, PdfError> {
        if depth > DEEPEST {
            return Err(PdfError::Limit);
        }
        self.budget.values(1)?;
        self.skip_space();
        let rest = self.rest();
        match rest {
            [b'<', b'<', ..] => self.dictionary(depth).map(Value::Dictionary),
            [b'<', ..] => self.hex().map(Value::Text),
            [b'(', ..] => self.literal().map(Value::Text),
            [b'[', ..] => self.array(depth),
            [b'/', ..] => self.name().map(Value::Name),
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => self.number_or_reference(),
            [b't', ..] => self.keyword("true").map(|()| Value::Boolean(true)),
            [b'f', ..] => self.keyword("false").map(|()| Value::Boolean(false)),
            [b'n', ..] => self.keyword("null").map(|()| Value::Null),
            _ => self.fault(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, PdfError> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(Value::Array(values));
            }
            values.push(self.nested(depth + 1)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary, PdfError> {
        self.at += 2;
        self.budget.values(DICTIONARY)?;
        let mut entries = Dictionary::new();
        loop {
            self.skip_space();
            if self.rest().starts_with(b">>") {
                self.at += 2;
                return Ok(entries);
            }
            let key = self.name()?;
            self.skip_space();
            let start = self.at;
            let value = self.nested(depth + 1)?;
            if depth == 0 {
                self.spans.push((key.clone(), start..self.at));
            }
            // Of two values readers take the first or the last as they like.
            if entries.insert(key, value).is_some() {
                return self.fault();
            }
        }
    }

    fn name(&mut self) -> Result<Box<[u8]>, PdfError> {
        if self.peek() != Some(b'/') {
            return self.fault();
        }
        self.at += 1;
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| is_regular(*byte)) {
            self.at += 1;
            name.push(if byte == b'#' { self.escaped()? } else { byte });
            if name.len() > LONGEST_NAME {
                return self.fault();
            }
        }
        self.budget.values(name.len() / BYTES_A_VALUE)?;
        Ok(name.into())
    }

    fn escaped(&mut self) -> Result<u8, PdfError> {
        if let [high, low, ..] = self.rest()
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            self.at += 2;
            return Ok(high << 4 | low);
        }
        self.fault()
    }

    fn hex(&mut self) -> Result<Box<[u8]>, PdfError> {
        self.at += 1;
        let length = self.rest().iter().position(|byte| *byte == b'>');
        self.budget.passed(length.unwrap_or(self.rest().len()));
        let Some(digits) = length.and_then(|length| self.rest().get(..length)) else { return self.fault() };
        let mut bytes = Vec::with_capacity(digits.len().div_ceil(2));
        let mut half = None;
        for byte in digits.iter().filter(|byte| !is_space(**byte)) {
            let Some(digit) = nibble(*byte) else { return self.fault() };
            match half.take() {
                Some(high) => bytes.push(high << 4 | digit),
                None => half = Some(digit),
            }
        }
        bytes.extend(half.map(|high| high << 4));
        self.budget.values(bytes.len() / BYTES_A_VALUE)?;
        self.at += digits.len() + 1;
        Ok(bytes.into())
    }

    fn literal(&mut self) -> Result<Box<[u8]>, PdfError> {
        let start = self.at;
        let text = self.literal_from_here();
        self.budget.passed(self.at - start);
        let text = text?;
        self.budget.values(text.len() / BYTES_A_VALUE)?;
        Ok(text)
    }

    fn literal_from_here(&mut self) -> Result<Box<[u8]>, PdfError> {
        self.at += 1;
        let mut bytes = Vec::new();
        let mut open = 1_usize;
        loop {
            let Some(byte) = self.peek() else { return self.fault() };
            self.at += 1;
            match byte {
                b'\\' => bytes.extend(self.escape()?),
                b')' if open == 1 => return Ok(bytes.into()),
                b'\r' => {
                    // Every end of line in a string is one line feed.
                    self.at += usize::from(self.peek() == Some(b'\n'));
                    bytes.push(b'\n');
                }
                _ => {
                    open = if byte == b'(' { open + 1 } else { open - usize::from(byte == b')') };
                    bytes.push(byte);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<Option<u8>, PdfError> {
        let Some(byte) = self.peek() else { return self.fault() };
        self.at += 1;
        Ok(Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return Ok(None),
            b'\r' => {
                self.at += usize::from(self.peek() == Some(b'\n'));
                return Ok(None);
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    self.at += 1;
                    code = code << 3 | u32::from(digit - b'0');
                }
                // What does not fit is cut (7.3.4.2).
                u8::try_from(code & 0xff).unwrap_or_default()
            }
            other => other,
        }))
    }

    fn number_or_reference(&mut self) -> Result<Value, PdfError> {
        let start = self.at;
        if let Ok(number) = self.natural() {
            let after = self.at;
            if let Some(id) = self.reference(number) {
                return Ok(Value::Reference(id));
            }
            self.at = after;
            return Ok(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
        }
        self.at = start;
        let length = self.rest().iter().take(64).take_while(|byte| is_regular(**byte)).count();
        let text = self.rest().get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.'));
        let value =
            if text.contains('.') { text.parse().ok().map(Value::Real) } else { text.parse().ok().map(Value::Integer) };
        match value {
            Some(value) if plain => {
                self.at += length;
                Ok(value)
            }
            _ => self.fault(),
        }
    }

    /// The rest of `12 0 R`, if that is what stands here.
    fn reference(&mut self, number: usize) -> Option<Id> {
        self.peek().filter(|byte| is_space(*byte))?;
        self.skip_space();
        let generation = self.natural().ok()?;
        self.skip_space();
        self.keyword("R").ok()?;
        Some(Id { number: u32::try_from(number).ok()?, generation: u16::try_from(generation).ok()? })
    }
}

pub(in crate::verify) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !b"()<>[]{}/%".contains(&byte)
}

pub(in crate::verify) fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, PdfError> {
        Parser::new(text.as_bytes(), 0, &Budget::new(1000, 0, 1000)).value()
    }

    #[test]
    fn values_of_each_kind_are_read() {
        assert_eq!(parse(" %comment\n12 0 R"), Ok(Value::Reference(Id { number: 12, generation: 0 })));
        assert_eq!(parse("12 0 obj"), Ok(Value::Integer(12)));
        assert_eq!(parse("-.5"), Ok(Value::Real(-0.5)));
        assert_eq!(parse("+17"), Ok(Value::Integer(17)));
        assert_eq!(parse("/A#42"), Ok(Value::Name(b"AB".as_slice().into())));
        assert_eq!(parse("(a(b)\\)\\101\\\r\nc)"), Ok(Value::Text(b"a(b))Ac".as_slice().into())));
        assert_eq!(parse("<4 1 4>"), Ok(Value::Text(b"A@".as_slice().into())));
        assert_eq!(parse("[true null]"), Ok(Value::Array(vec![Value::Boolean(true), Value::Null])));
    }

    #[test]
    fn what_is_ambiguous_or_bottomless_is_refused() {
        for text in ["<</A 1/A 2>>", "(open", "<41", "<4x>", "truely", "1e5", "", "[1", "<</A>>", "/A#4", "--1"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&"[".repeat(100)), Err(PdfError::Limit));
        assert_eq!(parse(&format!("[{}]", "0 ".repeat(2000))), Err(PdfError::Limit));
    }
}
