//! Jobs: mailings that are made in the background, for as long as it takes, by all services on a store.
//!
//! `receive` takes a mailing in, `plan` decides who gets a letter and cuts the list into chunks, `work` has the chunks done, taking turns between
//! tenants, and `read` gives what was made. What a job holds of people lies in the store under a key of its own (`vault`).

mod announce;
mod plan;
mod read;
mod receive;
mod vault;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::access::now;
use crate::pipeline::{Pipeline, ProduceError};
use crate::seal::Key;
use crate::store::{JobRecord, Queue, QueueError, Step, Store, StoreError, Tally, Task};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;
use crate::validate::{Finding, Unreadable};
use crate::webhook::Sender;

use super::list::ListFault;
pub use announce::{Delivery, DeliveryState};
pub use read::{Form as ManifestForm, Item, Page, PrintFileStream, PrintWish, Stream, print_name};
pub use receive::{Came, Envelope, MAX_JSON, NewJob, Receiving, Wish, first_byte};
use vault::{Head, Vault};

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being sent, and nobody knows of it yet.
    Receiving,
    /// It was erased, and what is left of it is being removed.
    Erased,
    /// It is being decided who gets a letter.
    Planning,
    /// All letters are checked before the first is made.
    Checking,
    /// Pages are counted, and no letter is made.
    Counting,
    /// The letters are being made.
    Making,
    /// All that could be made is made, or counted.
    Done,
    /// Some recipients have faults, and so no letter was made.
    Rejected,
    /// Somebody has stopped it.
    Cancelled,
    /// It could not be gone on with.
    Failed,
}

impl State {
    const ALL: [Self; 10] = [
        Self::Receiving,
        Self::Erased,
        Self::Planning,
        Self::Checking,
        Self::Counting,
        Self::Making,
        Self::Done,
        Self::Rejected,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The name, as the store and callers have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Erased => "erased",
            Self::Planning => "planning",
            Self::Checking => "checking",
            Self::Counting => "counting",
            Self::Making => "making",
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing more is done.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Rejected | Self::Cancelled | Self::Failed | Self::Erased)
    }

    /// What chunks are to come to.
    fn stage(self) -> i64 {
        match self {
            Self::Checking | Self::Counting => LOOKED,
            Self::Making => MADE,
            _ => 0,
        }
    }
}

/// Why a job failed that has nobody to write to.
const EMPTY: &str = "empty_list";

/// Stages of chunks.
const PLANNED: i64 = 0;
const LOOKED: i64 = 1;
const MADE: i64 = 2;

/// How jobs are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Chunks at once in this process.
    pub at_once: usize,
    /// How long a job is kept.
    pub keep: Duration,
    /// Most bytes of a list.
    pub largest: usize,
    /// How often a process tells that it lives, in whole seconds.
    pub heartbeat: Duration,
    /// Jobs of one tenant that are not done.
    pub open_jobs: u32,
}

/// A job as its owner sees it. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Names it.
    pub id: String,
    /// Where it is.
    pub state: State,
    /// Whether no letter is to be made.
    pub dry_run: bool,
    /// When it came.
    pub created_at: i64,
    /// When there was nothing more to do.
    pub finished_at: Option<i64>,
    /// When it will be erased.
    pub expires_at: i64,
    /// Counts what happened to it.
    pub version: i64,
    /// Why it failed.
    pub problem: Option<String>,
    /// How many of each.
    pub tally: Tally,
    /// Items a second, in what is done now.
    pub rate: Option<f64>,
    /// Seconds until that is done.
    pub seconds_left: Option<u64>,
    /// What it waits for, when it can not go on now.
    pub waits_for: Option<&'static str>,
}

/// Why a job is not taken, or not found.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no such job, or it is another's.
    #[error("there is no such job")]
    Unknown,
    /// The job has nothing of that kind.
    #[error("{0}")]
    Nothing(&'static str),
    /// The key was used for something else.
    #[error("under this idempotency key there is another job")]
    OtherContents,
    /// The job is in a state in which this can not be done.
    #[error("{0}")]
    NotNow(&'static str),
    /// There is nothing to seal contents with.
    #[error("the store has no key to seal contents with; set `store.key`")]
    NoKey,
    /// The tenant has too many jobs that are not done.
    #[error("too many jobs are not done yet")]
    TooMany,
    /// Too many are at it.
    #[error("too many at once")]
    Busy,
    /// The list is too long.
    #[error("the list has more than {0} bytes")]
    TooLarge(usize),
    /// The request is not of a form that is taken.
    #[error("{0}")]
    Form(&'static str),
    /// What should be JSON is none.
    #[error("the {part} is not JSON: {error}")]
    Unreadable {
        /// What it should be.
        part: &'static str,
        /// Where it is not.
        error: Unreadable,
    },
    /// The mailing has faults.
    #[error("the mailing has {} faults", .0.len())]
    Mailing(Vec<Finding>),
    /// The webhook can not be used.
    #[error("`webhook.{member}`: {reason}")]
    Webhook {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The columns of the list are not as they have to be.
    #[error("the list has {} faults", .0.len())]
    List(Vec<ListFault>),
    /// The letter can not be examined.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue does not answer.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What is kept does not open: the key of the store was changed, or the contents were.
    #[error("what is kept of a job does not open; was `store.key` changed?")]
    Sealed,
}

/// The jobs of a service.
#[derive(Clone)]
pub struct Jobs(Arc<Parts>);

struct Parts {
    store: Store,
    queue: Option<Queue>,
    pipeline: Pipeline,
    workers: usize,
    settings: Settings,
    trouble: AtomicU8,
    /// Answers that are being sent, each of which holds a thread.
    streams: Arc<Semaphore>,
    /// Those of each tenant.
    readers: Mutex<HashMap<String, usize>>,
    /// Documents of JSON and tables that are being read, which takes memory.
    parsers: Semaphore,
    /// Those who follow a job.
    followers: Arc<Semaphore>,
    /// Tells those who follow that a job has ended here.
    ended: Notify,
    sender: Option<Sender>,
}

impl Parts {
    fn idle(store: Store, pipeline: Pipeline, settings: Settings) -> Self {
        Self {
            store,
            queue: None,
            pipeline,
            workers: 1,
            settings,
            trouble: AtomicU8::new(Trouble::None as u8),
            streams: Arc::new(Semaphore::new(STREAMS)),
            readers: Mutex::default(),
            parsers: Semaphore::new(PARSERS),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            ended: Notify::new(),
            sender: None,
        }
    }
}

/// A place to read, which is free again when it is dropped.
struct Place {
    jobs: Jobs,
    tenant: String,
    _one_of_all: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.jobs.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.tenant);
            }
        }
    }
}

/// Most long answers of one tenant at once, and longest wait for a place.
const STREAMS_OF_TENANT: usize = 8;
const WAIT_FOR_PLACE: Duration = Duration::from_secs(5);
/// Documents and tables that are read at once.
const PARSERS: usize = 2;
/// Most who follow a job at once.
const FOLLOWERS: usize = 256;

/// Most long answers at once.
const STREAMS: usize = 32;

/// What keeps this process from going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    None,
    Store,
    Room,
}

impl Jobs {
    /// Jobs on a store, whose letters are made by a pipeline with as many workers.
    ///
    /// # Errors
    /// When the tables of the queue can not be made.
    pub async fn open(
        store: Store,
        pipeline: Pipeline,
        workers: usize,
        sender: Sender,
        settings: Settings,
    ) -> Result<Self, QueueError> {
        // Without a key nothing is kept, so there is nothing to do either.
        let queue = match store.key() {
            Some(_) => Some(store.queue(settings.heartbeat).await?),
            None => None,
        };
        Ok(Self(Arc::new(Parts { queue, workers, sender: Some(sender), ..Parts::idle(store, pipeline, settings) })))
    }

    /// Jobs that are only described.
    #[must_use]
    pub fn idle(store: Store, pipeline: Pipeline) -> Self {
        let settings =
            Settings { at_once: 1, keep: Duration::ZERO, largest: 0, heartbeat: Duration::from_secs(1), open_jobs: 0 };
        Self(Arc::new(Parts::idle(store, pipeline, settings)))
    }

    /// Most bytes of a list.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.0.settings.largest
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn queue(&self) -> Result<&Queue, JobError> {
        self.0.queue.as_ref().ok_or(JobError::NoKey)
    }

    fn key(&self) -> Result<&Key, JobError> {
        self.0.store.key().ok_or(JobError::NoKey)
    }

    fn vault(&self, record: &JobRecord) -> Result<Vault, JobError> {
        Vault::open(self.key()?, record).ok_or(JobError::Sealed)
    }

    async fn head(&self, id: &str, vault: &Vault) -> Result<Head, JobError> {
        // It may have been erased since.
        vault.head(self.store().head(id).await?.ok_or(JobError::Unknown)?)
    }

    /// A place among those who read long answers.
    async fn place(&self, tenant: &Tenant) -> Result<Place, JobError> {
        let waiting = Arc::clone(&self.0.streams).acquire_owned();
        let one_of_all = tokio::time::timeout(WAIT_FOR_PLACE, waiting).await.map_err(|_| JobError::Busy)?;
        let one_of_all = one_of_all.map_err(|_| JobError::Busy)?;
        let mut readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = readers.entry(tenant.name().to_owned()).or_default();
        if *count >= STREAMS_OF_TENANT {
            return Err(JobError::Busy);
        }
        *count += 1;
        Ok(Place { jobs: self.clone(), tenant: tenant.name().to_owned(), _one_of_all: one_of_all })
    }

    /// A place among those who follow jobs.
    ///
    /// # Errors
    /// [`JobError::Busy`] if there is none.
    pub fn follow(&self) -> Result<OwnedSemaphorePermit, JobError> {
        Arc::clone(&self.0.followers).try_acquire_owned().map_err(|_| JobError::Busy)
    }

    /// Comes when a job has ended in this process, from when this is asked for on. Of those that end in other processes it knows nothing.
    pub fn next_end(&self) -> Notified<'_> {
        self.0.ended.notified()
    }

    /// The version of a job that is known to be the caller's; nothing when it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn version(&self, id: &str) -> Result<Option<i64>, JobError> {
        Ok(self.store().version(id).await?)
    }

    fn note(&self, trouble: Trouble) {
        self.0.trouble.store(trouble as u8, Ordering::Relaxed);
    }

    fn waits_for(&self) -> Option<&'static str> {
        match self.0.trouble.load(Ordering::Relaxed) {
            trouble if trouble == Trouble::Store as u8 => Some("store"),
            trouble if trouble == Trouble::Room as u8 => Some("room_in_store"),
            _ => None,
        }
    }

    /// A job of a tenant's.
    ///
    /// # Errors
    /// [`JobError::Unknown`] if there is none; when the store does not answer.
    pub async fn find(&self, tenant: &Tenant, id: &str) -> Result<Job, JobError> {
        let record = self.record(tenant, id).await?;
        self.view(record).await
    }

    /// The jobs of a tenant, the newest first, behind one of them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, tenant: &Tenant, after: Option<&str>, limit: i64) -> Result<Vec<Job>, JobError> {
        let before = match after {
            Some(id) => self.record(tenant, id).await.map(|record| (record.created_at, record.id))?,
            None => (i64::MAX, String::new()),
        };
        let hidden = (State::Receiving.name(), now());
        let records = self.store().jobs_before(tenant.name(), (before.0, &before.1), hidden, limit).await?;
        let mut jobs = Vec::with_capacity(records.len());
        for record in records {
            jobs.push(self.view(record).await?);
        }
        Ok(jobs)
    }

    /// Stops a job. What is made stays until the job is erased.
    ///
    /// # Errors
    /// [`JobError::NotNow`] if it has ended.
    pub async fn cancel(&self, tenant: &Tenant, id: &str) -> Result<Job, JobError> {
        loop {
            let record = self.record(tenant, id).await?;
            if state_of(&record)?.is_end() {
                return Err(JobError::NotNow("the job has ended"));
            }
            // It may go on to another state meanwhile.
            if self.step(&record, State::Cancelled, None).await? {
                return self.find(tenant, id).await;
            }
        }
    }

    /// Has what could not be made of a job that has ended made again; one that was stopped goes on.
    ///
    /// # Errors
    /// [`JobError::NotNow`] if there is nothing to be made again.
    pub async fn retry(&self, tenant: &Tenant, id: &str) -> Result<Job, JobError> {
        let record = self.record(tenant, id).await?;
        let state = state_of(&record)?;
        let nothing_failed = JobError::NotNow("no item of the job has failed; mend what is invalid and send it anew");
        let (to, reopen) = match state {
            State::Done if record.dry_run == 0 => (State::Making, Some(LOOKED)),
            // What could not be checked is checked again; what is invalid stays so.
            State::Rejected => (State::Checking, Some(PLANNED)),
            State::Failed if record.problem.as_deref() == Some(EMPTY) => {
                return Err(JobError::NotNow("the list of the job is empty"));
            }
            State::Cancelled | State::Failed => (self.where_it_was(&record).await?, None),
            _ => return Err(JobError::NotNow("the job is not one that was stopped, or that has items that failed")),
        };
        if let Some(stage) = reopen
            && self.store().tally(id, stage + 1).await?.counts.failed == 0
        {
            return Err(nothing_failed);
        }
        let step = Step { again: true, reopen, ..Self::step_to(state, to, None) };
        if !self.store().step_job(id, record.round, step, now()).await? {
            return Err(JobError::NotNow("the job is no longer as it was"));
        }
        // Should this fail, the next look at the jobs does it.
        if let Err(error) = self.go_on(&record.tenant, id).await {
            tracing::warn!(error = with_causes(&error), "a job waits to be looked at");
        }
        self.find(tenant, id).await
    }

    /// Erases a job: its key is taken away, so what is left of it does not open any more, and then the rest is removed.
    ///
    /// # Errors
    /// [`JobError::Unknown`] if there is none.
    pub async fn erase(&self, tenant: &Tenant, id: &str) -> Result<(), JobError> {
        let record = self.record(tenant, id).await?;
        if !self.store().erase_job(&record.id, State::Erased.name()).await? {
            return Err(JobError::Unknown);
        }
        let jobs = self.clone();
        tokio::spawn(async move {
            // What is not removed now is removed when jobs are looked at next.
            if let Err(error) = jobs.remove_erased(&record.id).await {
                tracing::warn!(error = with_causes(&error), "what is left of an erased job can not be removed now");
            }
        });
        Ok(())
    }

    async fn remove_erased(&self, id: &str) -> Result<(), StoreError> {
        self.store().drop_job(id, State::Erased.name()).await?;
        self.store().forget_journal().await
    }

    /// Where a job that was stopped goes on.
    async fn where_it_was(&self, record: &JobRecord) -> Result<State, JobError> {
        if record.items.is_none() {
            return Ok(State::Planning);
        }
        if self.store().has_documents(&record.id).await? {
            return Ok(State::Making);
        }
        let head = self.head(&record.id, &self.vault(record)?).await?;
        Ok(head.first_state(record.dry_run != 0))
    }

    /// Has what is to be done next queued.
    async fn go_on(&self, tenant: &str, id: &str) -> Result<(), JobError> {
        let Some(record) = self.store().job(id).await? else { return Ok(()) };
        if record.state == State::Planning.name() {
            let task = Task::Plan { job: record.id, round: record.round };
            return Ok(self.queue()?.push(task).await?);
        }
        self.dispatch(tenant).await?;
        if record.stage > 0 && !self.store().has_open_chunks(id, record.stage).await? {
            self.end_stage(&record).await?;
        }
        Ok(())
    }

    fn step_to(from: State, to: State, problem: Option<&str>) -> Step<'_> {
        Step {
            from: from.name(),
            to: to.name(),
            stage: to.stage(),
            again: false,
            problem,
            is_end: to.is_end(),
            reopen: None,
        }
    }

    /// Takes a job on from where it was when it was read; whether it was still there.
    async fn step(&self, record: &JobRecord, to: State, problem: Option<&str>) -> Result<bool, JobError> {
        let step = Self::step_to(state_of(record)?, to, problem);
        let done = self.store().step_job(&record.id, record.round, step, now()).await?;
        if done && to.is_end() {
            self.note_end();
        }
        Ok(done)
    }

    /// Has those told who wait for the end of a job.
    fn note_end(&self) {
        self.0.ended.notify_waiters();
        self.announce_soon();
    }

    /// The record of a job of a tenant's that was received as a whole.
    async fn record(&self, tenant: &Tenant, id: &str) -> Result<JobRecord, JobError> {
        let record = self.store().job(id).await?.filter(|record| record.tenant == tenant.name());
        let hidden = [State::Receiving.name(), State::Erased.name()];
        let record = record.filter(|record| !hidden.contains(&record.state.as_str()));
        record.filter(|record| record.expires_at > now()).ok_or(JobError::Unknown)
    }

    async fn view(&self, record: JobRecord) -> Result<Job, JobError> {
        let state = state_of(&record)?;
        let reached = match state {
            State::Rejected => LOOKED,
            State::Done if record.dry_run != 0 => LOOKED,
            state if state.stage() > 0 => state.stage(),
            _ => MADE,
        };
        let mut tally = self.store().tally(&record.id, reached).await?;
        if matches!(state, State::Checking | State::Rejected) {
            // These could be made; none is.
            let counts = &mut tally.counts;
            (counts.letters, counts.pages, counts.protected) = (0, 0, 0);
        }
        let job = Job::of(record, state, tally);
        Ok(Job { waits_for: self.waits_for().filter(|_| !state.is_end()), ..job })
    }
}

impl Job {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn of(record: JobRecord, state: State, tally: Tally) -> Self {
        let began = record.stage_at.filter(|_| state.stage() > 0);
        let done_now = tally.done - record.stage_done;
        let rate = began.filter(|_| done_now > 0).map(|began| {
            let seconds = (now() - began).max(1) as f64 / 1000.0;
            done_now as f64 / seconds
        });
        let seconds_left = rate.map(|rate| ((tally.items - tally.done) as f64 / rate).ceil() as u64);
        Self {
            waits_for: None,
            id: record.id,
            state,
            dry_run: record.dry_run != 0,
            created_at: record.created_at,
            finished_at: record.finished_at,
            expires_at: record.expires_at,
            version: record.version,
            problem: record.problem,
            tally,
            rate,
            seconds_left,
        }
    }
}

fn state_of(record: &JobRecord) -> Result<State, JobError> {
    State::parse(&record.state).ok_or(JobError::Sealed)
}
