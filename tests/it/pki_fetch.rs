//! Fetching time stamps and proofs, from servers good and bad.

use std::time::{Duration, Instant};

use skoledok::outgoing::http_client;
use skoledok::pki::fetch::{Failure, Fetcher, Patience, Policy};
use skoledok::pki::revocation::Evidence;
use skoledok::pki::timestamp::TimeStampRequest;
use skoledok::pki::{Chain, Hash, Purpose};

use crate::authority::authority;
use crate::authority::server::{Behaviour, Server};
use crate::pki::{certificate, chain, now};

fn patience() -> Patience {
    Patience { timeout: Duration::from_secs(5), tries: 2, pause: Duration::from_millis(20) }
}

fn fetcher() -> Fetcher {
    let client = http_client().build().expect("there is a client");
    Fetcher::new(client, Policy::hosts(vec!["127.0.0.1".to_owned()]), patience())
}

fn url(path: &str) -> reqwest::Url {
    format!("{}{path}", authority().server.base()).parse().expect("it is a URL")
}

fn chain_of(name: &str) -> Chain {
    chain(name, now(), Purpose::Signing).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_fetched_from_where_the_certificates_say() {
    authority();
    let chain = chain_of("rsa2048");
    let (evidence, missing) = fetcher().evidence(&chain).await;
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!((evidence.crls.len(), evidence.responses.len()), (1, 1), "the root has no OCSP");
    assert!(evidence.covers(&chain, now(), now(), 0));
    assert!(!Evidence::default().covers(&chain, now(), now(), 0));
    let issuers = fetcher().issuers(&certificate("rsa2048")).await.expect("the issuer is fetched");
    assert_eq!(issuers, [certificate("issuing")]);
    let request = TimeStampRequest::new(Hash::Sha256, &[1; 32]).expect("it is made");
    let token = fetcher()
        .time_stamp(&[authority().tsa_url().parse().expect("it is a URL")], &request)
        .await
        .expect("there is a time stamp");
    assert_eq!(token.imprint(), [1; 32]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_make_us_ask_nobody() {
    authority();
    let client = http_client().build().expect("there is a client");
    let fetcher = Fetcher::new(client, Policy::default(), patience());
    let (certificate, issuer) = (certificate("p384"), certificate("issuing"));
    let error = fetcher.crl(&certificate, &issuer).await.expect_err("nothing is allowed");
    assert!(error.0.iter().all(|(_, failure)| *failure == Failure::NotAllowed), "{error}");
    assert!(fetcher.ocsp(&certificate, &issuer).await.is_err());
    assert!(fetcher.issuers(&certificate).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_misbehave_are_left_for_the_next() {
    authority();
    let quick = Patience { timeout: Duration::from_millis(700), ..patience() };
    let fetcher = Fetcher::new(http_client().build().expect("there is a client"), Policy::default(), quick);
    let request = TimeStampRequest::new(Hash::Sha256, &[2; 32]).expect("it is made");
    for (path, failure) in [
        ("/slow/tsa", "it took too long"),
        ("/silent/tsa", "it took too long"),
        ("/huge/tsa", "the answer is longer than is read"),
        ("/wrong/tsa", "the time stamp is over other data (message imprint)"),
        ("/broken/tsa", "the answer had status 503"),
        ("/down/tsa", "no answer came"),
        ("/nothing", "the answer had status 404"),
        ("/root.cer", "the answer is not of the type that was asked for"),
    ] {
        let began = Instant::now();
        let error = fetcher.time_stamp(&[url(path)], &request).await.expect_err(path);
        assert!(error.to_string().ends_with(failure), "{path}: {error}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path}");
    }
    let calls = authority().server.calls("/broken/tsa");
    assert_eq!(calls, 2, "a server is asked again");
    let patient = Fetcher::new(http_client().build().expect("there is a client"), Policy::default(), patience());
    patient.time_stamp(&[url("/down/tsa"), url("/wrong/tsa"), url("/tsa")], &request).await.expect("the third answers");
    assert_eq!(fetcher.time_stamp(&[], &request).await.expect_err("nobody").to_string(), "there is no address to ask");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ocsp_the_crl_is_fetched() {
    let authority = authority();
    let own = Server::start(authority.folder());
    // Certificates whose places are on a server of the test's own.
    let text = String::from_utf8(authority.read("ca.cnf")).expect("it is text");
    std::fs::write(authority.path("own.cnf"), text.replace(authority.server.base(), own.base()))
        .expect("it is written");
    authority.openssl(&[
        "x509",
        "-req",
        "-in",
        "p384.csr",
        "-CA",
        "issuing.pem",
        "-CAkey",
        "issuing.key",
        "-set_serial",
        "4242",
        "-days",
        "30",
        "-extfile",
        "own.cnf",
        "-extensions",
        "signer",
        "-out",
        "own.pem",
    ]);
    authority.openssl(&["x509", "-in", "own.pem", "-outform", "DER", "-out", "own.der"]);
    let chain = chain_of("own");
    // It was made past the list of OpenSSL, so that the responder does not know it.
    let error = fetcher().ocsp(&chain.certificates()[0], &certificate("issuing")).await.expect_err("it is not known");
    assert!(error.to_string().ends_with("the answer says nothing of this certificate that counts"), "{error}");
    let (evidence, missing) = fetcher().evidence(&chain).await;
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!((evidence.crls.len(), evidence.responses.len()), (2, 0));
    assert!(evidence.covers(&chain, now(), now(), 0));
    own.set("/ocsp", Behaviour::Broken);
    let (evidence, missing) = fetcher().evidence(&chain).await;
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!((evidence.crls.len(), evidence.responses.len()), (2, 0));
    own.set("/issuing.crl", Behaviour::Wrong);
    let (_, missing) = fetcher().evidence(&chain).await;
    let [(certificate, error)] = &missing[..] else { panic!("{missing:?}") };
    assert_eq!(*certificate, chain.certificates()[0]);
    assert!(error.to_string().ends_with("it does not tell of this certificate"), "{error}");
}
