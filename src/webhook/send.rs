//! Sends a webhook, once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, ClientBuilder, Response};
use tokio::time::timeout;

use super::attempt::{Attempt, Failure};
use super::secret::{MessageId, Secrets};
use super::target::{AllowedTarget, Resolver, Rules, Target, TargetError};
use crate::outgoing::http_client;

/// How much of an answer is read, and for how long, so that a receiver who writes it before he closes is not cut off.
const READ: usize = 4 * 1024;
const READ_TIME: Duration = Duration::from_secs(1);

/// What webhooks are sent by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether they may go to `http` as well as to `https`.
    pub http: bool,
    /// Where they may go beside public addresses.
    pub allow: Vec<AllowedTarget>,
    /// Longest time from the first question to the DNS to the status of the answer; by default the least that Standard
    /// Webhooks recommends («Request timeouts»).
    pub timeout: Duration,
    /// Longest part of that until a connection stands, with TLS.
    pub connect_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: false,
            allow: Vec::new(),
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// The settings do not make a client.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for webhooks")]
pub struct ClientError(#[from] reqwest::Error);

/// Reads the beginning of an answer, and throws it away.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read >= READ {
            return;
        }
    }
}

/// Sends webhooks.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
    rules: Arc<Rules>,
}

impl Sender {
    /// A sender with its client: no redirects, no proxies, no connection that is kept, nothing sent twice by itself.
    ///
    /// # Errors
    /// When the settings do not make a client.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Self::over(http_client(), settings)
    }

    fn over(builder: ClientBuilder, settings: Settings) -> Result<Self, ClientError> {
        let rules = Arc::new(Rules { http: settings.http, allow: settings.allow });
        let client = builder
            // A proxy would resolve names by itself.
            .no_proxy()
            .dns_resolver(Resolver(Arc::clone(&rules)))
            .https_only(!settings.http)
            .http1_only()
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .build()?;
        Ok(Self { client, rules })
    }

    /// Whether a URL is one to send to, as far as can be said without the DNS.
    ///
    /// # Errors
    /// When nothing would be sent to it.
    pub fn target(&self, url: &str) -> Result<Target, TargetError> {
        self.rules.target(url)
    }

    /// Sends a message. `timestamp` is that of the attempt, in seconds since 1970; receivers refuse what is older than
    /// some minutes. The body is sent as JSON, as it is.
    pub async fn send(&self, url: &str, secrets: &Secrets, id: &MessageId, timestamp: i64, body: Bytes) -> Attempt {
        // What was a target when it was kept need not be one now.
        let Ok(target) = self.rules.target(url) else { return Failure::RefusedTarget.into() };
        let request = self
            .client
            .post(target.into_url())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", secrets.sign(id, timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(response) => {
                let attempt = Attempt::answered(&response);
                // The status counts, however the rest of the answer ends.
                drop(timeout(READ_TIME, drain(response)).await);
                attempt
            }
            Err(error) => Failure::of(&error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::webhook::Secret;

    const TIME: i64 = 1_614_265_330;
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn settings() -> Settings {
        Settings {
            http: true,
            allow: vec!["127.0.0.1/32".parse().expect("a network")],
            timeout: Duration::from_secs(10),
            ..Settings::default()
        }
    }

    fn sender(settings: Settings) -> Sender {
        Sender::new(settings).expect("there is a client")
    }

    /// Sends what the reference libraries are tested with.
    async fn send_by(sender: &Sender, url: &str) -> Attempt {
        let secrets = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("the secret is one").into();
        let id = MessageId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").expect("the id is one");
        sender.send(url, &secrets, &id, TIME, Bytes::from_static(BODY.as_bytes())).await
    }

    async fn send(url: &str) -> Attempt {
        send_by(&sender(settings()), url).await
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let port = listener.local_addr().expect("the listener has an address").port();
        (listener, port)
    }

    /// Reads a request to the end of its body.
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut text = Vec::new();
        while !text.ends_with(BODY.as_bytes()) {
            if stream.read_buf(&mut text).await.expect("the request can be read") == 0 {
                break;
            }
        }
        String::from_utf8(text).expect("the request is text")
    }

    /// Gives one answer, and in the end what it was asked.
    async fn serve(answer: impl Into<String>) -> (String, JoinHandle<String>) {
        let (listener, port) = listen().await;
        let answer = answer.into();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("there is a caller");
            let request = read(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.expect("the caller takes the answer");
            request
        });
        (format!("http://127.0.0.1:{port}/hook?key=1"), asked)
    }

    async fn is_called(listener: &TcpListener) -> bool {
        timeout(Duration::from_millis(200), listener.accept()).await.is_ok()
    }

    async fn answer(head: &str) -> Attempt {
        let (url, asked) = serve(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")).await;
        let attempt = send(&url).await;
        asked.await.expect("the server was asked");
        attempt
    }

    #[tokio::test]
    async fn a_webhook_is_delivered_with_its_headers() {
        let (url, asked) = serve("HTTP/1.1 204 No Content\r\n\r\n").await;
        let attempt = send(&url).await;
        assert_eq!(attempt, Attempt { result: Ok(204), retry_after: None });
        assert_eq!((attempt.status(), attempt.is_gone(), attempt.again(1, 0.0)), (Some(204), false, None));
        let request = asked.await.expect("the server was asked");
        let (head, body) = request.split_once("\r\n\r\n").expect("the request has a body");
        assert!(head.starts_with("POST /hook?key=1 HTTP/1.1\r\n"), "{head}");
        for header in [
            "content-type: application/json",
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp: 1614265330",
            &format!("webhook-signature: {SIGNATURE}"),
            "content-length: 20",
            "user-agent: skoledok",
        ] {
            assert!(head.lines().any(|line| line == header), "{header} in {head}");
        }
        assert_eq!(body, BODY);
    }

    #[tokio::test]
    async fn a_status_says_what_to_do() {
        for (head, result) in [
            ("200 OK", Ok(200)),
            ("299 Odd", Ok(299)),
            ("304 Not Modified", Err(Failure::Redirect(304))),
            ("404 Not Found", Err(Failure::Status(404))),
            ("410 Gone", Err(Failure::Status(410))),
            ("500 Internal Server Error", Err(Failure::Status(500))),
            ("999 Odd", Err(Failure::Status(999))),
        ] {
            let attempt = answer(head).await;
            assert_eq!(attempt.result, result, "{head}");
            let again = attempt.again(1, 0.0);
            assert_eq!(again.is_none(), head.starts_with('2') || head.starts_with("410"), "{head}");
        }
    }

    #[tokio::test]
    async fn a_receiver_can_ask_for_an_hour_at_most() {
        for (head, seconds) in [
            ("503 Busy\r\nRetry-After: 120", Some(120)),
            ("429 Too Many Requests\r\nRetry-After: 0", Some(0)),
            ("429 Too Many Requests\r\nRetry-After: 3601", Some(3600)),
            ("503 Busy\r\nRetry-After: 99999999999999999999999", Some(3600)),
            ("503 Busy\r\nRetry-After: -1", None),
            ("503 Busy\r\nRetry-After: 1.5", None),
            ("503 Busy\r\nRetry-After: Fri, 31 Dec 2027 23:59:59 GMT", None),
            ("503 Busy\r\nRetry-After:", None),
            ("503 Busy", None),
            ("500 Internal Server Error\r\nRetry-After: 120", None),
            ("200 OK\r\nRetry-After: 120", None),
        ] {
            assert_eq!(answer(head).await.retry_after, seconds.map(Duration::from_secs), "{head}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (other, port) = listen().await;
        for status in [301, 302, 303, 307, 308] {
            let attempt = answer(&format!("{status} Elsewhere\r\nLocation: http://127.0.0.1:{port}/")).await;
            assert_eq!(attempt.result, Err(Failure::Redirect(status)));
            assert!(attempt.again(1, 0.0).is_some(), "the URL could be mended");
        }
        assert!(!is_called(&other).await);
    }

    #[tokio::test]
    async fn a_slow_receiver_is_left() {
        let quick = sender(Settings { timeout: Duration::from_millis(300), ..settings() });
        let (_listener, port) = listen().await;
        let began = Instant::now();
        let attempt = send_by(&quick, &format!("http://127.0.0.1:{port}/")).await;
        assert_eq!(attempt.result, Err(Failure::Timeout));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(attempt.again(1, 0.0), Some(Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn a_connection_that_does_not_come_about_is_left() {
        let quick = sender(Settings { connect_timeout: Duration::from_millis(300), ..settings() });
        // Takes the connection, and says nothing of TLS.
        let (_listener, port) = listen().await;
        let began = Instant::now();
        let attempt = send_by(&quick, &format!("https://127.0.0.1:{port}/")).await;
        assert_eq!(attempt.result, Err(Failure::Timeout));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_huge_answer_is_not_read() {
        let (listener, port) = listen().await;
        let written = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("there is a caller");
            read(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("the caller takes the head");
            let mut written = 0_usize;
            while let Ok(length) = stream.write(&[b'x'; 8 * 1024]).await {
                written += length;
            }
            written
        });
        assert_eq!(send(&format!("http://127.0.0.1:{port}/")).await.result, Ok(200));
        let written =
            timeout(Duration::from_secs(5), written).await.expect("the caller hangs up").expect("it was asked");
        // What the system holds between the two.
        assert!(written < 64 * 1024 * 1024, "{written}");
    }

    #[tokio::test]
    async fn an_answer_that_drips_or_breaks_off_does_not_undo_its_status() {
        let (listener, port) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("there is a caller");
            read(&mut stream).await;
            let head = "HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("the caller takes the head");
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let began = Instant::now();
        assert_eq!(send(&format!("http://127.0.0.1:{port}/")).await.result, Ok(202));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        timeout(Duration::from_secs(5), server).await.expect("the caller hangs up").expect("it was asked");
        let (url, _) = serve("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx").await;
        assert_eq!(send(&url).await.result, Ok(200));
    }

    #[tokio::test]
    async fn this_machine_is_refused_unless_it_is_allowed() {
        let (listener, port) = listen().await;
        let strict = sender(Settings { allow: Vec::new(), ..settings() });
        for host in ["127.0.0.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"] {
            let attempt = send_by(&strict, &format!("http://{host}:{port}/")).await;
            assert_eq!(attempt.result, Err(Failure::RefusedTarget), "{host}");
            assert_eq!(attempt.status(), None);
        }
        let secure = sender(Settings { http: false, ..settings() });
        assert_eq!(send_by(&secure, &format!("http://127.0.0.1:{port}/")).await.result, Err(Failure::RefusedTarget));
        assert!(!is_called(&listener).await);
    }

    #[tokio::test]
    async fn a_name_that_is_allowed_is_reached() {
        let (url, asked) = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let local = sender(Settings { allow: vec!["localhost".parse().expect("a host")], ..settings() });
        assert_eq!(send_by(&local, &url).await.result, Err(Failure::RefusedTarget), "the name, not its address");
        assert_eq!(send_by(&local, &url.replace("127.0.0.1", "localhost")).await.result, Ok(200));
        assert!(asked.await.expect("the server was asked").contains("host: localhost:"));
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        let (listener, port) = listen().await;
        drop(listener);
        let nobody = send(&format!("http://127.0.0.1:{port}/")).await;
        assert_eq!(nobody.result, Err(Failure::Connect));
        // RFC 6761, 6.4: no server of names knows it.
        assert_eq!(send("https://finnes-ikke.invalid/").await.result, Err(Failure::Dns));
        for wrong in ["", "skoledok\r\n\r\n", "HTTP/1.1 200", "HTTP/1.1 OK\r\n\r\n"] {
            let (url, _) = serve(wrong).await;
            assert_eq!(send(&url).await.result, Err(Failure::NoAnswer), "{wrong:?}");
        }
    }

    /// A server with TLS, and its certificate, which no authority has signed.
    async fn serve_tls() -> (String, CertificateDer<'static>) {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-keyout", "-", "-out", "-", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .output()
            .expect("openssl runs");
        let key = PrivateKeyDer::from_pem_slice(&made.stdout).expect("openssl has made a key");
        let certificate = CertificateDer::from_pem_slice(&made.stdout).expect("openssl has made a certificate");
        drop(rustls::crypto::ring::default_provider().install_default());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("the key is that of the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                read(&mut stream).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.expect("the caller takes the answer");
                stream.flush().await.expect("the caller takes the answer");
            }
        });
        (format!("https://127.0.0.1:{port}/"), certificate)
    }

    #[tokio::test]
    async fn tls_is_trusted_by_its_certificate() {
        let (url, certificate) = serve_tls().await;
        assert_eq!(send(&url).await.result, Err(Failure::Tls), "nobody vouches for it");
        let authority = reqwest::Certificate::from_der(&certificate).expect("the certificate can be read");
        let secure = Settings { http: false, ..settings() };
        let trusting = Sender::over(http_client().tls_certs_only([authority]), secure).expect("there is a client");
        assert_eq!(send_by(&trusting, &url).await.result, Ok(200));
        assert_eq!(
            send_by(&trusting, &url.replace("127.0.0.1", "[::ffff:127.0.0.1]")).await.result,
            Err(Failure::Tls),
            "the certificate is for another host"
        );
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("there is a caller");
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
            drop(stream.read_to_end(&mut Vec::new()).await);
        });
        assert_eq!(send(&format!("https://127.0.0.1:{port}/")).await.result, Err(Failure::Tls), "it speaks no TLS");
    }
}
