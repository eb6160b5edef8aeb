//! Signatures on a version of a record, those that are under way elsewhere among them. What they hold of people comes here sealed.
//!
//! As in `record`, every change is one transaction that begins with the revision of the record.

use sqlx::{Any, AssertSqlSafe, FromRow, Transaction};

use super::audit::{Entry, append};
use super::record::{Move, SIGNED, change, keep_file, move_version};
use super::{Store, StoreError};

/// A signature, made or waited for. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SignatureRow {
    /// Place in the order of signing, from 1.
    pub position: i64,
    /// Name of the field in the file.
    pub field: String,
    /// Who signs, sealed.
    pub signer: Vec<u8>,
    /// [`WAITING`], [`MADE`] or [`DECLINED`].
    pub state: String,
    /// The level that is wished for.
    pub level_wished: String,
    /// The level that was reached.
    pub level: Option<String>,
    /// When the next try to reach more is due.
    pub raise_after: Option<i64>,
    /// When it was made.
    pub signed_at: Option<i64>,
    /// What it was checked by, sealed.
    pub evidence: Option<Vec<u8>>,
}

/// It is waited for.
pub const WAITING: &str = "waiting";
/// It is in the file.
pub const MADE: &str = "signed";
/// Its signer has declined.
pub const DECLINED: &str = "declined";

/// How a version is signed.
#[derive(Debug, Clone)]
pub struct NewSigning<'a> {
    /// Until when.
    pub deadline: i64,
    /// Whether one after the other.
    pub in_order: bool,
    /// To which level.
    pub level: &'a str,
    /// Who signs: field and signer (sealed), in order.
    pub signers: Vec<(String, Vec<u8>)>,
}

/// A revision of the signed file.
#[derive(Debug, Clone)]
pub struct SignedFile {
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// How many they are.
    pub size: i64,
    /// The bytes, sealed.
    pub file: Vec<u8>,
}

/// A signature that was made.
#[derive(Debug, Clone)]
pub struct NewSignature {
    /// Name of its field.
    pub field: String,
    /// The level that was reached.
    pub level: String,
    /// When the next try to reach more is due.
    pub raise_after: Option<i64>,
    /// When it was made.
    pub signed_at: i64,
    /// What it was checked by, sealed.
    pub evidence: Vec<u8>,
}

/// A signature that is prepared here and made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PendingRow {
    /// Names it, and can not be guessed.
    pub id: String,
    /// The record.
    pub record: String,
    /// The version.
    pub version: i64,
    /// Name of the field.
    pub field: String,
    /// Revisions that the signed file had when this was prepared.
    pub base: i64,
    /// Until when it can be completed.
    pub deadline: i64,
    /// What is needed for that, sealed.
    pub body: Vec<u8>,
}

/// How signing ends before all have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningEnd<'a> {
    /// Nobody has signed, and nobody is asked any more.
    Withdrawn,
    /// The time is over, which is noted in the audit log.
    Expired(&'a Entry),
    /// A signer declines, for a reason.
    Declined {
        /// Name of the field.
        field: &'a str,
        /// A word for the reason.
        reason: &'a str,
    },
}

/// What became of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptSignature {
    /// It is kept, and others are waited for.
    Kept,
    /// It is kept, and it was the last one.
    Finished,
    /// The record is not as it was seen, the field is not waited for, or the preparation is gone. Nothing is kept.
    Refused,
}

const SIGNATURE: &str = "SELECT position, field, signer, state, level_wished, level, raise_after, signed_at, evidence \
    FROM record_signature WHERE record = $1 AND version = $2 ORDER BY position";

impl Store {
    /// The signatures of a version, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn signatures(&self, id: &str, version: i64) -> Result<Vec<SignatureRow>, StoreError> {
        Ok(sqlx::query_as(SIGNATURE).bind(id.to_owned()).bind(version).fetch_all(&self.pool).await?)
    }

    /// Begins to have a version signed; whether the record was as it was seen.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn begin_signing(
        &self,
        id: &str,
        revision: i64,
        step: Move<'_>,
        signing: NewSigning<'_>,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed =
            change(&mut transaction, id, revision, step.at).await? && move_version(&mut transaction, id, step).await?;
        if !is_changed {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query(
            "UPDATE record_version SET deadline = $3, in_order = $4, level = $5, reason = NULL WHERE record = $1 AND number = $2",
        )
        .bind(id.to_owned())
        .bind(step.number)
        .bind(signing.deadline)
        .bind(i64::from(signing.in_order))
        .bind(signing.level.to_owned())
        .execute(&mut *transaction)
        .await?;
        for (position, (field, signer)) in (1..).zip(signing.signers) {
            let row = sqlx::query(
                "INSERT INTO record_signature (record, version, position, field, signer, state, level_wished) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            );
            let row = row.bind(id.to_owned()).bind(step.number).bind(position).bind(field).bind(signer);
            row.bind(WAITING.to_owned()).bind(signing.level.to_owned()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends the signing of a version before all have signed; whether the record was as it was seen. It is only withdrawn when nobody has signed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_signing(
        &self,
        id: &str,
        revision: i64,
        step: Move<'_>,
        end: SigningEnd<'_>,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed =
            change(&mut transaction, id, revision, step.at).await? && move_version(&mut transaction, id, step).await?;
        let is_ended = is_changed
            && match end {
                SigningEnd::Expired(entry) => {
                    append(&mut transaction, std::slice::from_ref(entry)).await?;
                    true
                }
                SigningEnd::Withdrawn => withdraw(&mut transaction, id, step.number).await?,
                SigningEnd::Declined { field, reason } => {
                    decline(&mut transaction, id, step.number, field, reason).await?
                }
            };
        if !is_ended {
            transaction.rollback().await?;
            return Ok(false);
        }
        drop_pending(&mut transaction, id, step.number).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Keeps a revision of the signed file with the signature that it brings. `finish` takes the version on when it was the last one, and says until
    /// when it is not deleted then. With a preparation, that is used up.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keep_signature(
        &self,
        id: &str,
        revision: i64,
        (finish, retention_until): (Move<'_>, i64),
        file: SignedFile,
        signature: NewSignature,
        pending: Option<&str>,
    ) -> Result<KeptSignature, StoreError> {
        let number = finish.number;
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed = change(&mut transaction, id, revision, finish.at).await?
            && is_in(&mut transaction, id, number, finish.from).await?
            && use_pending(&mut transaction, id, number, pending, finish.at).await?
            && sign(&mut transaction, id, number, signature).await?;
        if !is_changed {
            transaction.rollback().await?;
            return Ok(KeptSignature::Refused);
        }
        keep_signed(&mut transaction, id, number, file).await?;
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM record_signature WHERE record = $1 AND version = $2 AND state = 'waiting'",
        )
        .bind(id.to_owned())
        .bind(number)
        .fetch_one(&mut *transaction)
        .await?;
        if waiting == 0 {
            end_signed(&mut transaction, id, finish, retention_until).await?;
        }
        transaction.commit().await?;
        Ok(if waiting == 0 { KeptSignature::Finished } else { KeptSignature::Kept })
    }

    /// Keeps a file that was signed elsewhere, with all its signatures in place of those that were waited for (field, signer and signature); whether
    /// the record was as it was seen.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn finish_signed(
        &self,
        id: &str,
        revision: i64,
        (finish, retention_until): (Move<'_>, i64),
        file: SignedFile,
        signatures: Vec<(Vec<u8>, NewSignature)>,
    ) -> Result<bool, StoreError> {
        let number = finish.number;
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed = change(&mut transaction, id, revision, finish.at).await?
            && is_in(&mut transaction, id, number, finish.from).await?;
        if !is_changed {
            transaction.rollback().await?;
            return Ok(false);
        }
        forget_signers(&mut transaction, id, number).await?;
        for (position, (signer, signature)) in (1..).zip(signatures) {
            let row = sqlx::query(
                "INSERT INTO record_signature (record, version, position, field, signer, state, level_wished, level, raise_after, \
                 signed_at, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)",
            );
            let row = row.bind(id.to_owned()).bind(number).bind(position).bind(signature.field).bind(signer);
            let row = row.bind(MADE.to_owned()).bind(signature.level).bind(signature.raise_after);
            row.bind(signature.signed_at).bind(signature.evidence).execute(&mut *transaction).await?;
        }
        keep_signed(&mut transaction, id, number, file).await?;
        end_signed(&mut transaction, id, finish, retention_until).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Keeps a revision of the signed file that raises or renews signatures without adding one, with the levels that they have now; whether the record
    /// was as it was seen. The state stays as it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn raise_signatures(
        &self,
        id: &str,
        revision: i64,
        number: i64,
        file: Option<SignedFile>,
        signatures: &[(String, String, Option<i64>)],
        now: i64,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        if !change(&mut transaction, id, revision, now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        for (field, level, raise_after) in signatures {
            let row = sqlx::query(
                "UPDATE record_signature SET level = $4, raise_after = $5 WHERE record = $1 AND version = $2 AND field = $3",
            );
            let row = row.bind(id.to_owned()).bind(number).bind(field.clone()).bind(level.clone()).bind(*raise_after);
            row.execute(&mut *transaction).await?;
        }
        if let Some(file) = file {
            keep_signed(&mut transaction, id, number, file).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Records and versions with a signature that is due to be raised.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn signatures_to_raise(&self, now: i64, limit: i64) -> Result<Vec<(String, i64)>, StoreError> {
        let due = sqlx::query_as(
            "SELECT DISTINCT record, version FROM record_signature WHERE raise_after <= $1 ORDER BY record, version LIMIT $2",
        );
        Ok(due.bind(now).bind(limit).fetch_all(&self.pool).await?)
    }

    /// Puts off the next try to raise the signatures of a version that are due to be.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_off_raising(&self, id: &str, number: i64, until: i64) -> Result<(), StoreError> {
        let put_off = sqlx::query(
            "UPDATE record_signature SET raise_after = $3 WHERE record = $1 AND version = $2 AND raise_after < $3",
        );
        put_off.bind(id.to_owned()).bind(number).bind(until).execute(&self.pool).await?;
        Ok(())
    }

    /// Records, versions and their revisions, with a signed file of which it is time to look for how long it proves itself.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn proofs_to_renew(&self, now: i64, limit: i64) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let due = sqlx::query_as(
            "SELECT record, number, revisions FROM record_version WHERE renew_at <= $1 ORDER BY renew_at, record, number LIMIT $2",
        );
        Ok(due.bind(now).bind(limit).fetch_all(&self.pool).await?)
    }

    /// Notes until when a signed file proves itself and when it is looked at next, if it still has as many revisions.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_proofs(
        &self,
        id: &str,
        number: i64,
        revisions: i64,
        (proven_until, renew_at): (Option<i64>, Option<i64>),
    ) -> Result<(), StoreError> {
        let noted = sqlx::query(
            "UPDATE record_version SET proven_until = $4, renew_at = $5 WHERE record = $1 AND number = $2 AND revisions = $3",
        );
        let noted = noted.bind(id.to_owned()).bind(number).bind(revisions).bind(proven_until).bind(renew_at);
        noted.execute(&self.pool).await?;
        Ok(())
    }

    /// Ids of records with a version in a state whose time to be signed is over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn signings_due(&self, signing: &str, now: i64) -> Result<Vec<String>, StoreError> {
        let due = sqlx::query_scalar("SELECT record FROM record_version WHERE state = $1 AND deadline <= $2 LIMIT 100");
        Ok(due.bind(signing.to_owned()).bind(now).fetch_all(&self.pool).await?)
    }

    /// Keeps a preparation, if the version is in a state and its signed file has as many revisions as it says; whether that was so. Others stay: of two
    /// that were prepared for the same file the one that is completed first counts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_pending(&self, pending: PendingRow, signing: &str) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "INSERT INTO record_pending (id, record, version, field, base, deadline, body) \
             SELECT $1, v.record, v.number, s.field, v.revisions, $2, $3 FROM record_version v \
             JOIN record_signature s ON s.record = v.record AND s.version = v.number \
             WHERE v.record = $4 AND v.number = $5 AND v.revisions = $6 AND v.state = $7 AND s.field = $8 AND s.state = 'waiting'",
        );
        let added = added.bind(pending.id).bind(pending.deadline).bind(pending.body).bind(pending.record);
        let added = added.bind(pending.version).bind(pending.base).bind(signing.to_owned()).bind(pending.field);
        Ok(added.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// A preparation that can still be completed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn pending(&self, id: &str, now: i64) -> Result<Option<PendingRow>, StoreError> {
        let pending = sqlx::query_as(
            "SELECT id, record, version, field, base, deadline, body FROM record_pending WHERE id = $1 AND deadline > $2",
        );
        Ok(pending.bind(id.to_owned()).bind(now).fetch_optional(&self.pool).await?)
    }

    /// Removes preparations whose time is over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drop_late_pending(&self, now: i64) -> Result<u64, StoreError> {
        let dropped = sqlx::query("DELETE FROM record_pending WHERE deadline <= $1").bind(now);
        Ok(dropped.execute(&self.pool).await?.rows_affected())
    }
}

type InTransaction<'a> = &'a mut Transaction<'static, Any>;

async fn is_in(transaction: InTransaction<'_>, id: &str, number: i64, state: &str) -> Result<bool, StoreError> {
    let found =
        sqlx::query_scalar("SELECT number FROM record_version WHERE record = $1 AND number = $2 AND state = $3");
    let found = found.bind(id.to_owned()).bind(number).bind(state.to_owned());
    let found: Option<i64> = found.fetch_optional(&mut **transaction).await?;
    Ok(found.is_some())
}

/// Takes a preparation away that was made for the file as it still is and whose time is not over; with none there is nothing to take.
async fn use_pending(
    transaction: InTransaction<'_>,
    id: &str,
    number: i64,
    pending: Option<&str>,
    now: i64,
) -> Result<bool, StoreError> {
    let Some(pending) = pending else { return Ok(true) };
    let used = sqlx::query(
        "DELETE FROM record_pending WHERE id = $1 AND record = $2 AND version = $3 AND deadline > $4 AND base = \
         (SELECT v.revisions FROM record_version v WHERE v.record = record_pending.record AND v.number = record_pending.version)",
    );
    let used =
        used.bind(pending.to_owned()).bind(id.to_owned()).bind(number).bind(now).execute(&mut **transaction).await?;
    Ok(used.rows_affected() > 0)
}

async fn sign(
    transaction: InTransaction<'_>,
    id: &str,
    number: i64,
    signature: NewSignature,
) -> Result<bool, StoreError> {
    let signed = sqlx::query(
        "UPDATE record_signature SET state = 'signed', level = $4, raise_after = $5, signed_at = $6, evidence = $7 \
         WHERE record = $1 AND version = $2 AND field = $3 AND state = 'waiting'",
    );
    let signed = signed.bind(id.to_owned()).bind(number).bind(signature.field).bind(signature.level);
    let signed = signed.bind(signature.raise_after).bind(signature.signed_at).bind(signature.evidence);
    Ok(signed.execute(&mut **transaction).await?.rows_affected() > 0)
}

async fn keep_signed(
    transaction: InTransaction<'_>,
    id: &str,
    number: i64,
    file: SignedFile,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE record_version SET revisions = revisions + 1, signed_hash = $3, signed_size = $4, proven_until = NULL, renew_at = 0 \
         WHERE record = $1 AND number = $2",
    )
    .bind(id.to_owned())
    .bind(number)
    .bind(file.hash.to_vec())
    .bind(file.size)
    .execute(&mut **transaction)
    .await?;
    keep_file(transaction, id, number, SIGNED, file.file).await
}

/// Takes a version to its end with all signatures.
async fn end_signed(
    transaction: InTransaction<'_>,
    id: &str,
    finish: Move<'_>,
    retention_until: i64,
) -> Result<(), StoreError> {
    move_version(transaction, id, finish).await?;
    sqlx::query(
        "UPDATE record_version SET signed_at = $3, retention_until = $4, deadline = NULL WHERE record = $1 AND number = $2",
    )
    .bind(id.to_owned())
    .bind(finish.number)
    .bind(finish.at)
    .bind(retention_until)
    .execute(&mut **transaction)
    .await?;
    let newest = sqlx::query("UPDATE record SET signed = $2 WHERE id = $1").bind(id.to_owned()).bind(finish.number);
    newest.execute(&mut **transaction).await?;
    drop_pending(transaction, id, finish.number).await
}

/// Takes the signers away, if none has signed.
async fn withdraw(transaction: InTransaction<'_>, id: &str, number: i64) -> Result<bool, StoreError> {
    let signed: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM record_signature WHERE record = $1 AND version = $2 AND state = 'signed'",
    )
    .bind(id.to_owned())
    .bind(number)
    .fetch_one(&mut **transaction)
    .await?;
    if signed > 0 {
        return Ok(false);
    }
    forget_signers(transaction, id, number).await?;
    let cleared = sqlx::query(
        "UPDATE record_version SET deadline = NULL, in_order = 0, level = NULL WHERE record = $1 AND number = $2",
    );
    cleared.bind(id.to_owned()).bind(number).execute(&mut **transaction).await?;
    Ok(true)
}

async fn decline(
    transaction: InTransaction<'_>,
    id: &str,
    number: i64,
    field: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let declined = sqlx::query(
        "UPDATE record_signature SET state = 'declined' WHERE record = $1 AND version = $2 AND field = $3 AND state = 'waiting'",
    );
    let declined = declined.bind(id.to_owned()).bind(number).bind(field.to_owned()).execute(&mut **transaction).await?;
    let told = sqlx::query("UPDATE record_version SET reason = $3 WHERE record = $1 AND number = $2");
    told.bind(id.to_owned()).bind(number).bind(reason.to_owned()).execute(&mut **transaction).await?;
    Ok(declined.rows_affected() > 0)
}

async fn forget_signers(transaction: InTransaction<'_>, id: &str, number: i64) -> Result<(), StoreError> {
    let signers = sqlx::query("DELETE FROM record_signature WHERE record = $1 AND version = $2");
    signers.bind(id.to_owned()).bind(number).execute(&mut **transaction).await?;
    drop_pending(transaction, id, number).await
}

async fn drop_pending(transaction: InTransaction<'_>, id: &str, number: i64) -> Result<(), StoreError> {
    let pending = AssertSqlSafe("DELETE FROM record_pending WHERE record = $1 AND version = $2");
    sqlx::query(pending).bind(id.to_owned()).bind(number).execute(&mut **transaction).await?;
    Ok(())
}
