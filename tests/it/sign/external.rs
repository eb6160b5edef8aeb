//! The key is in another program.

use std::process::Command;

use skoledok::sign::SignError;
use skoledok::sign::key::{Checks, KeyError};
use skoledok::sign::signature::{Pending, Request, begin};

use super::{anchors, assert_signed, kept, request, signable, visible};
use crate::authority::authority;
use crate::pki::{certificate, now};
use crate::support::{output_folder, python, run, run_ok};

#[test]
fn another_program_signs_the_attributes() {
    let pki = authority();
    let folder = output_folder("sign-external");
    let pool = [certificate("issuing")];
    let checks = Checks { now: now(), anchors: Some(anchors()), pool: &pool, evidence: None };
    let prepared = signable(1);
    let mut files = Vec::new();
    for (name, digest) in [("rsa2048", "-sha256"), ("p256", "-sha256"), ("p384", "-sha384")] {
        let chain = [certificate(name), certificate("issuing")];
        let pending =
            begin(&prepared, &Request { chain: &chain, ..request(visible("sig-1"), None) }).expect("it begins");
        // It lies in a store in the meantime.
        let pending: Pending =
            postcard::from_bytes(&postcard::to_stdvec(&pending).expect("it is stored")).expect("it is read");
        let (attributes, value) = (folder.join("attributes.der"), folder.join("value.bin"));
        std::fs::write(&attributes, pending.attributes().expect("the chain is known")).expect("it can be written");
        run_ok(
            Command::new("openssl")
                .args(["dgst", digest, "-sign"])
                .arg(pki.path(&format!("{name}.key")))
                .arg("-out")
                .arg(&value)
                .arg(&attributes),
        );
        let value = std::fs::read(&value).expect("it was signed");
        let mut wrong = value.clone();
        wrong[20] ^= 1;
        assert!(matches!(pending.clone().complete_with(&wrong, &chain, &checks), Err(SignError::Signature(_))));
        let other = [certificate("rsa3072")];
        assert_eq!(pending.clone().complete_with(&value, &other, &checks).map(drop), Err(SignError::OtherCertificate));
        let late = Checks { now: chain[0].not_after() + 1, ..checks };
        assert!(matches!(
            pending.clone().complete_with(&value, &chain, &late),
            Err(SignError::Key(KeyError::Expired(_)))
        ));
        let signed = pending.complete_with(&value, &chain, &checks).expect("it is good").finish().expect("it fits");
        files.push((kept(&folder, &format!("{name}.pdf"), &signed), 1, &["B-B"][..]));
    }
    assert_signed(&files);
}

/// pyHanko makes signed data over a digest, as a signing service would.
#[test]
fn a_service_makes_signed_data() {
    let pki = authority();
    let folder = output_folder("sign-service");
    let pool = [certificate("issuing")];
    let checks = Checks { now: now(), anchors: Some(anchors()), pool: &pool, evidence: None };
    let prepared = signable(1);
    let service = |name: &str, digest: &[u8], time: &str| {
        let mut service = python("signing_service.py");
        let output = run(service.arg(pki.folder()).args([name, &skoledok::pki::hex(digest), time]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let field = || request(visible("sig-1"), None);
    let pending = begin(&prepared, &field()).expect("it begins");
    assert_eq!(pending.attributes(), None);
    let cms = service("rsa2048", pending.digest(), "");
    assert!(pending.clone().complete_with_cms(&service("rsa2048", &[7; 32], ""), &checks).is_err(), "another digest");
    assert_eq!(
        pending.clone().complete_with_cms(&service("rsa2048", pending.digest(), "time"), &checks).map(drop),
        Err(SignError::Attributes)
    );
    assert_eq!(
        pending.clone().complete_with_cms(&service("nousage", pending.digest(), ""), &checks).map(drop),
        Err(SignError::Key(KeyError::Usage))
    );
    assert!(pending.clone().complete_with_cms(&cms[..cms.len() - 1], &checks).is_err(), "cut");
    let others = skoledok::pki::Anchors::new(vec![certificate("tsa")]);
    let foreign = Checks { anchors: Some(&others), ..checks };
    assert!(matches!(pending.clone().complete_with_cms(&cms, &foreign), Err(SignError::Key(KeyError::Chain(_)))));
    let told = [certificate("p256")];
    let bound = begin(&prepared, &Request { chain: &told, ..field() }).expect("it begins");
    let same = service("rsa2048", bound.digest(), "");
    assert_eq!(bound.complete_with_cms(&same, &checks).map(drop), Err(SignError::OtherCertificate));
    let mut stored = postcard::to_stdvec(&pending).expect("it is stored");
    stored[5000] ^= 1;
    let changed: Pending = postcard::from_bytes(&stored).expect("it is read");
    assert_eq!(changed.complete_with_cms(&cms, &checks).map(drop), Err(SignError::Changed));
    let signed = pending.complete_with_cms(&cms, &checks).expect("it is good").finish().expect("it fits");
    assert_signed(&[(kept(&folder, "service.pdf", &signed), 1, &["B-B"])]);
}
