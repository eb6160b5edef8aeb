//! One making for all who ask for the same at once.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// What is being made. Who comes first makes it; should the first one leave, the next goes on in
/// its place.
pub(super) struct Flights<K, T> {
    under_way: Mutex<HashMap<K, Flight<T>>>,
}

/// One making, and how many callers it has.
struct Flight<T> {
    cell: Arc<OnceCell<T>>,
    callers: usize,
}

impl<K: Hash + Eq + Copy, T: Clone> Flights<K, T> {
    pub(super) fn new() -> Self {
        Self { under_way: Mutex::default() }
    }

    /// What `make` gives, or what another caller's gave that was under way. The flag says whether it was
    /// this caller's own.
    pub(super) async fn join<F: Future<Output = T>>(&self, key: K, make: F) -> (T, bool) {
        let seat = self.board(key);
        let mut own = false;
        let value = seat
            .cell
            .get_or_init(|| {
                own = true;
                make
            })
            .await
            .clone();
        (value, own)
    }

    fn board(&self, key: K) -> Seat<'_, K, T> {
        let mut under_way = self.lock();
        let flight = under_way.entry(key).or_insert_with(|| Flight { cell: Arc::default(), callers: 0 });
        flight.callers += 1;
        Seat { flights: self, key, cell: Arc::clone(&flight.cell) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
        // The map is whole at every point.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller of a flight. When the last one leaves, or it has landed, the flight is forgotten.
struct Seat<'a, K: Hash + Eq + Copy, T: Clone> {
    flights: &'a Flights<K, T>,
    key: K,
    cell: Arc<OnceCell<T>>,
}

impl<K: Hash + Eq + Copy, T: Clone> Drop for Seat<'_, K, T> {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        // Once it has landed, another one of the same key may be under way.
        let ours = under_way.get_mut(&self.key).filter(|flight| Arc::ptr_eq(&flight.cell, &self.cell));
        let Some(flight) = ours else { return };
        flight.callers -= 1;
        if flight.callers == 0 || self.cell.initialized() {
            under_way.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_hundred_callers_make_one_and_nothing_stays_behind() {
        let flights = Flights::new();
        let made = AtomicU32::new(0);
        let work = async || {
            tokio::time::sleep(Duration::from_millis(20)).await;
            made.fetch_add(1, Ordering::Relaxed)
        };
        let all = futures_util::future::join_all((0..100).map(|_| flights.join(1, work()))).await;
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!(all.iter().filter(|(_, own)| *own).count(), 1);
        assert!(flights.lock().is_empty());
        flights.join(1, work()).await;
        assert_eq!(made.load(Ordering::Relaxed), 2, "what has landed is not flown again");
    }

    #[tokio::test]
    async fn the_next_goes_on_when_the_first_leaves() {
        let flights = Arc::new(Flights::new());
        let first = tokio::spawn({
            let flights = Arc::clone(&flights);
            async move { flights.join(1, std::future::pending::<u32>()).await }
        });
        tokio::task::yield_now().await;
        let second = flights.join(1, async { 2 });
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "the first makes it");
        first.abort();
        assert_eq!(second.await, (2, true));
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn two_that_leave_at_once_leave_nothing_behind() {
        let flights = Flights::<u32, u32>::new();
        let (first, second) = (flights.board(1), flights.board(1));
        // The first has given up its seat, and is just about to give up the cell.
        let cell = Arc::clone(&first.cell);
        drop(first);
        drop(second);
        assert!(flights.lock().is_empty());
        drop(cell);
    }
}
