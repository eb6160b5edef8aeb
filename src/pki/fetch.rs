//! Fetches what others publish: time stamps, OCSP responses, CRLs, certificates of issuers.
//!
//! Time-stamp servers are settings. The URLs in certificates were written by strangers: a [`Policy`] says which of them become requests, and which
//! addresses a connection may go to is up to the resolver of the client that the caller gives.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use tokio::time::{sleep, timeout};

use super::algorithm::Hash;
use super::certificate::{self, Certificate};
use super::chain::Chain;
use super::cms::SignedData;
use super::crl::{self, Crl};
use super::ocsp::{self, OcspRequest, OcspResponse};
use super::revocation::{Evidence, RevocationError};
use super::timestamp::{self, TimeStampRequest, TimeStampToken};

/// Which URLs out of certificates become requests.
#[derive(Clone, Default)]
pub enum Policy {
    /// None.
    #[default]
    Nothing,
    /// Those for which it says so.
    Only(Arc<dyn Fn(&Url) -> bool + Send + Sync>),
}

impl Policy {
    /// Those with one of these hosts, to the letter and whatever the port.
    #[must_use]
    pub fn hosts(hosts: Vec<String>) -> Self {
        Self::Only(Arc::new(move |url| url.host_str().is_some_and(|host| hosts.iter().any(|one| one == host))))
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Only(_) => "Only(..)",
        })
    }
}

/// How long and how often is asked.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time for one answer.
    pub timeout: Duration,
    /// How often one server is asked before the next one is, at least once.
    pub tries: u32,
    /// The pause before the second try; each later one is twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), tries: 2, pause: Duration::from_millis(250) }
    }
}

/// Why one server gave nothing. Nothing of an answer is told but its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No URL of `http` or `https`.
    #[error("this is no URL with `http` or `https`")]
    Url,
    /// The policy does not allow it.
    #[error("requests to this host are not allowed by the settings")]
    NotAllowed,
    /// It took too long.
    #[error("it took too long")]
    Timeout,
    /// No connection, or it broke.
    #[error("no answer came")]
    NoAnswer,
    /// Another status than 200.
    #[error("the answer had status {0}")]
    Status(u16),
    /// Another content type.
    #[error("the answer is not of the type that was asked for")]
    ContentType,
    /// Too long.
    #[error("the answer is longer than is read")]
    Length,
    /// It is a proof, and proves nothing: the certificate is not known there, had expired before, or the signature is by a weak algorithm.
    #[error("the answer says nothing of this certificate that counts")]
    SaysNothing,
    /// What came is not good, in words.
    #[error("{0}")]
    Answer(String),
}

/// Nobody gave what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.0))]
pub struct FetchError(pub Vec<(String, Failure)>);

fn told(failures: &[(String, Failure)]) -> String {
    if failures.is_empty() {
        return "there is no address to ask".to_owned();
    }
    failures.iter().map(|(host, failure)| format!("`{host}`: {failure}")).collect::<Vec<_>>().join("; ")
}

/// Fetches.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    policy: Policy,
    patience: Patience,
}

impl Fetcher {
    /// With a client that follows no redirects (`crate::outgoing::http_client`) and goes only to addresses that are allowed.
    #[must_use]
    pub fn new(client: Client, policy: Policy, patience: Patience) -> Self {
        Self { client, policy, patience }
    }

    /// Asks time-stamp servers one after another, until one answers well. They are settings: the policy is not asked, and a URL may hold a user and a
    /// password.
    ///
    /// # Errors
    /// None did.
    pub async fn time_stamp(&self, servers: &[Url], request: &TimeStampRequest) -> Result<TimeStampToken, FetchError> {
        let mut failures = Vec::new();
        for server in servers {
            let read = |answer: &[u8]| request.read(answer).map_err(|error| Failure::Answer(error.to_string()));
            match self.ask(server, &TIME_STAMP, Some(request.der()), read).await {
                Ok(token) => return Ok(token),
                Err(failure) => failures.push((host(server), failure)),
            }
        }
        Err(FetchError(failures))
    }

    /// Asks for a certificate by OCSP, where the certificate says. The answer proves something of it.
    ///
    /// # Errors
    /// Nobody answered well.
    pub async fn ocsp(&self, certificate: &Certificate, issuer: &Certificate) -> Result<OcspResponse, FetchError> {
        let mut nonce = [0; 16];
        let nonce = getrandom::fill(&mut nonce).is_ok().then_some(&nonce[..]);
        let request = OcspRequest::new(certificate, issuer, Hash::Sha1, nonce);
        let read = |answer: &[u8]| {
            let response = OcspResponse::from_der(answer)?;
            // Answers that were made before have no nonce; one with another is to somebody else.
            if response.nonce().is_some_and(|told| Some(told) != nonce) {
                return Err(RevocationError::Nonce);
            }
            let proof = response.proof(certificate, issuer)?;
            Ok((response, proof))
        };
        let telling = |answer: &[u8]| match read(answer) {
            Ok((response, proof)) if proof.is_telling() => Ok(response),
            // A CRL may say more.
            Ok(_) => Err(Failure::SaysNothing),
            Err(error) => Err(refused(&error)),
        };
        self.first(certificate.ocsp_urls(), &OCSP, Some(request.der()), telling).await
    }

    /// Fetches the CRL for a certificate, from where the certificate says. It proves something of it.
    ///
    /// # Errors
    /// Nobody answered well.
    pub async fn crl(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Crl, FetchError> {
        let read = |answer: &[u8]| {
            let text = answer.starts_with(b"-----");
            let blocks = text.then(|| certificate::pem_blocks(answer, "X509 CRL")).flatten();
            let block = blocks.and_then(|blocks| blocks.into_iter().next());
            let crl = Crl::from_der(block.as_deref().unwrap_or(answer))?;
            let proof = crl.proof(certificate, issuer)?;
            Ok((crl, proof))
        };
        let telling = |answer: &[u8]| match read(answer) {
            Ok((crl, proof)) if proof.is_telling() => Ok(crl),
            Ok(_) => Err(Failure::SaysNothing),
            Err(error) => Err(refused(&error)),
        };
        self.first(certificate.crl_urls(), &CRL, None, telling).await
    }

    /// Fetches the certificates of a certificate's issuer, from where the certificate says: one, a list in PEM, or a PKCS#7 (RFC 5280, 4.2.2.1). They are
    /// not trusted.
    ///
    /// # Errors
    /// Nobody answered well.
    pub async fn issuers(&self, certificate: &Certificate) -> Result<Vec<Certificate>, FetchError> {
        let read = |answer: &[u8]| match SignedData::from_der(answer) {
            Ok(data) => Ok(data.certificates().to_vec()),
            Err(_) => Certificate::list(answer).map_err(|error| Failure::Answer(error.to_string())),
        };
        self.first(certificate.issuer_urls(), &ISSUER, None, read).await
    }

    /// Fetches proofs for every certificate of a chain but its anchor, and for OCSP responders that need some: OCSP if there is an
    /// address, and else, or when that fails, the CRL. What is missing is told beside what is there.
    pub async fn evidence(&self, chain: &Chain) -> (Evidence, Vec<(Certificate, FetchError)>) {
        let all = join_all(chain.links().map(|(certificate, issuer)| self.proofs(certificate, issuer))).await;
        let (mut evidence, mut missing) = (Evidence::default(), Vec::new());
        for (found, lacks) in all {
            evidence.add(found);
            missing.extend(lacks);
        }
        (evidence, missing)
    }

    /// Proofs for one certificate and for who answered for it.
    async fn proofs(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> (Evidence, Vec<(Certificate, FetchError)>) {
        let (mut evidence, mut missing) = (Evidence::default(), Vec::new());
        let mut failures = match self.ocsp(certificate, issuer).await {
            Ok(response) => {
                let delegate = response.proof(certificate, issuer).ok().and_then(|proof| proof.delegate);
                let Some(delegate) = delegate.filter(|delegate| !delegate.needs_no_ocsp()) else {
                    evidence.responses.push(response);
                    return (evidence, missing);
                };
                // By CRL alone: who answers could say of themselves what they like.
                match self.crl(&delegate, issuer).await {
                    Ok(crl) => {
                        evidence.responses.push(response);
                        evidence.crls.push(crl);
                        return (evidence, missing);
                    }
                    // Without it the response proves nothing, and the CRL for the certificate may still.
                    Err(error) => error.0,
                }
            }
            Err(error) => error.0,
        };
        match self.crl(certificate, issuer).await {
            Ok(crl) => evidence.crls.push(crl),
            Err(error) => {
                failures.extend(error.0);
                missing.push((certificate.clone(), FetchError(failures)));
            }
        }
        (evidence, missing)
    }

    /// The first good answer from URLs out of a certificate.
    async fn first<T>(
        &self,
        urls: &[String],
        kind: &Kind,
        question: Option<&[u8]>,
        read: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, FetchError> {
        let mut failures = Vec::new();
        for url in urls {
            let Ok(url) = Url::parse(url) else {
                failures.push(("?".to_owned(), Failure::Url));
                continue;
            };
            let asked = match self.policy.allows(&url) {
                Ok(()) => self.ask(&url, kind, question, &read).await,
                Err(failure) => Err(failure),
            };
            match asked {
                Ok(good) => return Ok(good),
                Err(failure) => failures.push((host(&url), failure)),
            }
        }
        Err(FetchError(failures))
    }

    /// One server, as often as it is asked.
    async fn ask<T>(
        &self,
        url: &Url,
        kind: &Kind,
        question: Option<&[u8]>,
        read: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut pause = self.patience.pause;
        let mut asked = 1;
        loop {
            let once = timeout(self.patience.timeout, self.once(url, kind, question)).await;
            match once.unwrap_or(Err(Failure::Timeout)) {
                Ok(answer) => return read(&answer),
                Err(failure) if asked >= self.patience.tries || !failure.may_pass() => return Err(failure),
                Err(_) => {}
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
            asked += 1;
        }
    }

    async fn once(&self, url: &Url, kind: &Kind, question: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
        let request = match question {
            Some(question) => self.client.post(url.clone()).header(CONTENT_TYPE, kind.question).body(question.to_vec()),
            None => self.client.get(url.clone()),
        };
        // An error of `reqwest` shows the whole URL, and goes no further than this.
        let mut response = request.send().await.map_err(|error| Failure::of(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status().as_u16()));
        }
        if !kind.takes(response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
            return Err(Failure::ContentType);
        }
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| Failure::of(&error))? {
            if answer.len() + part.len() > kind.longest {
                return Err(Failure::Length);
            }
            answer.extend_from_slice(&part);
        }
        Ok(answer)
    }
}

fn refused(error: &RevocationError) -> Failure {
    Failure::Answer(error.to_string())
}

/// Host and port, for people.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What is fetched.
struct Kind {
    /// Content type of the question.
    question: &'static str,
    /// Content types of answers; if there are none, all but text.
    answers: &'static [&'static str],
    /// Longest answer, in bytes.
    longest: usize,
}

/// RFC 3161, 3.4.
const TIME_STAMP: Kind = Kind {
    question: "application/timestamp-query",
    answers: &["application/timestamp-reply", "application/timestamp-response"],
    longest: timestamp::LONGEST,
};
/// RFC 6960, A.1.
const OCSP: Kind =
    Kind { question: "application/ocsp-request", answers: &["application/ocsp-response"], longest: ocsp::LONGEST };
/// Servers name files by many types. What is none of them is found out when it is read, so only pages for people are refused unread.
const CRL: Kind = Kind { question: "", answers: &[], longest: crl::LONGEST };
const ISSUER: Kind = Kind { question: "", answers: &[], longest: 1024 * 1024 };

impl Kind {
    fn takes(&self, told: Option<&str>) -> bool {
        let told = told.and_then(|told| told.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
        if self.answers.is_empty() { told != "text/html" } else { self.answers.contains(&told.as_str()) }
    }
}

impl Policy {
    fn allows(&self, url: &Url) -> Result<(), Failure> {
        let plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain {
            return Err(Failure::Url);
        }
        match self {
            Self::Only(allows) if allows(url) => Ok(()),
            _ => Err(Failure::NotAllowed),
        }
    }
}

impl Failure {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::NoAnswer }
    }

    /// Whether asking again may help.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Timeout | Self::NoAnswer | Self::Status(429 | 500..=599))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::thread;

    use super::*;
    use crate::outgoing::http_client;
    use crate::pki::made::{
        self, Key, answer, authority, called, certificate, crl, extension, purposes, response_with,
    };
    use crate::pki::{der, oid};

    /// What a path answers: status, type and body.
    type Answers = Arc<Mutex<HashMap<&'static str, (&'static str, Vec<u8>)>>>;

    /// A server that gives what it is told to, and its base.
    fn server() -> (String, Answers) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let base = format!("http://{}", listener.local_addr().expect("it has an address"));
        let answers = Answers::default();
        let told = Arc::clone(&answers);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a stream can be shared"));
                let (mut path, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) < 3 {
                        break;
                    }
                    let line = line.to_ascii_lowercase();
                    if path.is_empty() {
                        line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
                    } else if let Some(told) = line.strip_prefix("content-length:") {
                        length = told.trim().parse().unwrap_or(0);
                    }
                }
                let mut body = vec![0; length];
                drop(reader.read_exact(&mut body));
                let (head, body) = match told.lock().expect("nobody panics").get(&path[..]) {
                    Some((head, body)) => (*head, body.clone()),
                    None => ("404 Not Found", Vec::new()),
                };
                let text = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                drop(stream.write_all(&[text.as_bytes(), &body].concat()));
            }
        });
        (base, answers)
    }

    const OCSP_HEAD: &str = "200 OK\r\nContent-Type: application/ocsp-response";
    const CRL_HEAD: &str = "200 OK\r\nContent-Type: application/pkix-crl";

    fn fetcher() -> Fetcher {
        let patience = Patience { timeout: Duration::from_secs(5), tries: 1, pause: Duration::ZERO };
        let client = http_client().build().expect("there is a client");
        Fetcher::new(client, Policy::hosts(vec!["127.0.0.1".to_owned()]), patience)
    }

    #[tokio::test]
    async fn what_a_responder_says_that_nobody_vouches_for_is_left_for_the_crl() {
        let (base, answers) = server();
        let [key, leaf_key, responder] = [Key::new(), Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let (ocsp, list) = (format!("{base}/ocsp"), format!("{base}/crl"));
        let leaf = certificate(&called("Kari"), &leaf_key, &name, &key, &made::places(Some(&ocsp), Some(&list)));
        let set = |path, head, body: &[u8]| answers.lock().expect("nobody panics").insert(path, (head, body.to_vec()));
        let by = |more: Vec<Vec<u8>>, all: &[Vec<u8>]| {
            let rights = [vec![purposes(false, &[oid::FOR_OCSP])], more].concat();
            let delegate = certificate(&called("OCSP"), &responder, &name, &key, &rights);
            let good = answer(&leaf, &issuer, &[0x80, 0], (0, 7));
            response_with(&responder, &responder, 0, &[good], &[delegate], all)
        };
        set("/crl", CRL_HEAD, &crl(&name, &key, (0, 7), &[], &[]));
        let found = async || {
            let (evidence, missing) = fetcher().proofs(&leaf, &issuer).await;
            assert!(missing.is_empty(), "{missing:?}");
            (evidence.responses.len(), evidence.crls.len())
        };
        set("/ocsp", OCSP_HEAD, &by(vec![extension(oid::OCSP_NO_CHECK, false, &[5, 0])], &[]));
        assert_eq!(found().await, (1, 0));
        set("/ocsp", OCSP_HEAD, &by(made::places(None, Some(&list)), &[]));
        assert_eq!(found().await, (1, 1), "the CRL vouches for the responder");
        set("/ocsp", OCSP_HEAD, &by(Vec::new(), &[]));
        assert_eq!(found().await, (0, 1), "nobody does; the CRL tells of the certificate itself");
        // An answer to somebody else's question, and one that was moved.
        let nonce = extension(oid::OCSP_NONCE, false, &der::element(der::tag::OCTET_STRING, &[7; 16]));
        set("/ocsp", OCSP_HEAD, &by(vec![extension(oid::OCSP_NO_CHECK, false, &[5, 0])], &[nonce]));
        let error = fetcher().ocsp(&leaf, &issuer).await.expect_err("another nonce");
        assert!(error.to_string().ends_with("the answer is to another question (nonce)"), "{error}");
        assert_eq!(found().await, (0, 1));
        set("/crl", "302 Found\r\nLocation: /moved", &[]);
        set("/moved", CRL_HEAD, &crl(&name, &key, (0, 7), &[], &[]));
        let error = fetcher().crl(&leaf, &issuer).await.expect_err("nobody is sent elsewhere");
        assert!(error.to_string().ends_with("the answer had status 302"), "{error}");
        let (_, missing) = fetcher().proofs(&leaf, &issuer).await;
        assert_eq!(missing.len(), 1);
    }

    #[test]
    fn only_what_the_policy_names_becomes_a_request() {
        let policy = Policy::hosts(vec!["crl.example".to_owned()]);
        let asked = |url: &str| policy.allows(&Url::parse(url).expect("it is a URL"));
        assert_eq!(asked("http://crl.example/x"), Ok(()));
        assert_eq!(asked("https://CRL.example:8443/x"), Ok(()));
        for url in [
            "http://crl.example.evil.example/",
            "http://evil.example/crl.example",
            "http://10.0.0.1/",
            "http://crl.example./",
        ] {
            assert_eq!(asked(url), Err(Failure::NotAllowed), "{url}");
        }
        for url in [
            "ldap://crl.example/x",
            "file:///etc/passwd",
            "http://a:b@crl.example/",
            "http://crl.example@evil.example/",
        ] {
            assert_eq!(asked(url), Err(Failure::Url), "{url}");
        }
        assert_eq!(
            Policy::default().allows(&Url::parse("http://crl.example/").expect("it is a URL")),
            Err(Failure::NotAllowed)
        );
    }
}
