//! What is told of a file that was signed elsewhere and is handed in.

use poem::http::HeaderMap;
use poem_openapi::{Enum, Object};

use super::caller::{Caller, ToSign};
use super::negotiate;
use super::problem::Problem;
use super::record::Shown;
use super::signature::Signed;
use crate::audit::Audit;
use crate::signing::{AddedWords, Check, Expected, Found, FoundSignature, HandedIn, SigningError};
use crate::verify::text::TiedBy;

/// By what a file is tied to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "TiedBy", rename_all = "snake_case")]
enum TiedByName {
    /// The file begins with the document, byte by byte, and only signatures were added.
    Bytes,
    /// The pages of the file have the words of the document, in their order.
    Text,
}

/// Words that a service has written into the margin of a page.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "AddedWords")]
struct AddedWordsView {
    /// Page of the file, from 1.
    page: u64,
    /// How many.
    words: u64,
}

/// A signature in the file.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "HandedInSignature")]
struct SignatureView {
    /// Name of the field in the file.
    field: String,
    /// Whom the certificate names.
    #[oai(skip_serializing_if_is_none)]
    name: Option<String>,
    /// The organisation that it names.
    #[oai(skip_serializing_if_is_none)]
    organization: Option<String>,
    /// The highest level that holds.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
    /// Whether it leads to somebody who is trusted. Otherwise anybody can have made a certificate with these names.
    trusted: bool,
}

/// Somebody who is to sign.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "ExpectedSigner")]
struct ExpectedView {
    /// Name.
    name: String,
    /// Whether the certificate of a signature in the file names them, and is trusted.
    shown: bool,
}

/// Something that a file can show.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "HandedInCheck")]
struct CheckView {
    /// For programs.
    code: String,
    /// Whether it was shown. If not it may still be so.
    shown: bool,
    /// What is shown if it is, in English.
    text: String,
}

/// What was found out about a file that was handed in; only in the answer to that.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "HandedIn")]
pub(super) struct HandedInView {
    tied_by: TiedByName,
    /// Pages of the file that the document does not have, from 1.
    added_pages: Vec<u64>,
    /// Pages with words in the margin that the document does not have.
    added_words: Vec<AddedWordsView>,
    /// Whose signatures are in the file.
    signatures: Vec<SignatureView>,
    /// Those who were asked to sign, or else the signatories of the document.
    signers: Vec<ExpectedView>,
    /// What could be shown, and what could not.
    checks: Vec<CheckView>,
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl From<AddedWords> for AddedWordsView {
    fn from(added: AddedWords) -> Self {
        Self { page: count(added.page), words: count(added.words) }
    }
}

impl From<FoundSignature> for SignatureView {
    fn from(signature: FoundSignature) -> Self {
        let FoundSignature { field, name, organization, level, trusted, .. } = signature;
        Self { field, name, organization, level: level.map(str::to_owned), trusted }
    }
}

impl From<Expected> for ExpectedView {
    fn from(signer: Expected) -> Self {
        Self { name: signer.name, shown: signer.shown }
    }
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self { code: check.code.to_owned(), shown: check.shown, text: check.text.to_owned() }
    }
}

impl From<Found> for HandedInView {
    fn from(found: Found) -> Self {
        Self {
            tied_by: match found.tied_by {
                TiedBy::Bytes => TiedByName::Bytes,
                TiedBy::Text => TiedByName::Text,
            },
            added_pages: found.added_pages.into_iter().map(count).collect(),
            added_words: found.added_words.into_iter().map(Into::into).collect(),
            signatures: found.signatures.into_iter().map(Into::into).collect(),
            signers: found.signers.into_iter().map(Into::into).collect(),
            checks: found.checks.into_iter().map(Into::into).collect(),
        }
    }
}

/// Takes a file and notes it. Without room for a line in the audit log nothing is done.
pub(super) async fn note(
    audit: &Audit,
    caller: &Caller<ToSign>,
    headers: &HeaderMap,
    change: impl Future<Output = Result<HandedIn, SigningError>>,
) -> Signed {
    let line = caller.line(audit)?;
    // Large futures, which are not to make those round them large.
    let handed = Box::pin(change).await.map_err(|error| Problem::of_signing(&error, negotiate::locale(headers)))?;
    let HandedIn { record, found } = handed;
    let object = format!("record {} version {}", record.id, record.version.number);
    line.write("hand in signed record", &object, "done");
    let mut shown = Shown::of(record);
    let Shown::Shown(view, _) = &mut shown;
    view.0.handed_in = Some(found.into());
    Ok(shown)
}
