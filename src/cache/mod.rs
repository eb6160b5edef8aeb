//! Documents that were made before: in memory, and sealed in Redis behind it.
//!
//! The cache holds only what may be lost. Redis being slow, full or gone is a miss. What it keeps are
//! bytes with a label that it does not read.

mod flight;
mod key;
mod remote;
mod seal;
mod stored;
mod tally;
mod target;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use moka::policy::EvictionPolicy;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::tenant::Tenant;
use flight::Flights;
pub use key::Id;
use key::{Keys, Place};
use remote::{Remote, Removed, Ticket, Turn};
pub use stored::Stored;
pub use tally::{Count, Tally};
use target::Target;

/// How the cache works.
#[derive(Clone)]
pub struct Settings {
    /// The service key, from which all keys of the cache follow. Services that share a Redis share it.
    pub key: Zeroizing<[u8; 32]>,
    /// Bytes of memory; 0 for none.
    pub memory: u64,
    /// How long a document is kept.
    pub life: Duration,
    /// Largest document that is kept, in bytes; in memory one that is larger than that is not.
    pub largest: usize,
    /// Redis behind the memory.
    pub redis: Option<RedisSettings>,
}

/// How Redis is used.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis[s]://…`, `redis[s]+sentinel://…/service` or `redis[s]+cluster://…`.
    pub url: Zeroizing<String>,
    /// Certificate authority of TLS in PEM, in place of the system's.
    pub authority: Option<Vec<u8>>,
    /// Longest that one command may take that a caller waits for.
    pub patience: Duration,
    /// Longest that one service makes a document while the others wait for it.
    pub lock: Duration,
}

/// The settings do not make a cache.
#[derive(Debug, thiserror::Error)]
#[error("the Redis URL is not usable")]
pub struct SettingsError(#[source] redis::RedisError);

/// Redis can not be reached, so what lies there can not be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away, and may still hold what was to be removed")]
pub struct NotRemoved {
    /// Whether some of it, or all, may be gone nevertheless.
    pub is_begun: bool,
}

/// Where a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The memory of this service.
    Memory,
    /// Redis.
    Redis,
    /// Another request made it at the same time.
    Shared,
    /// It was made for this request.
    Made,
}

impl Source {
    /// A stable name, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Shared => "shared",
            Self::Made => "made",
        }
    }
}

/// A document that was just made.
pub struct New {
    /// What its owner says of it.
    pub label: Bytes,
    /// The document.
    pub body: Bytes,
    /// Whether it is text, which compressing makes smaller.
    pub is_text: bool,
}

/// A document that was found or made.
#[derive(Clone)]
pub struct Landed {
    /// The document.
    pub stored: Arc<Stored>,
    /// Where it came from.
    pub source: Source,
    /// Whether it can be fetched again, as far as anybody can tell.
    pub is_kept: bool,
}

type Landing<E> = Result<Landed, Arc<E>>;

/// The cache. `E` is why a document could not be made.
pub struct Cache<E> {
    keys: Keys,
    memory: Option<Memory>,
    /// Bytes of memory; what is heavier does not go in.
    room: u64,
    remote: Option<Arc<Remote>>,
    flights: Flights<[u8; 32], Landing<E>>,
    life: Duration,
    largest: usize,
    lock: Duration,
}

impl<E: Send + Sync + 'static> Cache<E> {
    /// A cache, connecting to Redis in the background. Called within a runtime of Tokio.
    ///
    /// # Errors
    /// When the Redis URL is not usable.
    pub fn start(settings: Settings) -> Result<Self, SettingsError> {
        let memory = (settings.memory > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(settings.memory)
                .weigher(|_, stored: &Arc<Stored>| stored.weight())
                .time_to_live(settings.life)
                // A place that was told is to be good for a while: what came last goes last. The default refuses what is new.
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        let lock = settings.redis.as_ref().map_or(Duration::ZERO, |redis| redis.lock);
        let remote = match settings.redis {
            Some(redis) => {
                let target = Target::parse(&redis.url, redis.authority.as_deref()).map_err(SettingsError)?;
                let (removed, told) = mpsc::channel(256);
                tokio::spawn(follow(memory.clone(), told));
                Some(Arc::new(Remote::start(
                    target,
                    remote::Settings { patience: redis.patience, lock: redis.lock },
                    removed,
                )))
            }
            None => None,
        };
        Ok(Self {
            keys: Keys::derive(&settings.key),
            memory,
            room: settings.memory,
            remote,
            flights: Flights::new(),
            life: settings.life,
            largest: settings.largest,
            lock,
        })
    }

    /// Whether the cache has all that it was given to work with.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.remote.as_ref().is_none_or(|remote| remote.is_well())
    }

    /// Counts in the Redis behind the cache, if there is one.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        self.remote.as_ref().map(|remote| Tally { remote: Arc::clone(remote), keys: self.keys.clone() })
    }

    /// Whether it keeps anything at all.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.memory.is_some() || self.remote.is_some()
    }

    /// The id of what follows from these parts for a tenant.
    #[must_use]
    pub fn id(&self, tenant: &Tenant, parts: &[&[u8]]) -> Id {
        self.keys.id(tenant, parts)
    }

    /// A document of the tenant's.
    pub async fn get(&self, tenant: &Tenant, id: &Id) -> Option<(Arc<Stored>, Source)> {
        let place = self.keys.place(tenant, id);
        if let Some(stored) = self.recall(&place) {
            return Some((stored, Source::Memory));
        }
        self.fetch(&place).await.map(|stored| (stored, Source::Redis))
    }

    /// A document of the tenant's, or else what `make` gives, kept for the next. Of equal requests at
    /// once, here and in other services on the same Redis, one makes it and the others share it.
    ///
    /// # Errors
    /// Those of `make`, shared as well.
    pub async fn get_or_make<F>(&self, tenant: &Tenant, id: &Id, make: F) -> Landing<E>
    where
        F: Future<Output = Result<New, E>>,
    {
        let place = self.keys.place(tenant, id);
        if let Some(stored) = self.recall(&place) {
            return Ok(Landed::found(stored, Source::Memory));
        }
        let (landing, own) = self.flights.join(place.name, self.fetch_or_make(place, make)).await;
        landing.map(|landed| if own { landed } else { Landed { source: Source::Shared, ..landed } })
    }

    /// Keeps a document in place of one that may be there, if there is room for it.
    pub async fn put(&self, tenant: &Tenant, id: &Id, new: New) -> Landed {
        self.keep(self.keys.place(tenant, id), new, None).await
    }

    /// Removes a document here and in Redis, and has the other services forget it; whether there was one.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn remove(&self, tenant: &Tenant, id: &Id) -> Result<bool, NotRemoved> {
        let place = self.keys.place(tenant, id);
        let removed = Removed::One(place.name);
        let here = self.forget(removed);
        let Some(remote) = &self.remote else { return Ok(here) };
        let there = remote.remove(&place).await;
        // Somebody who found it in Redis meanwhile has put it back.
        let here = self.forget(removed) || here;
        there.map(|there| there || here).map_err(|error| NotRemoved { is_begun: error.is_begun || here })
    }

    /// Removes all documents of a tenant, like [`Self::remove`].
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn purge(&self, tenant: &Tenant) -> Result<(), NotRemoved> {
        let tag = self.keys.tenant(tenant);
        let removed = Removed::Tenant(tag);
        let here = self.forget(removed);
        let Some(remote) = &self.remote else { return Ok(()) };
        let there = remote.purge(tag).await;
        let here = self.forget(removed) || here;
        there.map_err(|error| NotRemoved { is_begun: error.is_begun || here })
    }

    /// Forgets here what was removed; whether there was something.
    fn forget(&self, removed: Removed) -> bool {
        self.memory.as_ref().is_some_and(|memory| forget(memory, removed))
    }

    fn recall(&self, place: &Place) -> Option<Arc<Stored>> {
        self.memory.as_ref()?.get(&place.name).filter(|stored| stored.until > now())
    }

    async fn fetch(&self, place: &Place) -> Option<Arc<Stored>> {
        let sealed = self.remote.as_ref()?.get(place).await.ok()??;
        self.unseal(place, sealed)
    }

    /// Opens what came from Redis, and keeps it in memory.
    fn unseal(&self, place: &Place, sealed: Vec<u8>) -> Option<Arc<Stored>> {
        let stored = seal::open(&self.keys, place, sealed).and_then(|row| Stored::decode(row, place.tenant));
        if stored.is_none() {
            tracing::warn!("a value in Redis does not open: it was changed, or sealed under another key");
        }
        let stored = Arc::new(stored.filter(|stored| stored.until > now())?);
        self.remember(place, &stored);
        Some(stored)
    }

    async fn fetch_or_make(&self, place: Place, make: impl Future<Output = Result<New, E>>) -> Landing<E> {
        if let Some(stored) = self.fetch(&place).await {
            return Ok(Landed::found(stored, Source::Redis));
        }
        let lock = match self.await_turn(&place).await {
            Ok(lock) => lock,
            Err(stored) => return Ok(Landed::found(stored, Source::Shared)),
        };
        let new = make.await.map_err(Arc::new)?;
        Ok(self.keep(place, new, lock).await)
    }

    /// Waits while another service makes the same. Then the document is to be made here, with a lock if
    /// Redis gave one; or else it is what the other one made.
    async fn await_turn(&self, place: &Place) -> Result<Option<Ticket>, Arc<Stored>> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let end = Instant::now() + self.lock;
        let mut pause = Duration::from_millis(4);
        loop {
            match remote.turn(place).await {
                Turn::Ours(ticket) => return Ok(Some(ticket)),
                Turn::Made(sealed) => {
                    if let Some(stored) = self.unseal(place, sealed) {
                        return Err(stored);
                    }
                    return Ok(None);
                }
                Turn::Theirs if Instant::now() < end => {}
                Turn::Theirs | Turn::Unknown => return Ok(None),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(32));
        }
    }

    /// Keeps what was made. Only when it is not in memory does this wait until it is in Redis.
    async fn keep(&self, place: Place, new: New, lock: Option<Ticket>) -> Landed {
        let until = now().saturating_add(self.life.as_secs());
        let stored = Arc::new(Stored { label: new.label, body: new.body, until, tenant: place.tenant });
        let mut is_kept = false;
        if stored.body.len() <= self.largest {
            is_kept = self.remember(&place, &stored);
            let writing = self.write(place, &stored, new.is_text, lock);
            if !is_kept && let Some(writing) = writing {
                is_kept = writing.await.unwrap_or(false);
            }
        }
        Landed { stored, source: Source::Made, is_kept }
    }

    /// Keeps a document in memory, if there is one that is large enough.
    fn remember(&self, place: &Place, stored: &Arc<Stored>) -> bool {
        let Some(memory) = &self.memory else { return false };
        let has_room = u64::from(stored.weight()) <= self.room;
        if has_room {
            memory.insert(place.name, Arc::clone(stored));
        }
        has_room
    }

    /// Begins to write a document to Redis, and tells whether it came there to whom waits for that.
    fn write(
        &self,
        place: Place,
        stored: &Arc<Stored>,
        is_text: bool,
        lock: Option<Ticket>,
    ) -> Option<JoinHandle<bool>> {
        let remote = self.remote.as_ref()?;
        let (keys, value) = (self.keys.clone(), Arc::clone(stored));
        let value = move || seal::seal(&keys, &place, &value.encode(is_text));
        remote.put(place, self.life, value, lock)
    }
}

impl Landed {
    fn found(stored: Arc<Stored>, source: Source) -> Self {
        Self { stored, source, is_kept: true }
    }
}

type Memory = moka::sync::Cache<[u8; 32], Arc<Stored>>;

/// Forgets what other services have removed.
async fn follow(memory: Option<Memory>, mut told: mpsc::Receiver<Removed>) {
    while let Some(removed) = told.recv().await {
        if let Some(memory) = &memory {
            forget(memory, removed);
        }
    }
}

/// Forgets what was removed; whether there was something, as far as that is known.
fn forget(memory: &Memory, removed: Removed) -> bool {
    match removed {
        Removed::One(name) => memory.remove(&name).is_some(),
        Removed::Tenant(tenant) => {
            let of_tenant: Vec<_> =
                memory.iter().filter(|(_, stored)| stored.tenant == tenant).map(|(name, _)| name).collect();
            for name in &of_tenant {
                memory.invalidate(&**name);
            }
            !of_tenant.is_empty()
        }
        Removed::Anything => {
            memory.invalidate_all();
            false
        }
    }
}

impl Stored {
    /// Seconds for which it is still kept.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.until.saturating_sub(now())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with so many MiB of memory and no Redis.
    fn in_memory(mib: u64) -> Cache<()> {
        Cache::start(Settings {
            key: Zeroizing::new([7; 32]),
            memory: mib << 20,
            life: Duration::from_hours(1),
            largest: 8 << 20,
            redis: None,
        })
        .expect("there is no URL that could be wrong")
    }

    fn document(length: usize) -> New {
        New { label: Bytes::from_static(b"label"), body: vec![7; length].into(), is_text: false }
    }

    #[tokio::test]
    async fn a_document_that_was_just_made_is_found_when_the_memory_is_full() {
        let (cache, tenant) = (in_memory(1), Tenant::local());
        for number in 0..200_u8 {
            let id = cache.id(&tenant, &[&[number]]);
            let made = cache.get_or_make(&tenant, &id, async { Ok(document(40_000)) }).await;
            assert!(made.is_ok());
            if let Some(memory) = &cache.memory {
                memory.run_pending_tasks();
            }
            assert!(cache.get(&tenant, &id).await.is_some(), "number {number}");
        }
    }

    #[tokio::test]
    async fn what_is_larger_than_the_memory_is_not_said_to_be_kept() {
        let (cache, tenant) = (in_memory(1), Tenant::local());
        for (length, is_kept) in [(1_000_000_usize, true), (1 << 20, false), (2 << 20, false), (9 << 20, false)] {
            let id = cache.id(&tenant, &[&length.to_le_bytes()]);
            assert_eq!(cache.put(&tenant, &id, document(length)).await.is_kept, is_kept, "{length} bytes");
            if let Some(memory) = &cache.memory {
                memory.run_pending_tasks();
            }
            assert_eq!(cache.get(&tenant, &id).await.is_some(), is_kept, "{length} bytes");
        }
    }
}
