//! The bounded queue before the workers. Interactive tasks go before bulk ones, and a caller that
//! leaves frees its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::{Priority, Task, WorkError};

/// A task and who waits for it.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) answer: oneshot::Sender<Result<Bytes, WorkError>>,
    pub(super) since: Instant,
    number: u64,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    next: u64,
}

impl State {
    fn line(&mut self, priority: Priority) -> &mut VecDeque<Job> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    /// Most tasks that wait of each priority.
    room: usize,
}

/// A place in the queue. Dropping it takes the task out, if no worker has it yet.
pub(super) struct Place {
    queue: Arc<Queue>,
    priority: Priority,
    number: u64,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self { state: Mutex::default(), arrived: Notify::new(), room: room.max(1) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines a task up; nothing when there is no room.
    pub(super) fn push(
        self: &Arc<Self>,
        task: Task,
        priority: Priority,
        answer: oneshot::Sender<Result<Bytes, WorkError>>,
    ) -> Option<Place> {
        let mut state = self.state();
        if state.line(priority).len() >= self.room {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.line(priority).push_back(Job { task, answer, since: Instant::now(), number });
        drop(state);
        self.arrived.notify_one();
        Some(Place { queue: Arc::clone(self), priority, number })
    }

    /// The next task, as soon as there is one.
    pub(super) async fn next(&self) -> Job {
        loop {
            {
                let mut state = self.state();
                if let Some(job) = state.interactive.pop_front().or_else(|| state.bulk.pop_front()) {
                    return job;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// The next task, if there is one now and it is not too long.
    pub(super) fn next_of(&self, longest: usize) -> Option<Job> {
        let mut state = self.state();
        let State { interactive, bulk, .. } = &mut *state;
        let line = if interactive.is_empty() { bulk } else { interactive };
        if line.front()?.task.bytes.len() <= longest { line.pop_front() } else { None }
    }

    /// How many tasks wait that a new one of a priority would have to wait for.
    pub(super) fn waiting(&self, priority: Priority) -> usize {
        let state = self.state();
        match priority {
            Priority::Interactive => state.interactive.len(),
            Priority::Bulk => state.interactive.len() + state.bulk.len(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let number = self.number;
        let line = state.line(self.priority);
        // Numbers rise along the line.
        if let Ok(index) = line.binary_search_by_key(&number, |job| job.number) {
            line.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Arc<Queue>, word: &'static str, priority: Priority) -> Option<Place> {
        queue.push(Bytes::from_static(word.as_bytes()).into(), priority, oneshot::channel().0)
    }

    async fn next(queue: &Queue) -> Bytes {
        queue.next().await.task.bytes
    }

    #[tokio::test]
    async fn interactive_tasks_go_before_bulk_ones() {
        let queue = Arc::new(Queue::new(3));
        let _places = [
            push(&queue, "b1", Priority::Bulk),
            push(&queue, "i1", Priority::Interactive),
            push(&queue, "b2", Priority::Bulk),
            push(&queue, "i2", Priority::Interactive),
        ];
        for expected in ["i1", "i2", "b1", "b2"] {
            assert_eq!(next(&queue).await, expected);
        }
    }

    #[tokio::test]
    async fn who_leaves_frees_the_place() {
        let queue = Arc::new(Queue::new(2));
        let first = push(&queue, "first", Priority::Interactive);
        let second = push(&queue, "second", Priority::Interactive);
        assert!(push(&queue, "third", Priority::Interactive).is_none(), "there is room for two");
        assert!(push(&queue, "bulk", Priority::Bulk).is_some(), "bulk tasks have their own line");
        drop(first);
        assert_eq!(queue.waiting(Priority::Interactive), 1);
        let third = push(&queue, "third", Priority::Interactive);
        assert!(third.is_some());
        assert_eq!(next(&queue).await, "second");
        drop(second);
        assert_eq!(next(&queue).await, "third");
    }
}
