//! Whether records may have changed since they were read: on SQLite this service is the only one that writes them (the lock beside the file sees to
//! that), so it knows without asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, Transaction};

use super::{Store, StoreError};

/// Counts the beginning and the end of every change of records.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Arc<AtomicU64>);

impl Changes {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A change that is under way, from before it begins until after it has ended in whatever way. What is read meanwhile may be the old or the new,
/// and in either case is out of date when this is over.
pub(super) struct Changing(Changes);

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.count();
    }
}

impl Store {
    /// A number that is another one as soon as a record may have changed; nothing when others write records, too. Ask for it before reading.
    #[must_use]
    pub fn records_mark(&self) -> Option<u64> {
        self.is_sqlite.then(|| self.changes.0.load(Ordering::SeqCst))
    }

    /// Says that records are about to change, until it is dropped.
    pub(super) fn changing_records(&self) -> Changing {
        self.changes.count();
        Changing(self.changes.clone())
    }

    /// A transaction that will change records, and what says so until it is dropped.
    pub(super) async fn change_records(&self) -> Result<(Transaction<'static, Any>, Changing), StoreError> {
        let changing = self.changing_records();
        Ok((self.write().await?, changing))
    }
}
