//! Chunks of jobs: what is planned and what comes of it, both sealed, and whose turn it is.

use sqlx::{AssertSqlSafe, FromRow};

use super::{Store, StoreError};

/// How many there are of each in a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Tally {
    /// All items.
    pub items: i64,
    /// Items in chunks that have come to what they are to.
    pub done: i64,
    /// Of these, how many of each.
    #[sqlx(flatten)]
    pub counts: Counted,
}

/// A chunk without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct ChunkRecord {
    /// Number, from 1.
    pub number: i64,
    /// Number of its first item, from 1.
    pub first_item: i64,
    /// How many items it has.
    pub items: i64,
    /// What it has come to.
    pub stage: i64,
    /// How many of each.
    #[sqlx(flatten)]
    pub counts: Counted,
}

/// How many of each a chunk has, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Counted {
    /// Letters.
    pub letters: i64,
    /// Their pages.
    pub pages: i64,
    /// No letter, as decided.
    pub no_letter: i64,
    /// No letter, since something is wrong.
    pub invalid: i64,
    /// No letter, since it could not be made.
    pub failed: i64,
    /// Letters with a protected address.
    pub protected: i64,
}

/// What a chunk has come to.
#[derive(Debug, Clone)]
pub struct Kept {
    /// How many of each.
    pub counts: Counted,
    /// Its outcomes, sealed.
    pub outcomes: Vec<u8>,
    /// Its documents, sealed, where it has any.
    pub documents: Option<Vec<u8>>,
}

/// A chunk that is to be done.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Turn {
    /// The job.
    pub job: String,
    /// The chunk.
    pub number: i64,
    /// What it is to come to.
    pub stage: i64,
    /// The round of the job.
    pub round: i64,
}

const COUNTS: &str = "letters, pages, no_letter, invalid, failed, protected";

impl Store {
    /// Keeps chunks of a plan: number, first item, items, and the sealed plan of each. Whether this planner is still the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_plan(
        &self,
        job: &str,
        epoch: i64,
        now: i64,
        chunks: Vec<(i64, i64, i64, Vec<u8>)>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let last = sqlx::query("UPDATE bulk_job SET moved_at = $3 WHERE id = $1 AND epoch = $2");
        let last = last.bind(job.to_owned()).bind(epoch).bind(now).execute(&mut *transaction).await?;
        if last.rows_affected() == 0 {
            return Ok(false);
        }
        for (number, first_item, items, plan) in chunks {
            sqlx::query(
                "INSERT INTO bulk_chunk (job, number, first_item, items, stage, sent, letters, pages, no_letter, invalid, failed, protected, \
                 plan) VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, 0, 0, 0, $5)",
            )
            .bind(job.to_owned())
            .bind(number)
            .bind(first_item)
            .bind(items)
            .bind(plan)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The sealed plan of a chunk, and what the chunk has come to.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn plan(&self, job: &str, number: i64) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        let plan = sqlx::query_as("SELECT plan, stage FROM bulk_chunk WHERE job = $1 AND number = $2");
        Ok(plan.bind(job.to_owned()).bind(number).fetch_optional(&self.pool).await?)
    }

    /// Keeps what a chunk has come to, unless it has come so far before, or its job was begun anew: it may have less than what is there then.
    ///
    /// # Errors
    /// When the store does not answer; then nothing is kept.
    pub async fn keep_chunk(&self, turn: &Turn, kept: &Kept, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let counts = kept.counts;
        let done = sqlx::query(
            "UPDATE bulk_chunk SET stage = $3, letters = $4, pages = $5, no_letter = $6, invalid = $7, failed = $8, protected = $9, \
             outcomes = $10 WHERE job = $1 AND number = $2 AND stage < $3",
        )
        .bind(turn.job.clone())
        .bind(turn.number)
        .bind(turn.stage)
        .bind(counts.letters)
        .bind(counts.pages)
        .bind(counts.no_letter)
        .bind(counts.invalid)
        .bind(counts.failed)
        .bind(counts.protected)
        .bind(kept.outcomes.as_slice())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        if let Some(documents) = &kept.documents {
            sqlx::query(
                "INSERT INTO bulk_documents (job, number, documents) VALUES ($1, $2, $3) \
                 ON CONFLICT (job, number) DO UPDATE SET documents = excluded.documents",
            )
            .bind(turn.job.clone())
            .bind(turn.number)
            .bind(documents.as_slice())
            .execute(&mut *transaction)
            .await?;
        }
        // Last, so that chunks of one job wait for each other no longer than for this.
        let moved =
            sqlx::query("UPDATE bulk_job SET version = version + 1, moved_at = $2 WHERE id = $1 AND round = $3")
                .bind(turn.job.clone())
                .bind(now)
                .bind(turn.round)
                .execute(&mut *transaction)
                .await?;
        if moved.rows_affected() > 0 {
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Puts other outcomes in the place of those of a chunk, if these are still there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn settle_chunk(
        &self,
        job: &str,
        number: i64,
        counts: Counted,
        (before, outcomes): (Vec<u8>, Vec<u8>),
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE bulk_chunk SET letters = $3, pages = $4, no_letter = $5, invalid = $6, failed = $7, protected = $8, outcomes = $9 \
             WHERE job = $1 AND number = $2 AND outcomes = $10",
        )
        .bind(job.to_owned())
        .bind(number)
        .bind(counts.letters)
        .bind(counts.pages)
        .bind(counts.no_letter)
        .bind(counts.invalid)
        .bind(counts.failed)
        .bind(counts.protected)
        .bind(outcomes)
        .bind(before)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The chunks of a job, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn chunks(&self, job: &str) -> Result<Vec<ChunkRecord>, StoreError> {
        let chunks = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT number, first_item, items, stage, {COUNTS} FROM bulk_chunk WHERE job = $1 ORDER BY number"
        )));
        Ok(chunks.bind(job.to_owned()).fetch_all(&self.pool).await?)
    }

    /// The chunk that an item is in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn chunk_of(&self, job: &str, item: i64) -> Result<Option<ChunkRecord>, StoreError> {
        let chunk = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT number, first_item, items, stage, {COUNTS} FROM bulk_chunk WHERE job = $1 AND first_item <= $2 \
             AND first_item + items > $2 ORDER BY first_item DESC LIMIT 1"
        )));
        Ok(chunk.bind(job.to_owned()).bind(item).fetch_optional(&self.pool).await?)
    }

    /// The sealed outcomes of a chunk that has any.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outcomes(&self, job: &str, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let outcomes = sqlx::query_scalar("SELECT outcomes FROM bulk_chunk WHERE job = $1 AND number = $2");
        let found: Option<Option<Vec<u8>>> =
            outcomes.bind(job.to_owned()).bind(number).fetch_optional(&self.pool).await?;
        Ok(found.flatten())
    }

    /// The sealed documents of a chunk that has any.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn documents(&self, job: &str, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let documents = sqlx::query_scalar("SELECT documents FROM bulk_documents WHERE job = $1 AND number = $2");
        Ok(documents.bind(job.to_owned()).bind(number).fetch_optional(&self.pool).await?)
    }

    /// How many there are of each in the chunks of a job that have come to a stage, and in all how many items.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tally(&self, job: &str, stage: i64) -> Result<Tally, StoreError> {
        let sum = |column: &str| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)");
        let reached = |column: &str| format!("CASE WHEN stage >= $2 THEN {column} ELSE 0 END");
        let counts = COUNTS.split(", ").map(|column| format!("{} AS {column}", sum(&reached(column))));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let tally = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {} AS items, {} AS done, {counts} FROM bulk_chunk WHERE job = $1",
            sum("items"),
            sum(&reached("items")),
        )));
        Ok(tally.bind(job.to_owned()).bind(stage).fetch_one(&self.pool).await?)
    }

    /// Whether a chunk of a job has documents, also where they are being made again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_documents(&self, job: &str) -> Result<bool, StoreError> {
        let there = sqlx::query_scalar("SELECT number FROM bulk_documents WHERE job = $1 LIMIT 1");
        let there: Option<i64> = there.bind(job.to_owned()).fetch_optional(&self.pool).await?;
        Ok(there.is_some())
    }

    /// Whether chunks of a job have still to come to a stage.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_open_chunks(&self, job: &str, stage: i64) -> Result<bool, StoreError> {
        let open = sqlx::query_scalar("SELECT number FROM bulk_chunk WHERE job = $1 AND stage < $2 LIMIT 1");
        let open: Option<i64> = open.bind(job.to_owned()).bind(stage).fetch_optional(&self.pool).await?;
        Ok(open.is_some())
    }

    /// How many chunks of a tenant are queued or being done.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn chunks_under_way(&self, tenant: &str) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(
            "SELECT COUNT(*) FROM bulk_job JOIN bulk_chunk ON job = id \
             WHERE tenant = $1 AND bulk_job.stage > 0 AND sent > bulk_chunk.stage",
        );
        Ok(count.bind(tenant.to_owned()).fetch_one(&self.pool).await?)
    }

    /// The next chunk of a tenant that is not queued yet: of its jobs the one that has waited longest.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_turn(&self, tenant: &str) -> Result<Option<Turn>, StoreError> {
        let turn = sqlx::query_as(
            "SELECT id AS job, (SELECT MIN(number) FROM bulk_chunk WHERE job = id AND sent < bulk_job.stage) AS number, stage, round \
             FROM bulk_job WHERE tenant = $1 AND stage > 0 \
             AND EXISTS (SELECT 1 FROM bulk_chunk WHERE job = id AND sent < bulk_job.stage) ORDER BY turn, created_at, id LIMIT 1",
        );
        Ok(turn.bind(tenant.to_owned()).fetch_optional(&self.pool).await?)
    }

    /// Notes that a chunk is queued, and that its job has had its turn, unless the job was begun anew since: then its task does nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_turn(&self, turn: &Turn, at: i64) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        // In the order of those who keep chunks, so that neither waits for the other.
        sqlx::query("UPDATE bulk_chunk SET sent = $3 WHERE job = $1 AND number = $2 AND sent < $3")
            .bind(turn.job.clone())
            .bind(turn.number)
            .bind(turn.stage)
            .execute(&mut *transaction)
            .await?;
        let noted = sqlx::query("UPDATE bulk_job SET turn = $2 WHERE id = $1 AND round = $3")
            .bind(turn.job.clone())
            .bind(at)
            .bind(turn.round)
            .execute(&mut *transaction)
            .await?;
        if noted.rows_affected() > 0 {
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Numbers of the chunks of a job that were queued and have not come to what they were queued for.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn chunks_queued(&self, job: &str) -> Result<Vec<i64>, StoreError> {
        let numbers = sqlx::query_scalar("SELECT number FROM bulk_chunk WHERE job = $1 AND sent > stage");
        Ok(numbers.bind(job.to_owned()).fetch_all(&self.pool).await?)
    }
}
