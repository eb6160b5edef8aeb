//! Redis behind the memory: shared by the services of one installation, and never to be relied on.
//!
//! A keeper holds the connection. When a command fails or too many are late, the connection is dropped,
//! one warning is logged, and from then on Redis costs nothing, until the keeper, trying on in the
//! background, gets an answer in time again. One that is soon lost again is tried ever less often.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::{Cmd, ErrorKind, RedisError, Value};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use super::NotRemoved;
use super::key::Place;
use super::tally::Count;
use super::target::{Connection, Target};
use crate::document::{hex, unhex};
use crate::telemetry::trace;

/// What a late answer counts; one in time takes one off.
const LATE: u32 = 4;
/// The count at which Redis is left alone: three late answers in a row, or about a fifth of all in the long run.
const TOO_LATE: u32 = 3 * LATE;
/// Requests in a row that were not counted, after which this is told.
const UNCOUNTED: u32 = 20;
/// Longest that connecting may take, and an answer of a connection that listens; nobody waits for either.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a connection has to last until Redis is believed to be well, if no answer was late of late. One that answers
/// `PING` in time may still take too long over documents.
const PROOF: Duration = Duration::from_secs(10);
/// Pause before connecting again: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often a silent connection is asked whether it lives.
const PULSE: Duration = Duration::from_secs(1);
/// Longest that removing a document may take: who wants that would rather wait than be told that nobody knows.
const REMOVAL: Duration = Duration::from_secs(1);
/// Longest that purging a tenant may take.
const PURGE: Duration = Duration::from_secs(30);
/// Writes under way; beyond them a document is not written.
const WRITES: usize = 64;
/// Channel on which services tell each other what they have removed.
const CHANNEL: &str = "skoledok:1:removed";

/// How Redis is used.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Longest that a command may take that a caller waits for.
    pub(super) patience: Duration,
    /// Life of the lock that a service holds while it makes a document.
    pub(super) lock: Duration,
}

/// Why there is nothing from Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away;

/// What came of asking to be the one that makes a document.
pub(super) enum Turn {
    /// This service makes it.
    Ours(Ticket),
    /// Another one does.
    Theirs,
    /// Another one has just made it.
    Made(Vec<u8>),
    /// Nobody can tell.
    Unknown,
}

/// What another service has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    /// A document, by the name of its place.
    One([u8; 32]),
    /// All documents of a tenant.
    Tenant([u8; 8]),
    /// Nobody knows: messages may have been lost.
    Anything,
}

/// Redis.
pub(super) struct Remote {
    link: Arc<Link>,
    settings: Settings,
    writes: Arc<Semaphore>,
}

struct Link {
    target: Target,
    patience: Duration,
    connection: RwLock<Option<Connection>>,
    lost: Notify,
    /// How late answers have been, see [`LATE`].
    late: AtomicU32,
    /// Whether the warning has been given that Redis is away.
    told: AtomicBool,
    /// Whether Redis answers, but refuses to be written to.
    refuses: AtomicBool,
    /// Requests in a row that Redis did not count, though it answers.
    uncounted: AtomicU32,
}

impl Remote {
    /// Begins to connect, and to listen to what other services remove.
    pub(super) fn start(target: Target, settings: Settings, removed: mpsc::Sender<Removed>) -> Self {
        let link = Arc::new(Link {
            target,
            patience: settings.patience,
            connection: RwLock::new(None),
            lost: Notify::new(),
            late: AtomicU32::new(0),
            told: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            uncounted: AtomicU32::new(0),
        });
        tokio::spawn(Arc::clone(&link).keep());
        tokio::spawn(Arc::clone(&link).listen(removed));
        Self { link, settings, writes: Arc::new(Semaphore::new(WRITES)) }
    }

    /// Whether Redis answers and takes what it is given.
    pub(super) fn is_well(&self) -> bool {
        self.link.is_connected() && !self.link.refuses.load(Ordering::Relaxed)
    }

    /// What lies at a place.
    pub(super) async fn get(&self, place: &Place) -> Result<Option<Vec<u8>>, Away> {
        match self.link.call(redis::cmd("GET").arg(key(place))).await? {
            Value::BulkString(value) => Ok(Some(value)),
            Value::Nil => Ok(None),
            _ => {
                self.link.lose("it answers with rubbish");
                Err(Away)
            }
        }
    }

    /// Puts a value at a place for some milliseconds, in the background, and gives a lock back after it. Who waits for it
    /// learns whether it lies there; nothing when it is not even tried.
    pub(super) fn put(
        &self,
        place: Place,
        life: Duration,
        value: impl FnOnce() -> Option<Vec<u8>> + Send + 'static,
        lock: Option<Ticket>,
    ) -> Option<JoinHandle<bool>> {
        if !self.link.is_connected() {
            return None;
        }
        let permit = Arc::clone(&self.writes).try_acquire_owned().ok()?;
        let link = Arc::clone(&self.link);
        Some(tokio::spawn(async move {
            let (_permit, _lock) = (permit, lock);
            let Some(value) = value() else { return false };
            let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
            // A document that is not written is made again; the link tells why.
            link.write(redis::cmd("SET").arg(key(&place)).arg(value).arg("PX").arg(life)).await.is_ok()
        }))
    }

    /// Tries to become the one service that makes a document.
    pub(super) async fn turn(&self, place: &Place) -> Turn {
        let mut token = [0; 16];
        let Some(connection) = self.link.connection() else { return Turn::Unknown };
        if getrandom::fill(&mut token).is_err() {
            return Turn::Unknown;
        }
        // Held before anybody knows that it is ours: should the caller leave meanwhile, or the answer come late, the lock that
        // Redis may have given is given back behind the command.
        let ticket = Ticket { connection, place: *place, token: hex(&token) };
        let life = u64::try_from(self.settings.lock.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = redis::cmd("EVAL");
        command.arg(TURN).arg(2).arg(key(place)).arg(lock_key(place)).arg(&ticket.token).arg(life);
        match self.link.write(&command).await {
            Ok(Value::Int(1)) => Turn::Ours(ticket),
            Ok(Value::Int(_)) => {
                ticket.void();
                Turn::Theirs
            }
            Ok(Value::BulkString(value)) => {
                ticket.void();
                Turn::Made(value)
            }
            Ok(_) | Err(Away) => Turn::Unknown,
        }
    }

    /// Removes what lies at a place, and has the other services forget it; whether there was something.
    pub(super) async fn remove(&self, place: &Place) -> Result<bool, NotRemoved> {
        let is_begun = self.link.is_connected();
        let mut command = redis::cmd("EVAL");
        command.arg(REMOVE).arg(1).arg(key(place)).arg(CHANNEL).arg(format!("one {}", hex(&place.name)));
        let removed = self.link.call_within(REMOVAL, &command).await.map_err(|Away| NotRemoved { is_begun })?;
        Ok(removed == Value::Int(1))
    }

    /// Removes everything of a tenant, and has the other services forget it.
    pub(super) async fn purge(&self, tenant: [u8; 8]) -> Result<(), NotRemoved> {
        let mut connection = self.link.connection().ok_or(NotRemoved { is_begun: false })?;
        let begun = NotRemoved { is_begun: true };
        match timeout(PURGE, connection.remove_all(&format!("{}*", prefix(tenant)))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.link.lose(reason(&error));
                return Err(begun);
            }
            Err(_) => return Err(begun),
        }
        let mut command = redis::cmd("PUBLISH");
        command.arg(CHANNEL).arg(format!("tenant {}", hex(&tenant)));
        self.link.call_within(REMOVAL, &command).await.map(drop).map_err(|Away| begun)
    }

    /// Counts a request of a tenant. Nobody waits long for it, and being late says nothing of the documents.
    pub(super) async fn count(&self, tenant: [u8; 8], rate: NonZeroU32, burst: NonZeroU32) -> Result<Count, Away> {
        let apart = (1_000_000 / u64::from(rate.get())).max(1);
        let mut command = redis::cmd("EVAL");
        command.arg(COUNT).arg(1).arg(format!("skoledok:1:limit:{{{}}}", hex(&tenant)));
        command.arg(apart).arg(apart * u64::from(burst.get()));
        let counting = self.link.send(&command);
        let Ok(answer) = timeout(self.settings.patience / 4, counting).await else {
            self.link.miscounts("it answers too late for that");
            return Err(Away);
        };
        let count = match answer.map(redis::from_redis_value::<(u8, u64)>) {
            Ok(Ok((0, left))) => Count::Left(u32::try_from(left).unwrap_or(u32::MAX)),
            Ok(Ok((1, micros))) => Count::Wait(Duration::from_micros(micros)),
            Err(error) if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() => {
                return Err(Away);
            }
            _ => {
                self.link.miscounts("it refuses to; its user needs EVAL, GET, SET and TIME");
                return Err(Away);
            }
        };
        self.link.uncounted.store(0, Ordering::Relaxed);
        Ok(count)
    }
}

/// A lock that is held, or may be. Dropping it gives it back.
pub(super) struct Ticket {
    /// The one on which it was asked for, so that giving it back comes after.
    connection: Connection,
    place: Place,
    /// Empty when there is nothing to give back.
    token: String,
}

impl Ticket {
    /// The lock was not given.
    fn void(mut self) {
        self.token.clear();
    }
}

/// The document, or 1 and the lock, or 0. One step, since a service that puts a document and gives the lock
/// back between the two would have it made twice.
const TURN: &str = "local made = redis.call('GET', KEYS[1]) if made then return made end \
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end return 0";

/// Removes a document and tells so in one step, since a service that was told of half would go on showing it.
const REMOVE: &str =
    "local removed = redis.call('UNLINK', KEYS[1]) redis.call('PUBLISH', ARGV[1], ARGV[2]) return removed";

/// The generic cell rate algorithm (ITU-T I.371, A.1) on microseconds of the clock of Redis. Kept is the time at which a tenant
/// that sends evenly would send next; `ARGV[1]` is the time between two requests, `ARGV[2]` how far ahead of an even sender
/// it may be. Gives 0 and how many more may come, or 1 and the time to wait. A time that lies further
/// ahead than any can was kept before the clock went back.
const COUNT: &str = "local time = redis.call('TIME') local now = time[1] * 1000000 + time[2] \
    local kept = tonumber(redis.call('GET', KEYS[1]) or 0) if kept > now + ARGV[2] then kept = now end local next = math.max(kept, now) + ARGV[1] \
    local ahead = next - now if ahead > tonumber(ARGV[2]) then return {1, math.ceil(ahead - ARGV[2])} end \
    redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil(ahead / 1000)) \
    return {0, math.floor((ARGV[2] - ahead) / ARGV[1])}";

/// Removes the lock if it is still ours: another service may have taken it after it had run out.
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.token.is_empty() {
            return;
        }
        let (mut connection, mut command) = (self.connection.clone(), redis::cmd("EVAL"));
        command.arg(UNLOCK).arg(1).arg(lock_key(&self.place)).arg(&self.token);
        // Without a runtime the service is stopping, and the lock ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Nobody waits for it, so being late says nothing.
            runtime.spawn(async move { connection.send(&command).await });
        }
    }
}

impl Link {
    fn connection(&self) -> Option<Connection> {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_connected(&self) -> bool {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn set(&self, connection: Option<Connection>) {
        *self.connection.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Sends a command that may change something; notes when Redis refuses that.
    async fn write(&self, command: &Cmd) -> Result<Value, Away> {
        let answer = self.call(command).await;
        if answer.is_ok() && self.refuses.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis takes documents again");
        }
        answer
    }

    /// Sends a command.
    async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let Some(mut connection) = self.connection() else { return Err((ErrorKind::Io, "not connected").into()) };
        trace::step("redis", &[], connection.send(command)).await
    }

    /// Sends a command and waits as long as patience goes.
    async fn call(&self, command: &Cmd) -> Result<Value, Away> {
        self.call_within(self.patience, command).await
    }

    /// Sends a command and waits for a while.
    async fn call_within(&self, patience: Duration, command: &Cmd) -> Result<Value, Away> {
        let mut connection = self.connection().ok_or(Away)?;
        match trace::step("redis", &[], timeout(patience, connection.send(command))).await {
            Ok(Ok(value)) => {
                let _at_zero = self.late.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |late| late.checked_sub(1));
                Ok(value)
            }
            Ok(Err(error)) if refuses(&error) => {
                if !self.refuses.swap(true, Ordering::Relaxed) {
                    tracing::warn!(reason = reason(&error), "Redis refuses documents; the cache works from memory");
                }
                Err(Away)
            }
            Ok(Err(error)) => {
                self.lose(reason(&error));
                Err(Away)
            }
            Err(_) => {
                if self.late.fetch_add(LATE, Ordering::Relaxed) + LATE >= TOO_LATE {
                    self.lose("it answers too late");
                }
                Err(Away)
            }
        }
    }

    /// Notes that a request was not counted, and tells it when that goes on.
    fn miscounts(&self, reason: &str) {
        if self.uncounted.fetch_add(1, Ordering::Relaxed) + 1 == UNCOUNTED {
            tracing::warn!(reason, "Redis does not count requests; each service counts for itself");
        }
    }

    /// Drops the connection; the keeper goes for a new one.
    fn lose(&self, reason: &str) {
        self.set(None);
        self.tell(reason);
        self.lost.notify_one();
    }

    fn tell(&self, reason: &str) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Redis is away; the cache works from memory");
        }
    }

    /// Connects, looks after the connection, and connects again, for as long as the service lives.
    async fn keep(self: Arc<Self>) {
        let mut pause = PAUSE.0;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.late.store(0, Ordering::Relaxed);
                    self.set(Some(connection));
                    if self.watch().await {
                        pause = PAUSE.0;
                    }
                }
                Err(why) => self.tell(&why),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// A connection that has answered in time.
    async fn connect(&self) -> Result<Connection, String> {
        let late = || "it answers too late".to_owned();
        let mut connection = timeout(CONNECT, self.target.connect(CONNECT))
            .await
            .map_err(|_| late())?
            .map_err(|error| reason(&error).to_owned())?;
        let pong = timeout(self.patience, connection.send(&redis::cmd("PING"))).await.map_err(|_| late())?;
        pong.map(|_| connection).map_err(|error| reason(&error).to_owned())
    }

    /// Returns when the connection is lost; whether it was a good one until then.
    async fn watch(&self) -> bool {
        let (since, mut is_proved) = (Instant::now(), false);
        loop {
            tokio::select! {
                () = self.lost.notified() => {}
                () = sleep(PULSE) => {
                    // What it answers does not matter; `call` draws the conclusions.
                    let _away = self.call(&redis::cmd("PING")).await;
                }
            }
            if !self.is_connected() {
                return is_proved;
            }
            if !is_proved && since.elapsed() >= PROOF && self.late.load(Ordering::Relaxed) == 0 {
                is_proved = true;
                if self.told.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis answers again");
                }
            }
        }
    }

    /// Listens to what other services remove. Until it listens, and after a gap, nobody knows what was missed.
    async fn listen(self: Arc<Self>, removed: mpsc::Sender<Removed>) {
        let mut pause = PAUSE.0;
        while !removed.is_closed() {
            if let Ok(Ok(mut listener)) = timeout(CONNECT, self.target.listen()).await
                && let Ok(Ok(())) = timeout(CONNECT, listener.subscribe(CHANNEL)).await
            {
                pause = PAUSE.0;
                if removed.send(Removed::Anything).await.is_err() {
                    return;
                }
                hear(listener, &removed).await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// Hands on what other services tell, until the connection ends. One whose other end has gone without a word looks as if
/// there were nothing to tell, so it is asked whether it lives.
async fn hear(listener: PubSub, removed: &mpsc::Sender<Removed>) {
    let (mut questions, mut messages) = listener.split();
    let mut pulse = interval(PULSE);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return };
                let what = message.get_payload::<String>().ok().and_then(|text| Removed::parse(&text));
                if let Some(what) = what && removed.send(what).await.is_err() {
                    return;
                }
            }
            _ = pulse.tick() => {
                if !matches!(timeout(CONNECT, questions.ping::<Value>()).await, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

impl Removed {
    fn parse(message: &str) -> Option<Self> {
        match message.split_once(' ')? {
            ("one", name) => unhex(name).map(Self::One),
            ("tenant", tenant) => unhex(tenant).map(Self::Tenant),
            _ => None,
        }
    }
}

/// What all keys of a tenant begin with.
fn prefix(tenant: [u8; 8]) -> String {
    format!("skoledok:1:{}:", hex(&tenant))
}

/// The braces keep a document and its lock on one node of a cluster.
fn key(place: &Place) -> String {
    format!("{}{{{}}}", prefix(place.tenant), URL_SAFE_NO_PAD.encode(place.name))
}

fn lock_key(place: &Place) -> String {
    format!("skoledok:1:lock:{{{}}}", URL_SAFE_NO_PAD.encode(place.name))
}

/// Whether Redis lives, but does not do what it was asked: it is full, or the user may not.
fn refuses(error: &RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "NOPERM" | "MISCONF" | "NOREPLICAS"))
}

/// Why, without anything that a server can put in.
fn reason(error: &RedisError) -> &'static str {
    match error.kind() {
        _ if error.is_timeout() => "it answers too late",
        _ if refuses(error) => "it is full, or the user may not write",
        ErrorKind::AuthenticationFailed => "it refuses the password",
        ErrorKind::Io => "the connection failed",
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "it answers with rubbish",
        ErrorKind::MasterNameNotFoundBySentinel => "the Sentinel does not know the service",
        ErrorKind::Server(_) => match error.code() {
            Some("WRONGPASS" | "NOAUTH") => "it refuses the password",
            Some("LOADING") => "it is loading",
            Some("READONLY") => "it is a replica now",
            _ => "it answers with an error",
        },
        _ => "the client can not use it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read_as_they_are_written() {
        let name = [0xa5; 32];
        assert_eq!(Removed::parse(&format!("one {}", hex(&name))), Some(Removed::One(name)));
        assert_eq!(Removed::parse(&format!("tenant {}", hex(&[1; 8]))), Some(Removed::Tenant([1; 8])));
        for wrong in ["", "one", "one ", "tenant ååååååååå", "all", "one zz"] {
            assert_eq!(Removed::parse(wrong), None, "{wrong}");
        }
    }
}
