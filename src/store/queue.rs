//! The queue: apalis on the tables of the store.
//!
//! A task that was taken is held by the process that took it, for as long as that tells every few seconds that it lives; another process then
//! gives it to the queue again. A task holds no contents, only which job it is about.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::{
    PollSnapshot, PollStrategy, PollWith, TaskBuilder, TaskSink, TaskSinkError, WorkerBuilder, WorkerBuilderExt,
};
use apalis_postgres::{PgPool, PostgresStorage};
use apalis_sqlite::{SqlitePool, SqliteStorage};
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{PATIENCE, PRAGMAS, SESSION, Store, is_clean};

/// Tasks that do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What takes a processor.
    Work,
    /// What waits for others.
    Messages,
}

impl Lane {
    fn name(self) -> &'static str {
        match self {
            Self::Work => "bulk",
            Self::Messages => "messages",
        }
    }
}

/// Where its own tables note how far they are.
const MIGRATIONS: &str = "_apalis_migrations";
/// Connections of its own: one for each lane to take and give back, and one to add.
const CONNECTIONS: u32 = 3;
/// How often an idle process looks for tasks of another, and for those whose time has come.
const LOOK: Duration = Duration::from_millis(200);
/// The same on SQLite, where there is no other: what is added is told.
const LOOK_ALONE: Duration = Duration::from_secs(1);
/// When it is looked once more after a task was added: a look that was under way may have been too early for it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Signs of life that may be missing.
const MISSED: usize = 2;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// To decide who gets a letter.
    Plan {
        /// The job.
        job: String,
        /// The round of the job.
        round: i64,
    },
    /// To send a message on the end of a job.
    Tell {
        /// The message.
        webhook: String,
        /// How often it was sent before.
        attempts: i64,
        /// When, in milliseconds since 1970.
        at: i64,
    },
    /// To bring a chunk to a stage.
    Chunk {
        /// The job.
        job: String,
        /// The chunk.
        number: i64,
        /// The stage.
        stage: i64,
        /// The round of the job.
        round: i64,
    },
}

impl Task {
    /// What two tasks that are the same have in common: the second one is not queued.
    fn once(&self) -> String {
        match self {
            Self::Plan { job, round } => format!("{job} {round} plan"),
            Self::Chunk { job, number, stage, round } => format!("{job} {round} {stage} {number}"),
            Self::Tell { webhook, attempts, at } => format!("{webhook} {attempts} {at}"),
        }
    }

    fn lane(&self) -> Lane {
        match self {
            Self::Plan { .. } | Self::Chunk { .. } => Lane::Work,
            Self::Tell { .. } => Lane::Messages,
        }
    }

    /// When it is to be done, in seconds since 1970, if not at once.
    fn time(&self) -> Option<u64> {
        match self {
            Self::Tell { at, .. } => u64::try_from(at.div_euclid(1000)).ok(),
            Self::Plan { .. } | Self::Chunk { .. } => None,
        }
    }
}

/// Why the queue does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[error("the queue does not answer as it should")]
pub struct QueueError(#[source] Box<dyn std::error::Error + Send + Sync>);

fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
    QueueError(error.into())
}

/// The queue of a store.
#[derive(Clone)]
pub struct Queue {
    backend: Backend,
    heartbeat: Duration,
    /// Told when this process adds a task.
    added: Added,
}

/// For each lane.
#[derive(Clone, Default)]
struct Added {
    work: Arc<Notify>,
    messages: Arc<Notify>,
}

impl Added {
    fn of(&self, lane: Lane) -> &Arc<Notify> {
        match lane {
            Lane::Work => &self.work,
            Lane::Messages => &self.messages,
        }
    }
}

#[derive(Clone)]
enum Backend {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Store {
    /// The queue on the tables of this store. `heartbeat` is how often a process tells that it lives, in whole seconds.
    ///
    /// # Errors
    /// When its tables can not be made.
    pub async fn queue(&self, heartbeat: Duration) -> Result<Queue, QueueError> {
        let backend = if self.is_sqlite {
            let pool = SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .after_connect(|connection, _| Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) }));
            let pool = pool.test_before_acquire(false).after_release(|connection, _| Box::pin(is_clean(connection)));
            let pool = pool.connect(&self.url).await.map_err(fault)?;
            let mut tries = 0;
            // A command beside the service may be at it with the same file.
            while let Err(error) = own_table(SqliteStorage::migrations()).run(&pool).await {
                tries += 1;
                if tries == 5 {
                    return Err(fault(error));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Backend::Sqlite(pool)
        } else {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }));
            let pool = pool.connect(&self.url).await.map_err(fault)?;
            own_table(PostgresStorage::migrations()).run(&pool).await.map_err(fault)?;
            Backend::Postgres(pool)
        };
        Ok(Queue { backend, heartbeat, added: Added::default() })
    }
}

/// When an idle process looks for tasks: when it has added one, and every so often. apalis' own interval asks to be woken for the next time only when
/// it is asked once more, and so sleeps until the next sign of life.
struct Looks {
    ticks: Interval,
    added: Arc<Notify>,
    next: Pin<Box<OwnedNotified>>,
}

impl Looks {
    fn new(every: Duration, added: Arc<Notify>) -> Self {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, next: Box::pin(Arc::clone(&added).notified_owned()), added }
    }
}

impl PollStrategy for Looks {
    fn poll_drive(&mut self, context: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut is_time = false;
        while self.next.as_mut().poll(context).is_ready() {
            self.next.set(Arc::clone(&self.added).notified_owned());
            self.ticks.reset_after(LOOK_AGAIN);
            is_time = true;
        }
        while self.ticks.poll_tick(context).is_ready() {
            is_time = true;
        }
        if is_time { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}

/// Whether a task was not added since there is one with the same idempotency key.
fn is_there(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// The migrations of the queue beside those of the store.
fn own_table(mut migrations: Migrator) -> Migrator {
    migrations.dangerous_set_table_name(MIGRATIONS);
    migrations
}

impl Queue {
    fn sqlite(&self, pool: &SqlitePool, lane: Lane) -> SqliteStorage<Task> {
        SqliteStorage::new(pool).with_config(
            apalis_sqlite::Config::default()
                .queue(lane.name())
                .batch_size(1)
                .heartbeat_interval(self.heartbeat)
                .missed_heartbeats(MISSED),
        )
    }

    fn postgres(&self, pool: &PgPool, lane: Lane) -> PostgresStorage<Task> {
        PostgresStorage::new(pool).with_config(
            apalis_postgres::Config::default()
                .queue(lane.name())
                .batch_size(1)
                .heartbeat_interval(self.heartbeat)
                .missed_heartbeats(MISSED),
        )
    }

    /// Adds a task behind those that are there, unless it is there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn push(&self, task: Task) -> Result<(), QueueError> {
        let (lane, once, time) = (task.lane(), task.once(), task.time());
        let mut task = TaskBuilder::new(task).idempotency_key(once);
        if let Some(time) = time {
            task = task.run_at_timestamp(time);
        }
        let task = task.build();
        match &self.backend {
            Backend::Sqlite(pool) => self.sqlite(pool, lane).push_task(task).await.map_err(fault)?,
            Backend::Postgres(pool) => match self.postgres(pool, lane).push_task(task).await {
                // Where SQLite says nothing, apalis on PostgreSQL stumbles over a task that is there.
                Err(TaskSinkError::PushError(apalis_postgres::Error::Database(error))) if is_there(&error) => {}
                pushed => pushed.map_err(fault)?,
            },
        }
        self.added.of(lane).notify_one();
        Ok(())
    }

    /// Whether a task waits or is being done.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has(&self, task: &Task) -> Result<bool, QueueError> {
        let (lane, once) = (task.lane().name(), task.once());
        let count: i64 = match &self.backend {
            Backend::Sqlite(pool) => {
                let count = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM Jobs WHERE job_type = ?1 AND idempotency_key = ?2 AND status IN ('Pending', 'Queued', 'Running')",
                );
                count.bind(lane).bind(once).fetch_one(pool).await.map_err(fault)?
            }
            Backend::Postgres(pool) => {
                let count = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM apalis.jobs WHERE job_type = $1 AND idempotency_key = $2 AND status IN ('Pending', 'Queued', 'Running')",
                );
                count.bind(lane).bind(once).fetch_one(pool).await.map_err(fault)?
            }
        };
        Ok(count > 0)
    }

    /// Gives tasks of a lane that are held by nobody any more to the queue again. To be called once, before the first one is taken: a SQLite file is
    /// this service's alone, so whoever held a task is gone. On PostgreSQL others find out when nothing is heard of whoever holds one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reclaim(&self, lane: Lane) -> Result<(), QueueError> {
        let Backend::Sqlite(pool) = &self.backend else { return Ok(()) };
        sqlx::query(
            "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL WHERE job_type = ?1 AND status IN ('Queued', 'Running')",
        )
        .bind(lane.name())
        .execute(pool)
        .await
        .map(drop)
        .map_err(fault)
    }

    /// Removes the tasks that are done. They hold no contents, but there are many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep(&self) -> Result<(), QueueError> {
        match &self.backend {
            Backend::Sqlite(pool) => sqlx::raw_sql(
                "DELETE FROM Jobs WHERE status IN ('Done', 'Killed') AND done_at < CAST(strftime('%s', 'now') AS INTEGER) - 3600; \
                 DELETE FROM Workers WHERE last_seen < CAST(strftime('%s', 'now') AS INTEGER) - 86400 \
                 AND id NOT IN (SELECT lock_by FROM Jobs WHERE lock_by IS NOT NULL)",
            )
            .execute(pool)
            .await
            .map(drop)
            .map_err(fault),
            Backend::Postgres(pool) => {
                for statement in [
                    "DELETE FROM apalis.jobs WHERE status IN ('Done', 'Killed') AND done_at < now() - INTERVAL '1 hour'",
                    "DELETE FROM apalis.workers WHERE last_seen < now() - INTERVAL '1 day' \
                     AND id NOT IN (SELECT lock_by FROM apalis.jobs WHERE lock_by IS NOT NULL)",
                ] {
                    sqlx::query(statement).execute(pool).await.map_err(fault)?;
                }
                Ok(())
            }
        }
    }

    /// Takes tasks of a lane and has them done, `at_once` at a time, until `stop`: then those under way are finished. `name` is this process's own.
    ///
    /// # Errors
    /// When the store does not answer. The tasks that were taken come back to the queue.
    pub async fn run<F, R>(
        &self,
        lane: Lane,
        name: &str,
        at_once: usize,
        stop: impl Future<Output = ()> + Send + 'static,
        work: F,
    ) -> Result<(), QueueError>
    where
        F: Fn(Task) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let does = move |task: Task| {
            let work = work.clone();
            async move {
                work(task).await;
                Ok::<(), std::io::Error>(())
            }
        };
        let stop = async move {
            stop.await;
            Ok::<(), std::io::Error>(())
        };
        let builder = WorkerBuilder::new(name);
        let looks = |every| Looks::new(every, Arc::clone(self.added.of(lane)));
        match &self.backend {
            Backend::Sqlite(pool) => {
                let backend = PollWith::new(self.sqlite(pool, lane), looks(LOOK_ALONE));
                builder.backend(backend).concurrency(at_once).build(does).run_until(stop).await.map_err(fault)
            }
            Backend::Postgres(pool) => {
                let backend = PollWith::new(self.postgres(pool, lane), looks(LOOK));
                builder.backend(backend).concurrency(at_once).build(does).run_until(stop).await.map_err(fault)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use futures_util::poll;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_adds_a_task_wakes_who_takes_it_and_once_more_soon_after() {
        let added = Arc::default();
        let mut looks = Looks::new(Duration::from_hours(1), Arc::clone(&added));
        let mut look = async || {
            let look = poll_fn(|context| looks.poll_drive(context, &PollSnapshot::default()));
            timeout(Duration::from_mins(1), look).await.expect("nobody sleeps for an hour")
        };
        look().await;
        assert!(poll!(pin!(look())).is_pending(), "it has been looked at the start");
        added.notify_one();
        look().await;
        look().await;
        assert!(poll!(pin!(look())).is_pending(), "it has been looked twice");
    }

    #[tokio::test]
    async fn a_task_is_told_to_those_of_its_lane() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await;
        let pool = pool.expect("there is memory");
        own_table(SqliteStorage::migrations()).run(&pool).await.expect("there are tables");
        let queue =
            Queue { backend: Backend::Sqlite(pool), heartbeat: Duration::from_secs(30), added: Added::default() };
        queue.push(Task::Plan { job: "j".to_owned(), round: 0 }).await.expect("a task is added");
        assert!(poll!(pin!(queue.added.of(Lane::Work).notified())).is_ready());
        assert!(poll!(pin!(queue.added.of(Lane::Messages).notified())).is_pending());
    }
}
