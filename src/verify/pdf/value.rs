//! What a PDF file is made of (ISO 32000-2, 7.3): values as they were written, nothing resolved.

use std::collections::BTreeMap;

/// Number and generation of an indirect object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::verify) struct Id {
    pub number: u32,
    pub generation: u16,
}

/// Names to values. A file that says a name twice in one dictionary does not come this far.
pub(in crate::verify) type Dictionary = BTreeMap<Box<[u8]>, Value>;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verify) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Name(Box<[u8]>),
    /// Its bytes; how they were written does not matter.
    Text(Box<[u8]>),
    Array(Vec<Value>),
    Dictionary(Dictionary),
    Stream(Stream),
    Reference(Id),
}

/// A stream. Its bytes stay in the file, where they begin at `start`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verify) struct Stream {
    pub dictionary: Dictionary,
    pub start: usize,
    pub length: usize,
}

impl Value {
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// A number of either kind.
    #[expect(clippy::cast_precision_loss, reason = "coordinates on a page are small")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_index(&self) -> Option<usize> {
        self.as_integer().and_then(|number| usize::try_from(number).ok())
    }

    pub fn as_name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// A dictionary, but not that of a stream.
    pub fn as_dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    pub fn as_reference(&self) -> Option<Id> {
        match self {
            Self::Reference(id) => Some(*id),
            _ => None,
        }
    }
}

/// The value of a key as it was written.
pub(in crate::verify) fn entry<'a>(dictionary: &'a Dictionary, key: &str) -> Option<&'a Value> {
    dictionary.get(key.as_bytes())
}
