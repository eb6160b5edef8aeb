//! When the service's thread need not look: while every process has another task in hand, what a caller asks for could not be
//! begun, and an answer is read later without anybody having been idle. A thread that is woken for each of these finds its
//! caches cold each time, and takes four times as long for a letter as one that does several at once (docs/benchmarks.md). So it
//! looks again when a process rings, since it is about to run out of tasks, or after [`LONGEST`].

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longest that nobody looks. Requests that need no process wait for that long, too.
const LONGEST: Timespec = Timespec { tv_sec: 0, tv_nsec: 4_000_000 };

/// What is known of the processes. Each has a number.
pub(super) struct Lull {
    /// How many there are to be.
    processes: usize,
    /// What can be read from when a process has rung or is gone.
    bells: Mutex<Vec<Option<OwnedFd>>>,
    /// How many have another task in hand than the one that they do.
    provided: AtomicUsize,
}

impl Lull {
    /// For so many processes, none of which is there.
    pub(super) fn new(processes: usize) -> Self {
        Self { processes, bells: Mutex::new((0..processes).map(|_| None).collect()), provided: AtomicUsize::new(0) }
    }

    /// What rings for a process from now on.
    pub(super) fn set_bell(&self, process: usize, bell: Option<OwnedFd>) {
        if let Some(place) = self.bells().get_mut(process) {
            *place = bell;
        }
    }

    /// That one more has another task in hand, or one less.
    pub(super) fn note(&self, is_provided: bool) {
        if is_provided {
            self.provided.fetch_add(1, Ordering::Relaxed);
        } else {
            self.provided.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Blocks the thread for as long as it need not look, and not at all unless every process has another task in hand.
    pub(super) fn wait(&self) {
        if self.provided.load(Ordering::Relaxed) < self.processes {
            return;
        }
        let bells = self.bells();
        if bells.iter().any(Option::is_none) {
            return;
        }
        let mut bells: Vec<_> = bells.iter().flatten().map(|bell| PollFd::new(bell, PollFlags::IN)).collect();
        // Interrupted or refused, it only looks sooner.
        let _ = poll(&mut bells, Some(&LONGEST));
    }

    fn bells(&self) -> MutexGuard<'_, Vec<Option<OwnedFd>>> {
        // Each place is whole at every point.
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_waits_only_when_all_are_provided_for_and_none_rings() {
        let (lull, [mut one, other]) = (Lull::new(2), [0, 1].map(|_| UnixStream::pair().expect("a pair")));
        lull.set_bell(0, Some(one.0.into()));
        lull.set_bell(1, Some(other.0.into()));
        let waits = || {
            let began = Instant::now();
            lull.wait();
            began.elapsed() >= Duration::from_micros(3900)
        };
        assert!(!waits(), "none has another task");
        lull.note(true);
        assert!(!waits(), "one has none");
        lull.note(true);
        assert!(waits());
        one.1.write_all(b"!").expect("it can ring");
        assert!(!waits(), "one rings");
        lull.note(false);
        assert!(!waits(), "one has none");
    }
}
