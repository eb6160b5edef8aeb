//! Keeps the signatures that others make: what is to be signed, each revision of the file, and what is prepared here and made elsewhere.
//!
//! Whether a signature is good has been found out before it comes here. Here it is seen to that it is one that is waited for, that it was made on the
//! file as it is, and that it is kept with it or not at all.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::facts::SignatoryFacts;
use super::state::Step;
use super::write::superseded_by;
use super::{Condition, KINDS, MOST_BYTES, Opened, Record, RecordError, Records, signing};
use crate::access::now;
use crate::document::Kind;
use crate::seal::{self, Vault};
use crate::sign::level::Level;
use crate::store::{DOCUMENT, KeptSignature, NewSignature, PendingRow, SIGNED, SignatureRow, SignedFile, WAITING};
use crate::tenant::Tenant;

/// The file that the next signature goes on.
#[derive(Debug, Clone)]
pub struct Base {
    /// The record as it is.
    pub record: Record,
    /// How many revisions of the signed file there are.
    pub revisions: i64,
    /// The last one of them, or the document without signatures.
    pub bytes: Bytes,
}

/// A signature with the file that it made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The whole file, with this signature.
    pub bytes: Bytes,
    /// Name of the field.
    pub field: String,
    /// The level that was reached.
    pub level: Level,
    /// When the next try to reach more is due, in milliseconds since 1970.
    pub raise_after: Option<i64>,
    /// When it was made.
    pub signed_at: i64,
    /// What it was checked by, as JSON.
    pub evidence: Vec<u8>,
}

/// A signature in a file that was signed elsewhere.
#[derive(Debug, Clone)]
pub struct MadeElsewhere {
    /// Who signed, as far as is known.
    pub who: SignatoryFacts,
    /// The signature; its `bytes` are not looked at.
    pub made: Made,
}

/// A signed file whose signatures are to be raised.
#[derive(Debug, Clone)]
pub struct ToRaise {
    /// Whose it is.
    pub tenant: Tenant,
    /// Kind of its document.
    pub kind: Kind,
    /// The revision of the record.
    pub revision: i64,
    /// How many revisions of the file there were.
    pub revisions: i64,
    /// Whether all have signed.
    pub is_whole: bool,
    /// The file.
    pub bytes: Bytes,
    /// The level that was wished for.
    pub wished: Level,
    /// The signatures by their fields, with the levels that they have.
    pub levels: Vec<(String, Level)>,
}

/// Something prepared that can still be completed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Names it.
    pub id: String,
    /// Name of the field.
    pub field: String,
    /// Until when it can be completed.
    pub deadline: i64,
    /// The revision of the record.
    pub revision: i64,
    /// What is needed for that.
    pub body: Vec<u8>,
}

/// What evidence is sealed as.
fn evidence_of(field: &str) -> String {
    format!("evidence {field}")
}

impl Records {
    /// The file that the next signature goes on, the one in a field whose signer's turn it is.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] unless the newest version is being signed and this signature is waited for, now.
    pub async fn base(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        field: &str,
        condition: &Condition,
    ) -> Result<Base, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        opened.after(Step::Sign, "nobody is asked to sign it")?;
        self.check_turn(&opened, field).await?;
        let (number, revisions) = (opened.version.number, opened.version.revisions);
        let form = if revisions > 0 { SIGNED } else { DOCUMENT };
        let sealed = self.store().record_file(id, number, form).await?.ok_or(RecordError::Unknown)?;
        let bytes = opened.vault.unseal(form, number, sealed).ok_or(RecordError::Sealed)?;
        Ok(Base { record: self.view(opened).await?, revisions, bytes: bytes.into() })
    }

    /// Keeps a signature that was made on the file as it was at a revision of the record. With the last one that is waited for the version is signed,
    /// and supersedes older ones.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if this signature is not waited for, or not yet; [`RecordError::Changed`] if the record is not as it was, or a
    /// preparation is no longer good.
    pub async fn keep_signature(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (revision, condition): (i64, &Condition),
        made: Made,
        pending: Option<&str>,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let to = opened.after(Step::Sign, "nobody is asked to sign it")?;
        self.check_turn(&opened, &made.field).await?;
        let file = signed_file(&opened, &made.bytes)?;
        let supersedes = superseded_by(to);
        let step = opened.step_to(to, &supersedes);
        let (retention, signature) = (self.retention_from(step.at), new_signature(&opened, made)?);
        let kept = self.store().keep_signature(id, revision, (step, retention), file, signature, pending).await?;
        self.changed(tenant, kind, id, condition, kept != KeptSignature::Refused).await
    }

    /// Keeps a file that was signed elsewhere: with it the version is signed.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] unless the newest version is final or being signed; [`RecordError::Changed`] if the record is not as it was.
    pub async fn hand_in(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        revision: i64,
        (bytes, signatures): (&Bytes, Vec<MadeElsewhere>),
    ) -> Result<Record, RecordError> {
        let opened = self.open(tenant, kind, id, None).await?;
        let to =
            opened.after(Step::HandIn, "only a version that is final, or being signed, can be handed in signed")?;
        let file = signed_file(&opened, bytes)?;
        let mut kept = Vec::with_capacity(signatures.len());
        for (position, MadeElsewhere { who, made }) in (1..).zip(signatures) {
            let signer = signing::seal_signer(&opened.vault, opened.version.number, position, &who)?;
            kept.push((signer, new_signature(&opened, made)?));
        }
        let supersedes = superseded_by(to);
        let step = opened.step_to(to, &supersedes);
        let finish = (step, self.retention_from(step.at));
        let is_done = self.store().finish_signed(id, revision, finish, file, kept).await?;
        self.changed(tenant, kind, id, &Condition::Any, is_done).await
    }

    /// Keeps a revision of a signed file that raises its signatures, each by its field to a level, and when the next try is due. Without a file only
    /// that is noted.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if the version has no signed file; [`RecordError::Changed`] if the record is not as it was.
    pub async fn raise(
        &self,
        tenant: &Tenant,
        kind: Kind,
        (id, number): (&str, i64),
        revision: i64,
        bytes: Option<&Bytes>,
        levels: &[(String, Level, Option<i64>)],
    ) -> Result<Record, RecordError> {
        let opened = self.open(tenant, kind, id, Some(number)).await?;
        if opened.version.revisions == 0 {
            return Err(RecordError::NotNow { state: opened.state, why: "it is not signed" });
        }
        let file = bytes.map(|bytes| signed_file(&opened, bytes)).transpose()?;
        let levels: Vec<_> =
            levels.iter().map(|(field, level, after)| (field.clone(), level.name().to_owned(), *after)).collect();
        let is_done = self.store().raise_signatures(id, revision, number, file, &levels, now()).await?;
        self.changed(tenant, kind, id, &Condition::Any, is_done).await
    }

    /// The signed file of a version with signatures that are to be raised; nothing if it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn to_raise(&self, id: &str, number: i64) -> Result<Option<ToRaise>, RecordError> {
        let Some(found) = self.store().record_with(id, Some(number)).await? else { return Ok(None) };
        let opened = self.opened(found)?;
        let Some(sealed) = self.store().record_file(id, number, SIGNED).await? else { return Ok(None) };
        let bytes = opened.vault.unseal(SIGNED, number, sealed).ok_or(RecordError::Sealed)?;
        let signatures = self.store().signatures(id, number).await?;
        let levels =
            signatures.iter().filter_map(|row| Some((row.field.clone(), Level::parse(row.level.as_deref()?)?)));
        let wished = signatures.iter().filter_map(|row| Level::parse(&row.level_wished)).max().unwrap_or_default();
        Ok(Some(ToRaise {
            tenant: Tenant::named(opened.record.tenant.clone()),
            kind: KINDS.into_iter().find(|kind| kind.name() == opened.record.kind).ok_or(RecordError::Sealed)?,
            revision: opened.record.revision,
            revisions: opened.version.revisions,
            is_whole: opened.version.signed_at.is_some(),
            bytes: bytes.into(),
            wished,
            levels: levels.collect(),
        }))
    }

    /// Keeps what is needed to complete a signature on the file as it is, for a while.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if this signature is not waited for, or not yet; [`RecordError::Changed`] if the file is another by now.
    pub async fn prepare(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (field, base): (&str, i64),
        body: &[u8],
        deadline: i64,
    ) -> Result<Prepared, RecordError> {
        let opened = self.open(tenant, kind, id, None).await?;
        opened.after(Step::Sign, "nobody is asked to sign it")?;
        self.check_turn(&opened, field).await?;
        let name = seal::new_name().ok_or(RecordError::Sealed)?;
        let number = opened.version.number;
        let pending = PendingRow {
            id: name.clone(),
            record: id.to_owned(),
            version: number,
            field: field.to_owned(),
            base,
            deadline,
            body: opened.vault.seal(&format!("pending {name}"), number, body).ok_or(RecordError::Sealed)?,
        };
        if !self.store().add_pending(pending, opened.state.name()).await? {
            return Err(RecordError::Changed);
        }
        let revision = opened.record.revision;
        Ok(Prepared { id: name, field: field.to_owned(), deadline, revision, body: body.to_vec() })
    }

    /// Something prepared, if it can still be completed, and now.
    ///
    /// # Errors
    /// [`RecordError::Unknown`] if it was completed or its time is over; [`RecordError::NotNow`] if another signer is to sign first;
    /// [`RecordError::Changed`] if it was prepared on a file that is another by now.
    pub async fn prepared(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        pending: &str,
        condition: &Condition,
    ) -> Result<Prepared, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let row = self.store().pending(pending, now()).await?;
        let row = row.filter(|row| row.record == id && row.version == opened.version.number);
        let row = row.ok_or(RecordError::Unknown)?;
        opened.after(Step::Sign, "nobody is asked to sign it")?;
        self.check_turn(&opened, &row.field).await?;
        if row.base != opened.version.revisions {
            return Err(RecordError::Changed);
        }
        let body = opened.vault.unseal(&format!("pending {pending}"), row.version, row.body);
        Ok(Prepared {
            id: row.id,
            field: row.field,
            deadline: row.deadline,
            revision: opened.record.revision,
            body: body.ok_or(RecordError::Sealed)?,
        })
    }

    /// Looks whether the signature of a field is waited for, now.
    async fn check_turn(&self, opened: &Opened, field: &str) -> Result<(), RecordError> {
        let signatures = self.store().signatures(&opened.record.id, opened.version.number).await?;
        let not_now = |why| Err(RecordError::NotNow { state: opened.state, why });
        let is_waited_for = |signature: &&SignatureRow| signature.state == WAITING;
        let Some(own) = signatures.iter().filter(is_waited_for).find(|signature| signature.field == field) else {
            return not_now("this signature is not waited for");
        };
        let first = signatures.iter().find(is_waited_for);
        if opened.version.in_order != 0 && first.is_some_and(|first| first.position < own.position) {
            return not_now("it is not this signer's turn");
        }
        Ok(())
    }

    /// Whether the signed file of a version was written by somebody else and handed in.
    pub(super) async fn is_handed_in(&self, vault: &Vault, id: &str, number: i64) -> Result<bool, RecordError> {
        for row in self.store().signatures(id, number).await? {
            let Some(sealed) = row.evidence else { continue };
            let evidence = unseal(vault, &row.field, number, sealed)?;
            let told: Evidence = serde_json::from_slice(&evidence).map_err(|_| RecordError::Sealed)?;
            if told.handed_in.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What is asked here of what a signature was checked by.
#[derive(serde::Deserialize)]
struct Evidence {
    handed_in: Option<serde::de::IgnoredAny>,
}

fn unseal(vault: &Vault, field: &str, number: i64, sealed: Vec<u8>) -> Result<Vec<u8>, RecordError> {
    vault.unseal(&evidence_of(field), number, sealed).ok_or(RecordError::Sealed)
}

fn signed_file(opened: &Opened, bytes: &Bytes) -> Result<SignedFile, RecordError> {
    if bytes.len() > MOST_BYTES {
        return Err(RecordError::TooLarge);
    }
    Ok(SignedFile {
        hash: Sha256::digest(bytes).into(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        file: opened.vault.seal(SIGNED, opened.version.number, bytes).ok_or(RecordError::Sealed)?,
    })
}

fn new_signature(opened: &Opened, made: Made) -> Result<NewSignature, RecordError> {
    let evidence = opened.vault.seal(&evidence_of(&made.field), opened.version.number, &made.evidence);
    Ok(NewSignature {
        field: made.field,
        level: made.level.name().to_owned(),
        raise_after: made.raise_after,
        signed_at: made.signed_at,
        evidence: evidence.ok_or(RecordError::Sealed)?,
    })
}
