//! The values a PDF is made of (ISO 32000-1, 7.3), and how they are written.
//!
//! A real number keeps the digits it was read with, so that a dictionary that is written again says exactly what it
//! said before.

use std::io::Write as _;
use std::ops::Range;

/// The number and the generation of an indirect object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// From 1.
    pub number: u32,
    /// Nearly always 0.
    pub generation: u16,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number, as it is written.
    Real(Box<str>),
    /// A string, decoded.
    String(Vec<u8>),
    /// A name without its slash, decoded.
    Name(Vec<u8>),
    /// `[ … ]`.
    Array(Vec<Object>),
    /// `<< … >>`.
    Dictionary(Dictionary),
    /// `1 0 R`.
    Reference(Id),
}

/// What an object number stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Indirect {
    /// A value.
    Value(Object),
    /// A stream.
    Stream(Stream),
}

/// A stream: its dictionary, and where in the file its bytes are, as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its dictionary.
    pub dictionary: Dictionary,
    /// Its bytes.
    pub data: Range<usize>,
}

/// A dictionary, in the order in which it is written. No key is there twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dictionary(Vec<(Vec<u8>, Object)>);

impl Dictionary {
    /// An empty one.
    pub fn new() -> Self {
        Self::empty()
    }

    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Takes entries; nothing if a key is there twice, since readers would not agree on what it says.
    pub(super) fn of(entries: Vec<(Vec<u8>, Object)>) -> Option<Self> {
        let mut keys: Vec<&[u8]> = entries.iter().map(|(key, _)| key.as_slice()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        Some(Self(entries))
    }

    /// The value of a key as it stands, which may be a reference.
    pub fn get(&self, key: &str) -> Option<&Object> {
        self.0.iter().find(|(own, _)| own == key.as_bytes()).map(|(_, value)| value)
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: impl Into<Object>) {
        let value = value.into();
        match self.0.iter_mut().find(|(own, _)| own == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.as_bytes().to_vec(), value)),
        }
    }

    /// The same with a key set, for building.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Object>) -> Self {
        self.set(key, value);
        self
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Object> {
        let index = self.0.iter().position(|(own, _)| own == key.as_bytes())?;
        Some(self.0.remove(index).1)
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether the value of a key is this name.
    pub fn is(&self, key: &str, name: &str) -> bool {
        self.get(key).and_then(Object::as_name) == Some(name.as_bytes())
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value))
    }

    /// Another dictionary of the same keys; the first failure ends it.
    pub(crate) fn try_map<E>(&self, mut change: impl FnMut(&Object) -> Result<Object, E>) -> Result<Self, E> {
        self.0.iter().map(|(key, value)| Ok((key.clone(), change(value)?))).collect::<Result<_, E>>().map(Self)
    }
}

impl Object {
    /// A name.
    pub fn name(name: &str) -> Self {
        Self::Name(name.as_bytes().to_vec())
    }

    /// A text string in UTF-16BE with a byte order mark, which every reader reads alike (ISO 32000-1, 7.9.2.2).
    pub fn text(text: &str) -> Self {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        Self::String(units.flat_map(u16::to_be_bytes).collect())
    }

    /// The name, if it is one.
    pub fn as_name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number, if it is one of either kind.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^52")]
            Self::Integer(number) => Some(*number as f64),
            Self::Real(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// The bytes of the string, if it is one.
    pub fn as_string(&self) -> Option<&[u8]> {
        if let Self::String(bytes) = self { Some(bytes) } else { None }
    }

    /// The string as text: UTF-16BE with its mark, else UTF-8 with its mark, else as Latin-1, which has the letters of
    /// PDFDocEncoding where they matter.
    pub fn to_text(&self) -> Option<String> {
        let bytes = self.as_string()?;
        Some(match bytes {
            [0xFE, 0xFF, rest @ ..] => {
                let units = rest.chunks(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
                char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
            [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            plain => plain.iter().map(|byte| char::from(*byte)).collect(),
        })
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The dictionary, if it is one.
    pub fn as_dictionary(&self) -> Option<&Dictionary> {
        if let Self::Dictionary(dictionary) = self { Some(dictionary) } else { None }
    }

    /// What it refers to, if it is a reference.
    pub fn as_reference(&self) -> Option<Id> {
        if let Self::Reference(id) = self { Some(*id) } else { None }
    }

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Integer(number) => write_text(out, format_args!("{number}")),
            Self::Real(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(bytes) => write_string(bytes, out),
            Self::Name(name) => write_name(name, out),
            Self::Array(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    element.write(out);
                }
                out.push(b']');
            }
            Self::Dictionary(dictionary) => dictionary.write(out),
            Self::Reference(id) => write_text(out, format_args!("{} {} R", id.number, id.generation)),
        }
    }
}

impl Dictionary {
    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<<");
        self.write_entries(out);
        out.extend_from_slice(b">>");
    }

    /// Writes it without its brackets.
    pub(super) fn write_entries(&self, out: &mut Vec<u8>) {
        for (key, value) in self.iter() {
            write_name(key, out);
            out.push(b' ');
            value.write(out);
        }
    }
}

/// Writes formatted text.
pub(super) fn write_text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    drop(out.write_fmt(text));
}

/// Writes bytes as hexadecimal digits.
pub(super) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].iter().filter_map(|digit| DIGITS.get(usize::from(*digit))));
    }
}

/// Plain printable text goes as a literal string, everything else as a hexadecimal one.
fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'(' | b')' | b'\\')) {
        out.push(b'(');
        out.extend_from_slice(bytes);
        out.push(b')');
    } else {
        out.push(b'<');
        write_hex(bytes, out);
        out.push(b'>');
    }
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for byte in name {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b':' | b'*' | b'\'' | b'@' | b',')
        {
            out.push(*byte);
        } else {
            out.push(b'#');
            write_hex(&[*byte], out);
        }
    }
}

impl From<i64> for Object {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Object {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<Id> for Object {
    fn from(id: Id) -> Self {
        Self::Reference(id)
    }
}

impl From<Dictionary> for Object {
    fn from(dictionary: Dictionary) -> Self {
        Self::Dictionary(dictionary)
    }
}

impl From<Vec<Self>> for Object {
    fn from(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }
}

impl From<Object> for Indirect {
    fn from(value: Object) -> Self {
        Self::Value(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_every_reader_reads_them() {
        let dictionary = Dictionary::new()
            .with("A b", Object::String(b"plain".to_vec()))
            .with("C", Object::text("ø"))
            .with("D", vec![Object::Real("0.10".into()), Object::from(-3), Object::Null])
            .with("E", Id { number: 3, generation: 1 });
        let mut out = Vec::new();
        dictionary.write(&mut out);
        assert_eq!(out, b"<</A#20b (plain)/C <feff00f8>/D [0.10 -3 null]/E 3 1 R>>");
    }

    #[test]
    fn text_is_read_in_each_of_its_encodings() {
        for bytes in [&b"\xFE\xFF\0b\0\xF8"[..], b"\xEF\xBB\xBFb\xC3\xB8", b"b\xF8"] {
            assert_eq!(Object::String(bytes.to_vec()).to_text().as_deref(), Some("bø"));
        }
    }
}
