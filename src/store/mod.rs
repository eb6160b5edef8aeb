//! What lasts: one SQLite file, or a PostgreSQL that several services share. The same queries for both.
//!
//! Redis holds what may be lost; this holds what may not.

mod audit;
mod backup;
mod change;
mod chunk;
mod job;
mod key;
mod queue;
mod record;
mod signature;
mod webhook;

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Any, AnyPool, Connection, Executor, Transaction};
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::document::{hex, unhex};
use crate::seal::{self, Key};

pub use audit::{Entry, Fault, Record};
pub use backup::BackupError;
pub use chunk::{ChunkRecord, Counted, Kept, Tally, Turn};
pub use job::{JobRecord, Planned, Step};
pub use key::KeyRecord;
pub use queue::{Lane, Queue, QueueError, Task};
pub use record::{DOCUMENT, FoundRecord, Frozen, Move, NewVersion, RecordFilter, RecordRow, SIGNED, Terms, VersionRow};
pub use signature::{
    DECLINED, KeptSignature, MADE, NewSignature, NewSigning, PendingRow, SignatureRow, SignedFile, SigningEnd, WAITING,
};
pub use webhook::{AttemptRecord, WebhookRecord};

static SQLITE: Migrator = sqlx::migrate!("src/store/migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// Longest wait for a connection, and for another process that writes to the SQLite file.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is sealed to see whether the key is the right one.
const CHECK: &[u8] = b"skoledok store key";

/// Where things last.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite:FILE` or `postgres://user:password@host/database`.
    pub url: Zeroizing<String>,
    /// Most connections at once.
    pub connections: u32,
    /// Seals what is kept of people. For a SQLite file there is one beside it when none is set.
    pub key: Option<Key>,
}

/// Who opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A service: the only one on a SQLite file.
    Service,
    /// A command beside it.
    Command,
}

/// Why the store can not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no store that there is.
    #[error("`store.url` begins with `sqlite:` or `postgres://`")]
    Url,
    /// Another service has the file.
    #[error("another service uses `{}`; give each its own `store.url`, or let them share a PostgreSQL", .0.display())]
    Locked(PathBuf),
    /// The SQLite file, or the lock beside it, can not be made or opened.
    #[error("can not open `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key is another than before.
    #[error("what the store holds was sealed with another `store.key`; give the right one, or another `store.url`")]
    OtherKey,
    /// What was to be changed is no longer there.
    #[error("what was to be changed is no longer there")]
    Gone,
    /// The file of the key holds none.
    #[error("`{}` holds no key of 64 hexadecimal digits", .0.display())]
    Key(PathBuf),
    /// The tables can not be brought to what this program needs.
    #[error("the tables can not be brought up to date; was the store used by a newer version?")]
    Migrate(#[source] MigrateError),
    /// The database does not do what it is asked.
    #[error("the store does not answer as it should")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The store.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    is_sqlite: bool,
    url: Zeroizing<String>,
    key: Option<Key>,
    changes: change::Changes,
    /// Held for as long as a service runs.
    _lock: Option<std::sync::Arc<File>>,
}

impl Store {
    /// Opens the store and brings its tables up to date.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open(settings: &Settings, role: Role) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = settings.url.as_str();
        let file = sqlite_file(url);
        if file.is_none() && !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(StoreError::Url);
        }
        let lock = match (&file, role) {
            (Some(file), Role::Service) => Some(lock(file)?.into()),
            _ => None,
        };
        let is_sqlite = file.is_some();
        let mut options = AnyPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(!is_sqlite);
        if is_sqlite {
            options = options
                .after_connect(|connection, _| Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) }))
                .after_release(|connection, _| Box::pin(is_clean(connection)));
        } else {
            options = options
                .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }));
        }
        let url = match &file {
            Some(file) => {
                create(file)?;
                Zeroizing::new(format!("sqlite:{}", escaped(file)))
            }
            None => settings.url.clone(),
        };
        let pool = options.connect(&url).await?;
        let migrator = if is_sqlite { &SQLITE } else { &POSTGRES };
        let mut tries = 0;
        while let Err(error) = migrator.run(&pool).await {
            tries += 1;
            // Another process may be at it with the same file, where nothing keeps the two apart.
            if tries == 5 || !is_sqlite {
                return Err(StoreError::Migrate(error));
            }
            sleep(Duration::from_millis(100)).await;
        }
        let mut store =
            Self { pool, is_sqlite, url, key: settings.key.clone(), changes: change::Changes::default(), _lock: lock };
        if let (None, Some(file)) = (&store.key, &file) {
            store.key = key_in(&beside(file, ".key"))?;
        }
        // Commands that beside a service look after keys and the log do so with whatever key.
        if role == Role::Service {
            store.check_key(file.as_deref()).await?;
        }
        Ok(store)
    }

    /// Sees to it that what is kept was sealed with the key that there is: with another one every job would seem to be lost. A SQLite file in which
    /// nothing was sealed yet gets a key beside it.
    async fn check_key(&mut self, file: Option<&Path>) -> Result<(), StoreError> {
        let check = || sqlx::query_scalar("SELECT value FROM sealed_check WHERE id = 1");
        let sealed: Option<Vec<u8>> = check().fetch_optional(&self.pool).await?;
        let key = match (&self.key, file, sealed) {
            (Some(key), _, Some(sealed)) => {
                return seal::open(key, CHECK, sealed).map(drop).ok_or(StoreError::OtherKey);
            }
            (None, Some(_), Some(_)) => return Err(StoreError::OtherKey),
            // A PostgreSQL without a key takes no jobs.
            (None, None, _) => return Ok(()),
            (Some(key), _, None) => key.clone(),
            (None, Some(file), None) => new_key_in(file)?,
        };
        let value = seal::seal(&key, CHECK, CHECK).ok_or(StoreError::OtherKey)?;
        sqlx::query("INSERT INTO sealed_check (id, value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
            .bind(value)
            .execute(&self.pool)
            .await?;
        // Another service may have been first, with another key.
        let sealed: Vec<u8> = check().fetch_one(&self.pool).await?;
        seal::open(&key, CHECK, sealed).ok_or(StoreError::OtherKey)?;
        self.key = Some(key);
        Ok(())
    }

    /// Has what was removed leave the journal of a SQLite file, too.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_journal(&self) -> Result<(), StoreError> {
        if self.is_sqlite {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        }
        Ok(())
    }

    /// What seals the contents that are kept here, if there is such a key.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// A store that holds nothing and is never asked, to describe what works with one. Called within a runtime of Tokio.
    ///
    /// # Errors
    /// Never: nothing is opened.
    pub fn unconnected() -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (url, pool) = ("sqlite::memory:", AnyPoolOptions::new().connect_lazy("sqlite::memory:")?);
        Ok(Self {
            pool,
            is_sqlite: true,
            url: Zeroizing::new(url.to_owned()),
            key: None,
            changes: change::Changes::default(),
            _lock: None,
        })
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The clock of the store, in milliseconds since 1970, UTC. That of SQLite is this machine's.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn clock(&self) -> Result<i64, StoreError> {
        let query = if self.is_sqlite {
            "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
        } else {
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
        };
        Ok(sqlx::query_scalar(query).fetch_one(&self.pool).await?)
    }

    /// Writes what is under way, and lets go of the file or the server.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that will write. SQLite is told at once: one that reads first could not always go on to write.
    async fn write(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let begin = if self.is_sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        Ok(self.pool.begin_with(begin).await?)
    }
}

/// Whether a connection has left its transaction; one that has not is closed. When a write fails for want of room SQLite ends the transaction by
/// itself, and sqlx, whose ROLLBACK is then refused, believes for ever that there is one: such a connection begins no other.
async fn is_clean<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // What was dropped is being rolled back; an answer means that it has been.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// A write that was answered has reached the disk (`FULL`); readers do not wait for writers (`WAL`).
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
    PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = FAST;";

/// A service that stands still within a transaction (a machine that is paused, a line that is cut) keeps its rows from all the others only for so
/// long: PostgreSQL ends the transaction then. No transaction here waits for anything but the database.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// Makes the file, for its owner alone, if there is none; SQLite gives those beside it the same rights.
fn create(file: &Path) -> Result<(), StoreError> {
    let made = File::options().create(true).append(true).mode(0o600).open(file);
    made.map(drop).map_err(|source| StoreError::File { path: file.to_owned(), source })
}

/// The key in a file, if there is one.
fn key_in(path: &Path) -> Result<Option<Key>, StoreError> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => unhex(text.trim()).map(Key::new).map(Some).ok_or_else(|| StoreError::Key(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    }
}

/// A new key, in a file beside a SQLite file.
fn new_key_in(file: &Path) -> Result<Key, StoreError> {
    let (path, part) = (beside(file, ".key"), beside(file, ".key.part"));
    let written = (|| {
        let key = seal::new_key().ok_or_else(|| std::io::Error::other("the system gives no random numbers"))?;
        let mut made = File::options().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
        made.write_all(Zeroizing::new(hex(&key[..])).as_bytes())?;
        made.sync_all()?;
        std::fs::rename(&part, &path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(key)
    })();
    written.map_err(|source| StoreError::File { path, source })
}

/// The file that a URL names, if it names one.
fn sqlite_file(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite:").map(|rest| PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))
}

/// A name beside a file.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A path as it stands in a URL.
fn escaped(file: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let bytes = file.as_os_str().as_encoded_bytes().iter();
    bytes.map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Takes the lock beside a SQLite file, which the system gives back when the process ends in whatever way.
fn lock(file: &Path) -> Result<File, StoreError> {
    let path = beside(file, ".lock");
    let fault = |source| StoreError::File { path: path.clone(), source };
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(file.to_owned())),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}
