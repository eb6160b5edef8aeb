//! Rendering threads. Each has one document at a time, on a stack large enough for any layout.
//!
//! A compile can not be cancelled inside a process: a document past its deadline is answered, but its
//! thread goes on to the end. Render processes that can be killed will take the place of these threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::render::Engine;

/// Stack of a rendering thread (measured: nested content overflows 2 MB at 20,000 levels; 64 MB
/// survives 100,000).
const STACK: usize = 64 * 1024 * 1024;

type Work = Box<dyn FnOnce(&Engine) + Send>;

/// Why work was not done.
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
    /// It panicked.
    #[error("the renderer failed")]
    Crashed,
}

/// Threads that render, and the queue before them.
#[derive(Clone)]
pub struct Pool {
    queue: mpsc::Sender<Work>,
    waiting: Arc<AtomicUsize>,
    threads: usize,
    deadline: Duration,
}

impl Pool {
    /// Starts threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(engine: &Arc<Engine>, threads: usize, waiting: usize, deadline: Duration) -> std::io::Result<Self> {
        let (queue, receiver) = mpsc::channel::<Work>(waiting.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let engine = Arc::clone(engine);
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("render-{number}")).stack_size(STACK).spawn(move || {
                while let Some(work) = next(&receiver) {
                    // The panic is reported by the hook; who waits sees the channel closed.
                    drop(catch_unwind(AssertUnwindSafe(|| work(&engine))));
                }
            })?;
        }
        Ok(Self { queue, waiting: Arc::default(), threads: threads.max(1), deadline })
    }

    /// Does work in one of the threads. Work whose caller has gone is not begun.
    ///
    /// # Errors
    /// See [`WorkError`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (answer, result) = oneshot::channel();
        let place = Place::take(&self.waiting);
        let boxed: Work = Box::new(move |engine| {
            drop(place);
            if !answer.is_closed() {
                // The caller may go while the work is done.
                let _gone = answer.send(work(engine));
            }
        });
        self.queue.try_send(boxed).map_err(|_| WorkError::Busy { retry_after: self.retry_after() })?;
        match tokio::time::timeout(self.deadline, result).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(WorkError::Crashed),
            Err(_) => Err(WorkError::Deadline),
        }
    }

    /// Seconds until what waits now is likely done, at 50 ms a document.
    fn retry_after(&self) -> u64 {
        let waiting = self.waiting.load(Ordering::Relaxed);
        (waiting as u64 / (20 * self.threads as u64)).clamp(1, 60)
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Work>>) -> Option<Work> {
    receiver.blocking_lock().blocking_recv()
}

/// A place in the queue, counted as long as it is held.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
