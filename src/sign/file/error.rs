//! Why a file can not be read.

use super::LARGEST;

/// Why a file can not be read. Nothing of its contents is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It has more than [`LARGEST`] bytes.
    #[error("the file is larger than {} MiB", LARGEST >> 20)]
    Size,
    /// It is no PDF.
    #[error("the file does not begin with `%PDF-1.` or `%PDF-2.`")]
    Head,
    /// It is encrypted.
    #[error("the file is encrypted; hand it in without a password")]
    Encrypted,
    /// Its cross-references are wrong.
    #[error("the cross-references can not be followed: {0}; have the program that made the file save it anew")]
    References(&'static str),
    /// There is no value where one should be.
    #[error("no value can be read at byte {0}")]
    Syntax(usize),
    /// An object is not where it should be.
    #[error("object {0} is not where the cross-references say, or it is broken")]
    Object(u32),
    /// The catalogue, the pages or another part is missing or of the wrong kind.
    #[error("{0} is missing or not what it should be")]
    Part(&'static str),
    /// It has too much of something.
    #[error("the file has too many {0}")]
    Limit(&'static str),
    /// A stream of structure is packed in a way that is not known, or is damaged.
    #[error("a stream can not be unpacked; only `FlateDecode` is known")]
    Filter,
}
