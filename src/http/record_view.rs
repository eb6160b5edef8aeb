//! Plans and agreements as callers send and see them. Times in milliseconds since 1970, UTC.

use poem_openapi::{Enum, Object};

use super::handed_in::HandedInView;
use crate::document::hex;
use crate::record::change::Change;
use crate::record::state::{State, Step};
use crate::record::{
    Changes, DEFAULT_DAYS, Decline, File, Hold, NewSigner, Reason, Record, SchoolFacts, Signer, Signing, Start, Version,
};
use crate::sign::level::Level;
use crate::store::{DECLINED, MADE};

/// Where a version is; of a record, the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "RecordStatus", rename_all = "snake_case")]
pub(super) enum StatusName {
    /// It is being written.
    Draft,
    /// It is frozen: its document is made, once and for all.
    Final,
    /// It is being signed.
    Signing,
    /// All have signed.
    Signed,
    /// One of the signers has declined.
    Declined,
    /// Not all had signed when the time was over.
    Expired,
    /// A newer version has come as far.
    Superseded,
}

impl From<State> for StatusName {
    fn from(state: State) -> Self {
        match state {
            State::Draft => Self::Draft,
            State::Final => Self::Final,
            State::Signing => Self::Signing,
            State::Signed => Self::Signed,
            State::Declined => Self::Declined,
            State::Expired => Self::Expired,
            State::Superseded => Self::Superseded,
        }
    }
}

impl From<StatusName> for State {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Draft => Self::Draft,
            StatusName::Final => Self::Final,
            StatusName::Signing => Self::Signing,
            StatusName::Signed => Self::Signed,
            StatusName::Declined => Self::Declined,
            StatusName::Expired => Self::Expired,
            StatusName::Superseded => Self::Superseded,
        }
    }
}

/// A level of signatures (ETSI EN 319 142-1); where it is asked for, `B-T` if not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "SignatureLevel")]
pub(super) enum LevelName {
    /// Signed.
    #[oai(rename = "B-B")]
    B,
    /// With a time stamp.
    #[oai(rename = "B-T")]
    T,
    /// With what proves it later.
    #[oai(rename = "B-LT")]
    Lt,
    /// With a time stamp over that.
    #[oai(rename = "B-LTA")]
    Lta,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::B => Self::BB,
            LevelName::T => Self::BT,
            LevelName::Lt => Self::BLT,
            LevelName::Lta => Self::BLTA,
        }
    }
}

/// Why somebody does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "DeclineReason", rename_all = "snake_case")]
pub(super) enum ReasonName {
    /// Does not agree with what it says.
    Disagrees,
    /// Something in it is wrong.
    Faulty,
    /// Is not the one to sign it.
    NotEntitled,
    /// Something else.
    Other,
}

impl From<ReasonName> for Reason {
    fn from(name: ReasonName) -> Self {
        match name {
            ReasonName::Disagrees => Self::Disagrees,
            ReasonName::Faulty => Self::Faulty,
            ReasonName::NotEntitled => Self::NotEntitled,
            ReasonName::Other => Self::Other,
        }
    }
}

/// How far a signer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "SignerStatus", rename_all = "snake_case")]
enum SignerStatusName {
    /// Has not signed yet.
    Waiting,
    /// Has signed.
    Signed,
    /// Has declined.
    Declined,
}

/// Somebody who is to sign: one of the two members.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "NewSigner", deny_unknown_fields)]
pub(super) struct SignerBody {
    /// Place among the `signatories` of the document, from 0.
    #[oai(validator(maximum(value = "9")))]
    signatory: Option<u8>,
    /// Name of the field in the file: `sig-1` is that of the first signatory.
    #[oai(validator(max_length = 16))]
    field: Option<String>,
}

impl From<SignerBody> for NewSigner {
    fn from(body: SignerBody) -> Self {
        Self { signatory: body.signatory.map(usize::from), field: body.field }
    }
}

/// How a version is to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "NewSigning", deny_unknown_fields)]
pub(super) struct SigningBody {
    /// Who signs, in order.
    #[oai(validator(min_items = 1, max_items = 10))]
    signers: Vec<SignerBody>,
    /// Days to sign in; 30 if not given.
    #[oai(validator(minimum(value = "1"), maximum(value = "366")))]
    deadline_days: Option<u16>,
    /// Whether the order holds; `true` if not given.
    in_order: Option<bool>,
    // With words of its own a reference to names becomes an `allOf`, which generators of clients refuse.
    level: Option<LevelName>,
}

impl From<SigningBody> for Start {
    fn from(body: SigningBody) -> Self {
        Self {
            signers: body.signers.into_iter().map(Into::into).collect(),
            days: body.deadline_days.unwrap_or(DEFAULT_DAYS),
            in_order: body.in_order.unwrap_or(true),
            level: body.level.map(Into::into).unwrap_or_default(),
        }
    }
}

/// Somebody declines.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "NewDecline", deny_unknown_fields)]
pub(super) struct DeclineBody {
    /// Who.
    signer: SignerBody,
    reason: ReasonName,
}

impl From<DeclineBody> for Decline {
    fn from(body: DeclineBody) -> Self {
        Self { signer: body.signer.into(), reason: body.reason.into() }
    }
}

/// Why something is held.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "NewHold", deny_unknown_fields)]
pub(super) struct HoldBody {
    /// Why, for those who look later.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub(super) reason: String,
}

/// The school.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordSchool")]
pub(super) struct SchoolView {
    /// Name.
    name: String,
    /// Organisation number.
    #[oai(skip_serializing_if_is_none)]
    org_number: Option<String>,
}

impl From<SchoolFacts> for SchoolView {
    fn from(school: SchoolFacts) -> Self {
        Self { name: school.name, org_number: school.org_number }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordFile")]
struct FileView {
    /// SHA-256 in hexadecimal.
    sha256: String,
    /// Bytes.
    size: i64,
}

impl From<File> for FileView {
    fn from(file: File) -> Self {
        Self { sha256: hex(&file.hash), size: file.size }
    }
}

/// Somebody who signs.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordSigner")]
struct SignerView {
    /// Name of the field in the file.
    field: String,
    /// Name.
    name: String,
    /// On whose behalf, and in which role, as in the document.
    party: String,
    #[oai(skip_serializing_if_is_none)]
    role: Option<String>,
    status: SignerStatusName,
    /// The level that was reached.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
    /// When this one has signed.
    #[oai(skip_serializing_if_is_none)]
    signed_at: Option<i64>,
}

/// The name of a value in JSON.
fn name_of(value: impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

impl From<Signer> for SignerView {
    fn from(signer: Signer) -> Self {
        let status = match signer.row.state.as_str() {
            MADE => SignerStatusName::Signed,
            DECLINED => SignerStatusName::Declined,
            _ => SignerStatusName::Waiting,
        };
        Self {
            field: signer.row.field,
            name: signer.who.name,
            party: name_of(signer.who.party).unwrap_or_default(),
            role: signer.who.role.and_then(name_of),
            status,
            level: signer.row.level,
            signed_at: signer.row.signed_at,
        }
    }
}

/// How a version is signed.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordSigning")]
pub(super) struct SigningView {
    /// Until when, while it is being signed.
    #[oai(skip_serializing_if_is_none)]
    deadline: Option<i64>,
    /// Whether the signers sign in this order.
    in_order: bool,
    /// The level that is wished for.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
    /// Why a signer has declined.
    #[oai(skip_serializing_if_is_none)]
    decline_reason: Option<String>,
    /// Until when the signed file proves itself: when the certificate of the newest time stamp over all of it ends. The service renews it before.
    #[oai(skip_serializing_if_is_none)]
    proven_until: Option<i64>,
    /// Who signs, in order.
    signers: Vec<SignerView>,
}

impl From<Signing> for SigningView {
    fn from(signing: Signing) -> Self {
        Self {
            deadline: signing.deadline,
            in_order: signing.in_order,
            level: signing.level,
            decline_reason: signing.reason,
            proven_until: signing.proven_until,
            signers: signing.signers.into_iter().map(Into::into).collect(),
        }
    }
}

/// A version of a plan or an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordVersion")]
pub(super) struct VersionView {
    /// Number, from 1.
    version: i64,
    status: StatusName,
    title: String,
    /// Language of the document.
    language: String,
    created_at: i64,
    /// When it came to its status.
    status_at: i64,
    /// When it was made final.
    #[oai(skip_serializing_if_is_none)]
    final_at: Option<i64>,
    /// When all had signed.
    #[oai(skip_serializing_if_is_none)]
    signed_at: Option<i64>,
    /// Until when it is not deleted.
    #[oai(skip_serializing_if_is_none)]
    retention_until: Option<i64>,
    /// The document as it was frozen.
    #[oai(skip_serializing_if_is_none)]
    document: Option<FileView>,
    /// The signed file, when all have signed.
    #[oai(skip_serializing_if_is_none)]
    signed: Option<FileView>,
    #[oai(skip_serializing_if_is_none)]
    signing: Option<SigningView>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            version: version.number,
            status: version.state.into(),
            title: version.facts.title,
            language: version.facts.locale.tag().to_owned(),
            created_at: version.made_at,
            status_at: version.stepped_at,
            final_at: version.final_at,
            signed_at: version.signed_at,
            retention_until: version.retention_until,
            document: version.document.map(Into::into),
            signed: version.signed.filter(|_| version.signed_at.is_some()).map(Into::into),
            signing: version.signing.map(Into::into),
        }
    }
}

/// Why something is held.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordHold")]
struct HoldView {
    since: i64,
    reason: String,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self { since: hold.since, reason: hold.reason }
    }
}

/// A plan or an agreement with its newest version.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "Record")]
pub(super) struct RecordView {
    /// Names it, and can not be guessed.
    pub(super) id: String,
    /// Kind of its document.
    kind: String,
    /// Number of the newest version.
    version: i64,
    status: StatusName,
    /// Number of the newest version that is signed.
    #[oai(skip_serializing_if_is_none)]
    signed_version: Option<i64>,
    /// What can be done with the newest version now.
    allowed: Vec<String>,
    title: String,
    #[oai(skip_serializing_if_is_none)]
    school: Option<SchoolView>,
    #[oai(skip_serializing_if_is_none)]
    school_year: Option<String>,
    /// Language of the document.
    language: String,
    created_at: i64,
    changed_at: i64,
    /// Until when the newest version is not deleted.
    #[oai(skip_serializing_if_is_none)]
    retention_until: Option<i64>,
    #[oai(skip_serializing_if_is_none)]
    hold: Option<HoldView>,
    #[oai(skip_serializing_if_is_none)]
    signing: Option<SigningView>,
    // Only in the answer to whoever hands a file in.
    #[oai(skip_serializing_if_is_none)]
    pub(super) handed_in: Option<HandedInView>,
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        let version = record.version;
        Self {
            id: record.id,
            kind: record.kind.name().to_owned(),
            version: version.number,
            status: version.state.into(),
            signed_version: record.signed_version,
            allowed: version.state.steps().into_iter().map(|step: Step| step.name().to_owned()).collect(),
            title: version.facts.title,
            school: version.facts.school.map(Into::into),
            school_year: version.facts.school_year,
            language: version.facts.locale.tag().to_owned(),
            created_at: record.created_at,
            changed_at: record.changed_at,
            retention_until: version.retention_until,
            hold: record.hold.map(Into::into),
            signing: version.signing.map(Into::into),
            handed_in: None,
        }
    }
}

/// Plans or agreements, those that came last first.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(super) struct RecordPage {
    pub(super) records: Vec<RecordView>,
    /// What to give as `after` for the next page; absent when this is the last one.
    #[oai(skip_serializing_if_is_none)]
    pub(super) next: Option<String>,
}

/// All versions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(super) struct RecordVersions {
    pub(super) versions: Vec<VersionView>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RecordChange")]
struct ChangeView {
    /// JSON Pointer into the newer document; of what is gone, into the older one.
    pointer: String,
    /// `added`, `removed`, `changed` or `moved`.
    kind: String,
    /// The field, with what it belongs to.
    label: String,
    /// What it said before, in words.
    #[oai(skip_serializing_if_is_none)]
    before: Option<String>,
    /// What it says now, in words.
    #[oai(skip_serializing_if_is_none)]
    after: Option<String>,
    /// All that in a sentence.
    text: String,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        let Change { pointer, sort, label, before, after, text } = change;
        Self { pointer, kind: sort.name().to_owned(), label, before, after, text }
    }
}

/// What changed from one version to another.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(super) struct RecordChanges {
    from: i64,
    to: i64,
    /// Language of the words.
    pub(super) language: String,
    changes: Vec<ChangeView>,
}

impl From<Changes> for RecordChanges {
    fn from(changes: Changes) -> Self {
        Self {
            from: changes.from,
            to: changes.to,
            language: changes.locale.tag().to_owned(),
            changes: changes.list.into_iter().map(Into::into).collect(),
        }
    }
}
