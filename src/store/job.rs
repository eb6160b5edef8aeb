//! Jobs: what is done in the background for many recipients at once. What they hold of people comes here sealed and leaves sealed.

use sqlx::{Any, AssertSqlSafe, FromRow, Transaction};

use super::{Store, StoreError};

/// A job. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct JobRecord {
    /// Names it, and can not be guessed.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Where it is, by a name that `bulk` gives.
    pub state: String,
    /// What its chunks are to come to: 0 nothing, 1 looked at, 2 made.
    pub stage: i64,
    /// Changes when chunks are to be done again.
    pub round: i64,
    /// Counts what happened to it.
    pub version: i64,
    /// 1 when nothing is to be made.
    pub dry_run: i64,
    /// Whether somebody is told of its end: 0 nobody, 1 somebody, 2 it was told.
    pub notify: i64,
    /// When it came.
    pub created_at: i64,
    /// When what it does now began.
    pub stage_at: Option<i64>,
    /// When there was nothing more to do.
    pub finished_at: Option<i64>,
    /// When it will be erased.
    pub expires_at: i64,
    /// Why it failed, by a name that `bulk` gives.
    pub problem: Option<String>,
    /// Hash of what it was made of.
    pub contents: Option<Vec<u8>>,
    /// Its key, sealed; empty when it is being erased.
    pub key: Vec<u8>,
    /// How many items were done with when what it does now began.
    pub stage_done: i64,
    /// When it was last gone on with.
    pub moved_at: i64,
    /// Items of the plan, when there is one.
    pub items: Option<i64>,
}

/// A step of a job from one state to another.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The state that it is in.
    pub from: &'a str,
    /// The state that it comes to.
    pub to: &'a str,
    /// What its chunks are to come to there.
    pub stage: i64,
    /// Whether chunks are to be done again.
    pub again: bool,
    /// Why it failed.
    pub problem: Option<&'a str>,
    /// Whether there is nothing more to do.
    pub is_end: bool,
    /// What chunks with items that could not be made go back to, if they do.
    pub reopen: Option<i64>,
}

/// What a planner has found.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The job.
    pub job: &'a str,
    /// When the planner began, among those who have.
    pub epoch: i64,
    /// Items of the plan.
    pub items: i64,
}

const JOB: &str = "SELECT id, tenant, state, stage, round, version, dry_run, notify, created_at, stage_at, finished_at, expires_at, problem, \
    contents, key, stage_done, moved_at, items FROM bulk_job";

impl Store {
    /// Keeps a new job.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_job(&self, job: &JobRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO bulk_job (id, tenant, state, stage, round, epoch, turn, version, dry_run, notify, created_at, moved_at, \
             stage_done, expires_at, key) VALUES ($1, $2, $3, 0, 0, 0, 0, 0, $4, 0, $5, $5, 0, $6, $7)",
        )
        .bind(job.id.clone())
        .bind(job.tenant.clone())
        .bind(job.state.clone())
        .bind(job.dry_run)
        .bind(job.created_at)
        .bind(job.expires_at)
        .bind(job.key.clone())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps a part of the list of a job that is being received.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_part(&self, job: &str, number: i64, body: Vec<u8>) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO bulk_part (job, number, body) VALUES ($1, $2, $3)")
            .bind(job.to_owned())
            .bind(number)
            .bind(body)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A part of the list of a job.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn part(&self, job: &str, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let part = sqlx::query_scalar("SELECT body FROM bulk_part WHERE job = $1 AND number = $2")
            .bind(job.to_owned())
            .bind(number);
        Ok(part.fetch_optional(&self.pool).await?)
    }

    /// Says that a job was received as a whole. With an idempotency key under which there is a job already, that one is given, and this one is
    /// removed.
    ///
    /// # Errors
    /// When the store does not answer.
    #[expect(clippy::too_many_arguments, reason = "all that a job is admitted with")]
    pub async fn admit_job(
        &self,
        id: &str,
        (from, state): (&str, &str),
        head: Vec<u8>,
        notify: bool,
        idempotency: Option<Vec<u8>>,
        contents: Vec<u8>,
        now: i64,
    ) -> Result<Option<JobRecord>, StoreError> {
        let mut transaction = self.write().await?;
        if let Some(key) = &idempotency {
            let other = sqlx::query_as(AssertSqlSafe(format!("{JOB} WHERE idempotency = $1"))).bind(key.clone());
            let other: Option<JobRecord> = other.fetch_optional(&mut *transaction).await?;
            match other {
                Some(other) if other.expires_at > now => {
                    remove(&mut transaction, id).await?;
                    transaction.commit().await?;
                    return Ok(Some(other));
                }
                // Its time has come, and nobody has looked yet.
                Some(other) => {
                    let free = sqlx::query("UPDATE bulk_job SET idempotency = NULL WHERE id = $1").bind(other.id);
                    free.execute(&mut *transaction).await?;
                }
                None => {}
            }
        }
        let admitted = sqlx::query(
            "UPDATE bulk_job SET state = $2, head = $3, idempotency = $4, contents = $5, notify = $6, version = version + 1 \
             WHERE id = $1 AND state = $7",
        )
        .bind(id.to_owned())
        .bind(state.to_owned())
        .bind(head)
        .bind(idempotency.clone())
        .bind(contents)
        .bind(i64::from(notify))
        .bind(from.to_owned())
        .execute(&mut *transaction)
        .await;
        match (admitted, idempotency) {
            (Ok(done), _) if done.rows_affected() == 0 => Err(StoreError::Gone),
            (Ok(_), _) => {
                transaction.commit().await?;
                Ok(None)
            }
            // Two at the same moment, and the other one was first.
            (Err(sqlx::Error::Database(error)), Some(key)) if error.is_unique_violation() => {
                transaction.rollback().await?;
                let other = sqlx::query_as(AssertSqlSafe(format!("{JOB} WHERE idempotency = $1"))).bind(key);
                let other = other.fetch_one(&self.pool).await?;
                self.drop_job(id, from).await?;
                Ok(Some(other))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// A job, whosever it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job(&self, id: &str) -> Result<Option<JobRecord>, StoreError> {
        let job = sqlx::query_as(AssertSqlSafe(format!("{JOB} WHERE id = $1"))).bind(id.to_owned());
        Ok(job.fetch_optional(&self.pool).await?)
    }

    /// The jobs of a tenant before a moment and an id, the newest first; those in a hidden state, or whose time had come by a moment, are not among them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs_before(
        &self,
        tenant: &str,
        before: (i64, &str),
        hidden: (&str, i64),
        limit: i64,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let jobs = sqlx::query_as(AssertSqlSafe(format!(
            "{JOB} WHERE tenant = $1 AND state <> $4 AND expires_at > $6 AND (created_at < $2 OR (created_at = $2 AND id < $3)) \
             ORDER BY created_at DESC, id DESC LIMIT $5"
        )));
        let jobs = jobs.bind(tenant.to_owned()).bind(before.0).bind(before.1.to_owned()).bind(hidden.0.to_owned());
        Ok(jobs.bind(limit).bind(hidden.1).fetch_all(&self.pool).await?)
    }

    /// Jobs in a state.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs_in(&self, state: &str) -> Result<Vec<JobRecord>, StoreError> {
        let jobs =
            sqlx::query_as(AssertSqlSafe(format!("{JOB} WHERE state = $1 ORDER BY created_at"))).bind(state.to_owned());
        Ok(jobs.fetch_all(&self.pool).await?)
    }

    /// Jobs whose chunks are to be done.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs_at_work(&self) -> Result<Vec<JobRecord>, StoreError> {
        Ok(sqlx::query_as(AssertSqlSafe(format!("{JOB} WHERE stage > 0 ORDER BY turn"))).fetch_all(&self.pool).await?)
    }

    /// Jobs that have ended and whose end is to be told.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs_to_tell(&self) -> Result<Vec<JobRecord>, StoreError> {
        let jobs = AssertSqlSafe(format!("{JOB} WHERE notify = 1 AND finished_at IS NOT NULL LIMIT 100"));
        Ok(sqlx::query_as(jobs).fetch_all(&self.pool).await?)
    }

    /// Ids of jobs that are to be erased: those whose time has come, and those that were not received as a whole by a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs_to_erase(&self, now: i64, receiving: &str, received_by: i64) -> Result<Vec<String>, StoreError> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM bulk_job WHERE expires_at <= $1 OR (state = $2 AND created_at <= $3) LIMIT 100",
        );
        Ok(ids.bind(now).bind(receiving.to_owned()).bind(received_by).fetch_all(&self.pool).await?)
    }

    /// Takes a job from one state to another; whether it was in the first, and still in the round in which whoever takes it has seen it: what was
    /// counted before its chunks were to be done again says nothing of it any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn step_job(&self, id: &str, round: i64, step: Step<'_>, now: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let done = sqlx::query(
            "UPDATE bulk_job SET state = $3, stage = $4, round = round + $5, problem = $6, stage_at = $7, finished_at = $8, moved_at = $7, \
             notify = CASE WHEN notify = 2 AND $8 IS NULL THEN 1 ELSE notify END, version = version + 1 \
             WHERE id = $1 AND state = $2 AND round = $9",
        )
        .bind(id.to_owned())
        .bind(step.from.to_owned())
        .bind(step.to.to_owned())
        .bind(step.stage)
        .bind(i64::from(step.again))
        .bind(step.problem.map(str::to_owned))
        .bind(now)
        .bind(step.is_end.then_some(now))
        .bind(round)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if step.again {
            begin_again(&mut transaction, id).await?;
        }
        if let Some(stage) = step.reopen {
            // What they hold stays until they are done again.
            sqlx::query("UPDATE bulk_chunk SET stage = $2, sent = $2 WHERE job = $1 AND stage > $2 AND failed > 0")
                .bind(id.to_owned())
                .bind(stage)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "UPDATE bulk_job SET stage_done = (SELECT COALESCE(SUM(items), 0) FROM bulk_chunk WHERE job = $1 AND bulk_chunk.stage >= $2) \
             WHERE id = $1",
        )
        .bind(id.to_owned())
        .bind(step.stage)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Has the chunks of a job that were queued and never came to anything queued again, when it was last gone on with before a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn unstick_job(&self, id: &str, before: i64, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let stuck = sqlx::query(
            "UPDATE bulk_job SET round = round + 1, moved_at = $3 WHERE id = $1 AND moved_at < $2 AND stage > 0",
        );
        let stuck = stuck.bind(id.to_owned()).bind(before).bind(now).execute(&mut *transaction).await?;
        if stuck.rows_affected() > 0 {
            begin_again(&mut transaction, id).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Hides a job for good and takes its key away; whether there was one. What is left of it can not be opened, and is for [`Self::drop_job`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn erase_job(&self, id: &str, to: &str) -> Result<bool, StoreError> {
        let erased = sqlx::query(
            "UPDATE bulk_job SET state = $2, stage = 0, key = $3, head = NULL, contents = NULL, idempotency = NULL, notify = 0, \
             expires_at = 0, round = round + 1, epoch = epoch + 1 WHERE id = $1",
        );
        let erased = erased.bind(id.to_owned()).bind(to.to_owned()).bind(Vec::<u8>::new());
        Ok(erased.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Removes a job that is in a state, with all that belongs to it, a little at a time, so that nobody waits for long meanwhile.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drop_job(&self, id: &str, state: &str) -> Result<(), StoreError> {
        let there = sqlx::query_scalar("SELECT id FROM bulk_job WHERE id = $1 AND state = $2");
        let there: Option<String> = there.bind(id.to_owned()).bind(state.to_owned()).fetch_optional(&self.pool).await?;
        if there.is_none() {
            return Ok(());
        }
        for table in ["bulk_documents", "bulk_part"] {
            let slice = format!(
                "DELETE FROM {table} WHERE job = $1 AND number IN (SELECT number FROM {table} WHERE job = $1 ORDER BY number LIMIT {SLICE})"
            );
            loop {
                let slice = sqlx::query(AssertSqlSafe(slice.clone())).bind(id.to_owned());
                if slice.execute(&self.pool).await?.rows_affected() == 0 {
                    break;
                }
            }
        }
        let mut transaction = self.write().await?;
        remove(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many jobs of a tenant are not at an end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_jobs(&self, tenant: &str) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM bulk_job WHERE tenant = $1 AND finished_at IS NULL");
        Ok(count.bind(tenant.to_owned()).fetch_one(&self.pool).await?)
    }

    /// What a job is about, sealed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn head(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let head = sqlx::query_scalar("SELECT head FROM bulk_job WHERE id = $1").bind(id.to_owned());
        let head: Option<Option<Vec<u8>>> = head.fetch_optional(&self.pool).await?;
        Ok(head.flatten())
    }

    /// The version of a job, which changes with everything that happens to it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn version(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let version = sqlx::query_scalar("SELECT version FROM bulk_job WHERE id = $1").bind(id.to_owned());
        Ok(version.fetch_optional(&self.pool).await?)
    }

    /// Begins to plan a job that is in a state, from nothing; the number of this beginning, if it is in that state. Who began before can no longer
    /// add anything.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn begin_plan(&self, job: &str, state: &str, now: i64) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.write().await?;
        let begun = sqlx::query_scalar(
            "UPDATE bulk_job SET epoch = epoch + 1, moved_at = $3 WHERE id = $1 AND state = $2 RETURNING epoch",
        );
        let begun: Option<i64> =
            begun.bind(job.to_owned()).bind(state.to_owned()).bind(now).fetch_optional(&mut *transaction).await?;
        if begun.is_some() {
            for table in ["bulk_documents", "bulk_chunk"] {
                let chunks = AssertSqlSafe(format!("DELETE FROM {table} WHERE job = $1"));
                sqlx::query(chunks).bind(job.to_owned()).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(begun)
    }

    /// Ends a plan: the job steps on, and its list is removed; whether this planner was still the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_plan(&self, planned: Planned<'_>, step: Step<'_>, now: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let ended = sqlx::query(
            "UPDATE bulk_job SET state = $4, stage = $5, problem = $6, stage_at = $7, moved_at = $7, finished_at = $8, items = $9, \
             stage_done = 0, version = version + 1 WHERE id = $1 AND state = $2 AND epoch = $3",
        )
        .bind(planned.job.to_owned())
        .bind(step.from.to_owned())
        .bind(planned.epoch)
        .bind(step.to.to_owned())
        .bind(step.stage)
        .bind(step.problem.map(str::to_owned))
        .bind(now)
        .bind(step.is_end.then_some(now))
        .bind(planned.items)
        .execute(&mut *transaction)
        .await?;
        let ended = ended.rows_affected() > 0;
        if ended {
            let list = sqlx::query("DELETE FROM bulk_part WHERE job = $1").bind(planned.job.to_owned());
            list.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }
}

/// Rows that are removed in one go.
const SLICE: u32 = 20;

/// Has chunks that were queued and have not come to what they were queued for counted as not queued.
async fn begin_again(transaction: &mut Transaction<'static, Any>, id: &str) -> Result<(), StoreError> {
    let again = sqlx::query("UPDATE bulk_chunk SET sent = stage WHERE job = $1 AND sent > stage");
    again.bind(id.to_owned()).execute(&mut **transaction).await?;
    Ok(())
}

async fn remove(transaction: &mut Transaction<'static, Any>, id: &str) -> Result<(), StoreError> {
    let attempts = sqlx::query("DELETE FROM webhook_attempt WHERE webhook IN (SELECT id FROM webhook WHERE job = $1)");
    attempts.bind(id.to_owned()).execute(&mut **transaction).await?;
    for table in ["webhook", "bulk_documents", "bulk_chunk", "bulk_part"] {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE job = $1")))
            .bind(id.to_owned())
            .execute(&mut **transaction)
            .await?;
    }
    sqlx::query("DELETE FROM bulk_job WHERE id = $1").bind(id.to_owned()).execute(&mut **transaction).await?;
    Ok(())
}
