//! The audit log: rows that follow from each other.
//!
//! Each row's hash covers the row and the hash before it, and the head row says where the chain ends; so a row that was
//! changed, removed or put in between shows. Who can rewrite the whole table can rewrite the chain, too: keep the
//! head, which `skoledok audit verify` prints, somewhere else.

use sha2::{Digest, Sha256};
use sqlx::{Any, AssertSqlSafe, FromRow, Row, Transaction};

use super::{Store, StoreError};

/// Rows that are read at once.
const PAGE: i64 = 1000;

/// The columns of the table.
const COLUMNS: [&str; 9] = ["seq", "at", "tenant", "actor", "action", "object", "result", "request_id", "hash"];

/// Rows that are written in a statement: SQLite takes 32,766 values in one, PostgreSQL 65,535.
const ROWS: usize = 500;

/// What is noted: never contents of a document.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Whose document it was.
    pub tenant: String,
    /// Who did it: a key by its id, a client by its name in the token, or the command line.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what: the digest of a document or the id of a thing.
    pub object: String,
    /// How it ended.
    pub result: String,
    /// The request, as it stands in the log.
    pub request_id: String,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Record {
    /// Place in the log, from 1, without gaps.
    pub seq: i64,
    /// The entry.
    #[sqlx(flatten)]
    pub entry: Entry,
    /// SHA-256 of this row and the hash before it.
    pub hash: Vec<u8>,
}

/// Where the log is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A row is missing or was put in.
    #[error("row {0} is missing, or another was put in its place")]
    Gap(i64),
    /// A row, or one before it, was changed.
    #[error("row {0} is not what was written")]
    Changed(i64),
    /// Rows at the end are missing, or the head was changed.
    #[error("the log should end with row {expected} and ends with row {found}")]
    End {
        /// Row that the head names.
        expected: i64,
        /// Last row that there is.
        found: i64,
    },
}

impl Entry {
    /// The hash of this entry at a place. Each text goes in with its length, so that no two entries give the same bytes.
    fn hash(&self, seq: i64, before: &[u8]) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(b"skoledok audit 1");
        hash.update(before);
        hash.update(seq.to_be_bytes());
        hash.update(self.at.to_be_bytes());
        for text in [&self.tenant, &self.actor, &self.action, &self.object, &self.result, &self.request_id] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().to_vec()
    }
}

impl Store {
    /// Adds entries in one transaction: all or none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn append_audit(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        append(&mut transaction, entries).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Entries behind a place, of one tenant or all, in order; at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit_after(&self, seq: i64, tenant: Option<&str>, limit: i64) -> Result<Vec<Record>, StoreError> {
        let rows = match tenant {
            Some(tenant) => sqlx::query_as("SELECT * FROM audit WHERE seq > $1 AND tenant = $3 ORDER BY seq LIMIT $2")
                .bind(seq)
                .bind(limit)
                .bind(tenant.to_owned()),
            None => sqlx::query_as("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2").bind(seq).bind(limit),
        };
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Follows the whole chain. Gives the number of rows and the last hash, or the first fault.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn verify_audit(&self) -> Result<Result<(i64, Vec<u8>), Fault>, StoreError> {
        // The head first: what is appended meanwhile comes after it.
        let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1").fetch_one(&self.pool).await?;
        let (expected, end): (i64, Vec<u8>) = (head.try_get("seq")?, head.try_get("hash")?);
        let (mut seq, mut hash) = (0, Vec::new());
        'pages: loop {
            let page = self.audit_after(seq, None, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                if seq == expected {
                    break 'pages;
                }
                seq += 1;
                if record.seq != seq {
                    return Ok(Err(Fault::Gap(seq)));
                }
                hash = record.entry.hash(seq, &hash);
                if record.hash != hash {
                    return Ok(Err(Fault::Changed(seq)));
                }
            }
        }
        if seq != expected || hash != end {
            return Ok(Err(Fault::End { expected, found: seq }));
        }
        Ok(Ok((seq, hash)))
    }
}

/// Adds entries in a transaction that may do more: then all of it is done and noted, or nothing.
pub(super) async fn append(transaction: &mut Transaction<'static, Any>, entries: &[Entry]) -> Result<(), StoreError> {
    // Writing it first takes its lock, so two services append one after the other.
    let head = sqlx::query("UPDATE audit_head SET seq = seq WHERE id = 1 RETURNING seq, hash")
        .fetch_one(&mut **transaction)
        .await?;
    let (mut seq, mut hash): (i64, Vec<u8>) = (head.try_get("seq")?, head.try_get("hash")?);
    // Many in a statement: each is a way to the database and back. The placeholders are written here, since sqlx's
    // `QueryBuilder` writes `?` for `Any`, which PostgreSQL does not take.
    for entries in entries.chunks(ROWS) {
        let row = |row: usize| {
            let values: Vec<String> =
                (1..=COLUMNS.len()).map(|column| format!("${}", row * COLUMNS.len() + column)).collect();
            format!("({})", values.join(", "))
        };
        let rows: Vec<String> = (0..entries.len()).map(row).collect();
        let insert = format!("INSERT INTO audit ({}) VALUES {}", COLUMNS.join(", "), rows.join(", "));
        // A statement for each number of rows would fill what the connection keeps of them.
        let mut insert = sqlx::query(AssertSqlSafe(insert)).persistent(entries.len() == 1);
        for entry in entries {
            seq += 1;
            hash = entry.hash(seq, &hash);
            insert = insert
                .bind(seq)
                .bind(entry.at)
                .bind(entry.tenant.clone())
                .bind(entry.actor.clone())
                .bind(entry.action.clone())
                .bind(entry.object.clone())
                .bind(entry.result.clone())
                .bind(entry.request_id.clone())
                .bind(hash.clone());
        }
        insert.execute(&mut **transaction).await?;
    }
    sqlx::query("UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1")
        .bind(seq)
        .bind(hash)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
