//! Render processes. A compile can not be cancelled inside a process, and its memory can not be bounded
//! there: so tasks go to children of the service that can be killed.
//!
//! The pool keeps a process for each core and one spare, started and warm. Whoever loses its process, by
//! a deadline, by its memory, by a crash or because it has done its share, takes the spare at once, and
//! a new one is started behind it; so nobody waits for a start. What had its process lost goes back into the
//! queue, for whoever is free first: no task depends on whether a process can be started. A run that is soon
//! over can do without the spare until the first one is missed. Tasks and answers are bytes: this module knows
//! neither documents nor HTTP.

mod child;
mod lull;
mod process;
mod queue;
mod sandbox;
mod slot;
mod spare;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

pub use child::{quiet_panics, run as run_child};
use lull::Lull;
use process::Worker;
pub use process::{Program, StartError};
use queue::{Job, Queue};
pub use sandbox::{Landlock, hide_memory};
use slot::Slot;
use spare::Spare;
#[cfg(fuzzing)]
pub(crate) use wire::fuzz;

/// Stack of the thread that does the tasks (measured: nested content overflows 2 MB at 20,000 levels;
/// 64 MB survives 100,000).
const STACK: usize = 64 * 1024 * 1024;
/// How often those who wait are looked at.
const TICK: Duration = Duration::from_millis(250);

/// How the pool works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Processes that work at once.
    pub workers: usize,
    /// Most tasks of each priority that wait.
    pub queue: usize,
    /// Longest that a task may take in a worker, and that somebody may wait for one.
    pub deadline: Duration,
    /// Tasks after which a worker is replaced.
    pub recycle_after: u64,
    /// Bytes of growth after which a worker is replaced.
    pub recycle_growth: u64,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it, and is told when that takes too long.
    #[default]
    Interactive,
    /// Part of a job, which waits for as long as it takes.
    Bulk,
}

/// A task, in bytes.
pub struct Task {
    bytes: Bytes,
    anew: Option<Anew>,
}

/// Makes a task for a worker that has done none before.
type Anew = Box<dyn Fn() -> Bytes + Send + Sync>;

impl Task {
    /// A task that rests on what a worker was told in tasks before it. `anew` makes one that does not, for a worker that was told
    /// nothing yet. A worker can have forgotten, too, so its answer to the short one has to tell.
    #[must_use]
    pub fn resting(bytes: Bytes, anew: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        Self { bytes, anew: Some(Box::new(anew)) }
    }
}

impl From<Bytes> for Task {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, anew: None }
    }
}

/// Why a task was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// As much is waiting as may wait, or it has waited too long.
    #[error("too much is waiting; try again in {retry_after} s")]
    Busy {
        /// Seconds after which another try makes sense.
        retry_after: u64,
    },
    /// It took longer than it may.
    #[error("the deadline has passed")]
    Deadline,
    /// It took more memory than it may.
    #[error("the memory of a worker is too small for it")]
    Memory,
    /// It ended two workers.
    #[error("the renderer failed")]
    Crashed,
}

/// How the pool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Processes that work or could.
    pub workers: usize,
    /// Processes that there should be.
    pub wanted: usize,
    /// Tasks that wait.
    pub waiting: usize,
    /// Processes that have been replaced since the start, for whatever reason.
    pub replaced: u64,
    /// Whether the last attempt to start a process failed.
    pub failing: bool,
}

impl Census {
    /// Whether there is a process, or likely to be one soon.
    #[must_use]
    pub fn can_work(&self) -> bool {
        self.workers > 0 || !self.failing
    }
}

/// The pool.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    queue: Arc<Queue>,
    spare: Spare,
    lull: Lull,
    /// Slots that have a process.
    manned: AtomicUsize,
    replaced: AtomicU64,
    /// Mean microseconds of a task, moving.
    mean: AtomicU64,
    /// How far the kernel fences the first worker in, and so the others.
    landlock: OnceLock<Landlock>,
}

impl Pool {
    /// A pool without processes. What it is given waits until there are some.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let shared = Shared {
            queue: Arc::new(Queue::new(settings.queue)),
            lull: Lull::new(settings.workers.max(1)),
            settings,
            spare: Spare::default(),
            manned: AtomicUsize::new(0),
            replaced: AtomicU64::new(0),
            mean: AtomicU64::new(20_000),
            landlock: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the processes, and returns when they are warm. To be called once.
    ///
    /// # Errors
    /// When one can not be started.
    pub async fn start(&self, program: Program) -> Result<(), StartError> {
        self.shared.spare.miss();
        self.start_without_spare(program).await
    }

    /// Starts the processes as [`start`](Self::start) does, but a spare only when one is missed: a run that is soon over would wait
    /// for it longer than it could ever save.
    ///
    /// # Errors
    /// When one can not be started.
    pub async fn start_without_spare(&self, program: Program) -> Result<(), StartError> {
        let shared = &self.shared;
        // Callers may be there before the processes.
        tokio::spawn(Arc::clone(shared).refuse_overdue());
        let first = try_join_all((0..shared.settings.workers.max(1)).map(|_| Worker::start(&program))).await?;
        if let Some(worker) = first.first() {
            tell(*shared.landlock.get_or_init(|| worker.landlock));
        }
        shared.manned.store(first.len(), Ordering::Relaxed);
        for (number, worker) in first.into_iter().enumerate() {
            tokio::spawn(Slot::new(Arc::clone(shared), number, worker).serve());
        }
        let shared = Arc::clone(shared);
        tokio::spawn(async move { shared.spare.keep(&program).await });
        Ok(())
    }

    /// Has a task done. A caller that stops waiting frees its place in the queue.
    ///
    /// # Errors
    /// See [`WorkError`].
    pub async fn run(&self, task: impl Into<Task>, priority: Priority) -> Result<Bytes, WorkError> {
        let (answer, result) = oneshot::channel();
        let place = self.shared.queue.push(task.into(), priority, answer).ok_or_else(|| self.shared.busy(priority))?;
        let result = result.await.unwrap_or(Err(WorkError::Crashed));
        drop(place);
        result
    }

    /// A runtime for whoever uses the pool. With one thread it lets some milliseconds pass now and then while every process has more to do
    /// than it does (`lull`); with more, another thread would look meanwhile.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn runtime(&self, threads: usize) -> std::io::Result<Runtime> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if threads == 1 {
            let shared = Arc::clone(&self.shared);
            runtime.on_thread_park(move || shared.lull.wait());
        }
        runtime.worker_threads(threads).enable_all().build()
    }

    /// How far the kernel fences the processes in, once they are started.
    #[must_use]
    pub fn landlock(&self) -> Option<Landlock> {
        self.shared.landlock.get().copied()
    }

    /// How the pool is doing.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            workers: self.shared.manned.load(Ordering::Relaxed),
            wanted: self.shared.settings.workers.max(1),
            waiting: self.shared.queue.waiting(Priority::Bulk),
            replaced: self.shared.replaced.load(Ordering::Relaxed),
            failing: self.shared.spare.is_failing(),
        }
    }
}

impl Shared {
    /// A job, if somebody waits for it and it is not too late.
    fn wanted(&self, job: Job) -> Option<Job> {
        if job.answer.is_closed() {
            return None;
        }
        if job.is_overdue(self.settings.deadline) {
            self.refuse(job);
            return None;
        }
        Some(job)
    }

    /// Tells who has waited too long, also while no worker is free to look at the queue.
    async fn refuse_overdue(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK).await;
            for job in self.queue.overdue(self.settings.deadline) {
                self.refuse(job);
            }
        }
    }

    fn refuse(&self, job: Job) {
        // Its caller may have gone in this moment.
        drop(job.answer.send(Err(self.busy(Priority::Interactive))));
    }

    /// The next job, if there is one now and it is not longer than so many bytes.
    fn following(&self, longest: usize) -> Option<Job> {
        std::iter::from_fn(|| self.queue.next_of(longest)).find_map(|job| self.wanted(job))
    }

    /// Mean time of a task, moving.
    fn mean(&self) -> Duration {
        Duration::from_micros(self.mean.load(Ordering::Relaxed))
    }

    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mean = self.mean.load(Ordering::Relaxed);
        // An update lost to another slot changes a guess by a sixteenth.
        self.mean.store(mean - mean / 16 + took / 16, Ordering::Relaxed);
    }

    /// With the seconds until what waits now is likely done.
    fn busy(&self, priority: Priority) -> WorkError {
        let waiting = self.queue.waiting(priority) as u64;
        let micros = waiting * self.mean.load(Ordering::Relaxed) / self.settings.workers.max(1) as u64;
        WorkError::Busy { retry_after: micros.div_ceil(1_000_000).clamp(1, 60) }
    }
}

fn tell(landlock: Landlock) {
    match landlock {
        Landlock::Full => tracing::info!("render workers are fenced in by landlock and limits"),
        Landlock::Partial => {
            tracing::warn!("this kernel has only part of landlock; limits fence render workers in, too");
        }
        Landlock::None => tracing::warn!("this kernel has no landlock; only limits fence render workers in"),
    }
}
