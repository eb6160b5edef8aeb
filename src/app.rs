//! The composition root: puts the parts together, serves, and stops without cutting anything off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use tokio::signal::unix::{SignalKind, signal};

use crate::http;
use crate::pipeline::{self, Pipeline};
use crate::render::Engine;
use crate::worker::Pool;

/// Documents that may wait for a renderer.
const WAITING: usize = 256;
/// Longest that a caller waits for a document.
const DEADLINE: Duration = Duration::from_secs(10);
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
    /// The engine can not render its own samples.
    #[error("the self-test failed")]
    SelfTest(#[source] pipeline::ProduceError),
}

/// Serves until SIGTERM or SIGINT, then finishes what is under way. Prints the address to standard
/// output once it listens, so that port 0 can be used.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(address: SocketAddr) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::PublicAddress(address));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(address))
}

async fn run(address: SocketAddr) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let engine = Arc::new(Engine::load());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = Pool::start(&engine, threads, WAITING, DEADLINE)?;
    let ready = Arc::new(AtomicBool::new(false));
    let acceptor =
        TcpListener::bind(address).into_acceptor().await.map_err(|source| ServeError::Bind { address, source })?;
    for bound in acceptor.local_addr() {
        println!(
            "listening on http://{}",
            bound.as_socket_addr().map_or_else(|| bound.to_string(), ToString::to_string)
        );
    }
    let self_test = tokio::task::spawn_blocking({
        let (engine, ready) = (Arc::clone(&engine), Arc::clone(&ready));
        move || pipeline::self_test(&engine).map(|()| ready.store(true, Ordering::Release))
    });
    let server = Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(
        http::routes(Pipeline::new(pool), ready),
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
        tested = self_test => match tested {
            Ok(Ok(())) => tracing::info!("ready"),
            Ok(Err(error)) => return Err(ServeError::SelfTest(error)),
            Err(panic) => return Err(ServeError::System(std::io::Error::other(panic))),
        },
    }
    Ok(server.await?)
}
