//! Signatures at every level, by one, two and five signers.

use std::path::{Path, PathBuf};
use std::process::Command;

use skoledok::outgoing::http_client;
use skoledok::pki::fetch::{Fetcher, Patience, Policy};
use skoledok::sign::field::fields;
use skoledok::sign::file::{Dictionary, File, Object};
use skoledok::sign::key::Checks;
use skoledok::sign::level::{Level, Missing, Outcome, Services, raise, renew, sign};

use super::{
    anchors, assert_signed, checks, fetcher, invisible, kept, mark, plain, request, signable, signer, up_to, url,
    visible,
};
use crate::authority::authority;
use crate::pki::now;
use crate::support::{assert_standards, output_folder, run_ok};

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    runtime.block_on(future)
}

fn services<'a>(fetcher: &'a Fetcher, servers: &'a [reqwest::Url]) -> Services<'a> {
    Services { fetcher, servers, anchors: anchors(), pool: &[], known: None, label: "Tidsstempel", now: now() }
}

/// Signs with so many signers; all of it is proven once, when the last has signed.
fn signed(start: &[u8], count: usize, is_visible: bool, level: Level) -> Outcome {
    let (servers, fetcher) = ([url("/tsa")], fetcher());
    let services = services(&fetcher, &servers);
    let mut document = start.to_vec();
    let mut last = None;
    for number in 1..=count {
        let name = format!("sig-{number}");
        let target = if is_visible { visible(&name) } else { invisible(&name) };
        let mut request = request(target, is_visible.then(mark));
        request.certify = number == 1 && count == 2;
        let signer = signer(["rsa2048", "p256", "p384", "rsa3072", "p256"][(number - 1) % 5]);
        let level = if number == count { level } else { level.min(Level::BT) };
        let outcome = wait(sign(&document, &request, &signer, &checks(), level, Some(&services)));
        let outcome = outcome.expect("it can be signed");
        assert_eq!((outcome.level, &outcome.missing), (level, &Vec::new()), "{count} {is_visible} {level}");
        assert!(outcome.document.starts_with(&document));
        document.clone_from(&outcome.document);
        last = Some(outcome);
    }
    last.expect("somebody signed")
}

/// The states a file went through, from a length on: each ends in `%%EOF`.
fn revisions(bytes: &[u8], from: usize) -> Vec<&[u8]> {
    let ends = bytes.windows(6).enumerate().filter(|(_, window)| *window == b"%%EOF\n").map(|(index, _)| index + 6);
    ends.filter(|end| *end > from).filter_map(|end| bytes.get(..end)).collect()
}

#[test]
fn every_level_is_reached_by_one_two_and_five_signers() {
    let folder = output_folder("sign-levels");
    let (mut finals, mut states) = (Vec::new(), Vec::new());
    for (count, is_visible) in [(1, true), (1, false), (2, true), (2, false), (5, true), (5, false)] {
        let start = if is_visible { signable(count) } else { plain() };
        for level in Level::ALL {
            let outcome = signed(&start, count, is_visible, level);
            let name = format!("{count}-{}-{level}", if is_visible { "visible" } else { "invisible" });
            let path = kept(&folder, &format!("{name}.pdf"), &outcome.document);
            // What comes before is of the same kind at all levels.
            if level == Level::BLTA {
                for (index, state) in revisions(&outcome.document, start.len()).into_iter().enumerate() {
                    states.push(kept(&folder, &format!("{name}-{index}.pdf"), state));
                }
            } else {
                states.push(path.clone());
            }
            finals.push((path, count, up_to(level)));
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert_standards(&states));
        scope.spawn(|| assert_signed(&finals));
        for (path, count, _) in &finals {
            judged_by_openssl(path, &folder);
            judged_by_pdfsig(path, *count);
        }
    });
}

fn judged_by_openssl(path: &Path, folder: &Path) {
    let bytes = std::fs::read(path).expect("it was written");
    let file = File::read(&bytes).expect("it is read");
    for field in fields(&file).expect("it is read") {
        let signature = field.signature.expect("it is signed").into();
        let signature = file.dictionary(&signature).expect("it is read").expect("it is there");
        let (content, cms) = parts(&bytes, &file, &signature, folder);
        let chain = authority().path("chain.pem");
        let call = if signature.is("SubFilter", "ETSI.RFC3161") {
            "ts -verify -token_in -data"
        } else {
            "cms -verify -cades -binary -inform DER -purpose any -out /dev/null -content"
        };
        let mut openssl = Command::new("openssl");
        openssl.args(call.split(' ')).arg(&content).arg("-in").arg(&cms).arg("-CAfile").arg(&chain);
        run_ok(&mut openssl);
    }
}

/// What a signature covers, and the signature, in files.
fn parts(bytes: &[u8], file: &File<'_>, signature: &Dictionary, folder: &Path) -> (PathBuf, PathBuf) {
    let range = file.array(signature, "ByteRange").expect("it is read");
    let number = |number: i64| usize::try_from(number).expect("it is an offset");
    let range: Vec<usize> = range.iter().filter_map(Object::as_integer).map(number).collect();
    let [0, first, second, length] = range[..] else { panic!("{range:?}") };
    let covered = [&bytes[..first], &bytes[second..second + length]].concat();
    let contents = signature.get("Contents").and_then(Object::as_string).expect("it is there");
    // Behind the signature the room is filled with zeros; its length is in its first four bytes.
    let length = 4 + usize::from(contents[2]) * 256 + usize::from(contents[3]);
    (kept(folder, "covered.bin", &covered), kept(folder, "signature.der", &contents[..length]))
}

fn judged_by_pdfsig(path: &Path, count: usize) {
    let told = run_ok(Command::new("pdfsig").arg("-nocert").arg(path));
    assert_eq!(told.matches("Signature Validation: Signature is Valid.").count(), count, "{told}");
}

#[test]
fn a_file_that_was_proven_is_renewed_and_not_proven_twice() {
    let start = signable(1);
    let outcome = signed(&start, 1, true, Level::BLTA);
    let (servers, fetcher) = ([url("/tsa")], fetcher());
    let renewed = wait(renew(outcome.document.clone(), &services(&fetcher, &servers))).expect("it can be renewed");
    assert_eq!((renewed.level, &renewed.missing), (Level::BLTA, &Vec::new()));
    let count = |bytes: &[u8]| revisions(bytes, start.len()).len();
    assert_eq!(count(&renewed.document), count(&outcome.document) + 1, "everything was in the store");
    let folder = output_folder("sign-renewed");
    let path = kept(&folder, "renewed.pdf", &renewed.document);
    judged_by_openssl(&path, &folder);
    assert_signed(&[(path.clone(), 1, up_to(Level::BLTA))]);
    assert_standards(&[path]);
}

#[test]
fn what_was_told_before_the_signature_is_not_asked_for_again() {
    let (servers, signer, fetcher, checks) = ([url("/tsa")], signer("p256"), fetcher(), checks());
    let (own, others) = signer.chain().split_first().expect("there is one");
    let chain = checks.chain(own, others).expect("it may sign").expect("it leads to the root");
    let (known, missing) = wait(fetcher.evidence(&chain));
    assert!(missing.is_empty(), "{missing:?}");
    Checks { evidence: Some(&known), ..checks }.check(own, others).expect("it was not revoked");
    // Whoever asks for the signer once more gets no answer; the time stamp is asked for all the same.
    let (request, plain) = (request(invisible("a"), None), plain());
    let nobody = Fetcher::new(http_client().build().expect("there is a client"), Policy::Nothing, Patience::default());
    let services = Services { fetcher: &nobody, ..services(&fetcher, &servers) };
    let outcome = wait(sign(&plain, &request, &signer, &checks, Level::BLT, Some(&services))).expect("it is signed");
    let of = |outcome: &Outcome, subject: &str| {
        let of = |missing: &&Missing| matches!(missing, Missing::Revocation { subject: told, .. } if told == subject);
        outcome.missing.iter().filter(of).count()
    };
    assert_eq!(of(&outcome, &own.subject().short()), 1, "{:?}", outcome.missing);
    let services = Services { known: Some(&known), ..services };
    let outcome = wait(sign(&plain, &request, &signer, &checks, Level::BLT, Some(&services))).expect("it is signed");
    assert_eq!(of(&outcome, &own.subject().short()), 0, "{:?}", outcome.missing);
}

#[test]
fn without_servers_the_level_is_what_was_reached_and_is_raised_later() {
    let (fetcher, signer, checks) = (fetcher(), signer("p256"), checks());
    let (document, request) = (signable(1), request(visible("sig-1"), None));
    let alone = wait(sign(&document, &request, &signer, &checks, Level::BLTA, None)).expect("it is signed");
    assert_eq!((alone.level, alone.missing), (Level::BB, vec![Missing::Services]));
    let nowhere = [url("/down/tsa")];
    let none = services(&fetcher, &nowhere);
    let down = wait(sign(&document, &request, &signer, &checks, Level::BLTA, Some(&none))).expect("it is signed");
    assert_eq!(down.level, Level::BB);
    assert!(matches!(down.missing[..], [Missing::TimeStamp(_)]), "{:?}", down.missing);
    let servers = [url("/tsa")];
    let raised = wait(raise(down.document, Level::BLTA, &services(&fetcher, &servers))).expect("it is raised");
    assert_eq!((raised.level, &raised.missing), (Level::BLTA, &Vec::new()));
    let path = kept(&output_folder("sign-raised"), "raised.pdf", &raised.document);
    assert_signed(&[(path, 1, up_to(Level::BLTA))]);
}

#[test]
fn a_revoked_signer_and_a_silent_authority_cost_the_level_and_are_told() {
    let (servers, fetcher) = ([url("/broken/tsa"), url("/wrong/tsa"), url("/tsa")], fetcher());
    authority().issue("sign-unreachable", "/C=NO/CN=Uten Prøve-Svar", "EC:P-256", "unreachable");
    let (services, checks, plain) = (services(&fetcher, &servers), checks(), plain());
    for name in ["revoked", "sign-unreachable"] {
        let (request, signer) = (request(invisible("a"), None), signer(name));
        let outcome = wait(sign(&plain, &request, &signer, &checks, Level::BLTA, Some(&services)));
        let outcome = outcome.expect("it is signed");
        assert_eq!(outcome.level, Level::BT, "{name}");
        let is_told = outcome.missing.iter().any(|missing| match missing {
            Missing::Revoked(_) => name == "revoked",
            Missing::Revocation { .. } => name == "sign-unreachable",
            _ => false,
        });
        assert!(is_told, "{:?}", outcome.missing);
    }
}
