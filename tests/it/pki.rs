//! Certificates, chains, revocation, time stamps and signed data, against what OpenSSL makes.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skoledok::pki::algorithm::{self, Level, Scheme, SignatureAlgorithm, Weakness};
use skoledok::pki::chain::{Fault, build};
use skoledok::pki::cms::{CmsError, SignedData};
use skoledok::pki::crl::Crl;
use skoledok::pki::der::{self, tag};
use skoledok::pki::key::{Curve, KeyKind, PublicKey};
use skoledok::pki::ocsp::{OcspRequest, OcspResponse};
use skoledok::pki::revocation::{Reason, RevocationError};
use skoledok::pki::timestamp::{TimeStampError, TimeStampRequest, TimeStampToken};
use skoledok::pki::{Anchors, Certificate, Chain, Hash, Purpose, Status, SubIndication, oid};

use crate::authority::authority;
use crate::support::run;

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs().try_into().expect("it is a time")
}

pub fn certificate(name: &str) -> Certificate {
    Certificate::from_der(&authority().read(&format!("{name}.der"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn anchors() -> Anchors {
    Anchors::new(
        Certificate::list(&std::fs::read(authority().root_pem()).expect("the root is there"))
            .expect("the root is read"),
    )
}

pub fn chain(name: &str, at: i64, purpose: Purpose) -> Result<Chain, skoledok::pki::ChainError> {
    build(&certificate(name), &[certificate("twin"), certificate("issuing")], &anchors(), at, purpose)
}

#[test]
fn a_certificate_tells_what_openssl_tells() {
    let p256 = certificate("p256");
    assert_eq!(p256.subject().to_string(), "CN=Øystein Prøve-Åsen,O=Bjørkåsen skole (oppdiktet),C=NO");
    assert_eq!(p256.subject().common_name(), Some("Øystein Prøve-Åsen"));
    assert_eq!(p256.issuer().organisation(), Some("Prøvemyndigheten Æøå (oppdiktet)"));
    assert_eq!(p256.public_key().kind(), KeyKind::Ec(Curve::P256));
    assert_eq!(certificate("rsa3072").public_key().kind(), KeyKind::Rsa { bits: 3072 });
    assert_eq!(certificate("p384").public_key().kind(), KeyKind::Ec(Curve::P384));
    let seal = certificate("rsa3072");
    assert_eq!(seal.subject().organisation_id(), Some("NTRNO-999999999"));
    assert!(seal.qualified().seal && !seal.qualified().signature);
    let said = p256.qualified();
    assert!(said.compliance && said.signature && !said.seal && !said.device);
    assert_eq!(p256.policies().iter().map(ToString::to_string).collect::<Vec<_>>(), ["0.4.0.194112.1.2"]);
    assert!(p256.key_usage().is_some_and(|usage| usage.digital_signature() && usage.non_repudiation()));
    assert_eq!(p256.ocsp_urls(), [format!("{}/ocsp", authority().server.base())]);
    assert_eq!(p256.issuer_urls(), [format!("{}/issuing.cer", authority().server.base())]);
    assert_eq!(p256.crl_urls(), [format!("{}/issuing.crl", authority().server.base())]);
    assert_eq!(p256.authority_key_id(), certificate("issuing").subject_key_id());
    assert_eq!(certificate("issuing").basic_constraints().and_then(|limits| limits.path_length), Some(0));
    assert!(certificate("ocsp").needs_no_ocsp());
    assert_eq!(certificate("expired").not_after(), 1_609_459_200);

    let told = authority().openssl(&["x509", "-in", "p256.pem", "-noout", "-serial", "-fingerprint", "-sha256"]);
    let told = told.to_lowercase().replace(':', "");
    // OpenSSL writes whole bytes, too, and may begin with a zero.
    assert!(told.contains(&format!("serial={}\n", p256.serial_hex())), "{told}");
    assert!(told.contains(&p256.fingerprint_hex()), "{told}");
    assert_eq!(p256.to_pem().as_bytes(), authority().read("p256.pem"));
    let list = Certificate::list(&authority().read("chain.pem")).expect("a list is read");
    assert_eq!(list, [certificate("issuing"), certificate("root")]);
}

#[test]
fn good_signers_have_a_chain_to_the_root() {
    for name in ["rsa2048", "rsa3072", "p256", "p384", "revoked"] {
        let chain = chain(name, now(), Purpose::Signing).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(chain.certificates(), [certificate(name), certificate("issuing"), certificate("root")]);
        assert_eq!(chain.strengths().len(), 2);
        assert_eq!(chain.links().count(), 2);
    }
    chain("tsa", now(), Purpose::TimeStamping).expect("the time-stamp server has a chain");
    chain("ocsp", now(), Purpose::OcspSigning).expect("the OCSP responder has a chain");
    chain("expired", 1_600_000_000, Purpose::Signing)
        .expect("it was valid then, and an anchor is not asked for its time");
}

#[test]
fn a_chain_that_is_not_good_says_which_certificate_and_why() {
    let at = now();
    for (name, at, purpose, fault, word) in [
        ("expired", at, Purpose::Signing, Fault::Expired(1_609_459_200), SubIndication::OutOfBoundsNoPoe),
        (
            "p256",
            0,
            Purpose::Signing,
            Fault::NotYetValid(certificate("issuing").not_before()),
            SubIndication::CertificateChainGeneralFailure,
        ),
        ("nousage", at, Purpose::Signing, Fault::Usage, SubIndication::ChainConstraintsFailure),
        ("tsa", at, Purpose::Signing, Fault::Usage, SubIndication::ChainConstraintsFailure),
        ("p256", at, Purpose::TimeStamping, Fault::Usage, SubIndication::ChainConstraintsFailure),
        ("p256", at, Purpose::OcspSigning, Fault::Usage, SubIndication::ChainConstraintsFailure),
        ("foreign", at, Purpose::Signing, Fault::NoIssuer, SubIndication::NoCertificateChainFound),
    ] {
        let error = chain(name, at, purpose).expect_err(name);
        assert_eq!(error.fault, fault, "{name}: {error}");
        assert_eq!(error.sub_indication(), word, "{name}");
    }
    let error =
        build(&certificate("p256"), &[], &anchors(), at, Purpose::Signing).expect_err("an authority is missing");
    assert_eq!((error.fault, error.certificate), (Fault::NoIssuer, certificate("p256")));
    let none = Anchors::default();
    let error =
        build(&certificate("p256"), &[certificate("issuing"), certificate("root")], &none, at, Purpose::Signing);
    assert_eq!(error.expect_err("nobody is trusted").certificate, certificate("root"));
    let twin = Anchors::new(vec![certificate("twin")]);
    let error = build(&certificate("p256"), &[certificate("twin")], &twin, at, Purpose::Signing)
        .expect_err("the twin has another key");
    assert!(matches!(error.fault, Fault::Signature(_)), "{error}");

    authority().issue("unknown", "/CN=Ukjent utvidelse (oppdiktet)", "EC:P-256", "unknown");
    let error = chain("unknown", at, Purpose::Signing).expect_err("a critical extension is not known");
    assert_eq!(error.fault.to_string(), "it has the extension `1.2.3.4.5`, which is not understood here");
    // A signer that makes certificates.
    authority().issue("maker", "/CN=Ingen utsteder (oppdiktet)", "EC:P-256", "silent");
    make_below("maker", "below");
    let pool = [certificate("maker"), certificate("issuing")];
    let error = build(&certificate("below"), &pool, &anchors(), at, Purpose::Signing).expect_err("no authority");
    assert_eq!((error.fault, error.certificate), (Fault::NoAuthority, certificate("maker")));
    // An authority below one that allows none.
    authority().issue("lower", "/CN=Nedre CA (oppdiktet)", "EC:P-256", "root");
    make_below("lower", "lowest");
    let pool = [certificate("lower"), certificate("issuing")];
    let error =
        build(&certificate("lowest"), &pool, &anchors(), at, Purpose::Signing).expect_err("too many authorities");
    assert_eq!((error.fault, error.certificate), (Fault::PathLength, certificate("issuing")));
}

/// A certificate with the request of `p256`, by the key of another.
fn make_below(by: &str, name: &str) {
    let [pem, der, ca, key] = [format!("{name}.pem"), format!("{name}.der"), format!("{by}.pem"), format!("{by}.key")];
    authority().openssl(&[
        "x509",
        "-req",
        "-in",
        "p256.csr",
        "-CA",
        &ca,
        "-CAkey",
        &key,
        "-set_serial",
        "77",
        "-days",
        "30",
        "-extfile",
        "ca.cnf",
        "-extensions",
        "silent",
        "-out",
        &pem,
    ]);
    authority().openssl(&["x509", "-in", &pem, "-outform", "DER", "-out", &der]);
}

#[test]
fn a_crowd_of_the_same_name_ends_the_search() {
    // Six keys under one name, each certified by each of the others: every order of them is a way, and none leads to anybody.
    let tool = |arguments: &[&str]| authority().openssl(arguments);
    for one in 0..6 {
        let [key, request] = [format!("crowd{one}.key"), format!("crowd{one}.csr")];
        tool(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
        tool(&[
            "req",
            "-new",
            "-utf8",
            "-config",
            "ca.cnf",
            "-key",
            &key,
            "-subj",
            "/CN=Mengde (oppdiktet)",
            "-out",
            &request,
        ]);
        let own = format!("crowd{one}.pem");
        tool(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-signkey",
            &key,
            "-extfile",
            "ca.cnf",
            "-extensions",
            "root",
            "-out",
            &own,
        ]);
    }
    let mut pool = Vec::new();
    for (of, by) in (0..6).flat_map(|of| (0..6).map(move |by| (of, by))).filter(|(of, by)| of != by) {
        let [request, ca, key] = [format!("crowd{of}.csr"), format!("crowd{by}.pem"), format!("crowd{by}.key")];
        let call = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &key, "-set_serial", "5", "-outform", "DER"];
        tool(&[&call[..], &["-extfile", "ca.cnf", "-extensions", "root", "-out", "crowd.der"]].concat());
        pool.push(certificate("crowd"));
    }
    make_below("crowd0", "crowded");
    let begin = Instant::now();
    let error =
        build(&certificate("crowded"), &pool, &anchors(), now(), Purpose::Signing).expect_err("nobody is trusted");
    assert_eq!(error.sub_indication(), SubIndication::NoCertificateChainFound);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

fn ocsp_answer(name: &str) -> Vec<u8> {
    let request = OcspRequest::new(&certificate(name), &certificate("issuing"), Hash::Sha1, Some(&[7; 16]));
    let [question, answer] = ["question", "answer"].map(|kind| format!("test-{name}.{kind}"));
    std::fs::write(authority().path(&question), request.der()).expect("a file can be written");
    authority().openssl(&[
        "ocsp",
        "-reqin",
        &question,
        "-respout",
        &answer,
        "-index",
        "issuing.index",
        "-CA",
        "issuing.pem",
        "-rsigner",
        "ocsp.pem",
        "-rkey",
        "ocsp.key",
        "-ndays",
        "7",
    ]);
    authority().read(&answer)
}

#[test]
fn revocation_is_told_by_crl_and_ocsp_alike() {
    let issuing = certificate("issuing");
    let crl = Crl::from_der(&authority().read("issuing.crl")).expect("the CRL is read");
    for (name, reason) in [
        ("p256", None),
        ("rsa2048", None),
        ("revoked", Some(Reason::KeyCompromise)),
        ("onhold", Some(Reason::CertificateHold)),
    ] {
        let asked = certificate(name);
        let response = OcspResponse::from_der(&ocsp_answer(name)).expect("the response is read");
        assert_eq!(response.nonce(), Some(&[7; 16][..]));
        let by_ocsp = response.proof(&asked, &issuing).expect("the response proves something");
        let by_crl = crl.proof(&asked, &issuing).expect("the CRL proves something");
        for proof in [&by_ocsp, &by_crl] {
            match (proof.status, reason) {
                (Status::Good, None) => {}
                (Status::Revoked { at, reason, .. }, Some(expected)) => {
                    assert_eq!(reason, expected, "{name}");
                    assert!((now() - 600..=now()).contains(&at));
                    assert!(proof.is_revoked_at(at) && !proof.is_revoked_at(at - 1));
                }
                other => panic!("{name}: {other:?}"),
            }
            assert!(proof.is_fresh(now(), now(), 0) && !proof.is_fresh(now() + 40 * 86400, now(), 0));
            assert!(!proof.expired_before);
        }
        assert_eq!(by_ocsp.delegate, Some(certificate("ocsp")));
        // About somebody else, or by somebody else, it proves nothing.
        let other = certificate("p384");
        assert_eq!(response.proof(&other, &issuing).expect_err("of another"), RevocationError::Other);
        let twin = certificate("twin");
        assert!(response.proof(&asked, &twin).is_err());
        assert!(matches!(crl.proof(&asked, &twin), Err(RevocationError::Signature(_))));
        assert_eq!(crl.proof(&asked, &certificate("root")).expect_err("of another"), RevocationError::Other);
    }
    assert!(crl.proof(&certificate("expired"), &issuing).expect("it is told").expired_before);
    let root = Crl::from_der(&authority().read("root.crl")).expect("the CRL is read");
    assert_eq!(root.proof(&issuing, &certificate("root")).expect("it is told").status, Status::Good);
    let refused = [0x30, 0x03, 0x0A, 0x01, 0x06];
    assert!(matches!(OcspResponse::from_der(&refused), Err(RevocationError::Refused(_))));
}

#[test]
fn crls_that_tell_only_a_part_are_taken_for_that_part() {
    let issuing = certificate("issuing");
    let read = |section| Crl::from_der(&authority().crl_with(section));
    let proof = |section| read(section).and_then(|crl| crl.proof(&certificate("p256"), &issuing));
    assert_eq!(proof("crl_here").expect("the certificate names this place").status, Status::Good);
    assert_eq!(proof("crl_elsewhere").expect_err("it names another"), RevocationError::Other);
    assert_eq!(proof("crl_authorities").expect_err("it is of a person"), RevocationError::Other);
    for section in ["crl_indirect", "crl_reasons", "crl_delta", "crl_unknown"] {
        let error = read(section).expect_err(section);
        assert!(matches!(error, RevocationError::NotUnderstood(_)), "{section}: {error}");
    }
}

#[test]
fn a_response_by_somebody_without_the_right_is_refused() {
    let asked = certificate("p256");
    ocsp_answer("p256");
    authority().openssl(&[
        "ocsp",
        "-reqin",
        "test-p256.question",
        "-respout",
        "test-usurped.answer",
        "-index",
        "issuing.index",
        "-CA",
        "issuing.pem",
        "-rsigner",
        "p384.pem",
        "-rkey",
        "p384.key",
        "-ndays",
        "7",
    ]);
    let response = OcspResponse::from_der(&authority().read("test-usurped.answer")).expect("the response is read");
    let error = response.proof(&asked, &certificate("issuing")).expect_err("a signer is no responder");
    assert_eq!(error, RevocationError::Authority);
}

/// A time stamp over `prøve`, with its request.
fn time_stamp() -> (TimeStampRequest, Vec<u8>) {
    static ONCE: OnceLock<(TimeStampRequest, Vec<u8>)> = OnceLock::new();
    ONCE.get_or_init(|| {
        let request =
            TimeStampRequest::new(Hash::Sha256, &Hash::Sha256.digest(&["prøve".as_bytes()])).expect("it is made");
        let files = [("test.tsq", request.der())];
        for (name, bytes) in files {
            std::fs::write(authority().path(name), bytes).expect("a file can be written");
        }
        std::fs::write(authority().path("test.number"), "5001").expect("a file can be written");
        let text = String::from_utf8(authority().read("ca.cnf")).expect("it is text");
        std::fs::write(authority().path("test.cnf"), text.replace("tsa.number", "test.number"))
            .expect("a file can be written");
        authority().openssl(&[
            "ts",
            "-reply",
            "-config",
            "test.cnf",
            "-section",
            "tsa_config",
            "-queryfile",
            "test.tsq",
            "-out",
            "test.tsr",
        ]);
        (request, authority().read("test.tsr"))
    })
    .clone()
}

#[test]
fn a_time_stamp_is_over_what_was_asked_and_nothing_else() {
    let (request, response) = time_stamp();
    let token = request.read(&response).expect("the time stamp is good");
    assert!((now() - 600..=now()).contains(&token.time()));
    assert_eq!(token.accuracy(), Some(1000));
    assert_eq!(token.policy().to_string(), "1.2.3.4.1");
    let verified = token.verify_over(&["prø".as_bytes(), b"ve"], &[]).expect("it is over these data");
    assert_eq!(verified.certificate, certificate("tsa"));
    assert!(verified.weaknesses().is_empty());
    assert_eq!(token.verify_over(&[b"annet"], &[]).expect_err("other data"), TimeStampError::Imprint);
    let chain = build(&verified.certificate, token.certificates(), &anchors(), token.time(), Purpose::TimeStamping);
    assert_eq!(chain.expect("it has a chain").certificates().len(), 3);
    let other = TimeStampRequest::new(Hash::Sha256, &Hash::Sha256.digest(&["prøve".as_bytes()])).expect("it is made");
    assert_eq!(other.read(&response).expect_err("another question"), TimeStampError::Nonce);
    let other = TimeStampRequest::new(Hash::Sha256, &[0; 32]).expect("it is made");
    assert_eq!(other.read(&response).expect_err("other data"), TimeStampError::Imprint);
    let padded = [token.der(), &[0; 100]].concat();
    assert!(TimeStampToken::from_der(&padded).is_err());
    assert_eq!(TimeStampToken::from_padded(&padded).expect("zeros are padding").der(), token.der());
    assert!(TimeStampToken::from_padded(&[token.der(), &[0, 0, 1]].concat()).is_err());
    let refusal = [0x30, 0x09, 0x30, 0x07, 0x02, 0x01, 0x02, 0x03, 0x02, 0x05, 0x20];
    assert_eq!(
        request.read(&refusal).expect_err("it is refused").to_string(),
        "the time-stamp server gave no time stamp: rejected, the request is not allowed or not supported"
    );
}

#[test]
fn a_weak_time_stamp_is_refused_while_another_can_be_asked_for() {
    let text = String::from_utf8(authority().read("ca.cnf")).expect("it is text");
    let text = text.replace("tsa.number", "weak.number").replace("signer_digest=sha256", "signer_digest=sha1");
    std::fs::write(authority().path("weak.cnf"), text).expect("a file can be written");
    std::fs::write(authority().path("weak.number"), "5002").expect("a file can be written");
    let request = TimeStampRequest::new(Hash::Sha256, &[3; 32]).expect("it is made");
    std::fs::write(authority().path("weak.tsq"), request.der()).expect("a file can be written");
    let call = ["ts", "-reply", "-config", "weak.cnf", "-section", "tsa_config", "-queryfile", "weak.tsq"];
    authority().openssl(&[&call[..], &["-out", "weak.tsr"]].concat());
    let error = request.read(&authority().read("weak.tsr")).expect_err("it is signed with SHA-1");
    assert_eq!(error, TimeStampError::Weak(Weakness::Sha1));
}

#[test]
fn a_key_for_rsa_pss_alone_is_kept_to_it() {
    let file = |name: &str| authority().path(name).display().to_string();
    std::fs::write(authority().path("pss.txt"), "prøve").expect("a file can be written");
    let sign = |name: &str, digest: &str, options: &[&str]| {
        let (signature, text) = (file(name), file("pss.txt"));
        let call = ["dgst", digest, "-sign", "rsa2048.key", "-out", &signature];
        authority().openssl(&[&call[..], options, &[&text]].concat());
        authority().read(name)
    };
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
    let plain = sign("pkcs1.signature", "-sha256", &[]);
    let with_salt = sign("pss256.signature", "-sha256", &pss);
    let longer = sign("pss512.signature", "-sha512", &pss);
    let algorithm = |scheme, hash| SignatureAlgorithm { scheme, hash };
    let plainly = algorithm(Scheme::RsaPkcs1, Hash::Sha256);
    let salted = algorithm(Scheme::RsaPss { salt: 32 }, Hash::Sha256);
    let salted_longer = algorithm(Scheme::RsaPss { salt: 64 }, Hash::Sha512);

    // The same key with other words before it.
    let whole = certificate("rsa2048").public_key().clone();
    let bits = der::element(tag::BIT_STRING, &[&[0], whole.bits()].concat());
    let limited = |parameters: &[u8]| {
        let identifier = der::sequence(&[&der::oid(oid::RSA_PSS), parameters]);
        PublicKey::from_der(&der::sequence(&[&identifier, &bits])).expect("it is a key")
    };
    let hash = Hash::Sha256.to_der();
    let mask = der::sequence(&[&der::oid(oid::MGF1), &hash]);
    let parameters = |salt| {
        let parts = [(0, hash.clone()), (1, mask.clone()), (2, der::integer(salt))];
        der::sequence(
            &parts
                .each_ref()
                .map(|(number, part)| der::element(tag::constructed(*number), part))
                .each_ref()
                .map(|part| &part[..]),
        )
    };
    let verify = |algorithm, key: &PublicKey, signature: &[u8]| {
        algorithm::verify(algorithm, key, "prøve".as_bytes(), signature).is_ok()
    };
    for (what, key, allowed) in [
        ("any RSA", whole.clone(), [true, true, true]),
        ("PSS alone", limited(&[]), [false, true, true]),
        ("PSS with SHA-256", limited(&parameters(32)), [false, true, false]),
        ("PSS with a longer salt", limited(&parameters(33)), [false, false, false]),
        ("PSS with something else", limited(&der::sequence(&[&der::integer(1)])), [false, false, false]),
    ] {
        let told =
            [verify(plainly, &key, &plain), verify(salted, &key, &with_salt), verify(salted_longer, &key, &longer)];
        assert_eq!(told, allowed, "{what}");
    }
}

#[test]
fn an_authority_and_a_signer_with_rsa_pss_are_followed() {
    let tool = |arguments: &[&str]| authority().openssl(arguments);
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest", "-sha256"];
    let key = ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
    tool(&[&key[..], &["-out", "pssca.key"]].concat());
    tool(
        &[
            &key[..],
            &[
                "-pkeyopt",
                "rsa_pss_keygen_md:sha256",
                "-pkeyopt",
                "rsa_pss_keygen_mgf1_md:sha256",
                "-pkeyopt",
                "rsa_pss_keygen_saltlen:32",
                "-out",
                "pss.key",
            ],
        ]
        .concat(),
    );
    let own = [
        "req",
        "-new",
        "-x509",
        "-utf8",
        "-config",
        "ca.cnf",
        "-extensions",
        "root",
        "-days",
        "30",
        "-key",
        "pssca.key",
    ];
    tool(&[&own[..], &pss, &["-subj", "/CN=PSS-CA (oppdiktet)", "-out", "pssca.pem"]].concat());
    tool(
        &[
            &[
                "req",
                "-new",
                "-utf8",
                "-config",
                "ca.cnf",
                "-key",
                "pss.key",
                "-subj",
                "/CN=Pål (oppdiktet)",
                "-out",
                "pss.csr",
            ][..],
            &pss,
        ]
        .concat(),
    );
    let by = [
        "x509",
        "-req",
        "-in",
        "pss.csr",
        "-CA",
        "pssca.pem",
        "-CAkey",
        "pssca.key",
        "-set_serial",
        "5",
        "-days",
        "20",
    ];
    tool(&[&by[..], &pss, &["-extfile", "ca.cnf", "-extensions", "silent", "-out", "pss.pem"]].concat());
    for name in ["pss", "pssca"] {
        tool(&["x509", "-in", &format!("{name}.pem"), "-outform", "DER", "-out", &format!("{name}.der")]);
    }
    let anchors = Anchors::new(vec![certificate("pssca")]);
    let chain = build(&certificate("pss"), &[], &anchors, now(), Purpose::Signing).expect("there is a chain");
    assert_eq!(chain.strengths()[0].name(), "RSA-PSS with SHA-256, RSA of 2048 bits");
    assert_eq!(certificate("pss").public_key().kind(), KeyKind::Rsa { bits: 2048 });
}

#[test]
fn names_are_constrained_as_openssl_has_them() {
    let tool = |arguments: &[&str]| authority().openssl(arguments);
    let limits = "[limited]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
                  nameConstraints=critical,permitted;dirName:ours,permitted;email:skole.no,excluded;email:.hemmelig.no,\
                  permitted;DNS:skole.no,permitted;URI:.skole.no,permitted;IP:10.0.0.0/255.0.0.0\n\
                  [ours]\nC=NO\nO=As kommune (oppdiktet)\n";
    let names = |place: usize, names: &str| format!("[names{place}]\nbasicConstraints=CA:FALSE\n{names}\n");
    let ours = "/C=NO/O=As kommune (oppdiktet)/CN=Segl";
    let cases = [
        (ours, "", true),
        (ours, "subjectAltName=email:post@skole.no,DNS:www.skole.no,URI:https://www.skole.no/x,IP:10.1.2.3", true),
        ("/C=NO/O=Bo kommune (oppdiktet)/CN=Segl", "", false),
        ("/CN=Segl", "", false),
        (ours, "subjectAltName=email:post@annen.no", false),
        (ours, "subjectAltName=email:post@skole.no,email:post@svart.hemmelig.no", false),
        (ours, "subjectAltName=DNS:annen.no", false),
        (ours, "subjectAltName=URI:https://skole.no/", false),
        (ours, "subjectAltName=IP:11.1.2.3", false),
        ("/C=NO/O=As kommune (oppdiktet)/CN=Segl/emailAddress=post@annen.no", "", false),
    ];
    let sections = cases.iter().enumerate().map(|(place, (_, told, _))| names(place, told)).collect::<String>();
    let whole =
        [String::from_utf8(authority().read("ca.cnf")).expect("it is text"), limits.to_owned(), sections].concat();
    std::fs::write(authority().path("names.cnf"), whole).expect("a file can be written");
    let key = |name: &str| {
        tool(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name]);
    };
    key("limited.key");
    key("named.key");
    let own = ["req", "-new", "-x509", "-utf8", "-config", "names.cnf", "-extensions", "limited", "-days", "30"];
    tool(
        &[&own[..], &["-key", "limited.key", "-subj", "/CN=Begrenset CA (oppdiktet)", "-out", "limited.pem"]].concat(),
    );
    tool(&["x509", "-in", "limited.pem", "-outform", "DER", "-out", "limited.der"]);
    let anchors = Anchors::new(vec![certificate("limited")]);
    for (place, (subject, told, allowed)) in cases.into_iter().enumerate() {
        let request = ["req", "-new", "-utf8", "-config", "names.cnf", "-key", "named.key", "-subj", subject];
        tool(&[&request[..], &["-out", "named.csr"]].concat());
        let by =
            ["x509", "-req", "-in", "named.csr", "-CA", "limited.pem", "-CAkey", "limited.key", "-set_serial", "5"];
        let section = format!("names{place}");
        let made = ["-days", "20", "-extfile", "names.cnf", "-extensions", &section, "-out", "named.pem"];
        tool(&[&by[..], &made].concat());
        tool(&["x509", "-in", "named.pem", "-outform", "DER", "-out", "named.der"]);
        let verify = ["verify", "-CAfile", "limited.pem", "named.pem"];
        let other = run(Command::new("openssl").args(verify).current_dir(authority().folder()));
        assert_eq!(other.status.success(), allowed, "OpenSSL: {subject} {told}");
        let built = build(&certificate("named"), &[], &anchors, now(), Purpose::Signing).map(drop);
        assert_eq!(
            built.clone().map_err(|error| error.fault),
            if allowed { Ok(()) } else { Err(Fault::Name) },
            "{subject} {told}"
        );
        assert!(
            built.err().is_none_or(|error| error.sub_indication() == SubIndication::CertificateChainGeneralFailure)
        );
    }
}

/// Signed data over `test.txt` by OpenSSL.
fn signed(name: &str, options: &[&str]) -> Vec<u8> {
    std::fs::write(authority().path("test.txt"), "prøve").expect("a file can be written");
    let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
    let file = format!("test-{name}-{}.cms", options.concat().replace(['/', ':'], ""));
    let begin = ["cms", "-sign", "-binary", "-in", "test.txt", "-outform", "DER", "-signer", &pem, "-inkey", &key];
    authority().openssl(&[&begin[..], &["-certfile", "chain.pem", "-out", &file], options].concat());
    authority().read(&file)
}

#[test]
fn signed_data_of_openssl_are_checked_for_every_key() {
    for (name, options) in [
        ("rsa2048", &["-cades"][..]),
        ("rsa2048", &["-cades", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:-1"]),
        // With the longest salt that fits.
        ("rsa2048", &["-cades", "-keyopt", "rsa_padding_mode:pss"]),
        ("rsa3072", &["-cades", "-md", "sha512"]),
        ("p256", &["-cades"]),
        ("p384", &["-cades", "-md", "sha384"]),
        ("p256", &["-cades", "-keyid"]),
        ("rsa2048", &["-cades", "-stream", "-nodetach"]),
        ("p256", &["-md", "sha1"]),
    ] {
        let data =
            SignedData::from_der(&signed(name, options)).unwrap_or_else(|error| panic!("{name} {options:?}: {error}"));
        let signer = data.only_signer().expect("there is one signer");
        let digest = signer.hash().digest(&["prøve".as_bytes()]);
        let verified = signer
            .verify(oid::DATA, &digest, data.certificates())
            .unwrap_or_else(|error| panic!("{name} {options:?}: {error}"));
        assert_eq!(verified.certificate, certificate(name));
        assert_eq!(verified.names_certificate, options.contains(&"-cades"));
        assert_eq!(verified.weaknesses().is_empty(), !options.contains(&"sha1"), "{name}");
        assert!(signer.claimed_time().is_some_and(|time| (now() - 600..=now()).contains(&time)));
        assert_eq!(data.certificates().len(), 3);
        let inside = options.contains(&"-nodetach").then_some("prøve".as_bytes());
        assert_eq!(data.content(), inside);
        let other = signer.hash().digest(&[b"annet"]);
        assert_eq!(signer.verify(oid::DATA, &other, data.certificates()), Err(CmsError::Digest));
        assert_eq!(
            signer.verify(oid::TST_INFO, &digest, data.certificates()),
            Err(CmsError::Attribute("content-type"))
        );
        assert_eq!(signer.verify(oid::DATA, &digest, &[]), Err(CmsError::NoCertificate));
    }
    let data = SignedData::from_der(&signed("p256", &["-noattr"])).expect("it is read");
    let signer = data.only_signer().expect("there is one signer");
    assert_eq!(signer.verify(oid::DATA, &[], data.certificates()), Err(CmsError::NoAttributes));
}

#[test]
fn weak_and_rare_keys_are_checked_and_named() {
    for (name, key, digest, weaknesses) in [
        ("rsa1024", "RSA:1024", "sha256", &[Weakness::ShortRsa(1024)][..]),
        ("short", "RSA:1024", "sha1", &[Weakness::Sha1, Weakness::ShortRsa(1024)]),
        ("p521", "EC:P-521", "sha512", &[]),
    ] {
        authority().issue(name, "/CN=Sjelden nøkkel (oppdiktet)", key, "signer");
        let data = SignedData::from_der(&signed(name, &["-cades", "-md", digest])).expect("it is read");
        let signer = data.only_signer().expect("there is one signer");
        let digest = signer.hash().digest(&["prøve".as_bytes()]);
        let verified = signer.verify(oid::DATA, &digest, data.certificates()).expect("it is right");
        assert_eq!(verified.weaknesses(), weaknesses, "{name}");
        assert_eq!(verified.strength.level() == Level::Weak, !weaknesses.is_empty());
    }
    assert_eq!(certificate("p521").public_key().kind(), KeyKind::Ec(Curve::P521));
}

#[test]
fn no_flipped_byte_makes_something_else_valid() {
    let (request, response) = time_stamp();
    let token = request.read(&response).expect("the time stamp is good");
    let signed = signed("p256", &["-cades", "-nodetach"]);
    let ocsp = ocsp_answer("rsa3072");
    let crl = authority().read("issuing.crl");
    let leaf = authority().read("p256.der");
    let (asked, issuing, at) = (certificate("rsa3072"), certificate("issuing"), now());
    let judge_certificate = |bytes: &[u8]| {
        let read = Certificate::from_der(bytes).ok()?;
        build(&read, std::slice::from_ref(&issuing), &anchors(), at, Purpose::Signing).ok().map(|_| ())
    };
    let judge_crl = |bytes: &[u8]| Crl::from_der(bytes).ok()?.proof(&asked, &issuing).ok().map(|_| ());
    let judge_ocsp = |bytes: &[u8]| OcspResponse::from_der(bytes).ok()?.proof(&asked, &issuing).ok().map(|_| ());
    let judge_signed = |bytes: &[u8]| {
        let data = SignedData::from_der(bytes).ok()?;
        let info = data.only_signer().ok()?;
        let digest = info.hash().digest(&[data.content()?]);
        info.verify(oid::DATA, &digest, data.certificates()).ok().filter(|verified| verified.names_certificate)?;
        // What is outside of the signature may change: the certificates beside the signer's, and version numbers.
        let same =
            data.content() == Some("prøve".as_bytes()) && info.signed_bytes() == signed_bytes(&signed).as_deref();
        (!same).then_some(())
    };
    let judge_token = |bytes: &[u8]| {
        let read = TimeStampToken::from_der(bytes).ok()?;
        read.verify(token.imprint(), &[]).ok()?;
        (read.time() != token.time() || read.serial() != token.serial()).then_some(())
    };
    for (what, bytes, judge) in [
        ("certificate", &leaf[..], &judge_certificate as &dyn Fn(&[u8]) -> Option<()>),
        ("CRL", &crl, &judge_crl),
        ("signed data", &signed, &judge_signed),
        ("time stamp", token.der(), &judge_token),
    ] {
        for place in 0..bytes.len() {
            for bit in [1, 0x20, 0x80] {
                let mut touched = bytes.to_vec();
                touched[place] ^= bit;
                assert_eq!(judge(&touched), None, "{what}, byte {place}, bit {bit}");
            }
            assert_eq!(judge(&bytes[..place]), None, "{what}, cut to {place}");
        }
    }
    // The certificates of an OCSP response are not signed, nor is what follows the responder's.
    let signed_part = signed_end(&ocsp);
    for place in 0..signed_part {
        let mut touched = ocsp.clone();
        touched[place] ^= 1;
        assert_eq!(judge_ocsp(&touched), None, "OCSP response, byte {place}");
    }
    for place in signed_part..ocsp.len() {
        let mut touched = ocsp.clone();
        touched[place] ^= 0x20;
        let _ = judge_ocsp(&touched);
    }
}

fn signed_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let data = SignedData::from_der(bytes).ok()?;
    data.only_signer().ok()?.signed_bytes().map(<[u8]>::to_vec)
}

/// Where the certificates begin in an OCSP response.
fn signed_end(ocsp: &[u8]) -> usize {
    let first = Certificate::from_der(&authority().read("ocsp.der")).expect("it is read");
    ocsp.windows(first.der().len()).position(|window| window == first.der()).expect("it is there") - 16
}
