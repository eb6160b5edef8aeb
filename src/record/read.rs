//! What is fetched of a record: contents as they were sent, documents, signed files, what changed.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::archive::{self, Archived};
use super::change::{self, Change};
use super::facts;
use super::freeze::options;
use super::seen::Asked;
use super::{File, Opened, RecordError, Records, State, file};
use crate::cache::Source;
use crate::document::{Kind, Locale};
use crate::pipeline::{Delivered, Freshness, Label};
use crate::render::Options;
use crate::seal::Vault;
use crate::store::{DOCUMENT, SIGNED};
use crate::tenant::Tenant;

/// Most bytes of a file that is kept: it lies in one row of the store.
pub const MOST_BYTES: usize = 32 << 20;

/// A body as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub bytes: Bytes,
    /// Their SHA-256.
    pub hash: [u8; 32],
    /// A name for the file, without extension and without names of people.
    pub file_stem: String,
    /// Number of the version.
    pub number: i64,
}

impl Records {
    /// The body of a version, by default of the newest, as it was sent.
    ///
    /// # Errors
    /// [`RecordError::NoVersion`] if there is none.
    pub async fn content(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        number: Option<i64>,
    ) -> Result<Content, RecordError> {
        let opened = self.open(tenant, kind, id, number).await?;
        let bytes = self.body(&opened).await?;
        let hash = Sha256::digest(&bytes).into();
        let file_stem = format!("{}-version-{}", kind.slug(), opened.version.number);
        Ok(Content { bytes, hash, file_stem, number: opened.version.number })
    }

    pub(super) async fn body(&self, opened: &Opened) -> Result<Bytes, RecordError> {
        let (id, number) = (&opened.record.id, opened.version.number);
        let sealed = self.store().record_content(id, number).await?.ok_or(RecordError::Unknown)?;
        opened.vault.unseal("content", number, sealed).map(Bytes::from).ok_or(RecordError::Sealed)
    }

    /// The document of a version, by default of the newest, without signatures: as it was frozen, or that of a draft as it is.
    ///
    /// # Errors
    /// As [`Self::content`]; [`RecordError::Produce`] when that of a draft can not be made.
    pub async fn document(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        number: Option<i64>,
    ) -> Result<Fetched, RecordError> {
        let asked = (tenant.name().to_owned(), kind, id.to_owned(), number, DOCUMENT);
        if let Some(fetched) = self.seen(&asked) {
            return Ok(fetched);
        }
        let mark = self.store().records_mark();
        let opened = self.open(tenant, kind, id, number).await?;
        let number = opened.version.number;
        let frozen = file(opened.version.document_hash.clone(), opened.version.document_size);
        let delivered = if let Some(file) = frozen {
            let is_lasting = opened.state != State::Signing;
            let delivered = self.kept(opened, DOCUMENT, file).await?;
            if is_lasting {
                self.0.seen.note(mark, asked, number, file);
            }
            delivered
        } else {
            let body = self.body(&opened).await?;
            // Nobody signs a draft.
            let options = Options { signable: false, ..options() };
            self.produce(tenant, kind, body, (options, Freshness::Any)).await?
        };
        Ok(Fetched { number, delivered })
    }

    /// The signed file of a version, by default of the newest that is signed. Before all have signed there is none.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] as long as it is not signed.
    pub async fn signed(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        number: Option<i64>,
    ) -> Result<Fetched, RecordError> {
        let asked = (tenant.name().to_owned(), kind, id.to_owned(), number, SIGNED);
        if let Some(fetched) = self.seen(&asked) {
            return Ok(fetched);
        }
        let mark = self.store().records_mark();
        let mut opened = self.open(tenant, kind, id, number).await?;
        if let (None, Some(signed)) = (number, opened.record.signed)
            && signed != opened.version.number
        {
            opened = self.open(tenant, kind, id, Some(signed)).await?;
        }
        let file = file(opened.version.signed_hash.clone(), opened.version.signed_size);
        match file.filter(|_| opened.version.signed_at.is_some()) {
            Some(file) => {
                let number = opened.version.number;
                let delivered = self.kept(opened, SIGNED, file).await?;
                self.0.seen.note(mark, asked, number, file);
                Ok(Fetched { number, delivered })
            }
            None => Err(RecordError::NotNow { state: opened.state, why: "it is not signed" }),
        }
    }

    /// A file that was fetched a moment ago, if no record has changed since.
    fn seen(&self, asked: &Asked) -> Option<Fetched> {
        let place = self.0.seen.place(self.store(), asked)?;
        let delivered = self.0.files.get(&(asked.2.clone(), place.number, place.file.hash))?;
        Some(Fetched { number: place.number, delivered })
    }

    /// A file that lies in the store. Those that were fetched before are in memory.
    async fn kept(&self, opened: Opened, form: &'static str, file: File) -> Result<Delivered, RecordError> {
        let number = opened.version.number;
        let place = (opened.record.id.clone(), number, file.hash);
        if let Some(delivered) = self.0.files.get(&place) {
            return Ok(delivered);
        }
        let sealed = self.store().record_file(&opened.record.id, number, form).await?.ok_or(RecordError::Unknown)?;
        let label = opened.version.label.clone().ok_or(RecordError::Sealed)?;
        let vault = opened.vault;
        let opening = tokio::task::spawn_blocking(move || open_file(&vault, number, form, file, label, sealed));
        let delivered = opening.await.map_err(|_| RecordError::Sealed)??;
        self.0.files.insert(place, delivered.clone());
        Ok(delivered)
    }

    /// What the archive is told of a version, by default of the newest.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] for what was never frozen.
    pub async fn archive(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        number: Option<i64>,
    ) -> Result<Archived, RecordError> {
        let opened = self.open(tenant, kind, id, number).await?;
        if opened.version.final_at.is_none() {
            return Err(RecordError::NotNow { state: opened.state, why: "only what is final belongs in an archive" });
        }
        let body = self.body(&opened).await?;
        let document = facts::read(kind, &body)?;
        let number = opened.version.number;
        let (record, state) = (opened.record, opened.state);
        let vault = opened.vault;
        let version = self.view_version(&vault, opened.version).await?;
        debug_assert_eq!(state, version.state);
        let is_handed_in = self.is_handed_in(&vault, &record.id, number).await?;
        Ok(archive::describe(&record, &version, &document, &body, (number, is_handed_in)))
    }

    /// What changed from one version to another, in the words of a language, by default that of the newer document. Without numbers from the version
    /// before the newest to the newest.
    ///
    /// # Errors
    /// [`RecordError::NoVersion`] if one of them is not there.
    pub async fn changes(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (from, to): (Option<i64>, Option<i64>),
        locale: Option<Locale>,
    ) -> Result<Changes, RecordError> {
        let newer = self.open(tenant, kind, id, to).await?;
        let to = newer.version.number;
        let older = self.open(tenant, kind, id, Some(from.unwrap_or((to - 1).max(1)))).await?;
        let (before, after) = (self.body(&older).await?, self.body(&newer).await?);
        let locale = match locale {
            Some(locale) => locale,
            None => facts::Facts::open(&newer.vault, to, newer.version.facts.clone())?.locale,
        };
        // Long lists are told apart beside what answers callers.
        let told = tokio::task::spawn_blocking(move || change::between(kind, &before, &after, locale));
        let list = told.await.ok().flatten().ok_or(RecordError::Sealed)?;
        Ok(Changes { from: older.version.number, to, locale, list })
    }
}

/// A file of a version.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Number of the version.
    pub number: i64,
    /// The file.
    pub delivered: Delivered,
}

/// What changed between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Number of the one.
    pub from: i64,
    /// Number of the other.
    pub to: i64,
    /// Language of the words.
    pub locale: Locale,
    /// Each change, in the order of the newer document.
    pub list: Vec<Change>,
}

fn open_file(
    vault: &Vault,
    number: i64,
    form: &'static str,
    file: File,
    label: Vec<u8>,
    sealed: Vec<u8>,
) -> Result<Delivered, RecordError> {
    let label = vault.unseal("label", number, label).ok_or(RecordError::Sealed)?;
    let mut label: Label = postcard::from_bytes(&label).map_err(|_| RecordError::Sealed)?;
    let bytes = vault.unseal(form, number, sealed).ok_or(RecordError::Sealed)?;
    if form == SIGNED {
        label.file_stem.push_str("-signed");
    }
    label.digest = file.hash;
    Ok(Delivered { label, bytes: bytes.into(), id: None, source: Source::Memory, life: 0 })
}

impl From<crate::pipeline::ProduceError> for RecordError {
    fn from(error: crate::pipeline::ProduceError) -> Self {
        Self::Produce(Arc::new(error))
    }
}
