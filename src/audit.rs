//! Writes the audit log of [`crate::store`], many entries in a transaction, in the order in which they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::access::{Principal, now};
use crate::store::{Entry, Store};

/// Most entries that wait for the store. With as many waiting nothing is done that would have to be noted.
const ROOM: usize = 10_000;
/// Most entries in a transaction.
const BATCH: usize = 500;
/// What comes within so long after a transaction has begun is written together in the next one: each costs more than many entries do.
const GATHERING: Duration = Duration::from_millis(50);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The store has not taken entries for so long that there is no room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log can not be written")]
pub struct NotNoted;

/// The audit log, to write to.
#[derive(Clone)]
pub struct Audit {
    sender: mpsc::Sender<Entry>,
    health: AuditHealth,
}

/// How the audit log is doing. Who holds it does not keep the log open.
#[derive(Clone, Default)]
pub struct AuditHealth {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pending: AtomicUsize,
    failing: AtomicBool,
}

/// Room for one entry: with it in hand something can be done that has to be noted. Dropped unused, it notes nothing.
pub struct Permit<'a> {
    room: mpsc::Permit<'a, Entry>,
    shared: &'a Shared,
}

impl Audit {
    /// Starts the writer. It ends, with all written, when the last [`Audit`] is dropped.
    #[must_use]
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (sender, entries) = mpsc::channel(ROOM);
        let health = AuditHealth::default();
        let writer = tokio::spawn(write(store, entries, Arc::clone(&health.shared)));
        (Self { sender, health }, writer)
    }

    /// Room for an entry, to be asked for before what will be noted is done.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve(&self) -> Result<Permit<'_>, NotNoted> {
        let room = self.sender.try_reserve().map_err(|_| NotNoted)?;
        Ok(Permit { room, shared: &self.health.shared })
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> AuditHealth {
        self.health.clone()
    }
}

impl Permit<'_> {
    /// Notes what somebody did. Written soon after (50 ms when others were just written), not yet when this returns.
    pub fn note(self, who: &Principal, action: &str, object: &str, result: &str, request_id: &str) {
        self.enter(Entry {
            at: now(),
            tenant: who.tenant.name().to_owned(),
            actor: who.actor.clone(),
            action: action.to_owned(),
            object: object.to_owned(),
            result: result.to_owned(),
            request_id: request_id.to_owned(),
        });
    }

    /// Notes what nobody asked for, such as that a time was over.
    pub fn enter(self, entry: Entry) {
        self.shared.pending.fetch_add(1, Ordering::Relaxed);
        self.room.send(entry);
    }
}

impl AuditHealth {
    /// Entries that wait to be written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.pending.load(Ordering::Relaxed)
    }

    /// Whether the store takes entries.
    #[must_use]
    pub fn is_well(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed)
    }
}

async fn write(store: Store, mut entries: mpsc::Receiver<Entry>, shared: Arc<Shared>) {
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        let next = Instant::now() + if batch.len() < BATCH { GATHERING } else { Duration::ZERO };
        let mut pause = Duration::from_millis(50);
        while let Err(error) = store.append_audit(&batch).await {
            if !shared.failing.swap(true, Ordering::Relaxed) {
                tracing::error!(%error, "the audit log can not be written; trying on");
            }
            // Nobody can send any more: the service is stopping, and has not for ever.
            if entries.is_closed() && pause >= LONGEST_PAUSE {
                tracing::error!(entries = batch.len(), "entries of the audit log are lost");
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if shared.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the audit log is written again");
        }
        shared.pending.fetch_sub(batch.len(), Ordering::Relaxed);
        batch.clear();
        sleep_until(next).await;
    }
}
