//! Has chunks done, by all services on a store, and takes jobs from state to state.
//!
//! A chunk is one task of the queue. What it gives is in the store before the queue hears that it is done, and is kept once however often it is done.
//! Of each tenant only a few chunks are queued at a time: when one is done, the next one is put behind those of the others.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::vault::{About, Plan, Vault};
use super::{JobError, Jobs, State, Trouble, state_of};
use crate::access::now;
use crate::bulk::chunk::{self, Chunk, Followers, Made, Outcome, Wanted};
use crate::bulk::documents;
use crate::bulk::manifest::Counts;
use crate::pipeline::MailingBytes;
use crate::seal;
use crate::store::{Counted, JobRecord, Kept, Lane, StoreError, Task, Turn};
use crate::telemetry::with_causes;

/// Chunks of a tenant that are queued or being done.
const QUEUED: i64 = 8;
/// Messages that are sent at once.
const MESSAGES: usize = 8;
/// How often jobs are looked at that may have been left: those whose process has ended between two steps, and those whose time has come.
const LOOK: Duration = Duration::from_secs(5);
/// How often tasks that are done are removed.
const SWEEP: Duration = Duration::from_mins(5);
/// After this time without any of its chunks done, in milliseconds, those of a job are queued again that the queue has lost.
const STUCK: i64 = 15 * 60 * 1000;
/// Longest that a job may take to be sent.
const RECEIVE: Duration = Duration::from_hours(1);
/// Pauses between tries when the store does not answer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Jobs {
    /// Does tasks until it is told to stop, then finishes those under way.
    pub fn start(&self, stopped: watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
        let tasks = [
            tokio::spawn(self.clone().take_tasks(Lane::Work, self.0.settings.at_once, stopped.clone())),
            tokio::spawn(self.clone().take_tasks(Lane::Messages, MESSAGES, stopped.clone())),
            tokio::spawn(self.clone().look_after(stopped)),
        ];
        async move {
            for task in tasks {
                if task.await.is_err() {
                    tracing::error!("a part of the jobs has broken down");
                }
            }
        }
    }

    async fn take_tasks(self, lane: Lane, at_once: usize, stopped: watch::Receiver<bool>) {
        let Ok(queue) = self.queue().cloned() else { return };
        let mut pause = SHORTEST_PAUSE;
        let mut is_reclaimed = false;
        // When a queue breaks off, what is done of its tasks goes on: what is in hand may still be kept.
        let places = Arc::new(Semaphore::new(at_once));
        while !*stopped.borrow() {
            let name = seal::new_name().unwrap_or_else(|| format!("{:?}", Instant::now()));
            let mut until = stopped.clone();
            let stop = async move {
                // The sender is only dropped with the process.
                drop(until.wait_for(|stop| *stop).await);
            };
            let (jobs, places) = (self.clone(), Arc::clone(&places));
            let work = move |task| {
                let (jobs, places) = (jobs.clone(), Arc::clone(&places));
                async move {
                    // It is never closed.
                    if let Ok(place) = places.acquire_owned().await {
                        jobs.work(task, place.into()).await;
                    }
                }
            };
            let ran = async {
                if !is_reclaimed {
                    queue.reclaim(lane).await?;
                    is_reclaimed = true;
                }
                queue.run(lane, &name, at_once, stop, work).await
            };
            if let Err(error) = ran.await {
                tracing::warn!(error = with_causes(&error), "no tasks can be taken; trying again");
                self.note(trouble(&error));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Does a task, and tries again for as long as the store does not answer: nothing is given up for that.
    async fn work(&self, task: Task, place: Arc<OwnedSemaphorePermit>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let (jobs, what, place) = (self.clone(), task.clone(), Arc::clone(&place));
            // A task that panics ends nothing but its job.
            let done = tokio::spawn(async move {
                let done = jobs.attempt(&what).await;
                drop(place);
                done
            });
            let done = done.await;
            let error = match done {
                // Of a job that was erased meanwhile there is nothing to do.
                Ok(Ok(()) | Err(JobError::Unknown)) => return self.note(Trouble::None),
                Ok(Err(error)) => error,
                Err(_) => JobError::Form("a task has broken down"),
            };
            if !matches!(error, JobError::Store(_) | JobError::Queue(_)) {
                tracing::error!(error = with_causes(&error), "a job can not be gone on with");
                if self.give_up_task(&task, &error).await.is_ok() {
                    return;
                }
            }
            self.wait_for_store(&error, &mut pause).await;
        }
    }

    /// Writes what is in hand, and tries again for as long as the store does not take it: it was dear to make, or can not be undone.
    pub(super) async fn insist<T, F>(&self, write: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match write().await {
                Ok(written) => return written,
                Err(error) => self.wait_for_store(&error, &mut pause).await,
            }
        }
    }

    /// Pauses before the next try, a little longer each time.
    async fn wait_for_store(&self, error: &(dyn std::error::Error + Send + Sync), pause: &mut Duration) {
        tracing::warn!(error = with_causes(error), "a job waits for the store");
        self.note(trouble(error));
        sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
    }

    async fn give_up_task(&self, task: &Task, error: &JobError) -> Result<(), JobError> {
        let (Task::Plan { job, .. } | Task::Chunk { job, .. }) = task else { return Ok(()) };
        match self.store().job(job).await?.filter(|record| is_of(task, record)) {
            Some(record) => self.give_up(&record, error).await,
            None => Ok(()),
        }
    }

    async fn give_up(&self, record: &JobRecord, error: &JobError) -> Result<(), JobError> {
        let problem = if matches!(error, JobError::Sealed) { "sealed" } else { "internal" };
        // One whose state nobody knows is left as it is.
        if state_of(record).is_ok() {
            self.step(record, State::Failed, Some(problem)).await?;
        }
        Ok(())
    }

    async fn attempt(&self, task: &Task) -> Result<(), JobError> {
        match task {
            Task::Plan { job, .. } => {
                let record = self.store().job(job).await?;
                match record.filter(|record| is_of(task, record)) {
                    Some(record) => self.plan(&record).await,
                    None => Ok(()),
                }
            }
            Task::Tell { webhook, attempts, .. } => self.tell(webhook, *attempts).await,
            Task::Chunk { job, number, .. } => {
                let record = self.store().job(job).await?;
                match record.filter(|record| is_of(task, record)) {
                    Some(record) => self.bring(&record, *number).await,
                    // It was stopped, erased, or begun anew.
                    None => Ok(()),
                }
            }
        }
    }

    /// Brings a chunk to the stage of its job.
    async fn bring(&self, record: &JobRecord, number: i64) -> Result<(), JobError> {
        let (id, stage) = (&record.id, record.stage);
        let Some((plan, reached)) = self.store().plan(id, number).await? else { return Ok(()) };
        if reached < stage {
            let vault = self.vault(record)?;
            let wanted = match state_of(record)? {
                State::Counting => Wanted::Pages,
                State::Checking => Wanted::Check,
                _ => Wanted::Letters,
            };
            let head = self.head(id, &vault).await?;
            let before = self.done_before(record, number, wanted).await?;
            let there: HashSet<u64> = before.outcomes.iter().map(|outcome| outcome.number).collect();
            let made = match (head.about, vault.plan(number, plan)?) {
                (About::Letter { mailing, .. }, Plan::Letters(mut items)) => {
                    items.retain(|item| !there.contains(&item.number));
                    let mailing = MailingBytes::new(&mailing).map_err(|_| JobError::Sealed)?;
                    chunk::make(self.0.pipeline.pool(), &mailing, items, wanted, self.ahead()).await
                }
                (About::Documents { kind, .. }, Plan::Documents(mut orders)) => {
                    orders.retain(|order| !there.contains(&order.number));
                    documents::make(&self.0.pipeline, kind, orders, wanted, self.ahead()).await
                }
                _ => return Err(JobError::Sealed),
            };
            let kept = seal_chunk(vault, number, before.and(made), wanted).await?;
            let turn = Turn { job: id.clone(), number, stage, round: record.round };
            self.insist(|| self.store().keep_chunk(&turn, &kept, now())).await;
        }
        self.dispatch(&record.tenant).await?;
        if self.store().has_open_chunks(id, stage).await? { Ok(()) } else { self.end_stage(record).await }
    }

    /// What a chunk that is to be done again has from before and keeps; nothing where it is done for the first time.
    async fn done_before(&self, record: &JobRecord, number: i64, wanted: Wanted) -> Result<Chunk, JobError> {
        // Only with a new round chunks are done again.
        if record.round == 0 {
            return Ok(Chunk::default());
        }
        let Some(outcomes) = self.store().outcomes(&record.id, number).await? else { return Ok(Chunk::default()) };
        let documents = self.store().documents(&record.id, number).await?;
        let vault = self.vault(record)?;
        let opened = tokio::task::spawn_blocking(move || {
            let outcomes = vault.outcomes(number, outcomes)?;
            let documents = documents.map(|documents| vault.documents(number, documents)).transpose()?;
            Ok(Chunk { outcomes, documents: documents.unwrap_or_default() }.without_failed(wanted))
        });
        opened.await.map_err(|_| JobError::Sealed)?
    }

    /// Documents of a chunk that wait for a worker at once.
    fn ahead(&self) -> usize {
        2 * self.0.workers
    }

    /// Queues the next chunks of a tenant, so that as many as there may be are queued.
    pub(super) async fn dispatch(&self, tenant: &str) -> Result<(), JobError> {
        let queue = self.queue()?;
        let mut under_way = self.store().chunks_under_way(tenant).await?;
        while under_way < QUEUED {
            let Some(turn) = self.store().next_turn(tenant).await? else { break };
            // First queued, then noted: what is queued twice is done once.
            queue
                .push(Task::Chunk { job: turn.job.clone(), number: turn.number, stage: turn.stage, round: turn.round })
                .await?;
            self.store().note_turn(&turn, now_in_micros()).await?;
            under_way += 1;
        }
        Ok(())
    }

    /// Takes a job on when all its chunks have come to what they were to.
    pub(super) async fn end_stage(&self, record: &JobRecord) -> Result<(), JobError> {
        let (id, stage) = (&record.id, record.stage);
        self.settle(record).await?;
        let now_in = state_of(record)?;
        let tally = self.store().tally(id, stage).await?;
        if record.items != Some(tally.done) {
            // Nothing is called done of which a part is missing.
            tracing::error!("the chunks of a job do not add up to its plan");
            return self.step(record, State::Failed, Some("internal")).await.map(drop);
        }
        let to = match now_in {
            State::Checking if tally.counts.invalid + tally.counts.failed > 0 => State::Rejected,
            State::Checking => State::Making,
            _ => State::Done,
        };
        if self.step(record, to, None).await? && to == State::Making {
            self.dispatch(&record.tenant).await?;
        }
        Ok(())
    }

    /// Goes through all outcomes in order: who shares a letter that is not there gets none, and who shares one that is there now does.
    async fn settle(&self, record: &JobRecord) -> Result<(), JobError> {
        let vault = self.vault(record)?;
        let mut followers = Followers::default();
        for chunk in self.store().chunks(&record.id).await? {
            let Some(sealed) = self.store().outcomes(&record.id, chunk.number).await? else { continue };
            let outcomes = vault.outcomes(chunk.number, sealed.clone())?;
            let mut settled = Vec::with_capacity(outcomes.len());
            for outcome in &outcomes {
                let mut outcome = outcome.clone();
                if outcome.follows.is_some() {
                    outcome.result = Made::Nothing;
                }
                settled.push(followers.settle(outcome));
            }
            if settled != outcomes {
                let outcomes = vault.seal_outcomes(chunk.number, &settled)?;
                let counts = count(&settled);
                self.store().settle_chunk(&record.id, chunk.number, counts, (sealed, outcomes)).await?;
            }
        }
        Ok(())
    }

    async fn look_after(self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweeps = interval(SWEEP);
        loop {
            let is_sweep = tokio::select! {
                _ = ticks.tick() => false,
                _ = sweeps.tick() => true,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            let looked = if is_sweep { self.sweep().await } else { self.look().await };
            if let Err(error) = looked {
                tracing::warn!(error = with_causes(&error), "jobs can not be looked after");
            }
        }
    }

    async fn sweep(&self) -> Result<(), JobError> {
        match self.queue() {
            Ok(queue) => Ok(queue.sweep().await?),
            Err(_) => Ok(()),
        }
    }

    /// Looks at jobs that may have been left, and erases those whose time has come.
    async fn look(&self) -> Result<(), JobError> {
        let received_by = now() - i64::try_from(RECEIVE.as_millis()).unwrap_or(i64::MAX);
        for id in self.store().jobs_to_erase(now(), State::Receiving.name(), received_by).await? {
            self.store().erase_job(&id, State::Erased.name()).await?;
            self.remove_erased(&id).await?;
        }
        let Ok(queue) = self.queue() else { return Ok(()) };
        self.announce().await?;
        for record in self.store().jobs_in(State::Planning.name()).await? {
            queue.push(Task::Plan { job: record.id, round: record.round }).await?;
        }
        let at_work = self.store().jobs_at_work().await?;
        for record in at_work.iter().filter(|record| record.moved_at < now() - STUCK) {
            if self.is_stuck(record).await? {
                self.store().unstick_job(&record.id, now() - STUCK, now()).await?;
            }
        }
        for tenant in at_work.iter().map(|record| record.tenant.as_str()).collect::<BTreeSet<_>>() {
            self.dispatch(tenant).await?;
        }
        for record in &at_work {
            if !self.store().has_open_chunks(&record.id, record.stage).await? {
                self.end_stage_or_give_up(record).await?;
            }
        }
        Ok(())
    }

    /// Takes a job on, or fails it alone: those behind it are to go on.
    async fn end_stage_or_give_up(&self, record: &JobRecord) -> Result<(), JobError> {
        match self.end_stage(record).await {
            Ok(()) | Err(JobError::Unknown) => Ok(()),
            Err(error @ (JobError::Store(_) | JobError::Queue(_))) => Err(error),
            Err(error) => {
                tracing::error!(error = with_causes(&error), "a job can not be gone on with");
                self.give_up(record, &error).await
            }
        }
    }

    /// Whether a job has chunks that were queued, and the queue has none of them. One that only waits behind those of others would lose its place.
    async fn is_stuck(&self, record: &JobRecord) -> Result<bool, JobError> {
        let numbers = self.store().chunks_queued(&record.id).await?;
        for &number in &numbers {
            let task = Task::Chunk { job: record.id.clone(), number, stage: record.stage, round: record.round };
            if self.queue()?.has(&task).await? {
                return Ok(false);
            }
        }
        Ok(!numbers.is_empty())
    }
}

/// A chunk as it is kept. Sealing some megabytes is done beside what answers callers.
async fn seal_chunk(vault: Vault, number: i64, chunk: Chunk, wanted: Wanted) -> Result<Kept, JobError> {
    let sealed = tokio::task::spawn_blocking(move || {
        let documents = (wanted == Wanted::Letters).then(|| vault.seal_documents(number, &chunk.documents));
        Ok(Kept {
            counts: count(&chunk.outcomes),
            outcomes: vault.seal_outcomes(number, &chunk.outcomes)?,
            documents: documents.transpose()?,
        })
    });
    sealed.await.map_err(|_| JobError::Sealed)?
}

fn count(outcomes: &[Outcome]) -> Counted {
    let mut counts = Counts::default();
    for outcome in outcomes {
        counts.add(outcome);
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Counted {
        letters: number(counts.letters),
        pages: number(counts.pages),
        no_letter: number(counts.no_letter),
        invalid: number(counts.invalid),
        failed: number(counts.failed),
        protected: number(counts.protected),
    }
}

/// Whether a task is still of what a job is to do.
fn is_of(task: &Task, record: &JobRecord) -> bool {
    match task {
        Task::Plan { .. } => record.state == State::Planning.name(),
        Task::Chunk { stage, round, .. } => record.stage == *stage && record.round == *round,
        Task::Tell { .. } => false,
    }
}

/// What is the matter with the store: no more room where it writes, or something else.
fn trouble(error: &dyn std::error::Error) -> Trouble {
    let told = with_causes(error);
    // SQLite's words for SQLITE_FULL, and those of the system that PostgreSQL repeats with its code 53100.
    if ["disk is full", "No space left"].iter().any(|words| told.contains(words)) {
        Trouble::Room
    } else {
        Trouble::Store
    }
}

fn now_in_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
