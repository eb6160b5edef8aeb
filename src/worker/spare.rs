//! The process that stands by, started and warm, for whoever loses its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::process::{Program, Worker};

/// How often it is looked whether the spare is still there: a process that ends by itself tells nobody.
const LOOK: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to start a worker.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The spare, or the lack of one.
#[derive(Default)]
pub(super) struct Spare {
    worker: Mutex<Option<Worker>>,
    /// Told when there is one.
    came: Notify,
    /// Told when there should be one from now on.
    missed: Notify,
    /// Whether the last attempt to start one failed.
    failing: AtomicBool,
}

impl Spare {
    /// Has one started, if there is none.
    pub(super) fn miss(&self) {
        self.missed.notify_one();
    }

    /// Takes it if it is at hand. Another one is started, in either case.
    pub(super) fn take(&self) -> Option<Worker> {
        let worker = self.worker().take();
        self.miss();
        worker.and_then(|mut worker| (!worker.has_ended()).then_some(worker))
    }

    /// Takes it, as soon as there is one.
    pub(super) async fn next(&self) -> Worker {
        loop {
            if let Some(worker) = self.take() {
                return worker;
            }
            // Each that comes calls one who waits, and whoever takes it has the next one started.
            self.came.notified().await;
        }
    }

    /// Whether the last attempt to start one failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Starts a spare whenever there is none, once there should be one.
    pub(super) async fn keep(&self, program: &Program) {
        self.missed.notified().await;
        loop {
            if !self.is_at_hand() {
                let worker = self.start(program).await;
                *self.worker() = Some(worker);
                self.came.notify_one();
            }
            // Missed or not, it is looked at.
            drop(timeout(LOOK, self.missed.notified()).await);
        }
    }

    /// Whether it is there and lives. One that does not is put away.
    pub(super) fn is_at_hand(&self) -> bool {
        let mut place = self.worker();
        if place.as_mut().is_some_and(Worker::has_ended) {
            *place = None;
            tracing::warn!("the render worker that stood by has ended; starting another");
        }
        place.is_some()
    }

    /// Starts a worker, for as long as it takes.
    async fn start(&self, program: &Program) -> Worker {
        let mut pause = Duration::from_millis(100);
        let worker = loop {
            match Worker::start(program).await {
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
        worker
    }

    fn worker(&self) -> MutexGuard<'_, Option<Worker>> {
        // The place is whole at every point.
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
