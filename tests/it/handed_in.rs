//! Files that were signed elsewhere are handed in: with the bytes of the document, or made anew by other programs; and those that only look so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};

use crate::authority::{PASSWORD, authority};
use crate::support::{Answer, Server, binary, output_folder, python, run_ok, sample};

const AGREEMENTS: &str = "/v1/agreements";
/// A key for stores of tests.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Whom the certificate `rsa2048` names.
const KARI: &str = "Kari Prøve-Nordmann";

/// A service that takes files, and what others make of its documents.
struct Elsewhere {
    folder: PathBuf,
    server: Server,
}

impl Elsewhere {
    fn start(name: &str) -> Self {
        let folder = output_folder(name);
        let store = format!("sqlite:{}", folder.join("store.db").display());
        let keys = folder.join("keys/local");
        std::fs::create_dir_all(&keys).expect("a folder can be made");
        std::fs::write(keys.join("p256.p12"), authority().read("p256.p12")).expect("a file can be written");
        std::fs::write(keys.join("p256.password"), PASSWORD).expect("a file can be written");
        let variables = [
            ("SKOLEDOK__STORE__URL", store),
            ("SKOLEDOK__STORE__KEY", KEY.to_owned()),
            ("SKOLEDOK__SIGNING__KEYS_FOLDER", folder.join("keys").display().to_string()),
            ("SKOLEDOK__SIGNING__TRUST_FILES", authority().root_pem().display().to_string()),
        ];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Server::with(&variables, Stdio::null());
        Self { folder, server }
    }

    /// An agreement that is final, with its document in a file. The first signatory has a certificate.
    fn agreement(&self) -> (String, PathBuf) {
        let mut body = sample(Kind::CooperationAgreement, Locale::Nb);
        body["signatories"][0]["name"] = json!(KARI);
        let created = self.server.post_json(AGREEMENTS, &body);
        assert_eq!(created.status, 201, "{}", created.text());
        let location = created.header("location").to_owned();
        assert_eq!(self.server.post(&format!("{location}/finalise"), b"", &[]).status, 200);
        let path = self.folder.join("document.pdf");
        std::fs::write(&path, self.server.get(&format!("{location}/document.pdf")).body).expect("it can be written");
        (location, path)
    }

    /// What another program makes of a file.
    fn made(&self, what: &str, of: &Path) -> PathBuf {
        let path = self.folder.join(format!("{what}.pdf"));
        let mut command = python("handed_in.py");
        command.arg(what).arg(of).arg(&path);
        run_ok(command.arg(authority().folder()).arg("rsa2048"));
        path
    }

    fn put(&self, location: &str, file: &[u8]) -> Answer {
        self.server.put(&format!("{location}/signed.pdf"), file, &[("Content-Type", "application/pdf")])
    }

    /// Hands a file in for a new agreement with the document that it was made of.
    fn taken(&self, location: &str, file: &[u8]) -> Value {
        let answer = self.put(location, file);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let record = answer.json();
        assert_eq!(record["status"], "signed", "{record}");
        assert_eq!(self.server.get(&format!("{location}/signed.pdf")).body, file, "it is kept as it came");
        let again = self.server.get(location).json();
        assert!(again.get("handed_in").is_none(), "it is told once: {again}");
        record["handed_in"].clone()
    }
}

/// Signed in its first box by the command line, which adds to a file and leaves it as it is.
fn signed_behind(file: &Path) -> Vec<u8> {
    let path = file.with_extension("behind.pdf");
    let mut command = binary();
    command.arg("sign").arg(file).arg("--key").arg(authority().path("rsa2048.p12"));
    command.args(["--password-env", "P12", "--field", "sig-1", "-o"]).arg(&path).env("P12", PASSWORD);
    run_ok(&mut command);
    std::fs::read(path).expect("it was written")
}

fn signed(file: &Path) -> Vec<u8> {
    let path = file.with_extension("signed.pdf");
    let mut command = python("handed_in.py");
    command.arg("sign").arg(file).arg(&path);
    run_ok(command.arg(authority().folder()).arg("rsa2048"));
    std::fs::read(path).expect("it was written")
}

fn refused(answer: &Answer, status: u16, name: &str, words: &str) {
    let problem = answer.json();
    let kind = problem["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned();
    assert_eq!((answer.status, kind.as_str()), (status, name), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{words}: {problem}");
    for secret in [KARI, "Kari", "Prøve", "Fjordvik", "ikke"] {
        assert!(!problem["detail"].as_str().unwrap_or_default().contains(secret), "it tells contents: {problem}");
    }
}

/// The checks that could not be shown.
fn not_shown(told: &Value) -> Vec<String> {
    let checks = told["checks"].as_array().into_iter().flatten();
    let open = checks.filter(|check| check["shown"] == false);
    open.filter_map(|check| check["code"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_file_with_the_bytes_of_the_document_shows_all_of_it() {
    let elsewhere = Elsewhere::start("handed-in-bytes");
    let (location, document) = elsewhere.agreement();
    let told = elsewhere.taken(&location, &signed_behind(&document));
    assert_eq!(told["tied_by"], "bytes", "{told}");
    assert_eq!(told["signatures"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["signatures"][0]["name"], KARI);
    // The first signatory has signed; the certificate of the second is not there.
    assert_eq!(told["signers"][0], json!({ "name": KARI, "shown": true }), "{told}");
    assert_eq!(told["signers"][1]["shown"], false, "{told}");
    assert_eq!(not_shown(&told), ["revocation", "time", "signers"], "{told}");
}

#[test]
fn a_file_that_a_service_made_anew_is_tied_by_its_words() {
    let elsewhere = Elsewhere::start("handed-in-text");
    let (location, document) = elsewhere.agreement();
    let qpdf = elsewhere.folder.join("qpdf.pdf");
    run_ok(
        Command::new("qpdf")
            .args(["--object-streams=generate", "--recompress-flate", "--compression-level=9"])
            .arg(&document)
            .arg(&qpdf),
    );
    let count = run_ok(Command::new("qpdf").arg("--show-npages").arg(&document));
    let count: usize = count.trim().parse().expect("a number");
    let cases = [
        // pyHanko adds to the document, but writes its metadata and the names of fields anew.
        (document.clone(), json!([]), 0),
        (qpdf, json!([]), 0),
        (elsewhere.made("copy", &document), json!([]), 0),
        (elsewhere.made("margin", &document), json!([count + 1]), count),
        (elsewhere.made("scaled", &document), json!([]), count),
    ];
    let mut location = Some(location);
    for (file, added_pages, pages_with_words) in cases {
        let location = location.take().unwrap_or_else(|| elsewhere.agreement().0);
        let signed = signed(&file);
        let told = elsewhere.taken(&location, &signed);
        assert_eq!(told["tied_by"], "text", "{}: {told}", file.display());
        assert_eq!(told["added_pages"], added_pages, "{}: {told}", file.display());
        assert_eq!(told["added_words"].as_array().map(Vec::len), Some(pages_with_words), "{}: {told}", file.display());
        let open = ["bytes", "look", "structure", "attachments", "revocation", "time", "signers"];
        assert_eq!(not_shown(&told), open, "{}: {told}", file.display());
        // Nothing shows by which standards it was made.
        let archive = elsewhere.server.get(&format!("{location}/archive.json")).json();
        let kept = &archive["dokumentbeskrivelse"]["dokumentobjekt"][0];
        assert_eq!((&kept["filnavn"], &kept["format"]), (&json!("signed.pdf"), &json!("PDF")), "{archive}");
    }
}

#[test]
fn a_file_with_other_words_is_refused_with_the_page() {
    let elsewhere = Elsewhere::start("handed-in-other");
    let (location, document) = elsewhere.agreement();
    let cases = [
        ("word", "page 1 of the document do not stand"),
        ("among", "words were added to page 1"),
        ("order", "page 1 of the document do not stand"),
        ("insert", "page 2 of the document do not stand"),
        ("unseen", "page 1 of the document do not stand"),
        ("layer", "page 1 of the file can not be told"),
    ];
    for (what, words) in cases {
        let file = elsewhere.made(what, &document);
        refused(&elsewhere.put(&location, &signed(&file)), 422, "other-document", words);
    }
    // A file of another agreement, and one with too few pages.
    let mut body = sample(Kind::CooperationAgreement, Locale::Nb);
    body["signatories"][0]["name"] = json!("Kari Prøve-Nordmenn");
    let other = elsewhere.folder.join("other.json");
    std::fs::write(&other, body.to_string()).expect("it can be written");
    let file = other.with_extension("pdf");
    run_ok(binary().args(["render", "cooperation-agreement"]).arg(&other).arg("--signable").arg("-o").arg(&file));
    refused(&elsewhere.put(&location, &signed(&file)), 422, "other-document", "do not stand");
    let short = elsewhere.folder.join("short.pdf");
    run_ok(Command::new("qpdf").arg(&document).args(["--pages", ".", "1", "--"]).arg(&short));
    refused(&elsewhere.put(&location, &signed(&short)), 422, "other-document", "the file has 1 pages");
    assert_eq!(elsewhere.server.get(&location).json()["status"], "final", "nothing was kept");
}

#[test]
fn a_revision_before_the_first_signature_can_not_hide_behind_the_bytes() {
    let elsewhere = Elsewhere::start("handed-in-shadow");
    let (location, document) = elsewhere.agreement();
    let bytes = std::fs::read(&document).expect("it is there");
    // The signature is right, and nothing was changed after it: but the page that was signed is another.
    let replaced = std::fs::read(elsewhere.made("replaced", &document)).expect("it was written");
    assert!(replaced.starts_with(&bytes), "it begins with the document");
    refused(&elsewhere.put(&location, &replaced), 422, "other-document", "page 1 of the document do not stand");
    // Paint is not words: that is told.
    let covered = std::fs::read(elsewhere.made("covered", &document)).expect("it was written");
    assert!(covered.starts_with(&bytes), "it begins with the document");
    let told = elsewhere.taken(&location, &covered);
    assert_eq!(told["tied_by"], "text", "{told}");
    assert!(not_shown(&told).contains(&"look".to_owned()), "{told}");
}

#[test]
fn no_signature_is_taken_that_is_not_right_and_none_is_lost() {
    let elsewhere = Elsewhere::start("handed-in-broken");
    let (location, document) = elsewhere.agreement();
    let copy = elsewhere.made("copy", &document);
    refused(&elsewhere.put(&location, &std::fs::read(&copy).expect("it is there")), 422, "not-signed", "no signature");
    let mut broken = signed(&copy);
    // A byte of an object, in a part that shows nothing.
    let at = broken.windows(9).position(|part| part == b"/Producer").expect("pypdf says who it is") + 12;
    broken[at] ^= 1;
    refused(&elsewhere.put(&location, &broken), 422, "not-signed", "is not right");
    // Somebody has signed here: a file without that signature would take its place.
    let signed = signed(&document);
    let start = json!({ "signers": [{ "signatory": 0 }, { "signatory": 1 }], "level": "B-B" });
    assert_eq!(elsewhere.server.post_json(&format!("{location}/signing"), &start).status, 200);
    let here =
        elsewhere.server.post_json(&format!("{location}/signatures"), &json!({ "key": "p256", "field": "sig-1" }));
    assert_eq!(here.status, 200, "{}", here.text());
    refused(&elsewhere.put(&location, &signed), 409, "not-now", "would be lost");
}

#[test]
fn who_was_asked_and_has_signed_is_told() {
    let elsewhere = Elsewhere::start("handed-in-asked");
    let (location, document) = elsewhere.agreement();
    let start = json!({ "signers": [{ "signatory": 0 }], "level": "B-B" });
    assert_eq!(elsewhere.server.post_json(&format!("{location}/signing"), &start).status, 200);
    let told = elsewhere.taken(&location, &signed_behind(&document));
    assert_eq!(told["signers"], json!([{ "name": KARI, "shown": true }]), "{told}");
    assert_eq!(not_shown(&told), ["revocation", "time"], "{told}");
}
