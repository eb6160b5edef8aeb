//! Signatures in PDF files: PAdES (ETSI EN 319 142-1) at the levels B-B, B-T, B-LT and B-LTA, by keys of our own and of
//! others.
//!
//! It works on bytes and knows no document, no store and no clock. Each step writes one revision behind the file and
//! leaves what was there alone:
//!
//! 1. [`field::prepare`] makes fields of the marks of a template, before anybody signs.
//! 2. [`signature::begin`] writes a signature with a hole, and [`signature::Pending`] fills it.
//! 3. [`proof`] adds what proves the signature in later years: certificates, revocation, time stamps over all of it.
//!
//! What is pure stands in these; [`level`] asks time-stamp and revocation servers in between.

pub mod cms;
mod container;
pub mod field;
pub mod file;
pub mod form;
pub mod key;
pub mod level;
pub mod permission;
pub mod proof;
pub mod signature;

pub use container::ContainerError;

use crate::pki::algorithm::SignatureError;
use crate::pki::cms::CmsError;
use crate::pki::der::DerError;
use crate::pki::timestamp::TimeStampError;

/// Why a file is not signed. Nothing of its contents is told, and nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The file can not be read.
    #[error(transparent)]
    File(#[from] file::FileError),
    /// A field can not be made.
    #[error(transparent)]
    Field(#[from] field::FieldError),
    /// The appearance is not good.
    #[error(transparent)]
    Form(#[from] form::FormError),
    /// The key or its certificate may not sign.
    #[error(transparent)]
    Key(#[from] key::KeyError),
    /// There is no such field.
    #[error("the file has no signature field `{0}`; name one that it has, or a new invisible one")]
    NoField(String),
    /// The field is signed.
    #[error("the field `{0}` is signed already")]
    Signed(String),
    /// A new field has the name of one that is there.
    #[error("the file has a field `{0}` already; sign that one, or take another name")]
    Exists(String),
    /// The field has rules that are not known here, or its name is there twice.
    #[error(
        "the field `{0}` has rules for its signature (`/SV` or `/Lock`), which are not known here, or is there twice"
    )]
    Rules(String),
    /// An earlier signature locks the field.
    #[error("an earlier signature locks the field `{0}`")]
    Locked(String),
    /// The document is certified and closed.
    #[error("the document is certified so that nothing may be changed any more, and nobody may sign it (DocMDP 1)")]
    Closed,
    /// Only the first signature certifies.
    #[error("only the first signature can certify a document, and this one has a signature")]
    NotFirst,
    /// An appearance for what is not to be seen.
    #[error("an invisible field has no appearance; leave it out, or sign a visible field")]
    Appearance,
    /// The time is beyond the calendar.
    #[error("the time of the signature is beyond the calendar")]
    Time,
    /// The document is not the one whose digest was signed.
    #[error("the document was changed after its digest was told; prepare the signature anew")]
    Changed,
    /// A raw signature needs to know the certificate beforehand.
    #[error(
        "the certificate of the signer was not told when the signature was prepared; hand in signed data (CMS), or prepare it anew with the certificate"
    )]
    NoAttributes,
    /// Somebody else signed.
    #[error("the signature is of another certificate than was told when it was prepared")]
    OtherCertificate,
    /// The digest has another algorithm.
    #[error("the signed data have another digest than {0}, which was told")]
    Hash(&'static str),
    /// The content is inside.
    #[error("the signed data hold a content; a signature in a PDF is detached")]
    Attached,
    /// The signed attributes are not those of PAdES.
    #[error(
        "the signed attributes have to name the certificate (`signing-certificate-v2`) and must not tell the time (`signing-time`)"
    )]
    Attributes,
    /// Too weak.
    #[error("the signature uses SHA-1 or an RSA key below 2048 bits")]
    Weak,
    /// The raw signature is wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signed data are wrong.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// They are no DER.
    #[error(transparent)]
    Der(#[from] DerError),
    /// The time stamp is wrong.
    #[error(transparent)]
    TimeStamp(#[from] TimeStampError),
    /// The hole is too small.
    #[error(
        "the signature has {needs} bytes, and room was kept for {has}; prepare it anew with the certificates, or with room for a time stamp"
    )]
    Room {
        /// How many bytes it has.
        needs: usize,
        /// How many there is room for.
        has: usize,
    },
}
