//! What is told of the end of jobs, and how that went.

use sqlx::FromRow;

use super::{Store, StoreError};

/// A message to whoever waits for the end of a job. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct WebhookRecord {
    /// Names the message; a receiver that has seen it can forget the second one.
    pub id: String,
    /// The job.
    pub job: String,
    /// When its end was to be told.
    pub created_at: i64,
    /// How it is, by a name that `bulk` gives.
    pub state: String,
    /// How often it was sent.
    pub attempts: i64,
    /// When it will be sent next.
    pub next_at: Option<i64>,
    /// What is sent.
    pub body: String,
}

/// How one attempt to send a message went.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AttemptRecord {
    /// The message.
    pub webhook: String,
    /// Number of the attempt, from 1.
    pub number: i64,
    /// When it ended.
    pub at: i64,
    /// The status of the answer.
    pub status: Option<i64>,
    /// Why it failed, by a name.
    pub failure: Option<String>,
}

impl Store {
    /// Keeps a message on the end of a job, unless it was told before; whether it is kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_webhook(&self, webhook: &WebhookRecord) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let told =
            sqlx::query("UPDATE bulk_job SET notify = 2 WHERE id = $1 AND notify = 1 AND finished_at IS NOT NULL")
                .bind(webhook.job.clone())
                .execute(&mut *transaction)
                .await?;
        if told.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO webhook (id, job, created_at, state, attempts, next_at, body) VALUES ($1, $2, $3, $4, 0, $5, $6)",
        )
        .bind(webhook.id.clone())
        .bind(webhook.job.clone())
        .bind(webhook.created_at)
        .bind(webhook.state.clone())
        .bind(webhook.next_at)
        .bind(webhook.body.clone())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A message.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn webhook(&self, id: &str) -> Result<Option<WebhookRecord>, StoreError> {
        let webhook = sqlx::query_as("SELECT * FROM webhook WHERE id = $1").bind(id.to_owned());
        Ok(webhook.fetch_optional(&self.pool).await?)
    }

    /// The messages of a job, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn webhooks(&self, job: &str) -> Result<Vec<WebhookRecord>, StoreError> {
        let webhooks = sqlx::query_as("SELECT * FROM webhook WHERE job = $1 ORDER BY created_at DESC, id LIMIT 100");
        Ok(webhooks.bind(job.to_owned()).fetch_all(&self.pool).await?)
    }

    /// The attempts to send the messages of a job, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn webhook_attempts(&self, job: &str) -> Result<Vec<AttemptRecord>, StoreError> {
        let attempts = sqlx::query_as(
            "SELECT webhook_attempt.* FROM webhook_attempt JOIN webhook ON webhook.id = webhook WHERE job = $1 \
             ORDER BY webhook, number LIMIT 2000",
        );
        Ok(attempts.bind(job.to_owned()).fetch_all(&self.pool).await?)
    }

    /// Messages whose time to be sent has come.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn webhooks_due(&self, now: i64) -> Result<Vec<WebhookRecord>, StoreError> {
        let webhooks = sqlx::query_as("SELECT * FROM webhook WHERE next_at <= $1 ORDER BY next_at LIMIT 1000");
        Ok(webhooks.bind(now).fetch_all(&self.pool).await?)
    }

    /// Notes how an attempt went, and when the next one is, unless the message was sent as often before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_attempt(
        &self,
        attempt: &AttemptRecord,
        state: &str,
        next_at: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let noted = sqlx::query(
            "UPDATE webhook SET attempts = $2, state = $3, next_at = $4 WHERE id = $1 AND attempts = $2 - 1",
        )
        .bind(attempt.webhook.clone())
        .bind(attempt.number)
        .bind(state.to_owned())
        .bind(next_at)
        .execute(&mut *transaction)
        .await?;
        if noted.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO webhook_attempt (webhook, number, at, status, failure) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(attempt.webhook.clone())
            .bind(attempt.number)
            .bind(attempt.at)
            .bind(attempt.status)
            .bind(attempt.failure.clone())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Has a message that is not waiting sent again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn send_again(&self, id: &str, state: &str, at: i64) -> Result<bool, StoreError> {
        let again = sqlx::query("UPDATE webhook SET state = $2, next_at = $3 WHERE id = $1 AND next_at IS NULL");
        let again = again.bind(id.to_owned()).bind(state.to_owned()).bind(at).execute(&self.pool).await?;
        Ok(again.rows_affected() > 0)
    }
}
