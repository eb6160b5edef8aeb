//! New records, and new versions of them.

use bytes::Bytes;

use super::facts::{self, Facts};
use super::state::{State, Step};
use super::{Condition, MOST_VERSIONS, Opened, Record, RecordError, Records, WHAT};
use crate::access::now;
use crate::document::Kind;
use crate::pipeline::ProduceError;
use crate::seal::{self, Vault};
use crate::store::{Move, NewVersion, RecordRow};
use crate::tenant::Tenant;
use crate::worker::Priority;

/// A record that was taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// The record.
    pub record: Record,
    /// Whether it was there before, under the same idempotency key.
    pub was_there: bool,
}

/// A body that was checked.
pub struct Written {
    body: Bytes,
    facts: Facts,
}

impl Records {
    /// Checks a body as rendering would.
    ///
    /// # Errors
    /// All its faults.
    pub async fn check(&self, kind: Kind, body: Bytes) -> Result<Written, RecordError> {
        self.key()?;
        let pipeline = self.0.pipeline.as_ref().ok_or(RecordError::NoKey)?;
        let report = pipeline.report(kind, &body, Priority::Interactive).await.map_err(std::sync::Arc::new)?;
        if !report.violations.is_empty() {
            let (violations, locale) = (report.violations, report.locale);
            return Err(std::sync::Arc::new(ProduceError::Invalid { violations, locale }).into());
        }
        let facts = Facts::of(&facts::read(kind, &body)?);
        Ok(Written { body, facts })
    }

    /// Keeps a body as a new record, a draft. Under the same idempotency key the same body gives the same record.
    ///
    /// # Errors
    /// [`RecordError::OtherContents`] if the key was used for another body.
    pub async fn create(
        &self,
        tenant: &Tenant,
        kind: Kind,
        written: Written,
        idempotency_key: Option<&str>,
    ) -> Result<NewRecord, RecordError> {
        let id = new_id().ok_or(RecordError::Sealed)?;
        let (vault, key) = Vault::new(self.key()?, WHAT, &id, tenant.name()).ok_or(RecordError::Sealed)?;
        let mut contents = blake3::Hasher::new_keyed(&self.derived("contents")?);
        contents.update(kind.name().as_bytes());
        contents.update(&written.body);
        let contents = contents.finalize().as_bytes().to_vec();
        let idempotency = idempotency_key.map(|key| self.hash("idempotency key", tenant, key)).transpose()?;
        let at = now();
        let row = RecordRow {
            id: id.clone(),
            tenant: tenant.name().to_owned(),
            kind: kind.name().to_owned(),
            revision: 1,
            latest: 1,
            signed: None,
            created_at: at,
            changed_at: at,
            held_at: None,
            hold: None,
            contents: Some(contents.clone()),
            key,
        };
        let version = self.new_version(tenant, &vault, 1, &written)?;
        let other = self.store().add_record(&row, version, idempotency).await?;
        let (id, was_there) = match other {
            Some(other) if other.contents.as_ref() != Some(&contents) => return Err(RecordError::OtherContents),
            Some(other) => (other.id, true),
            None => (id, false),
        };
        Ok(NewRecord { record: self.find(tenant, kind, &id).await?, was_there })
    }

    /// Puts a new version beside the newest one, as a draft. A draft is superseded by it at once, what is final or signed when the new version has come
    /// as far.
    ///
    /// # Errors
    /// [`RecordError::Lost`] when the record is not as the caller has seen it, [`RecordError::NotNow`] while it is being signed.
    pub async fn replace(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        written: Written,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        opened.after(Step::Replace, "it can not be replaced while it is being signed; withdraw that first")?;
        let number = opened.version.number + 1;
        if number > MOST_VERSIONS {
            return Err(RecordError::TooMany);
        }
        let version = self.new_version(tenant, &opened.vault, number, &written)?;
        let step = opened.step_to(opened.state.after(Step::Replace).unwrap_or(opened.state), &[]);
        let is_made = self.store().replace_record(id, opened.record.revision, step, version).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    fn new_version(
        &self,
        tenant: &Tenant,
        vault: &Vault,
        number: i64,
        written: &Written,
    ) -> Result<NewVersion, RecordError> {
        Ok(NewVersion {
            terms: self.terms(tenant, &written.facts)?,
            facts: written.facts.seal(vault, number)?,
            content: vault.seal("content", number, &written.body).ok_or(RecordError::Sealed)?,
        })
    }
}

/// A name for a record that the command line takes for no option.
fn new_id() -> Option<String> {
    loop {
        let name = seal::new_name()?;
        if !name.starts_with('-') {
            return Some(name);
        }
    }
}

impl Opened {
    /// The version on its way to a state, where it supersedes older ones that are in some others.
    pub(super) fn step_to<'a>(&'a self, to: State, supersedes: &'a [&'static str]) -> Move<'a> {
        Move { number: self.version.number, from: self.state.name(), to: to.name(), supersedes, at: now() }
    }
}

/// The names of the states in which older versions are superseded by one that comes to a state.
pub(super) fn superseded_by(state: State) -> Vec<&'static str> {
    state.supersedes().iter().map(|state| state.name()).collect()
}
