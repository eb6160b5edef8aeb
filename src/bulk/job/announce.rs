//! Tells of the end of jobs, by webhooks.
//!
//! A message is kept before it is sent, and sent until it is taken or the schedule has ended; how each attempt went is kept with it. A message that
//! is sent twice, since a process ended between sending and noting, has the same id both times.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::{JobError, Jobs, State, state_of};
use crate::access::now;
use crate::seal;
use crate::store::{AttemptRecord, JobRecord, Task, WebhookRecord};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;
use crate::webhook::{MessageId, Secret};

/// How a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be sent, perhaps again.
    Waiting,
    /// It was taken.
    Delivered,
    /// The receiver wants no more of them (410).
    Gone,
    /// It was sent as often as it is, and not taken.
    GivenUp,
}

impl DeliveryState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Delivered, Self::Gone, Self::GivenUp];

    /// The name, as the store and callers have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::GivenUp => "given_up",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A message, and how its attempts went.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Names the message.
    pub id: String,
    /// How it is.
    pub state: DeliveryState,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it will be sent next.
    pub next_at: Option<i64>,
    /// Each attempt.
    pub attempts: Vec<AttemptRecord>,
}

impl Jobs {
    /// Tells of ends that are not told yet, beside whatever else is done.
    pub(super) fn announce_soon(&self) {
        let jobs = self.clone();
        tokio::spawn(async move {
            if let Err(error) = jobs.announce().await {
                tracing::warn!(error = with_causes(&error), "the end of a job can not be told now");
            }
        });
    }

    /// Has a message sent for every job whose end is not told, and those whose time has come.
    pub(super) async fn announce(&self) -> Result<(), JobError> {
        let queue = self.queue()?;
        for record in self.store().jobs_to_tell().await? {
            let id = format!("msg_{}", seal::new_name().ok_or(JobError::Sealed)?);
            let body = self.message(&record).await?;
            let (created_at, state) = (now(), DeliveryState::Waiting.name().to_owned());
            let webhook =
                WebhookRecord { id, job: record.id, created_at, state, attempts: 0, next_at: Some(created_at), body };
            self.store().add_webhook(&webhook).await?;
        }
        for webhook in self.store().webhooks_due(now()).await? {
            let at = webhook.next_at.unwrap_or_default();
            queue.push(Task::Tell { webhook: webhook.id, attempts: webhook.attempts, at }).await?;
        }
        Ok(())
    }

    /// What is sent: which job, how it ended, how many of each. Nothing of people.
    async fn message(&self, record: &JobRecord) -> Result<String, JobError> {
        let job = self.view(record.clone()).await?;
        let ended =
            Timestamp::from_millisecond(record.finished_at.unwrap_or_default()).map_err(|_| JobError::Sealed)?;
        let tally = job.tally;
        let message = json!({
            "type": format!("job.{}", job.state.name()),
            "timestamp": ended.to_string(),
            "data": {
                "id": job.id,
                "state": job.state.name(),
                "dry_run": job.dry_run,
                "counts": {
                    "items": tally.items,
                    "letters": tally.counts.letters,
                    "pages": tally.counts.pages,
                    "no_letter": tally.counts.no_letter,
                    "invalid": tally.counts.invalid,
                    "failed": tally.counts.failed,
                    "protected": tally.counts.protected,
                },
            },
        });
        Ok(message.to_string())
    }

    /// Sends a message once, and notes how that went.
    pub(super) async fn tell(&self, id: &str, attempts: i64) -> Result<(), JobError> {
        let webhook = self.store().webhook(id).await?;
        let Some(webhook) = webhook.filter(|webhook| webhook.attempts == attempts && webhook.next_at.is_some()) else {
            return Ok(());
        };
        let Some(record) = self.store().job(&webhook.job).await? else { return Ok(()) };
        let hook = self.head(&record.id, &self.vault(&record)?).await?.hook.ok_or(JobError::Sealed)?;
        let secret = Secret::parse(&hook.secret).map_err(|_| JobError::Sealed)?;
        let message = MessageId::parse(id).ok_or(JobError::Sealed)?;
        let sender = self.0.sender.as_ref().ok_or(JobError::NoKey)?;
        let body = Bytes::from(webhook.body);
        let sent = sender.send(&hook.url, &secret.into(), &message, now().div_euclid(1000), body).await;
        let number = attempts + 1;
        let again = sent.again(u32::try_from(number).unwrap_or(u32::MAX), jitter());
        let state = match (sent.result, again) {
            (Ok(_), _) => DeliveryState::Delivered,
            (Err(_), _) if sent.is_gone() => DeliveryState::Gone,
            (Err(_), Some(_)) => DeliveryState::Waiting,
            (Err(_), None) => DeliveryState::GivenUp,
        };
        let attempt = AttemptRecord {
            webhook: id.to_owned(),
            number,
            at: now(),
            status: sent.status().map(i64::from),
            failure: sent.result.err().map(|failure| failure.name().to_owned()),
        };
        let next_at = again.map(|pause| attempt.at + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2));
        // The receiver would get it once more for each time that this is not kept.
        self.insist(|| self.store().note_attempt(&attempt, state.name(), next_at)).await;
        if let Some(at) = next_at {
            self.queue()?.push(Task::Tell { webhook: id.to_owned(), attempts: number, at }).await?;
        }
        Ok(())
    }

    /// The messages of a job of a tenant's, the newest first.
    ///
    /// # Errors
    /// [`JobError::Unknown`] if there is no such job.
    pub async fn deliveries(&self, tenant: &Tenant, id: &str) -> Result<Vec<Delivery>, JobError> {
        let record = self.record(tenant, id).await?;
        let attempts = self.store().webhook_attempts(&record.id).await?;
        let webhooks = self.store().webhooks(&record.id).await?;
        let delivery = |webhook: WebhookRecord| {
            Some(Delivery {
                attempts: attempts.iter().filter(|attempt| attempt.webhook == webhook.id).cloned().collect(),
                state: DeliveryState::parse(&webhook.state)?,
                id: webhook.id,
                created_at: webhook.created_at,
                next_at: webhook.next_at,
            })
        };
        Ok(webhooks.into_iter().filter_map(delivery).collect())
    }

    /// Has a message sent again that is not waiting.
    ///
    /// # Errors
    /// [`JobError::Nothing`] if there is no such message, [`JobError::NotNow`] if it is waiting.
    pub async fn deliver_again(&self, tenant: &Tenant, id: &str, message: &str) -> Result<Vec<Delivery>, JobError> {
        let record = self.record(tenant, id).await?;
        let webhook = self.store().webhook(message).await?.filter(|webhook| webhook.job == record.id);
        let webhook = webhook.ok_or(JobError::Nothing("the job has no such message"))?;
        if !State::is_end(state_of(&record)?)
            || !self.store().send_again(message, DeliveryState::Waiting.name(), now()).await?
        {
            return Err(JobError::NotNow("the message is waiting to be sent"));
        }
        self.announce().await?;
        self.deliveries(tenant, &webhook.job).await
    }
}

/// From 0 to 1, so that not all that failed together comes back together.
fn jitter() -> f64 {
    // Without random numbers they do.
    getrandom::u32().map_or(0.0, |number| f64::from(number) / f64::from(u32::MAX))
}
