//! Connections: HTTP/1.1, and HTTP/2 behind TLS, with an end to every wait.
//!
//! poem brings a server of its own, which waits for ever for a caller that sends its request byte by byte or never reads the
//! answer. This one is hyper's, under the same endpoints.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode;

/// Longest that a handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the files of the certificate are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after the system has refused a connection, for want of file descriptors as a rule.
const REFUSED: Duration = Duration::from_millis(50);
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 64;
/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;

/// How connections are served.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Address and port.
    pub bind: SocketAddr,
    /// Certificate and key for TLS.
    pub tls: Option<TlsFiles>,
    /// Longest that a caller may take to send the head of a request, counted from when it could.
    pub head_timeout: Duration,
    /// Longest that a caller may take nothing of an answer.
    pub write_timeout: Duration,
    /// Connections at once; beyond them callers wait to be accepted.
    pub connections: usize,
}

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and the authority (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// Why nobody is served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can not be used.
    #[error("can not listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate or key can not be used.
    #[error("the certificate or its key can not be used; see `[tls]` of the settings")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A server that listens, and serves as soon as it is run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    settings: ServerSettings,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn bind(settings: ServerSettings) -> Result<Self, ServerError> {
        let address = settings.bind;
        let fault = |source| ServerError::Bind { address, source };
        let tls = settings.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(address).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { listener, address, tls, settings })
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// Serves until `stop`, then finishes what is under way, for at most `patience`.
    pub async fn run<E>(self, endpoint: E, stop: impl Future<Output = ()>, patience: Duration)
    where
        E: Endpoint + 'static,
    {
        let Self { listener, address, tls, settings } = self;
        if let Some(tls) = &tls {
            tokio::spawn(Arc::clone(tls).follow());
        }
        let (endpoint, settings) = (Arc::new(endpoint), Arc::new(settings));
        let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(settings.connections)));
        let mut stop = pin!(stop);
        let mut connections = JoinSet::new();
        loop {
            // Those that have ended.
            while connections.try_join_next().is_some() {}
            let next = async {
                // The semaphore is never closed.
                let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
                listener.accept().await.map(|(stream, remote)| (place, stream, remote))
            };
            let (place, stream, remote) = tokio::select! {
                () = &mut stop => break,
                accepted = next => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection can not be taken");
                        sleep(REFUSED).await;
                        continue;
                    }
                },
            };
            let connection = Connection {
                endpoint: Arc::clone(&endpoint),
                settings: Arc::clone(&settings),
                tls: tls.as_ref().map(|tls| tls.acceptor()),
                watcher: graceful.watcher(),
                local: address,
                remote,
            };
            connections.spawn(async move {
                connection.serve(stream).await;
                drop(place);
            });
        }
        drop(listener);
        if timeout(patience, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests under way are cut off");
        }
        // Nobody holds the endpoint any more, nor what is behind it.
        connections.shutdown().await;
    }
}

/// What bytes come and go by.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

type Answer = Pin<Box<dyn Future<Output = Result<hyper::Response<BoxBody<Bytes, io::Error>>, Infallible>> + Send>>;

struct Connection<E> {
    endpoint: Arc<E>,
    settings: Arc<ServerSettings>,
    tls: Option<TlsAcceptor>,
    watcher: hyper_util::server::graceful::Watcher,
    local: SocketAddr,
    remote: SocketAddr,
}

impl<E: Endpoint + 'static> Connection<E> {
    async fn serve(self, stream: TcpStream) {
        // Without it small answers may wait for a receipt; a socket that refuses it serves all the same.
        drop(stream.set_nodelay(true));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.settings.write_timeout));
        let stream = Box::pin(stream);
        let Some(tls) = self.tls.clone() else { return self.serve_http1(stream, Scheme::HTTP).await };
        // Who fails here has not sent a request, and scanners do nothing else: not worth a line.
        let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await else { return };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.serve_http2(stream).await;
        } else {
            self.serve_http1(stream, Scheme::HTTPS).await;
        }
    }

    async fn serve_http1(self, stream: impl Stream, scheme: Scheme) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.head_timeout)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service_fn(self.answers(scheme)));
        // A caller that leaves, or is cut off, is nothing to tell.
        drop(self.watcher.watch(connection).await);
    }

    async fn serve_http2(self, stream: impl Stream) {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.head_timeout)
            .keep_alive_timeout(self.settings.head_timeout)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX))
            .serve_connection(TokioIo::new(stream), service_fn(self.answers(Scheme::HTTPS)));
        drop(self.watcher.watch(connection).await);
    }

    /// Answers requests on this connection.
    fn answers(&self, scheme: Scheme) -> impl Fn(hyper::Request<Incoming>) -> Answer + Clone + use<E> {
        let (endpoint, local, remote) = (Arc::clone(&self.endpoint), self.local, self.remote);
        move |request| {
            let (endpoint, scheme) = (Arc::clone(&endpoint), scheme.clone());
            let (local, remote) = (LocalAddr(Addr::SocketAddr(local)), RemoteAddr(Addr::SocketAddr(remote)));
            Box::pin(async move { Ok(endpoint.get_response((request, local, remote, scheme).into()).await.into()) })
        }
    }
}

/// The certificate, read again when its files change.
struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    fn load(files: TlsFiles) -> Result<Self, ServerError> {
        let config = read(&files)?;
        Ok(Self { files, config: RwLock::new(config) })
    }

    fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Reads the files again whenever one has changed; with files that do not fit, the certificate at hand goes on.
    async fn follow(self: Arc<Self>) {
        let mut seen = self.stamps();
        loop {
            sleep(LOOK).await;
            let now = self.stamps();
            if now == seen {
                continue;
            }
            match read(&self.files) {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    seen = now;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the certificate has changed and can not be used; going on with the one at hand"
                ),
            }
        }
    }

    fn stamps(&self) -> [Option<SystemTime>; 2] {
        [&self.files.certificate, &self.files.key]
            .map(|file| std::fs::metadata(file).and_then(|data| data.modified()).ok())
    }
}

/// Whether certificate and key can be used, and when the certificate ends, in milliseconds since 1970, if that can be read.
///
/// # Errors
/// When they can not.
pub fn check_tls(files: &TlsFiles) -> Result<Option<i64>, ServerError> {
    read(files)?;
    // The first is the service's own; those of authorities are for them to renew.
    let own = CertificateDer::pem_file_iter(&files.certificate).ok().and_then(|mut chain| chain.next()?.ok());
    let own = own.and_then(|own| x509_cert::Certificate::from_der(&own).ok());
    let end = own.map(|own| own.tbs_certificate.validity.not_after.to_unix_duration().as_millis());
    Ok(end.map(|end| i64::try_from(end).unwrap_or(i64::MAX)))
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServerError> {
    let fault = |error: Box<dyn std::error::Error + Send + Sync>| ServerError::Tls(error);
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(error.into()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(error.into()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(error.into()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| fault(error.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
