//! Signature fields: which a file has, and how it comes to have them.
//!
//! A template marks the place of a signature with a link to `https://felt.invalid/NAME` around an empty box. The
//! exporter then writes where the place is on the page and in the reading order, and [`prepare`] makes a field of it,
//! before anybody signs: a field with a place that appears later would be a change to what was signed. A field without
//! a place can come at any time.

use std::fmt;

use super::file::{FileError, Id};

mod list;
mod prepare;
mod write;

pub use list::fields;
pub use prepare::prepare;
pub(super) use write::{add_invisible, add_to_form};

/// What the links of a template begin with. `.invalid` never leads anywhere (RFC 2606).
pub const PLACEHOLDER: &str = "https://felt.invalid/";

/// How many fields a file may have.
const FIELDS: usize = 10_000;

/// A field can not be made or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The file can not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The name of a field has other characters than letters and digits of ASCII, `-` and `_`, or none, or too many.
    #[error("the name of a field has 1 to 64 of the characters `A-Z a-z 0-9 - _`")]
    Name,
    /// A field was asked for that is there, or twice.
    #[error("there is a field `{0}` already")]
    Exists(FieldName),
    /// No link marks the place.
    #[error("no link to `{PLACEHOLDER}{0}` marks the place of the field")]
    Missing(FieldName),
    /// More than one link marks the place.
    #[error(
        "more than one link to `{PLACEHOLDER}{0}` marks the place of the field; the box in the link may not break over lines or pages"
    )]
    Twice(FieldName),
    /// The link has content, or is not alone in its element of the structure.
    #[error(
        "the link to `{PLACEHOLDER}{0}` must hold an empty box and nothing else, and no `show link` rule may touch it"
    )]
    Content(FieldName),
    /// A link would remain that marks the place of a field nobody asked for.
    #[error("a link to `{PLACEHOLDER}` remains; ask for a field at each of them")]
    Leftover,
    /// Places are made before the first signature.
    #[error("the file is signed; a visible field can not be added any more, but an invisible one can")]
    Signed,
    /// The file has no page.
    #[error("the file has no page")]
    NoPage,
}

/// The name of a field: 1 to 64 letters and digits of ASCII, `-` and `_`. A dot would name a field inside another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldName(String);

impl FieldName {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// [`FieldError::Name`].
    pub fn parse(name: &str) -> Result<Self, FieldError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=64).contains(&name.len()) && name.bytes().all(good) {
            Ok(Self(name.to_owned()))
        } else {
            Err(FieldError::Name)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where a new field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the template has a link to [`PLACEHOLDER`] and the name of the field.
    Marked,
    /// Nowhere to be seen.
    Invisible,
}

/// A field to be made.
#[derive(Debug, Clone)]
pub struct NewField {
    /// Its name.
    pub name: FieldName,
    /// What a screen reader says, in the language of the document: «Underskrift, rektor» (`/TU`).
    pub label: String,
    /// Where it is.
    pub place: Place,
}

/// A signature field of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureField {
    /// Its full name, with dots between the names of fields around it.
    pub name: String,
    /// Its page, from 0, if it can be told.
    pub page: Option<usize>,
    /// Left, bottom, right, top in points; nothing if it has no size, or lies beside the page.
    pub rect: Option<[f64; 4]>,
    /// What a screen reader says.
    pub label: Option<String>,
    /// The object of the field.
    pub id: Id,
    /// The object of its place on the page, mostly the same.
    pub widget: Id,
    /// Whether it has rules for who signs it and what is locked then (`/SV`, `/Lock`).
    pub has_rules: bool,
    /// Whether it has a value, which is a signature.
    pub is_filled: bool,
    /// Its signature, if that is an object of its own.
    pub signature: Option<Id>,
}

impl SignatureField {
    /// Whether it is signed.
    pub fn is_signed(&self) -> bool {
        self.is_filled
    }
}
