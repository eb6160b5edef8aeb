//! One of the places for a process that works: what its process has in hand, and what becomes of that.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::process::{Ended, Heard, Worker};
use super::queue::Job;
use super::{Priority, Shared, WorkError};

/// After how many tasks the memory of a worker is looked at.
const LOOK: u64 = 32;
/// Bytes of tasks that a worker may be given beside the one that it does: less than its socket takes at once, whatever it does.
const MOST_AHEAD: usize = 32 * 1024;
/// What a worker may be given to do beside the task that it does, by the mean of the last ones.
const PROVISION: Duration = Duration::from_millis(12);
/// The same as a number of tasks.
const MOST_TASKS_AHEAD: u64 = 4;
/// After how long without a word from a worker the tasks that it has not begun are for others.
const PATIENCE: Duration = Duration::from_millis(50);

/// A task that a worker has.
struct Held {
    number: u32,
    bytes: usize,
    /// Nothing once it has been taken back. The worker does not know that.
    job: Option<Job>,
}

/// A place for a process, which has one process after the other for as long as the service lives.
pub(super) struct Slot {
    shared: Arc<Shared>,
    number: usize,
    worker: Worker,
    /// What the worker has, in the order in which it does them.
    hand: VecDeque<Held>,
    /// Since when it does the first of them.
    since: Instant,
    /// Tasks that it has done.
    done: u64,
    /// Whether it is to be replaced as soon as it has nothing in hand and there is a spare.
    is_spent: bool,
    /// Whether it has another task than the one that it does.
    is_provided: bool,
}

impl Slot {
    pub(super) fn new(shared: Arc<Shared>, number: usize, worker: Worker) -> Self {
        let mut slot = Self {
            shared,
            number,
            worker,
            hand: VecDeque::new(),
            since: Instant::now(),
            done: 0,
            is_spent: false,
            is_provided: false,
        };
        slot.settle();
        slot
    }

    /// Serves the queue.
    pub(super) async fn serve(mut self) {
        loop {
            if let Err(ended) = self.turn().await {
                self.lose(ended).await;
            }
            self.tell();
        }
    }

    /// Gives the worker what it is to have, and waits for what it says next.
    async fn turn(&mut self) -> Result<(), Ended> {
        if self.hand.is_empty() {
            self.renew();
            let Some(job) = self.shared.wanted(self.shared.queue.next().await) else { return Ok(()) };
            // What it has rung for is over. That it is gone shows soon enough.
            let _ = self.worker.has_rung();
            self.since = Instant::now();
            self.give(job).await?;
            self.provide(false).await?;
        }
        match self.hear().await? {
            Heard::Bell => self.provide(true).await,
            Heard::Answer(number, answer) => {
                self.hand_over(number, answer)?;
                if self.hand.is_empty() { Ok(()) } else { self.provide(false).await }
            }
        }
    }

    /// Gives the worker what it can likely do soon beside the task that it does: so it does not wait for the service, and the service
    /// is woken for several at once. A worker that is nearly done gets one if there is any; before that, only of more than all
    /// workers could take, since whoever is free first should have it.
    async fn provide(&mut self, is_nearly_done: bool) -> Result<(), Ended> {
        let mean = self.shared.mean().as_micros().max(1);
        let likely = u64::try_from(PROVISION.as_micros() / mean).unwrap_or(u64::MAX).min(MOST_TASKS_AHEAD);
        while !self.is_spent && u64::from(self.worker.given) < self.shared.settings.recycle_after {
            let ahead = self.hand.len().saturating_sub(1);
            let are_many_waiting = || self.shared.queue.waiting(Priority::Bulk) >= self.shared.settings.workers;
            if !(is_nearly_done && ahead == 0 || (ahead as u64) < likely && are_many_waiting()) {
                break;
            }
            let taken: usize = self.hand.iter().skip(1).map(|held| held.bytes).sum();
            let Some(job) = self.shared.following(MOST_AHEAD.saturating_sub(taken)) else { break };
            self.give(job).await?;
        }
        self.tell();
        Ok(())
    }

    async fn give(&mut self, job: Job) -> Result<(), Ended> {
        // A task that is longer than the socket takes at once has to be read meanwhile.
        let given = timeout_at(self.deadline(), self.worker.give(&job.task)).await;
        self.hand.push_back(Held { number: self.worker.given, bytes: job.task.bytes.len(), job: Some(job) });
        match given {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.worker.cause().await),
            Err(_) => Err(Ended::Late),
        }
    }

    /// What the worker says next, before the deadline of what it does. When it is long silent, others get what it has not begun. It
    /// does not know that, and should it come to these tasks, nobody hears its answers.
    async fn hear(&mut self) -> Result<Heard, Ended> {
        let deadline = self.deadline();
        let patience = deadline.min(Instant::now() + PATIENCE);
        // With whom nobody shares the work has nobody to give it to.
        let is_shared = self.hand.len() > 1 && self.shared.settings.workers > 1;
        let heard = {
            let mut hearing = pin!(self.worker.hear());
            let mut heard = None;
            if is_shared {
                heard = timeout_at(patience, &mut hearing).await.ok();
                if heard.is_none() {
                    let others = self.hand.iter_mut().skip(1).filter_map(|held| held.job.take());
                    others.for_each(|job| self.shared.queue.put_back(job));
                }
            }
            match heard {
                Some(heard) => heard,
                None => timeout_at(deadline, hearing).await.map_err(|_| Ended::Late)?,
            }
        };
        match heard {
            Ok(heard) => Ok(heard),
            Err(_) => Err(self.worker.cause().await),
        }
    }

    /// When the worker must be done with what it does.
    fn deadline(&self) -> Instant {
        self.since + self.shared.settings.deadline
    }

    /// Hands an answer over to who waits for it.
    fn hand_over(&mut self, number: u32, answer: Vec<u8>) -> Result<(), Ended> {
        let Some(held) = self.hand.pop_front_if(|held| held.number == number) else {
            tracing::error!("a render worker has answered what it was not asked");
            return Err(Ended::Crashed);
        };
        self.shared.note(self.since.elapsed());
        self.since = Instant::now();
        self.done += 1;
        self.is_spent |= self.done >= self.shared.settings.recycle_after
            || (self.done.is_multiple_of(LOOK)
                && self.worker.growth().is_some_and(|growth| growth > self.shared.settings.recycle_growth));
        if let Some(job) = held.job {
            // Its caller may have gone.
            drop(job.answer.send(Ok(Bytes::from(answer))));
        }
        Ok(())
    }

    /// Takes the spare if the worker has done its share. Without one it goes on until there is one.
    fn renew(&mut self) {
        if self.is_spent
            && let Some(spare) = self.shared.spare.take()
        {
            self.shared.replaced.fetch_add(1, Ordering::Relaxed);
            self.worker = spare;
            self.settle();
        }
    }

    /// Gives the worker up. What it did is tried again if it deserves that; what it had not begun is for whoever is free first.
    async fn lose(&mut self, ended: Ended) {
        let mut hand = std::mem::take(&mut self.hand).into_iter().map(|held| held.job);
        if let Some(mut job) = hand.next().flatten() {
            job.tries += 1;
            let refusal = match ended {
                _ if job.tries < ended.tries() => None,
                Ended::Late => Some(WorkError::Deadline),
                Ended::Memory => Some(WorkError::Memory),
                Ended::Crashed | Ended::Killed => Some(WorkError::Crashed),
            };
            match refusal {
                None => self.shared.queue.put_back(job),
                // Its caller may have gone.
                Some(refusal) => drop(job.answer.send(Err(refusal))),
            }
        }
        hand.flatten().for_each(|job| self.shared.queue.put_back(job));
        self.tell();
        self.shared.lull.set_bell(self.number, None);
        // Before its successor is waited for: it would go on, perhaps for ever.
        self.worker.kill();
        self.shared.manned.fetch_sub(1, Ordering::Relaxed);
        self.worker = self.shared.spare.next().await;
        self.shared.manned.fetch_add(1, Ordering::Relaxed);
        self.shared.replaced.fetch_add(1, Ordering::Relaxed);
        self.settle();
    }

    /// Begins with a worker that has nothing in hand.
    fn settle(&mut self) {
        (self.done, self.is_spent) = (0, false);
        // Without a bell it is looked as often as if there were no lull.
        self.shared.lull.set_bell(self.number, self.worker.bell().ok());
    }

    fn tell(&mut self) {
        let is_provided = self.hand.len() > 1;
        if std::mem::replace(&mut self.is_provided, is_provided) != is_provided {
            self.shared.lull.note(is_provided);
        }
    }
}
