//! The bounded queue before the workers. Interactive tasks go before bulk ones, and a caller that
//! leaves frees its place. Only interactive ones can wait too long: for the others nobody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::{Priority, Task, WorkError};

/// A task and who waits for it.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) answer: oneshot::Sender<Result<Bytes, WorkError>>,
    /// How many workers have tried it.
    pub(super) tries: u32,
    priority: Priority,
    /// Since when it waits.
    since: Instant,
    number: u64,
}

impl Job {
    /// Whether somebody has waited longer than this. A part of a job is never late: refused, it would only be lined up again,
    /// behind others.
    pub(super) fn is_overdue(&self, limit: Duration) -> bool {
        self.priority == Priority::Interactive && self.since.elapsed() > limit
    }
}

/// Tasks of one priority.
#[derive(Default)]
struct Line {
    /// Those that lost their worker, which go first.
    again: VecDeque<Job>,
    /// The others. Numbers rise along them.
    new: VecDeque<Job>,
}

impl Line {
    fn len(&self) -> usize {
        self.again.len() + self.new.len()
    }

    fn front(&self) -> Option<&Job> {
        self.again.front().or_else(|| self.new.front())
    }

    fn pop(&mut self) -> Option<Job> {
        self.again.pop_front().or_else(|| self.new.pop_front())
    }

    fn remove(&mut self, number: u64) {
        match self.new.binary_search_by_key(&number, |job| job.number) {
            Ok(index) => drop(self.new.remove(index)),
            Err(_) => self.again.retain(|job| job.number != number),
        }
    }
}

#[derive(Default)]
struct State {
    interactive: Line,
    bulk: Line,
    next: u64,
}

impl State {
    fn line(&mut self, priority: Priority) -> &mut Line {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }

    /// The line that the next task is taken from.
    fn foremost(&mut self) -> &mut Line {
        if self.interactive.len() > 0 { &mut self.interactive } else { &mut self.bulk }
    }
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    /// Most tasks that wait of each priority, but for those that lost their worker.
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
        if state.line(priority).new.len() >= self.room {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let job = Job { task, answer, tries: 0, priority, since: Instant::now(), number };
        state.line(priority).new.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Some(Place { queue: Arc::clone(self), priority, number })
    }

    /// Lines a task up again whose worker was lost, if somebody still waits for it. Its wait begins anew, since it has had its turn.
    pub(super) fn put_back(&self, job: Job) {
        let mut state = self.state();
        // Who leaves later finds it here.
        if job.answer.is_closed() {
            return;
        }
        let job = Job { since: Instant::now(), ..job };
        state.line(job.priority).again.push_back(job);
        drop(state);
        self.arrived.notify_one();
    }

    /// The next task, as soon as there is one.
    pub(super) async fn next(&self) -> Job {
        loop {
            if let Some(job) = self.take() {
                return job;
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.state();
        let job = state.foremost().pop()?;
        let is_empty = state.foremost().len() == 0;
        drop(state);
        // Tasks that come while nobody sleeps leave one call to wake between them: so who has heard it calls the next.
        if !is_empty {
            self.arrived.notify_one();
        }
        Some(job)
    }

    /// The next task, if there is one now and it is not too long.
    pub(super) fn next_of(&self, longest: usize) -> Option<Job> {
        let mut state = self.state();
        let line = state.foremost();
        if line.front()?.task.bytes.len() <= longest { line.pop() } else { None }
    }

    /// Takes out those who have waited longer than this.
    pub(super) fn overdue(&self, limit: Duration) -> Vec<Job> {
        let mut state = self.state();
        let Line { again, new } = &mut state.interactive;
        // Times rise along each.
        let late = |jobs: &mut VecDeque<Job>| jobs.pop_front_if(|job| job.is_overdue(limit));
        std::iter::from_fn(|| late(again).or_else(|| late(new))).collect()
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
        state.line(self.priority).remove(self.number);
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

    #[tokio::test]
    async fn who_lost_a_worker_goes_first_and_can_still_leave() {
        let queue = Arc::new(Queue::new(3));
        let mut callers = Vec::new();
        for word in ["lost", "left", "gone"] {
            let (answer, caller) = oneshot::channel();
            callers
                .push((queue.push(Bytes::from_static(word.as_bytes()).into(), Priority::Interactive, answer), caller));
        }
        let jobs = [queue.next().await, queue.next().await, queue.next().await];
        let _new = ["new", "newer", "newest"].map(|word| push(&queue, word, Priority::Interactive));
        for job in jobs {
            queue.put_back(job);
        }
        assert_eq!(queue.waiting(Priority::Interactive), 6, "what is put back needs no room");
        drop(callers.remove(1));
        assert_eq!(next(&queue).await, "lost");
        let gone = queue.next().await;
        assert_eq!(gone.task.bytes, "gone");
        drop(callers);
        queue.put_back(gone);
        assert_eq!(next(&queue).await, "new", "nobody waits for what was put back last");
    }

    #[tokio::test]
    async fn only_who_waits_for_an_answer_can_wait_too_long() {
        let queue = Arc::new(Queue::new(3));
        let (answer, _caller) = oneshot::channel();
        let _places = [
            queue.push(Bytes::from_static(b"i1").into(), Priority::Interactive, answer),
            push(&queue, "i2", Priority::Interactive),
            push(&queue, "b1", Priority::Bulk),
        ];
        queue.put_back(queue.next().await);
        assert!(queue.overdue(Duration::from_hours(1)).is_empty());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let late = queue.overdue(Duration::ZERO);
        assert_eq!(late.iter().map(|job| &job.task.bytes[..]).collect::<Vec<_>>(), [b"i1", b"i2"]);
        assert_eq!(next(&queue).await, "b1");
    }

    #[tokio::test]
    async fn two_tasks_that_come_at_once_wake_two_slots() {
        let queue = Arc::new(Queue::new(2));
        // Two slots have found nothing and are about to sleep.
        let _places = [push(&queue, "first", Priority::Bulk), push(&queue, "second", Priority::Bulk)];
        // The one hears that something came; the other falls asleep.
        queue.arrived.notified().await;
        let mut asleep = std::pin::pin!(queue.arrived.notified());
        assert!(futures_util::poll!(&mut asleep).is_pending());
        assert_eq!(next(&queue).await, "first");
        assert!(futures_util::poll!(&mut asleep).is_ready(), "the second task has a slot, too");
    }
}
