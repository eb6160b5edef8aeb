//! Keys are read from what schools have, or refused for a reason that can be acted on.

use std::sync::OnceLock;

use skoledok::pki::Anchors;
use skoledok::pki::crl::Crl;
use skoledok::pki::revocation::Evidence;
use skoledok::sign::ContainerError;
use skoledok::sign::key::{Checks, KeyError, Signer};

use super::{anchors, signer};
use crate::authority::{PASSWORD, authority};
use crate::pki::{certificate, now};

const NOBODY: Checks<'_> = Checks { now: 0, anchors: None, pool: &[], evidence: None };

#[test]
fn every_kind_of_file_is_read() {
    more_keys();
    let pki = authority();
    for (key, certificate, password) in [
        ("rsa2048.key", "rsa2048.pem", None),
        ("rsa2048.pkcs1.key", "rsa2048.pem", None),
        ("rsa2048.encrypted.key", "rsa2048.pem", Some(PASSWORD)),
        ("rsa3072.key", "rsa3072.pem", None),
        ("p256.key", "p256.pem", None),
        ("p256.sec1.key", "p256.pem", None),
        ("p256.encrypted.key", "p256.pem", Some(PASSWORD)),
        ("p256.sha1.key", "p256.pem", Some(PASSWORD)),
        ("p384.key", "p384.pem", None),
    ] {
        // In any order.
        let certificates = [pki.read("chain.pem"), pki.read(certificate)].concat();
        let signer = Signer::from_pem(&pki.read(key), password, &certificates);
        let signer = signer.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(signer.chain().len(), 3, "{key}");
        assert_eq!(format!("{signer:?}"), "Signer(..)");
        let signature = signer.sign(b"message").expect("it signs");
        let own = signer.chain().first().expect("there is one").public_key();
        signer.algorithm().verify(own, b"message", &signature).expect("the signature is good");
        assert!(signer.algorithm().verify(own, b"massage", &signature).is_err());
    }
    for (file, length) in [("rsa2048.p12", 3), ("p256.p12", 3), ("p384.other.p12", 1)] {
        let signer = Signer::from_pkcs12(&pki.read(file), PASSWORD).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(signer.chain().len(), length, "{file}");
        let pool = [certificate("issuing")];
        signer.check(&Checks { now: now(), anchors: Some(anchors()), pool: &pool, ..NOBODY }).expect("it may sign");
    }
}

#[test]
fn what_can_not_sign_is_refused_for_its_reason() {
    more_keys();
    let pki = authority();
    let pem = |key: &str, password, certificate: &str| {
        Signer::from_pem(&pki.read(key), password, &pki.read(certificate)).map(drop)
    };
    let wrong = KeyError::Container(ContainerError::Password);
    let old = KeyError::Container(ContainerError::Encryption);
    assert_eq!(pem("rsa2048.encrypted.key", Some("feil"), "rsa2048.pem"), Err(wrong.clone()));
    let untold = KeyError::Container(ContainerError::NoPassword);
    assert_eq!(pem("rsa2048.encrypted.key", None, "rsa2048.pem"), Err(untold));
    assert_eq!(Signer::from_pkcs12(&pki.read("rsa2048.p12"), "feil").map(drop), Err(wrong));
    assert_eq!(Signer::from_pkcs12(&pki.read("rsa2048.legacy.p12"), PASSWORD).map(drop), Err(old.clone()));
    assert_eq!(pem("p256.old.key", Some(PASSWORD), "p256.pem"), Err(old.clone()));
    assert_eq!(pem("rsa2048.dek.key", Some(PASSWORD), "rsa2048.pem"), Err(old));
    assert_eq!(pem("rsa2048.key", None, "p256.pem"), Err(KeyError::NoCertificate));
    assert_eq!(pem("rsa2048.pem", None, "rsa2048.pem"), Err(KeyError::Container(ContainerError::Keys)));
    for (key, certificate) in [("sign-rsa1024.key", "sign-rsa1024.pem"), ("sign-p521.key", "sign-p521.pem")] {
        assert!(matches!(pem(key, None, certificate), Err(KeyError::Kind(_))), "{key}");
    }
    let good = signer("p256");
    let own = good.chain().first().expect("there is one");
    let at = |now| Checks { now, ..NOBODY };
    assert_eq!(good.check(&at(own.not_before() - 1)), Err(KeyError::NotYetValid(own.not_before())));
    assert_eq!(good.check(&at(own.not_after() + 1)), Err(KeyError::Expired(own.not_after())));
    assert_eq!(signer("nousage").check(&at(now())), Err(KeyError::Usage));
    assert_eq!(signer("expired").check(&at(now())), Err(KeyError::Expired(certificate("expired").not_after())));
    let others = Anchors::new(vec![certificate("tsa")]);
    assert!(matches!(good.check(&Checks { anchors: Some(&others), ..at(now()) }), Err(KeyError::Chain(_))));
    let evidence =
        Evidence { crls: vec![Crl::from_der(&pki.read("issuing.crl")).expect("it is a CRL")], ..Evidence::default() };
    let checks = Checks { anchors: Some(anchors()), evidence: Some(&evidence), ..at(now()) };
    assert!(matches!(signer("revoked").check(&checks), Err(KeyError::Revoked(_))));
    good.check(&checks).expect("it was not revoked");
}

#[test]
fn no_broken_file_makes_it_panic() {
    more_keys();
    let pki = authority();
    for name in ["p256.p12", "p256.encrypted.key", "p256.sec1.key"] {
        let good = pki.read(name);
        for index in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[index] ^= 0x10;
            drop(Signer::from_pkcs12(&bad, PASSWORD));
            drop(Signer::from_pem(&bad, Some(PASSWORD), &pki.read("p256.pem")));
        }
    }
}

/// Keys in other forms, and keys that are not used.
fn more_keys() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let one = authority();
        one.issue("sign-rsa1024", "/C=NO/CN=Liten Prøve-Nøkkel", "RSA:1024", "signer");
        one.issue("sign-p521", "/C=NO/CN=Stor Prøve-Kurve", "EC:P-521", "signer");
        for arguments in [
            "pkey -in rsa2048.key -traditional -out rsa2048.pkcs1.key",
            "pkey -in p256.key -traditional -out p256.sec1.key",
            "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA1 -in p256.key -passout env:PASSWORD -out p256.sha1.key",
            "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in p256.key -passout env:PASSWORD -out p256.old.key",
            "rsa -in rsa2048.key -aes256 -traditional -passout env:PASSWORD -out rsa2048.dek.key",
            "pkcs12 -export -legacy -inkey rsa2048.key -in rsa2048.pem -passout env:PASSWORD -out rsa2048.legacy.p12",
            "pkcs12 -export -macalg sha512 -keypbe AES-128-CBC -certpbe AES-256-CBC -inkey p384.key -in p384.pem -passout env:PASSWORD -out p384.other.p12",
        ] {
            one.openssl(&arguments.split(' ').collect::<Vec<_>>());
        }
        assert!(!PASSWORD.is_ascii(), "how a password is spelled in bytes is tried as well");
    });
}
