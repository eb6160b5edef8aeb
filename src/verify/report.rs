//! What a verification says: facts, verdicts in the words of ETSI EN 319 102-1, and reasons as codes with a sentence each.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use super::reason::{Reason, ReasonCode};
pub use crate::sign::level::Level;

/// The verdict (ETSI EN 319 102-1, 5.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Indication {
    /// All that was asked for is proven.
    TotalPassed,
    /// What is there does not suffice to say it is good, or that it is not.
    Indeterminate,
    /// It is not good, whatever else might come to light.
    TotalFailed,
}

/// Why a verdict is not `TOTAL-PASSED` (ETSI EN 319 102-1, tables 5 and 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubIndication {
    /// Not of the form that is asked for; also when the document was changed in a way that may not be.
    FormatFailure,
    /// The signed bytes are not those of the file.
    HashFailure,
    /// The signature value does not belong to the key.
    SigCryptoFailure,
    /// The certificate was revoked when it was used.
    Revoked,
    /// The certificate had expired when it was used.
    Expired,
    /// The certificate was not valid yet when it was used.
    NotYetValid,
    /// The signature lacks what a signature must have.
    SigConstraintsFailure,
    /// The chain does not fit the purpose.
    ChainConstraintsFailure,
    /// The chain can not be built for another reason.
    CertificateChainGeneralFailure,
    /// An algorithm or key is too weak.
    CryptoConstraintsFailure,
    /// Time stamps are in an order that can not be.
    TimestampOrderFailure,
    /// The certificate that signed is not there.
    NoSigningCertificateFound,
    /// No chain leads to a trust anchor.
    NoCertificateChainFound,
    /// Revoked, and no proof that it was used before.
    RevokedNoPoe,
    /// A certificate above was revoked, and no proof that it was used before.
    RevokedCaNoPoe,
    /// Outside the validity of the certificate, and no proof that it was used inside.
    OutOfBoundsNoPoe,
    /// As before, but the certificate is known not to be revoked.
    OutOfBoundsNotRevoked,
    /// Whether it is revoked is not known now, and may be later.
    TryLater,
    /// Nothing proves when it existed.
    NoPoe,
    /// There is nothing that was signed.
    SignedDataNotFound,
    /// Another reason, told by a code.
    Generic,
}

/// Everything that is said about a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "VerificationReport")]
pub struct Report {
    /// The worst of all signatures, and of what concerns the file as a whole.
    pub indication: Indication,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_indication: Option<SubIndication>,
    /// What concerns the file as a whole.
    pub reasons: Vec<Reason>,
    /// The file.
    pub file: FileFacts,
    /// Signatures and document time stamps, the oldest first.
    pub signatures: Vec<SignatureReport>,
}

/// Facts about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "VerifiedFile")]
pub struct FileFacts {
    /// Bytes.
    pub size: usize,
    /// SHA-256 of all bytes, in hexadecimal.
    pub sha256: String,
    /// How many cross-reference sections there are, which is how often the file was saved.
    pub revisions: usize,
    /// It is encrypted, and so not looked at further.
    pub encrypted: bool,
    /// It has cross-references of both kinds beside each other.
    pub hybrid: bool,
    /// How many things look like signatures and belong to no field.
    pub loose_signatures: usize,
    /// The byte after the `%%EOF` of each revision, the oldest first; for this program, which looks for the file as it was.
    #[serde(skip)]
    pub ends: Vec<usize>,
}

/// What something is that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureKind {
    /// Of a person.
    Signature,
    /// Of an organisation: its certificate names no person.
    Seal,
    /// A time stamp over the document.
    DocumentTimestamp,
}

/// What is said about one signature.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "VerifiedSignature")]
pub struct SignatureReport {
    /// Name of the field.
    pub field: String,
    /// What it is.
    pub kind: SignatureKind,
    /// The verdict.
    pub indication: Indication,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_indication: Option<SubIndication>,
    /// Every reason, the ones that decide first.
    pub reasons: Vec<Reason>,
    /// `/SubFilter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The signed bytes are those of the file.
    pub intact: bool,
    /// The signature value belongs to the bytes and the certificate.
    pub valid: bool,
    /// The chain ends in a trust anchor, and every certificate in it was good at the time that counts.
    pub trusted: bool,
    /// Who signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<CertificateFacts>,
    /// The certificates above, up to the anchor as far as they were found.
    pub chain: Vec<CertificateFacts>,
    /// What the signer says about when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub claimed_time: Option<Timestamp>,
    /// When the signature existed for certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven_time: Option<ProvenTime>,
    /// The highest level that holds (ETSI EN 319 142-1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What the signature is over.
    pub coverage: Coverage,
    /// What happened after it.
    pub changes: Changes,
    /// What it was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Algorithms>,
    /// The permission that a certifying signature gives (DocMDP, 1 to 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certification: Option<u8>,
}

/// Facts from a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "VerifiedCertificate")]
pub struct CertificateFacts {
    /// The whole name.
    pub subject: String,
    /// `commonName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// `organizationName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// `organizationIdentifier`, such as `NTRNO-123456785`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_identifier: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// Serial number, in hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// Valid from.
    #[schemars(with = "String")]
    pub not_before: Timestamp,
    /// Valid until.
    #[schemars(with = "String")]
    pub not_after: Timestamp,
    /// It is one of the trust anchors.
    pub anchor: bool,
    /// What is known of its revocation.
    pub revocation: RevocationState,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub revoked_at: Option<Timestamp>,
}

/// What is known of the revocation of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationState {
    /// Not looked at: an anchor, or the chain ends before.
    NotChecked,
    /// A CRL or an OCSP answer says it was good at the time that counts.
    Good,
    /// It was revoked.
    Revoked,
    /// No proof speaks of it.
    Unknown,
}

/// A time at which a signature existed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProvenTime {
    /// When.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// What proves it.
    pub source: TimeSource,
    /// Who stamped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// What proves a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// A time stamp in the signature.
    SignatureTimestamp,
    /// A time stamp over the document.
    DocumentTimestamp,
}

/// What a signature is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SignatureCoverage")]
pub struct Coverage {
    /// How much of the file.
    pub extent: Extent,
    /// The revision it covers, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<usize>,
    /// Bytes from the beginning of the file to the end of what is covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
}

/// How much of a file a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CoverageExtent")]
pub enum Extent {
    /// Everything but itself.
    WholeFile,
    /// The file as it was; there are later revisions.
    Revision,
    /// No whole revision, or it can not be told.
    Unclear,
}

/// What happened after a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "LaterChanges")]
pub struct Changes {
    /// All together.
    pub verdict: ChangeVerdict,
    /// Each kind of change once for each field.
    pub list: Vec<Change>,
}

/// All changes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LaterChangesVerdict")]
pub enum ChangeVerdict {
    /// There are none.
    None,
    /// All of them may be.
    Allowed,
    /// One or more may not be.
    Forbidden,
    /// They could not be looked at.
    Unknown,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "LaterChange")]
pub struct Change {
    /// What it is.
    pub code: ChangeCode,
    /// Whether it may be.
    pub allowed: bool,
    /// The field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The number of the object it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// The revision that brought it, counted from 1.
    pub revision: usize,
}

/// Kinds of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LaterChangeCode")]
pub enum ChangeCode {
    /// A signature was added.
    SignatureAdded,
    /// A document time stamp was added.
    TimestampAdded,
    /// Certificates, CRLs or OCSP answers were added.
    ProofsAdded,
    /// A signature field that is not seen was added.
    InvisibleFieldAdded,
    /// A signature field that is seen was added.
    VisibleFieldAdded,
    /// A form field was filled in.
    FormFilled,
    /// What fields look like by default was changed.
    FormDefaults,
    /// `/Info` was changed.
    InformationChanged,
    /// Dates and programs in the XMP metadata were changed.
    MetadataDates,
    /// `/Version`, `/Extensions` or `/MarkInfo` were changed.
    DeclarationsChanged,
    /// The XMP metadata say something else.
    MetadataChanged,
    /// Proofs are not where or what they must be.
    ProofsMalformed,
    /// A page shows something else.
    PageChanged,
    /// Pages were added, removed or moved.
    PagesChanged,
    /// Something was laid over a page.
    AnnotationAdded,
    /// Something that lies over a page was changed.
    AnnotationChanged,
    /// A font was changed.
    FontChanged,
    /// What is shown and hidden was changed.
    LayersChanged,
    /// What screen readers read was changed.
    StructureChanged,
    /// Something happens now when the file is opened or used.
    ActionsChanged,
    /// Another entry of the catalog was changed, or another catalog taken.
    CatalogChanged,
    /// The form was changed as a whole.
    FormChanged,
    /// A field that holds no signature was added.
    FieldAdded,
    /// A field was removed.
    FieldRemoved,
    /// Two fields have one name.
    FieldDoubled,
    /// A field was changed in more than its value.
    FieldChanged,
    /// A field was changed that the signature locks.
    FieldLocked,
    /// A signature was changed or removed.
    SignatureReplaced,
    /// An entry is gone.
    EntryRemoved,
    /// An object of the signed revision is another now.
    ObjectReplaced,
    /// An object of the signed revision is gone.
    ObjectFreed,
    /// An object of the signed revision is used for something else now.
    ObjectReused,
    /// An object was added that no cross-reference leads to.
    StrayObject,
    /// A later revision can not be read.
    Unreadable,
}

/// What a signature was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SignatureAlgorithms")]
pub struct Algorithms {
    /// Digest of the document, such as `SHA-256`.
    pub digest: String,
    /// Algorithm of the signature, such as `RSA PKCS#1 v1.5 with SHA-256`.
    pub signature: String,
    /// Bits of the key.
    pub key_bits: u32,
    /// Whether all that is strong enough.
    pub strength: Strength,
}

/// How strong an algorithm is (ETSI TS 119 312).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlgorithmStrength")]
pub enum Strength {
    /// Not to be trusted any more.
    Weak,
    /// Good today, to be replaced: RSA below 3000 bits.
    Legacy,
    /// Good for years.
    Recommended,
}
