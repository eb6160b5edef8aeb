//! The composition root: puts the parts together, serves, and stops without cutting anything off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use tokio::signal::unix::{SignalKind, signal};

use crate::cache::{self, Cache};
use crate::config::Config;
#[cfg(debug_assertions)]
use crate::pipeline;
use crate::pipeline::Pipeline;
use crate::worker::{self, Pool, Program, StartError};
use crate::{http, render};

/// Longest that requests under way may take after the signal to stop.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// Why the service did not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not of this machine alone.
    #[error(
        "`{0}` can be reached from other machines, and there is no authentication yet; bind a loopback address such as `127.0.0.1:8080`"
    )]
    PublicAddress(SocketAddr),
    /// The address can not be used.
    #[error("can not listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system refuses what the service needs.
    #[error("the system refuses what the service needs")]
    System(#[from] std::io::Error),
    /// The render workers can not be started, or do not render their own samples.
    #[error("no documents can be made")]
    Workers(#[from] StartError),
    /// The cache can not be set up.
    #[error(transparent)]
    Cache(#[from] cache::SettingsError),
}

/// Serves until SIGTERM or SIGINT, then finishes what is under way. Prints the address to standard
/// output once it listens, so that port 0 can be used.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(config: Config) -> Result<(), ServeError> {
    if !config.bind.ip().is_loopback() {
        return Err(ServeError::PublicAddress(config.bind));
    }
    worker::quiet_panics();
    worker::hide_memory()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> Result<(), ServeError> {
    let address = config.bind;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let pool = Pool::new(config.render);
    let cache = Cache::start(config.cache)?;
    let ready = Arc::new(AtomicBool::new(false));
    let acceptor =
        TcpListener::bind(address).into_acceptor().await.map_err(|source| ServeError::Bind { address, source })?;
    for bound in acceptor.local_addr() {
        println!(
            "listening on http://{}",
            bound.as_socket_addr().map_or_else(|| bound.to_string(), ToString::to_string)
        );
    }
    let workers = pool.clone();
    let start = workers.start(render_worker(config.render_memory));
    let server = Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(
        http::routes(Pipeline::new(pool, cache), Arc::clone(&ready)),
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping: finishing what is under way");
        },
        Some(SHUTDOWN),
    );
    tokio::pin!(server);
    tokio::select! {
        done = &mut server => return Ok(done?),
        started = start => started?,
    }
    ready.store(true, Ordering::Release);
    tracing::info!("ready");
    Ok(server.await?)
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
