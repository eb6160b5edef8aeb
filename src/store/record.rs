//! Records: plans and agreements with their versions. What they hold of people comes here sealed and leaves sealed.
//!
//! Every change is one transaction that begins by counting up the revision of the record, if it is the one that was seen. So of two who change a
//! record at the same time one does, and who is killed has done all of it or nothing.

use sqlx::{Any, AssertSqlSafe, FromRow, Transaction};

use super::{Store, StoreError};

/// A record. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RecordRow {
    /// Names it, and can not be guessed.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Kind of its document.
    pub kind: String,
    /// Counts every change.
    pub revision: i64,
    /// Number of the newest version.
    pub latest: i64,
    /// Number of the newest version that is signed.
    pub signed: Option<i64>,
    /// When it came.
    pub created_at: i64,
    /// When it was changed last.
    pub changed_at: i64,
    /// Since when it is held.
    pub held_at: Option<i64>,
    /// Why, sealed.
    pub hold: Option<Vec<u8>>,
    /// Hash of what it was first made of.
    pub contents: Option<Vec<u8>>,
    /// Its key, sealed.
    pub key: Vec<u8>,
}

/// A version of a record without its files. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct VersionRow {
    /// The record.
    pub record: String,
    /// Number, from 1.
    pub number: i64,
    /// Where it is, by a name that `record` gives.
    pub state: String,
    /// When it came.
    pub made_at: i64,
    /// When it came to its state.
    pub stepped_at: i64,
    /// What is told of it in lists, sealed.
    pub facts: Vec<u8>,
    /// When it was frozen.
    pub final_at: Option<i64>,
    /// When all had signed.
    pub signed_at: Option<i64>,
    /// Until when it is not deleted.
    pub retention_until: Option<i64>,
    /// SHA-256 of the frozen document.
    pub document_hash: Option<Vec<u8>>,
    /// Its bytes.
    pub document_size: Option<i64>,
    /// What is known of it, sealed.
    pub label: Option<Vec<u8>>,
    /// Until when it can be signed.
    pub deadline: Option<i64>,
    /// 1 when its signers sign one after the other.
    pub in_order: i64,
    /// The level that is wished for.
    pub level: Option<String>,
    /// Why a signer has declined.
    pub reason: Option<String>,
    /// How many revisions of the signed file were kept.
    pub revisions: i64,
    /// SHA-256 of the last one.
    pub signed_hash: Option<Vec<u8>>,
    /// Its bytes.
    pub signed_size: Option<i64>,
    /// Until when it proves itself, as far as that was looked at.
    pub proven_until: Option<i64>,
}

/// A record with one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FoundRecord {
    /// The record.
    #[sqlx(flatten)]
    pub record: RecordRow,
    /// The version.
    #[sqlx(flatten)]
    pub version: VersionRow,
}

/// What a record is found by: hashes, and the school year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Of the organisation number of the school.
    pub school_number: Option<Vec<u8>>,
    /// Of its name.
    pub school_name: Option<Vec<u8>>,
    /// School year, `2026/2027`.
    pub school_year: Option<String>,
}

/// Which records are asked for.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Of which kind.
    pub kind: &'a str,
    /// Hash of the organisation number of the school.
    pub school_number: Option<Vec<u8>>,
    /// Hash of its name.
    pub school_name: Option<Vec<u8>>,
    /// School year.
    pub school_year: Option<String>,
    /// Those with a version in a state.
    pub state: Option<&'a str>,
    /// Those that were changed at a moment or later.
    pub changed_since: Option<i64>,
    /// Those that came before one with this moment and id.
    pub before: Option<(i64, String)>,
}

/// A step of a version from one state to another.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// Number of the version.
    pub number: i64,
    /// The state that it is in.
    pub from: &'a str,
    /// The state that it comes to.
    pub to: &'a str,
    /// States in which older versions are superseded by it.
    pub supersedes: &'a [&'a str],
    /// When.
    pub at: i64,
}

/// A version that is put into the store.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// What it is found by.
    pub terms: Terms,
    /// What is told of it in lists, sealed.
    pub facts: Vec<u8>,
    /// The body, sealed.
    pub content: Vec<u8>,
}

/// A document that is frozen.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// How many they are.
    pub size: i64,
    /// What is known of it, sealed.
    pub label: Vec<u8>,
    /// The bytes, sealed.
    pub file: Vec<u8>,
    /// Until when it is not deleted.
    pub retention_until: i64,
}

/// The forms of a file.
pub const DOCUMENT: &str = "document";
/// With the signatures that there are.
pub const SIGNED: &str = "signed";
/// The state of a new version, which `record` knows by the same name.
const DRAFT: &str = "draft";

const RECORD: &str = "record.id, record.tenant, record.kind, record.revision, record.latest, record.signed, record.created_at, \
    record.changed_at, record.held_at, record.hold, record.contents, record.key";
const VERSION: &str = "v.record, v.number, v.state, v.made_at, v.stepped_at, v.facts, v.final_at, v.signed_at, v.retention_until, \
    v.document_hash, v.document_size, v.label, v.deadline, v.in_order, v.level, v.reason, v.revisions, v.signed_hash, v.signed_size, \
    v.proven_until";

impl Store {
    /// Keeps a new record with its first version. With an idempotency key under which there is a record already, that one is given and nothing is kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_record(
        &self,
        record: &RecordRow,
        version: NewVersion,
        idempotency: Option<Vec<u8>>,
    ) -> Result<Option<RecordRow>, StoreError> {
        let under = async |key: &Option<Vec<u8>>| {
            let Some(key) = key.clone() else { return Ok(None) };
            let other = AssertSqlSafe(format!("SELECT {RECORD} FROM record WHERE idempotency = $1"));
            sqlx::query_as::<_, RecordRow>(other).bind(key).fetch_optional(&self.pool).await
        };
        if let Some(other) = under(&idempotency).await? {
            return Ok(Some(other));
        }
        let (mut transaction, _changing) = self.change_records().await?;
        let added = sqlx::query(
            "INSERT INTO record (id, tenant, kind, revision, latest, school_number, school_name, school_year, created_at, changed_at, \
             idempotency, contents, key) VALUES ($1, $2, $3, 1, 1, $4, $5, $6, $7, $7, $8, $9, $10)",
        )
        .bind(record.id.clone())
        .bind(record.tenant.clone())
        .bind(record.kind.clone())
        .bind(version.terms.school_number.clone())
        .bind(version.terms.school_name.clone())
        .bind(version.terms.school_year.clone())
        .bind(record.created_at)
        .bind(idempotency.clone())
        .bind(record.contents.clone())
        .bind(record.key.clone())
        .execute(&mut *transaction)
        .await;
        match added {
            Ok(_) => {
                add_version(&mut transaction, &record.id, 1, version, record.created_at).await?;
                transaction.commit().await?;
                Ok(None)
            }
            // Two at the same moment, and the other one was first.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                transaction.rollback().await?;
                under(&idempotency).await?.map(Some).ok_or(StoreError::Gone)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A record, whosever it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record(&self, id: &str) -> Result<Option<RecordRow>, StoreError> {
        let record = sqlx::query_as(AssertSqlSafe(format!("SELECT {RECORD} FROM record WHERE id = $1")));
        Ok(record.bind(id.to_owned()).fetch_optional(&self.pool).await?)
    }

    /// A record, whosever it is, with one of its versions; without a number with the newest.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record_with(&self, id: &str, number: Option<i64>) -> Result<Option<FoundRecord>, StoreError> {
        let wanted = if number.is_some() { "v.number = $2" } else { "v.number = record.latest AND $2 = 0" };
        let found = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {RECORD}, {VERSION} FROM record JOIN record_version v ON v.record = record.id WHERE record.id = $1 AND {wanted}"
        )));
        Ok(found.bind(id.to_owned()).bind(number.unwrap_or(0)).fetch_optional(&self.pool).await?)
    }

    /// Records with their newest versions, those that came last first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn records(&self, filter: RecordFilter<'_>, limit: i64) -> Result<Vec<FoundRecord>, StoreError> {
        let mut conditions = String::new();
        let mut next = 3;
        let mut add = |is_asked: bool, condition: &str, parameters: usize| {
            if is_asked {
                let mut condition = condition.to_owned();
                for _ in 0..parameters {
                    next += 1;
                    condition = condition.replacen('?', &format!("${next}"), 1);
                }
                conditions.push_str(" AND ");
                conditions.push_str(&condition);
            }
        };
        add(filter.school_number.is_some(), "record.school_number = ?", 1);
        add(filter.school_name.is_some(), "record.school_name = ?", 1);
        add(filter.school_year.is_some(), "record.school_year = ?", 1);
        let with_state = "EXISTS (SELECT 1 FROM record_version o WHERE o.record = record.id AND o.state = ?)";
        add(filter.state.is_some(), with_state, 1);
        add(filter.changed_since.is_some(), "record.changed_at >= ?", 1);
        // Each place is bound once: some databases number them as they come.
        let before = "(record.created_at < ? OR (record.created_at = ? AND record.id < ?))";
        add(filter.before.is_some(), before, 3);
        let query = format!(
            "SELECT {RECORD}, {VERSION} FROM record JOIN record_version v ON v.record = record.id AND v.number = record.latest \
             WHERE record.tenant = $1 AND record.kind = $2{conditions} ORDER BY record.created_at DESC, record.id DESC LIMIT $3"
        );
        let mut records = sqlx::query_as(AssertSqlSafe(query))
            .bind(filter.tenant.to_owned())
            .bind(filter.kind.to_owned())
            .bind(limit);
        for hash in [filter.school_number, filter.school_name].into_iter().flatten() {
            records = records.bind(hash);
        }
        for text in [filter.school_year, filter.state.map(str::to_owned)].into_iter().flatten() {
            records = records.bind(text);
        }
        if let Some(since) = filter.changed_since {
            records = records.bind(since);
        }
        if let Some((at, id)) = filter.before {
            records = records.bind(at).bind(at).bind(id);
        }
        Ok(records.fetch_all(&self.pool).await?)
    }

    /// All versions of a record, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn versions(&self, id: &str) -> Result<Vec<VersionRow>, StoreError> {
        let versions = format!("SELECT {VERSION} FROM record_version v WHERE v.record = $1 ORDER BY v.number DESC");
        Ok(sqlx::query_as(AssertSqlSafe(versions)).bind(id.to_owned()).fetch_all(&self.pool).await?)
    }

    /// The body of a version, sealed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record_content(&self, id: &str, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let content = sqlx::query_scalar("SELECT content FROM record_version WHERE record = $1 AND number = $2");
        Ok(content.bind(id.to_owned()).bind(number).fetch_optional(&self.pool).await?)
    }

    /// A file of a version, sealed: [`DOCUMENT`] or [`SIGNED`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record_file(&self, id: &str, number: i64, form: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let file = sqlx::query_scalar("SELECT body FROM record_file WHERE record = $1 AND version = $2 AND form = $3");
        Ok(file.bind(id.to_owned()).bind(number).bind(form.to_owned()).fetch_optional(&self.pool).await?)
    }

    /// Versions of a tenant's whose document, or signed file as it is now, has a SHA-256.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn records_of_hash(&self, tenant: &str, hash: &[u8]) -> Result<Vec<FoundRecord>, StoreError> {
        self.records_of_hashes(tenant, &[hash]).await
    }

    /// As [`Self::records_of_hash`], for any of a few hashes.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn records_of_hashes(&self, tenant: &str, hashes: &[&[u8]]) -> Result<Vec<FoundRecord>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let places =
            |from: usize| (from..from + hashes.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
        let (documents, signed) = (places(2), places(2 + hashes.len()));
        let found = format!(
            "SELECT {RECORD}, {VERSION} FROM record JOIN record_version v ON v.record = record.id WHERE record.tenant = $1 \
             AND (v.document_hash IN ({documents}) OR v.signed_hash IN ({signed})) ORDER BY record.id, v.number"
        );
        let mut found = sqlx::query_as(AssertSqlSafe(found)).bind(tenant.to_owned());
        for hash in hashes.iter().chain(hashes) {
            found = found.bind(hash.to_vec());
        }
        Ok(found.fetch_all(&self.pool).await?)
    }

    /// Puts a new version beside the newest one; whether the record was as it was seen.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn replace_record(
        &self,
        id: &str,
        revision: i64,
        step: Move<'_>,
        version: NewVersion,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        let number = step.number + 1;
        let is_changed =
            change(&mut transaction, id, revision, step.at).await? && move_version(&mut transaction, id, step).await?;
        if !is_changed {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query(
            "UPDATE record SET latest = $2, school_number = $3, school_name = $4, school_year = $5 WHERE id = $1",
        )
        .bind(id.to_owned())
        .bind(number)
        .bind(version.terms.school_number.clone())
        .bind(version.terms.school_name.clone())
        .bind(version.terms.school_year.clone())
        .execute(&mut *transaction)
        .await?;
        add_version(&mut transaction, id, number, version, step.at).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Freezes a version with its document; whether the record was as it was seen.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn freeze_record(
        &self,
        id: &str,
        revision: i64,
        step: Move<'_>,
        frozen: Frozen,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed =
            change(&mut transaction, id, revision, step.at).await? && move_version(&mut transaction, id, step).await?;
        if !is_changed {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query(
            "UPDATE record_version SET final_at = $3, document_hash = $4, document_size = $5, label = $6, retention_until = $7 \
             WHERE record = $1 AND number = $2",
        )
        .bind(id.to_owned())
        .bind(step.number)
        .bind(step.at)
        .bind(frozen.hash.to_vec())
        .bind(frozen.size)
        .bind(frozen.label)
        .bind(frozen.retention_until)
        .execute(&mut *transaction)
        .await?;
        keep_file(&mut transaction, id, step.number, DOCUMENT, frozen.file).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes the versions away that came after one, none of which was ever final; whether the record was as it was seen. What is held stays as it is.
    /// `terms` are those of the version that is the newest then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn discard_versions(
        &self,
        id: &str,
        revision: i64,
        newest: i64,
        terms: Terms,
        now: i64,
    ) -> Result<bool, StoreError> {
        let (mut transaction, _changing) = self.change_records().await?;
        let is_changed = change(&mut transaction, id, revision, now).await?
            && {
                let taken = sqlx::query(
                    "DELETE FROM record_version WHERE record = $1 AND number > $2 AND final_at IS NULL AND NOT EXISTS \
                 (SELECT 1 FROM record r WHERE r.id = record_version.record AND r.held_at IS NOT NULL)",
                );
                let taken = taken.bind(id.to_owned()).bind(newest).execute(&mut *transaction).await?;
                let set = sqlx::query(
                    "UPDATE record SET latest = $2, school_number = $3, school_name = $4, school_year = $5 WHERE id = $1 AND $2 = \
                 (SELECT MAX(v.number) FROM record_version v WHERE v.record = record.id)",
                );
                let set = set.bind(id.to_owned()).bind(newest).bind(terms.school_number).bind(terms.school_name);
                let set = set.bind(terms.school_year).execute(&mut *transaction).await?;
                taken.rows_affected() > 0 && set.rows_affected() > 0
            };
        if !is_changed {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Holds a record, or no longer; whether the record was as it was seen. `hold` is since when, and why, sealed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hold_record(
        &self,
        id: &str,
        revision: i64,
        hold: Option<(i64, Vec<u8>)>,
        now: i64,
    ) -> Result<bool, StoreError> {
        let (since, why) = hold.unzip();
        let (mut transaction, _changing) = self.change_records().await?;
        if !change(&mut transaction, id, revision, now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query("UPDATE record SET held_at = $2, hold = $3 WHERE id = $1")
            .bind(id.to_owned())
            .bind(since)
            .bind(why)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a record with all that belongs to it; whether it was as it was seen. One that is held, has a version that is being signed (a state
    /// with the name `signing`), or one whose time is not over, stays.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete_record(&self, id: &str, revision: i64, signing: &str, now: i64) -> Result<bool, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM record WHERE id = $1 AND revision = $2 AND held_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM record_version v WHERE v.record = record.id AND (v.state = $3 OR v.retention_until > $4))",
        );
        let deleted = deleted.bind(id.to_owned()).bind(revision).bind(signing.to_owned()).bind(now);
        let _changing = self.changing_records();
        Ok(deleted.execute(&self.pool).await?.rows_affected() > 0)
    }
}

/// Counts up the revision of a record; whether it was the one that was seen. The row is locked from here to the end of the transaction.
pub(super) async fn change(
    transaction: &mut Transaction<'static, Any>,
    id: &str,
    revision: i64,
    now: i64,
) -> Result<bool, StoreError> {
    let changed =
        sqlx::query("UPDATE record SET revision = revision + 1, changed_at = $3 WHERE id = $1 AND revision = $2");
    let changed = changed.bind(id.to_owned()).bind(revision).bind(now).execute(&mut **transaction).await?;
    Ok(changed.rows_affected() > 0)
}

/// Takes a version from one state to another, and supersedes older ones; whether it was in the first.
pub(super) async fn move_version(
    transaction: &mut Transaction<'static, Any>,
    id: &str,
    step: Move<'_>,
) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "UPDATE record_version SET state = $4, stepped_at = CASE WHEN state = $4 THEN stepped_at ELSE $5 END \
         WHERE record = $1 AND number = $2 AND state = $3",
    )
    .bind(id.to_owned())
    .bind(step.number)
    .bind(step.from.to_owned())
    .bind(step.to.to_owned())
    .bind(step.at)
    .execute(&mut **transaction)
    .await?;
    for state in step.supersedes {
        sqlx::query(
            "UPDATE record_version SET state = 'superseded', stepped_at = $4 WHERE record = $1 AND number < $2 AND state = $3",
        )
        .bind(id.to_owned())
        .bind(step.number)
        .bind((*state).to_owned())
        .bind(step.at)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(moved.rows_affected() > 0)
}

async fn add_version(
    transaction: &mut Transaction<'static, Any>,
    id: &str,
    number: i64,
    version: NewVersion,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO record_version (record, number, state, made_at, stepped_at, facts, content, in_order, revisions) \
         VALUES ($1, $2, $3, $4, $4, $5, $6, 0, 0)",
    )
    .bind(id.to_owned())
    .bind(number)
    .bind(DRAFT.to_owned())
    .bind(now)
    .bind(version.facts)
    .bind(version.content)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Keeps a file of a version, in place of the one that there was.
pub(super) async fn keep_file(
    transaction: &mut Transaction<'static, Any>,
    id: &str,
    number: i64,
    form: &str,
    body: Vec<u8>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO record_file (record, version, form, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (record, version, form) DO UPDATE SET body = excluded.body",
    )
    .bind(id.to_owned())
    .bind(number)
    .bind(form.to_owned())
    .bind(body)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
