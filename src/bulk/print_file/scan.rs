//! Reads PDF syntax (ISO 32000-1, 7.2 and 7.3) where it stands, without copying: tokens, the extent of values, the
//! entries of a dictionary.
//!
//! Strict: what a renderer that keeps to the standard does not write is an error, never repaired. It knows syntax alone,
//! no files, no pages.

use super::PrintFileError::{self, Malformed, Unsupported};

/// Deepest array or dictionary within others.
pub const MAX_DEPTH: usize = 64;

/// The smallest part of PDF syntax that has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name without its slash, as written.
    Name(&'a [u8]),
    /// An integer or a real number, as written.
    Number(&'a [u8]),
    /// A string with its brackets, as written.
    Text(&'a [u8]),
    /// A reference to an object, by number.
    Reference(u32),
    /// `[`
    Array,
    /// `]`
    ArrayEnd,
    /// `<<`
    Dict,
    /// `>>`
    DictEnd,
    /// `true`, `null`, `obj` and the like.
    Word(&'a [u8]),
}

/// A place in bytes that moves on from token to token.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    /// Where the next token is looked for.
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Scanner { bytes, at: 0 }
    }

    pub fn starting(bytes: &'a [u8], at: usize) -> Self {
        Scanner { bytes, at }
    }

    /// The next token, or an error at the end.
    pub fn token(&mut self) -> Result<Token<'a>, PrintFileError> {
        self.skip_space();
        let start = self.at;
        let first = self.peek().ok_or(Malformed("it ends too soon"))?;
        self.at += 1;
        match first {
            b'/' => {
                self.skip_regular();
                self.name(start)
            }
            b'(' => self.literal(start),
            b'[' => Ok(Token::Array),
            b']' => Ok(Token::ArrayEnd),
            b'<' if self.eat(b'<') => Ok(Token::Dict),
            b'<' => self.hex(start),
            b'>' if self.eat(b'>') => Ok(Token::DictEnd),
            b'0'..=b'9' | b'+' | b'-' | b'.' => {
                self.skip_regular();
                self.number(start)
            }
            _ if is_regular(first) => {
                self.skip_regular();
                Ok(Token::Word(&self.bytes[start..self.at]))
            }
            _ => Err(Malformed("a delimiter stands where none can stand")),
        }
    }

    /// Where the next token begins.
    pub fn skip_space(&mut self) -> usize {
        while let Some(byte) = self.peek() {
            match byte {
                b'%' => self.skip_while(|byte| byte != b'\n' && byte != b'\r'),
                byte if is_space(byte) => self.at += 1,
                _ => break,
            }
        }
        self.at
    }

    /// Goes over one value and returns it as written.
    pub fn value(&mut self) -> Result<&'a [u8], PrintFileError> {
        let start = self.skip_space();
        let mut open = Vec::new();
        loop {
            match self.token()? {
                token @ (Token::Array | Token::Dict) => open.push(token),
                Token::ArrayEnd if open.pop() != Some(Token::Array) => return Err(UNBALANCED),
                Token::DictEnd if open.pop() != Some(Token::Dict) => return Err(UNBALANCED),
                Token::Word(word) if !matches!(word, b"true" | b"false" | b"null") => {
                    return Err(Malformed("a word stands where a value must stand"));
                }
                _ => {}
            }
            if open.is_empty() {
                return Ok(&self.bytes[start..self.at]);
            }
            if open.len() > MAX_DEPTH {
                return Err(TOO_DEEP);
            }
        }
    }

    pub fn expect_word(&mut self, word: &[u8]) -> Result<(), PrintFileError> {
        if self.token()? == Token::Word(word) { Ok(()) } else { Err(Malformed("a keyword is missing")) }
    }

    pub fn expect_integer(&mut self) -> Result<usize, PrintFileError> {
        match self.token()? {
            Token::Number(digits) => integer(digits).ok_or(Malformed("a number is not whole")),
            _ => Err(Malformed("a number is missing")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn skip_regular(&mut self) {
        self.skip_while(is_regular);
    }

    fn name(&self, start: usize) -> Result<Token<'a>, PrintFileError> {
        let name = &self.bytes[start + 1..self.at];
        if name.is_empty() { Err(Malformed("a name is empty")) } else { Ok(Token::Name(name)) }
    }

    /// A number, or the whole reference that begins with it.
    fn number(&mut self, start: usize) -> Result<Token<'a>, PrintFileError> {
        let digits = &self.bytes[start..self.at];
        match self.end_of_reference() {
            Some(end) if digits.iter().all(u8::is_ascii_digit) => {
                self.at = end;
                let number = integer(digits).and_then(|number| u32::try_from(number).ok());
                Ok(Token::Reference(number.ok_or(Malformed("a reference is out of range"))?))
            }
            _ if digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')) => {
                Ok(Token::Number(digits))
            }
            _ => Err(Malformed("a number has letters in it")),
        }
    }

    /// Where ` 0 R` ends. Later generations come only from changed files, and are not looked for.
    fn end_of_reference(&self) -> Option<usize> {
        let rest = self.bytes.get(self.at..self.at + 4)?;
        let ends = self.bytes.get(self.at + 4).is_none_or(|&byte| !is_regular(byte));
        (rest == b" 0 R" && ends).then_some(self.at + 4)
    }

    fn literal(&mut self, start: usize) -> Result<Token<'a>, PrintFileError> {
        let mut depth = 1_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(Token::Text(&self.bytes[start..self.at]));
            }
        }
        Err(Malformed("a string does not end"))
    }

    fn hex(&mut self, start: usize) -> Result<Token<'a>, PrintFileError> {
        self.skip_while(|byte| byte.is_ascii_hexdigit());
        // PDF/A-2, 6.1.6: an even number of digits.
        if self.eat(b'>') && (self.at - start).is_multiple_of(2) {
            Ok(Token::Text(&self.bytes[start..self.at]))
        } else {
            Err(Malformed("a hexadecimal string is wrong"))
        }
    }
}

const UNBALANCED: PrintFileError = Malformed("brackets do not match");
const TOO_DEEP: PrintFileError = Malformed("values are nested too deep");

/// The entries of a dictionary, its keys and values as written.
#[derive(Debug, Clone, Default)]
pub struct Dict<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Dict<'a> {
    pub fn read(value: &'a [u8]) -> Result<Self, PrintFileError> {
        let mut scanner = Scanner::new(value);
        if scanner.token()? != Token::Dict {
            return Err(Malformed("a dictionary is missing"));
        }
        let mut entries = Vec::new();
        loop {
            match scanner.token()? {
                Token::DictEnd => return Ok(Dict(entries)),
                Token::Name(key) => entries.push((plain(key)?, scanner.value()?)),
                _ => return Err(Malformed("a key of a dictionary is not a name")),
            }
        }
    }

    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| *value)
    }

    /// The value, which must be there.
    pub fn need(&self, key: &str) -> Result<&'a [u8], PrintFileError> {
        self.get(key).ok_or(Malformed("a dictionary lacks a key that it must have"))
    }

    pub fn entries(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.iter().copied()
    }

    /// Whether the dictionary has no other keys than these.
    pub fn has_only(&self, keys: &[&str]) -> bool {
        self.0.iter().all(|(key, _)| keys.iter().any(|known| known.as_bytes() == *key))
    }

    pub fn has_name(&self, key: &str, name: &str) -> bool {
        self.get(key).and_then(|value| value.strip_prefix(b"/")) == Some(name.as_bytes())
    }
}

/// A key without `#`: an escape could hide a key that has to be changed.
pub fn plain(key: &[u8]) -> Result<&[u8], PrintFileError> {
    if key.contains(&b'#') { Err(Unsupported("escapes in keys")) } else { Ok(key) }
}

/// The values of an array, as written.
pub fn array(value: &[u8]) -> Result<Vec<&[u8]>, PrintFileError> {
    let mut scanner = Scanner::new(value);
    if scanner.token()? != Token::Array {
        return Err(Malformed("an array is missing"));
    }
    let mut values = Vec::new();
    while value.get(scanner.skip_space()) != Some(&b']') {
        values.push(scanner.value()?);
    }
    Ok(values)
}

/// The number of the object that a value refers to.
pub fn reference(value: &[u8]) -> Option<u32> {
    match Scanner::new(value).token() {
        Ok(Token::Reference(number)) => Some(number),
        _ => None,
    }
}

/// A whole number that is not negative.
pub fn integer(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What a string says.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    if text.first() == Some(&b'<') {
        return inner.as_chunks().0.iter().map(|[high, low]| hex_digit(*high) << 4 | hex_digit(*low)).collect();
    }
    let mut said = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        said.extend(if byte == b'\\' { unescape(&mut bytes) } else { Some(byte) });
    }
    said
}

fn unescape(bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Option<u8> {
    Some(match bytes.next()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'\n' => return None,
        first @ b'0'..=b'7' => {
            let mut code = first - b'0';
            for _ in 0..2 {
                let Some(digit) = bytes.next_if(|byte| matches!(byte, b'0'..=b'7')) else { break };
                code = code.wrapping_mul(8).wrapping_add(digit - b'0');
            }
            code
        }
        other => other,
    })
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}
