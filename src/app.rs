//! The composition root: puts the parts together, serves, and stops without cutting anything off.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::access::{self, Access, Limiter};
use crate::audit::Audit;
use crate::bulk::job::Jobs;
use crate::cache::{self, Cache};
use crate::config::Config;
use crate::document::Kind;
use crate::http::{Server, ServerError, ServerSettings};
#[cfg(debug_assertions)]
use crate::pipeline;
use crate::pipeline::Pipeline;
use crate::record::Records;
use crate::signing::{self, SetupError, Signing};
use crate::store::{QueueError, Role, Store, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::{TraceError, Traces};
use crate::worker::{self, Pool, Program, StartError};
use crate::{http, render, webhook};

/// Longest that requests under way may take after the signal to stop.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// Why the service did not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not of this machine alone.
    #[error(
        "`{0}` can be reached from other machines, where anybody could do everything; set `access.open = false` and make a key with `skoledok key create`, or bind a loopback address such as `127.0.0.1:8080`"
    )]
    PublicAddress(SocketAddr),
    /// The address or the certificate can not be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The system refuses what the service needs.
    #[error("the system refuses what the service needs")]
    System(#[from] std::io::Error),
    /// The render workers can not be started, or do not render their own samples.
    #[error("no documents can be made")]
    Workers(#[from] StartError),
    /// The cache can not be set up.
    #[error(transparent)]
    Cache(#[from] cache::SettingsError),
    /// The store can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue can not be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Webhooks can not be sent.
    #[error(transparent)]
    Webhooks(#[from] webhook::ClientError),
    /// Nothing can be counted.
    #[error("the metrics can not be started")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Nothing can be traced.
    #[error(transparent)]
    Traces(#[from] TraceError),
    /// Nothing can be signed.
    #[error(transparent)]
    Signing(#[from] SetupError),
    /// Tokens can not be checked.
    #[error(transparent)]
    Tokens(#[from] access::ClientError),
}

/// Serves until SIGTERM or SIGINT, goes on for as long as the settings say, then finishes what is under way. Prints the address to standard
/// output once it listens, so that port 0 can be used.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(config: Config) -> Result<(), ServeError> {
    if config.access.open && !config.server.bind.ip().is_loopback() {
        return Err(ServeError::PublicAddress(config.server.bind));
    }
    worker::quiet_panics();
    worker::hide_memory()?;
    let pool = Pool::new(config.render.clone());
    pool.runtime(config.threads)?.block_on(run(config, pool))
}

async fn run(config: Config, pool: Pool) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let workers_wanted = config.render.workers;
    // First, since it takes longest.
    let workers = pool.clone();
    let start = tokio::spawn(async move { workers.start(render_worker(config.render_memory)).await });
    let traces = config.traces.map(Traces::start).transpose()?;
    let cache = Cache::start(config.cache)?;
    let tally = cache.tally();
    let store = Store::open(&config.store, Role::Service).await?;
    let is_open = config.access.open;
    let access = Arc::new(Access::start(config.access, store.clone())?);
    let (audit, writer) = Audit::start(store.clone());
    let phase = http::Phase::default();
    let listening = Server::bind(config.server.clone()).await?;
    println!("listening on {}", listening.url());
    let pipeline = Pipeline::new(pool, cache);
    let sender = webhook::Sender::new(config.webhooks)?;
    let jobs = Jobs::open(store.clone(), pipeline.clone(), workers_wanted, sender, config.bulk).await?;
    let records = Records::new(store.clone(), Some(pipeline.clone()), config.records);
    let trust = trust(&config.signing)?;
    let signing = Signing::new(records.clone(), pipeline.clone(), config.signing)?;
    let scrape = http::Scrape { metrics: Metrics::start()?, pipeline: pipeline.clone(), audit: audit.health() };
    let metrics = match config.metrics_bind {
        Some(address) => {
            serve_metrics(address, &config.server, scrape).await?;
            None
        }
        None => is_open.then_some(scrape),
    };
    let parts = http::Parts {
        pipeline,
        jobs: jobs.clone(),
        records: records.clone(),
        signing: signing.clone(),
        metrics,
        trust,
        store: store.clone(),
        access,
        limiter: config.limit.map(|limit| Arc::new(Limiter::new(limit, tally))),
        audit: audit.clone(),
        body_timeout: config.body_timeout,
        phase: phase.clone(),
    };
    let leaving = phase.clone();
    let (stop_jobs, stopping) = tokio::sync::watch::channel(false);
    let stop = async move {
        let mut signal = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        signal().await;
        leaving.leave();
        if !config.drain.is_zero() {
            tracing::info!("stopping soon: new requests are still taken, and `/health/ready` says no");
            tokio::select! {
                () = tokio::time::sleep(config.drain) => {}
                // Somebody is in a hurry.
                () = signal() => {}
            }
        }
        tracing::info!("stopping: finishing what is under way");
        stop_jobs.send_replace(true);
    };
    let until_stopped = async {
        let mut served = pin!(listening.run(http::routes(parts), stop, SHUTDOWN));
        tokio::select! {
            () = &mut served => return Ok(()),
            started = start => started.map_err(std::io::Error::other)??,
        }
        phase.serve();
        tracing::info!("ready");
        let looking_after = tokio::spawn(records.look_after(stopping.clone()));
        let raising = tokio::spawn(signing.look_after(audit, stopping.clone()));
        let at_work = jobs.start(stopping);
        served.await;
        // Another service takes the chunks that are not begun.
        if tokio::time::timeout(SHUTDOWN, at_work).await.is_err() {
            tracing::warn!("chunks of jobs under way are cut off; they are made again");
        }
        if looking_after.await.is_err() || raising.await.is_err() {
            tracing::error!("a part of the records has broken down");
        }
        Ok(())
    };
    let result = until_stopped.await;
    // Nobody can note any more; what was noted is written before the store is closed.
    if tokio::time::timeout(SHUTDOWN, writer).await.is_err() {
        tracing::error!("the audit log could not be written to its end");
    }
    store.close().await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    result
}

/// Who is trusted when files are verified, and who asks for what they lack, if anybody does.
fn trust(settings: &signing::Settings) -> Result<http::Trust, SetupError> {
    let fetcher = settings.fetch_to_verify.then(|| {
        let hosts = settings.hosts.iter().filter_map(|host| host.parse().ok()).collect();
        http::evidence_fetcher(hosts, settings.timeout)
    });
    Ok(http::Trust { anchors: settings.anchors.clone(), pool: settings.pool.clone(), fetcher: fetcher.transpose()? })
}

/// Serves the metrics on an address of their own, until the process ends.
async fn serve_metrics(address: SocketAddr, settings: &ServerSettings, scrape: http::Scrape) -> Result<(), ServeError> {
    let server = Server::bind(ServerSettings { bind: address, tls: None, ..settings.clone() }).await?;
    tokio::spawn(server.run(scrape, std::future::pending(), Duration::ZERO));
    Ok(())
}

/// How this program is started as a render worker: nothing of the environment goes with it.
#[must_use]
pub fn render_worker(memory: u64) -> Program {
    #[cfg(debug_assertions)]
    let environment = std::env::vars_os().filter(|(name, _)| name.as_os_str() == pipeline::fault::VARIABLE).collect();
    #[cfg(not(debug_assertions))]
    let environment = Vec::new();
    Program {
        // The running program, even when another has taken its place on disk.
        path: "/proc/self/exe".into(),
        arguments: vec!["render-worker".into(), "--memory".into(), memory.to_string().into()],
        environment,
        build: render::identity().to_owned(),
    }
}

/// As [`render_worker`], but warm for letters alone, which takes a third of the time. A run that makes nothing else gains more by it
/// than a service does: that one promises to have tried every kind.
#[must_use]
pub fn letter_worker(memory: u64) -> Program {
    let mut program = render_worker(memory);
    program.arguments.extend(["--warm".into(), Kind::ParentLetter.slug().into()]);
    program
}
