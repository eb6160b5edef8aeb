//! Records: annual plans and cooperation agreements that are kept for years, in versions that are frozen, signed and fetched again.
//!
//! [`state`] says which steps there are. `write` makes versions, `freeze` makes the document of one for good, `signing` has it signed, `signature` keeps what signers make, `keep` holds
//! and deletes, `read` gives contents and files, `reproduce` tells whether a body gives a file again, `archive` describes them for the archive, and [`change`] tells two versions apart. What a record
//! holds of people lies in the store under a key of its own. Knows no HTTP, and no signatures but who is to make them.

mod archive;
pub mod change;
mod facts;
mod freeze;
mod keep;
mod read;
mod reproduce;
mod seen;
mod signature;
mod signing;
pub mod state;
mod write;

use std::sync::Arc;

use crate::access::now;
use crate::document::{Kind, hex};
use crate::pipeline::{Delivered, Pipeline, ProduceError};
use crate::seal::{Key, Vault};
use crate::store::{FoundRecord, RecordFilter, RecordRow, SignatureRow, Store, StoreError, VersionRow};
use crate::tenant::Tenant;

pub use archive::Archived;
pub use facts::{Facts, SchoolFacts, SignatoryFacts};
pub use freeze::options;
pub use read::{Changes, Content, Fetched, MOST_BYTES};
pub use reproduce::Reproduced;
use seen::Seen;
pub use signature::{Base, Made, MadeElsewhere, Prepared, ToRaise};
pub(crate) use signing::entry_of_service;
pub use signing::{DEFAULT_DAYS, Decline, NewSigner, Reason, Start, field_of};
use state::{State, Step};
pub use write::{NewRecord, Written};

/// Kinds that records are kept of.
pub const KINDS: [Kind; 2] = [Kind::AnnualPlan, Kind::CooperationAgreement];

/// What the keys of records are sealed as.
const WHAT: &str = "record";
/// Most bytes of files that are held in memory, ready to be fetched.
const MEMORY: u64 = 32 << 20;

/// How records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Years for which a version is not deleted, from when it was frozen or signed.
    pub retention_years: u16,
}

/// The records of a service.
#[derive(Clone)]
pub struct Records(Arc<Parts>);

struct Parts {
    store: Store,
    /// Without it what is a draft has no document.
    pipeline: Option<Pipeline>,
    settings: Settings,
    /// Files that were fetched before, by record, version and SHA-256.
    files: moka::sync::Cache<(String, i64, [u8; 32]), Delivered>,
    seen: Seen,
}

/// Why something can not be done with a record. Words for callers are found elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no such record, or it is another's.
    #[error("there is no such record")]
    Unknown,
    /// The record has no such version.
    #[error("the record has no such version")]
    NoVersion,
    /// What names the place to go on from in a list is none of ours.
    #[error("`after` is not from the page before")]
    Cursor,
    /// The idempotency key was used for something else.
    #[error("under this idempotency key there is another record")]
    OtherContents,
    /// It is not the revision that the caller has seen.
    #[error("the record was changed since it was seen")]
    Lost,
    /// Somebody else changed it at the same moment.
    #[error("the record was changed at the same moment")]
    Changed,
    /// The version is in a state in which this can not be done.
    #[error("{why}; the version is in the state `{}`", .state.name())]
    NotNow {
        /// The state.
        state: State,
        /// What is in the way.
        why: &'static str,
    },
    /// The document itself says that it is not final.
    #[error("the status of the document is not `final`")]
    NotFinal,
    /// A version has reached its time and may not be deleted before another.
    #[error("a version has to be kept until a later day")]
    Retained {
        /// Until when, in milliseconds since 1970.
        until: i64,
    },
    /// The record is held.
    #[error("the record is held")]
    Held,
    /// It is not held.
    #[error("the record is not held")]
    NotHeld,
    /// The record has as many versions as it may have.
    #[error("the record has {MOST_VERSIONS} versions")]
    TooMany,
    /// The file is too large to be kept.
    #[error("the file has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// What was sent beside the document can not be used.
    #[error("`{pointer}`: {reason}")]
    Form {
        /// Where.
        pointer: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// There is nothing to seal contents with.
    #[error("the store has no key to seal contents with; set `store.key`")]
    NoKey,
    /// The document can not be made.
    #[error(transparent)]
    Produce(#[from] Arc<ProduceError>),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept does not open: the key of the store was changed, or the contents were.
    #[error("what is kept of a record does not open; was `store.key` changed?")]
    Sealed,
}

/// Most versions of a record.
pub const MOST_VERSIONS: i64 = 1000;

/// What a caller asks the revision of a record to be before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

/// A file without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// SHA-256.
    pub hash: [u8; 32],
    /// How many bytes it has.
    pub size: i64,
}

/// Somebody who is to sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Signer {
    /// The signature.
    pub row: SignatureRow,
    /// Who it is.
    pub who: SignatoryFacts,
}

/// How a version is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signing {
    /// Until when, while it is signed.
    pub deadline: Option<i64>,
    /// Whether one after the other.
    pub in_order: bool,
    /// The level that is wished for.
    pub level: Option<String>,
    /// Why a signer has declined.
    pub reason: Option<String>,
    /// Until when the signed file proves itself by the newest time stamp over all of it, when that was looked at.
    pub proven_until: Option<i64>,
    /// Who signs.
    pub signers: Vec<Signer>,
}

/// A version as its owner sees it. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Number, from 1.
    pub number: i64,
    /// Where it is.
    pub state: State,
    /// When it came.
    pub made_at: i64,
    /// When it came to its state.
    pub stepped_at: i64,
    /// What it is about.
    pub facts: Facts,
    /// When it was frozen.
    pub final_at: Option<i64>,
    /// When all had signed.
    pub signed_at: Option<i64>,
    /// Until when it is not deleted.
    pub retention_until: Option<i64>,
    /// The frozen document.
    pub document: Option<File>,
    /// The signed file. Until all have signed it is not given to anybody.
    pub signed: Option<File>,
    /// How many revisions of the signed file were kept.
    pub revisions: i64,
    /// How it is signed, when signers were named.
    pub signing: Option<Signing>,
}

/// Why a record is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub since: i64,
    /// Why.
    pub reason: String,
}

/// A record as its owner sees it, with its newest version. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Names it.
    pub id: String,
    /// Kind of its document.
    pub kind: Kind,
    /// Counts every change.
    pub revision: i64,
    /// Number of the newest version that is signed.
    pub signed_version: Option<i64>,
    /// When it came.
    pub created_at: i64,
    /// When it was changed last.
    pub changed_at: i64,
    /// Why it is held, if it is.
    pub hold: Option<Hold>,
    /// The newest version.
    pub version: Version,
}

/// Which records are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Organisation number or name of the school.
    pub school: Option<String>,
    /// School year, `2026/2027`.
    pub school_year: Option<String>,
    /// Those with a version in this state.
    pub state: Option<State>,
    /// Those changed at this moment or later.
    pub changed_since: Option<i64>,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// A record of a tenant's that is about to be read or changed.
struct Opened {
    record: RecordRow,
    version: VersionRow,
    state: State,
    vault: Vault,
}

impl Records {
    /// Records on a store, whose documents a pipeline makes. Without one, as on the command line, only what was frozen has a document.
    #[must_use]
    pub fn new(store: Store, pipeline: Option<Pipeline>, settings: Settings) -> Self {
        let weight = |_: &_, file: &Delivered| u32::try_from(file.bytes.len()).unwrap_or(u32::MAX);
        let files = moka::sync::Cache::builder().max_capacity(MEMORY).weigher(weight).build();
        Self(Arc::new(Parts { store, pipeline, settings, files, seen: Seen::new() }))
    }

    /// The store, for what is kept beside records.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    fn key(&self) -> Result<&Key, RecordError> {
        self.store().key().ok_or(RecordError::NoKey)
    }

    /// A record.
    ///
    /// # Errors
    /// [`RecordError::Unknown`] if there is none of this tenant and kind.
    pub async fn find(&self, tenant: &Tenant, kind: Kind, id: &str) -> Result<Record, RecordError> {
        let opened = self.open(tenant, kind, id, None).await?;
        self.view(opened).await
    }

    /// Records of a kind, those that came last first, and where the next page begins. What comes or changes meanwhile moves nothing.
    ///
    /// # Errors
    /// [`RecordError::Cursor`] when `after` is none of ours.
    pub async fn list(
        &self,
        tenant: &Tenant,
        kind: Kind,
        filter: Filter,
        limit: u16,
    ) -> Result<(Vec<Record>, Option<String>), RecordError> {
        let before =
            filter.after.as_deref().map(|cursor| read_cursor(cursor).ok_or(RecordError::Cursor)).transpose()?;
        let mut wanted = RecordFilter {
            tenant: tenant.name(),
            kind: kind.name(),
            school_year: filter.school_year,
            state: filter.state.map(State::name),
            changed_since: filter.changed_since,
            before,
            ..RecordFilter::default()
        };
        if let Some(school) = &filter.school {
            (wanted.school_number, wanted.school_name) = self.school_terms(tenant, school)?;
        }
        let found = self.store().records(wanted, limit.into()).await?;
        let next = found.last().filter(|_| found.len() == usize::from(limit));
        let next = next.map(|last| format!("{:x}.{}", last.record.created_at, last.record.id));
        let mut records = Vec::with_capacity(found.len());
        for found in found {
            records.push(self.view(self.opened(found)?).await?);
        }
        Ok((records, next))
    }

    /// All versions of a record, the newest first.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn versions(&self, tenant: &Tenant, kind: Kind, id: &str) -> Result<Vec<Version>, RecordError> {
        let opened = self.open(tenant, kind, id, None).await?;
        let mut versions = Vec::new();
        for row in self.store().versions(id).await? {
            versions.push(self.view_version(&opened.vault, row).await?);
        }
        Ok(versions)
    }

    /// A version of a record.
    ///
    /// # Errors
    /// [`RecordError::NoVersion`] if it has none of this number; else as [`Self::find`].
    pub async fn version(&self, tenant: &Tenant, kind: Kind, id: &str, number: i64) -> Result<Version, RecordError> {
        let opened = self.open(tenant, kind, id, Some(number)).await?;
        self.view_version(&opened.vault, opened.version).await
    }

    /// A record of a tenant's with a version, by default the newest. When the time to sign that is over, it says so from here on.
    async fn open(&self, tenant: &Tenant, kind: Kind, id: &str, number: Option<i64>) -> Result<Opened, RecordError> {
        let is_mine = |record: &RecordRow| record.tenant == tenant.name() && record.kind == kind.name();
        let found = self.store().record_with(id, number).await?;
        let Some(found) = found else {
            // There may be the record, and no such version.
            let is_there = number.is_some() && self.store().record(id).await?.is_some_and(|record| is_mine(&record));
            return Err(if is_there { RecordError::NoVersion } else { RecordError::Unknown });
        };
        if !is_mine(&found.record) {
            return Err(RecordError::Unknown);
        }
        let opened = self.opened(found)?;
        if opened.state == State::Signing && opened.version.deadline.is_some_and(|deadline| deadline <= now()) {
            self.expire(&opened).await?;
            let found = self.store().record_with(id, number).await?.ok_or(RecordError::Unknown)?;
            return self.opened(found);
        }
        Ok(opened)
    }

    /// The newest version of a record that is about to be changed, if the record is as the caller has seen it.
    async fn open_as_seen(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<Opened, RecordError> {
        let opened = self.open(tenant, kind, id, None).await?;
        match condition {
            Condition::OneOf(revisions) if !revisions.contains(&opened.record.revision) => Err(RecordError::Lost),
            _ => Ok(opened),
        }
    }

    /// A record after a change; or, if that was not made, that the record was no longer as it was read.
    async fn changed(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
        is_made: bool,
    ) -> Result<Record, RecordError> {
        if is_made { self.find(tenant, kind, id).await } else { Err(condition.lost()) }
    }

    fn opened(&self, found: FoundRecord) -> Result<Opened, RecordError> {
        let FoundRecord { record, version } = found;
        let vault = Vault::open(self.key()?, WHAT, &record.id, &record.tenant, record.key.clone());
        let state = State::parse(&version.state).ok_or(RecordError::Sealed)?;
        Ok(Opened { record, version, state, vault: vault.ok_or(RecordError::Sealed)? })
    }

    async fn view(&self, opened: Opened) -> Result<Record, RecordError> {
        let Opened { record, version, vault, .. } = opened;
        let hold = match (record.held_at, record.hold) {
            (Some(since), Some(sealed)) => {
                let reason = vault.unseal("hold", 0, sealed).and_then(|bytes| String::from_utf8(bytes).ok());
                Some(Hold { since, reason: reason.ok_or(RecordError::Sealed)? })
            }
            _ => None,
        };
        Ok(Record {
            kind: KINDS.into_iter().find(|kind| kind.name() == record.kind).ok_or(RecordError::Sealed)?,
            id: record.id,
            revision: record.revision,
            signed_version: record.signed,
            created_at: record.created_at,
            changed_at: record.changed_at,
            hold,
            version: self.view_version(&vault, version).await?,
        })
    }

    async fn view_version(&self, vault: &Vault, row: VersionRow) -> Result<Version, RecordError> {
        let facts = Facts::open(vault, row.number, row.facts)?;
        let mut signers = Vec::new();
        if row.level.is_some() || row.revisions > 0 {
            for signature in self.store().signatures(&row.record, row.number).await? {
                signers.push(signing::open_signer(vault, row.number, signature)?);
            }
        }
        let signing = (!signers.is_empty()).then_some(Signing {
            deadline: row.deadline,
            in_order: row.in_order != 0,
            level: row.level,
            reason: row.reason,
            proven_until: row.proven_until,
            signers,
        });
        Ok(Version {
            number: row.number,
            state: State::parse(&row.state).ok_or(RecordError::Sealed)?,
            made_at: row.made_at,
            stepped_at: row.stepped_at,
            facts,
            final_at: row.final_at,
            signed_at: row.signed_at,
            retention_until: row.retention_until,
            document: file(row.document_hash, row.document_size),
            signed: file(row.signed_hash, row.signed_size),
            revisions: row.revisions,
            signing,
        })
    }
}

impl Opened {
    /// Where a step leads from the state of the version.
    fn after(&self, step: Step, why: &'static str) -> Result<State, RecordError> {
        self.state.after(step).ok_or(RecordError::NotNow { state: self.state, why })
    }
}

impl Condition {
    /// What it means that the record was no longer as it was read.
    fn lost(&self) -> RecordError {
        match self {
            Self::Any => RecordError::Changed,
            Self::OneOf(_) => RecordError::Lost,
        }
    }
}

impl File {
    /// The SHA-256 in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.hash)
    }
}

fn file(hash: Option<Vec<u8>>, size: Option<i64>) -> Option<File> {
    Some(File { hash: hash?.try_into().ok()?, size: size? })
}

/// The moment and the id at which a page ended.
fn read_cursor(cursor: &str) -> Option<(i64, String)> {
    let (at, id) = cursor.split_once('.')?;
    Some((i64::from_str_radix(at, 16).ok()?, id.to_owned()))
}
