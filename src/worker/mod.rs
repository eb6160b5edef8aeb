//! Render processes. A compile can not be cancelled inside a process, and its memory can not be bounded
//! there: so tasks go to children of the service that can be killed.
//!
//! The pool keeps a process for each core and one spare, started and warm. Whoever loses its process, by
//! a deadline, by its memory, by a crash or because it has done its share, takes the spare at once, and
//! a new one is started behind it; so nobody waits for a start. A run that is soon over can do without the
//! spare until the first one is missed. Tasks and answers are bytes: this module knows neither documents nor HTTP.

mod child;
mod process;
mod queue;
mod sandbox;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

pub use child::{quiet_panics, run as run_child};
use process::{Ended, Worker};
pub use process::{Program, StartError};
use queue::{Job, Queue};
pub use sandbox::{Landlock, hide_memory};
#[cfg(fuzzing)]
pub(crate) use wire::fuzz;

/// Stack of the thread that does the tasks (measured: nested content overflows 2 MB at 20,000 levels;
/// 64 MB survives 100,000).
const STACK: usize = 64 * 1024 * 1024;
/// After how many tasks the memory of a worker is looked at.
const LOOK: u64 = 32;
/// Longest task, in bytes, that a worker gets before its last answer is read: half of a pipe.
const LONGEST_AHEAD: usize = 32 * 1024;
/// Longest pause between two attempts to start a worker.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How the pool works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Processes that work at once.
    pub workers: usize,
    /// Most tasks of each priority that wait.
    pub queue: usize,
    /// Longest that a task may take in a worker, and that it may wait for one.
    pub deadline: Duration,
    /// Tasks after which a worker is replaced.
    pub recycle_after: u64,
    /// Bytes of growth after which a worker is replaced.
    pub recycle_growth: u64,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// Part of a job.
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
    /// As much is waiting as may wait.
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
}

/// The pool.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    queue: Arc<Queue>,
    spare: mpsc::Sender<Worker>,
    spares: Mutex<mpsc::Receiver<Worker>>,
    /// Told when there should be a spare from now on.
    missed: Notify,
    /// Slots that have a process.
    manned: AtomicUsize,
    replaced: AtomicU64,
    /// Mean microseconds of a task, moving.
    mean: AtomicU64,
    /// Whether the last attempt to start a worker failed.
    failing: AtomicBool,
    /// How far the kernel fences the first worker in, and so the others.
    landlock: OnceLock<Landlock>,
}

impl Pool {
    /// A pool without processes. What it is given waits until there are some.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (spare, spares) = mpsc::channel(1);
        let shared = Shared {
            queue: Arc::new(Queue::new(settings.queue)),
            settings,
            spare,
            spares: Mutex::new(spares),
            missed: Notify::new(),
            manned: AtomicUsize::new(0),
            replaced: AtomicU64::new(0),
            mean: AtomicU64::new(20_000),
            failing: AtomicBool::new(false),
            landlock: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the processes, and returns when they are warm. To be called once.
    ///
    /// # Errors
    /// When one can not be started.
    pub async fn start(&self, program: Program) -> Result<(), StartError> {
        self.shared.missed.notify_one();
        self.start_without_spare(program).await
    }

    /// Starts the processes as [`start`](Self::start) does, but a spare only when one is missed: a run that is soon over would wait
    /// for it longer than it could ever save.
    ///
    /// # Errors
    /// When one can not be started.
    pub async fn start_without_spare(&self, program: Program) -> Result<(), StartError> {
        let shared = &self.shared;
        let first = try_join_all((0..shared.settings.workers.max(1)).map(|_| Worker::start(&program))).await?;
        if let Some(worker) = first.first() {
            tell(*shared.landlock.get_or_init(|| worker.landlock));
        }
        shared.manned.store(first.len(), Ordering::Relaxed);
        for worker in first {
            tokio::spawn(Arc::clone(shared).man(worker));
        }
        tokio::spawn(Arc::clone(shared).keep_spare(program));
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
        }
    }
}

impl Shared {
    /// Serves the queue with one process after the other, for as long as the service lives.
    async fn man(self: Arc<Self>, mut worker: Worker) {
        let mut ahead: Option<Job> = None;
        loop {
            let job = match ahead.take() {
                // What the worker has got already it does, whether or not somebody still waits.
                Some(job) if worker.has_next => Some(job),
                // The worker that had it is gone. It has waited for another's fault, so its own deadline does not count.
                Some(job) => (!job.answer.is_closed()).then_some(job),
                None => self.wanted(self.queue.next().await),
            };
            let Some(job) = job else { continue };
            let is_last = self.does_its_last(&worker);
            if !self.work(job, &mut worker, &mut ahead, is_last).await {
                worker = self.replace().await;
            } else if is_last {
                match self.spare_at_hand() {
                    Some(spare) => {
                        self.replaced.fetch_add(1, Ordering::Relaxed);
                        worker = spare;
                    }
                    // It goes on until there is one.
                    None => self.missed.notify_one(),
                }
            }
        }
    }

    /// A job, if somebody waits for it and it is not too late; who has waited too long is told.
    fn wanted(&self, job: Job) -> Option<Job> {
        if job.answer.is_closed() {
            return None;
        }
        if job.since.elapsed() > self.settings.deadline {
            // Its caller may have gone in this moment.
            drop(job.answer.send(Err(self.busy(Priority::Interactive))));
            return None;
        }
        Some(job)
    }

    /// A job to give to a worker that has nearly finished one, or not yet handed it over. It is short enough for
    /// the worker's pipe to take it at once, even while the worker is still writing its answer.
    fn following(&self) -> Option<Job> {
        std::iter::from_fn(|| self.queue.next_of(LONGEST_AHEAD)).find_map(|job| self.wanted(job))
    }

    /// Does a job; whether the worker can be used again. After a crash the job gets a second try with another
    /// worker; after a kill from outside, which says nothing of the job, a third. Unless it is the worker's last,
    /// the worker gets another one when it is nearly done, which is left in `ahead`.
    async fn work(&self, job: Job, worker: &mut Worker, ahead: &mut Option<Job>, is_last: bool) -> bool {
        let mut tries = 0;
        let (result, whole) = loop {
            tries += 1;
            let began = Instant::now();
            let following = || if is_last { None } else { self.following() };
            match worker.ask(&job, self.settings.deadline, ahead, following).await {
                Ok(answer) => {
                    self.note(began.elapsed());
                    break (Ok(Bytes::from(answer)), true);
                }
                Err(Ended::Crashed) if tries < 2 => *worker = self.replace().await,
                Err(Ended::Killed) if tries < 3 => *worker = self.replace().await,
                Err(Ended::Crashed | Ended::Killed) => break (Err(WorkError::Crashed), false),
                Err(Ended::Late) => break (Err(WorkError::Deadline), false),
                Err(Ended::Memory) => break (Err(WorkError::Memory), false),
            }
        };
        // Its caller may have gone.
        drop(job.answer.send(result));
        whole
    }

    /// A worker in place of one that is lost: the spare, or the next that starts.
    async fn replace(&self) -> Worker {
        self.manned.fetch_sub(1, Ordering::Relaxed);
        self.missed.notify_one();
        let worker = loop {
            // The channel is open as long as this lives.
            if let Some(mut worker) = self.spares.lock().await.recv().await
                && !worker.has_ended()
            {
                break worker;
            }
        };
        self.manned.fetch_add(1, Ordering::Relaxed);
        self.replaced.fetch_add(1, Ordering::Relaxed);
        worker
    }

    fn spare_at_hand(&self) -> Option<Worker> {
        let mut spares = self.spares.try_lock().ok()?;
        spares.try_recv().ok().and_then(|mut worker| (!worker.has_ended()).then_some(worker))
    }

    /// Whether the next job is the last that a worker gets.
    fn does_its_last(&self, worker: &Worker) -> bool {
        worker.done + 1 >= self.settings.recycle_after
            || (worker.done.is_multiple_of(LOOK)
                && worker.growth().is_some_and(|growth| growth > self.settings.recycle_growth))
    }

    /// Starts a spare whenever there is none, once there should be one.
    async fn keep_spare(self: Arc<Self>, program: Program) {
        self.missed.notified().await;
        while let Ok(room) = self.spare.reserve().await {
            let mut pause = Duration::from_millis(100);
            let worker = loop {
                match Worker::start(&program).await {
                    Ok(worker) => break worker,
                    Err(error) => {
                        if !self.failing.swap(true, Ordering::Relaxed) {
                            tracing::error!(error = %error, "a render worker can not be started; trying on");
                        }
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            };
            if self.failing.swap(false, Ordering::Relaxed) {
                tracing::info!("render workers can be started again");
            }
            room.send(worker);
        }
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
