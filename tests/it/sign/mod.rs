//! Signing as a whole, of what we made and of what others did, judged by other programs: pyHanko, pdfsig, OpenSSL, veraPDF and qpdf.

mod external;
mod hostile;
mod keys;
mod levels;
mod others;
mod prepare;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::outgoing::http_client;
use skoledok::pki::Anchors;
use skoledok::pki::fetch::{Fetcher, Patience, Policy};
use skoledok::render::{Mark, Options};
use skoledok::sign::field::{FieldName, NewField, Place};
use skoledok::sign::key::{Checks, Signer};
use skoledok::sign::level::Level;
use skoledok::sign::signature::{Request, Target};

use crate::authority::authority;
use crate::pki::now;
use crate::support::{ENGINE, output_folder, produce, python, run_ok, sample};

/// A document for so many to sign: a plan for one, an agreement for more.
fn body(count: usize) -> (Kind, Value) {
    let kind = if count == 1 { Kind::AnnualPlan } else { Kind::CooperationAgreement };
    let mut body = sample(kind, Locale::Nb);
    let all = body["signatories"].as_array_mut().expect("the sample has signatories");
    all.truncate(count);
    for number in all.len()..count {
        let name = format!("Nora Prøve-Ås {number}");
        all.push(json!({ "party": "school", "role": "assistant_principal", "name": name, "status": "pending" }));
    }
    (kind, body)
}

/// A document with fields for so many.
fn signable(count: usize) -> Vec<u8> {
    let (kind, body) = body(count);
    produce(kind, body, Options { signable: true, ..Options::default() }).expect("it is made").rendered.bytes
}

/// The same before its marks became fields.
fn unprepared(signable: &[u8]) -> Vec<u8> {
    let first = signable.windows(5).position(|window| window == b"%%EOF").expect("a file has an end");
    signable[..first + 5].to_vec()
}

/// A document without fields.
fn plain() -> Vec<u8> {
    let (kind, body) = body(2);
    crate::support::pdf(kind, &body)
}

/// A mark of the size of a field.
fn mark() -> &'static [u8] {
    static ONCE: OnceLock<Vec<u8>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let (name, role) = ("Kari Nordmann".to_owned(), Some("rektor".to_owned()));
        let mark = Mark { locale: Locale::Nb, name, role, at: 1_795_000_000, width: 230.0, height: 69.0 };
        ENGINE.mark(&mark).expect("it can be printed")
    })
}

/// A file of objects with a table of cross-references, and something more in its trailer.
fn made_of(objects: &[&[u8]], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", bytes.len());
        bytes.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"\nendobj\n");
    }
    let start = bytes.len();
    let size = objects.len() + 1;
    bytes.extend_from_slice(
        format!("{table}trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
    );
    bytes
}

/// A file as qpdf writes it, by some of its options: with object streams, linear, encrypted.
fn rewritten(folder: &Path, name: &str, bytes: &[u8], options: &[&str]) -> Vec<u8> {
    let (from, to) = (folder.join(format!("{name}-before.pdf")), folder.join(format!("{name}.pdf")));
    std::fs::write(&from, bytes).expect("it can be written");
    run_ok(Command::new("qpdf").args(options).arg(&from).arg(&to));
    std::fs::read(&to).expect("qpdf wrote it")
}

fn field(name: &str, place: Place) -> NewField {
    let label = format!("Underskrift, rektør ({name})");
    NewField { name: FieldName::parse(name).expect("the name is good"), label, place }
}

fn marked(count: usize) -> Vec<NewField> {
    (1..=count).map(|number| field(&format!("sig-{number}"), Place::Marked)).collect()
}

fn visible(name: &str) -> Target {
    Target::Field(name.to_owned())
}

fn invisible(name: &str) -> Target {
    Target::Invisible {
        name: FieldName::parse(name).expect("the name is good"),
        label: "Underskrift, rektør".to_owned(),
    }
}

fn request(field: Target, appearance: Option<&[u8]>) -> Request<'_> {
    Request {
        field,
        signer: "Kari Nordmann",
        reason: Some("Rektor, Nordlys skole"),
        location: None,
        time: now(),
        appearance,
        certify: false,
        time_stamp: false,
        chain: &[],
    }
}

fn signer(name: &str) -> Signer {
    let certificates = [authority().read(&format!("{name}.pem")), authority().read("chain.pem")].concat();
    Signer::from_pem(&authority().read(&format!("{name}.key")), None, &certificates).expect("the key is good")
}

fn anchors() -> &'static Anchors {
    static ONCE: OnceLock<Anchors> = OnceLock::new();
    ONCE.get_or_init(crate::pki::anchors)
}

fn checks() -> Checks<'static> {
    Checks { now: now(), anchors: Some(anchors()), pool: &[], evidence: None }
}

/// A server of the authority, by its path.
fn url(path: &str) -> reqwest::Url {
    format!("{}{path}", authority().server.base()).parse().expect("it is a URL")
}

fn fetcher() -> Fetcher {
    let patience =
        Patience { timeout: std::time::Duration::from_secs(5), tries: 1, pause: std::time::Duration::from_millis(10) };
    let client = http_client().build().expect("there is a client");
    Fetcher::new(client, Policy::hosts(vec!["127.0.0.1".to_owned()]), patience)
}

/// Writes a file and gives its path.
fn kept(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    path
}

/// What pyHanko says of each file, with the proofs in the file alone.
pub fn judged(files: &[PathBuf]) -> Vec<Value> {
    let root = authority().root_pem();
    // Python needs a second to start and one core.
    let halves = files.chunks(files.len().div_ceil(2).max(1));
    std::thread::scope(|scope| {
        let root = &root;
        let threads: Vec<_> =
            halves.map(|files| scope.spawn(move || run_ok(python("signatures.py").arg(root).args(files)))).collect();
        let told = threads.into_iter().map(|thread| thread.join().expect("pyHanko can be asked")).collect::<String>();
        told.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
    })
}

const NAMES: [&str; 4] = ["B-B", "B-T", "B-LT", "B-LTA"];

/// The names of a level and of those below it.
pub fn up_to(level: Level) -> &'static [&'static str] {
    let place = Level::ALL.iter().position(|known| *known == level).expect("it is one of them");
    &NAMES[..=place]
}

/// Fails unless pyHanko finds every file signed by so many, all of them good and at exactly these levels if any are told, and qpdf has nothing to say.
pub fn assert_signed(files: &[(PathBuf, usize, &[&str])]) {
    let paths: Vec<PathBuf> = files.iter().map(|(path, ..)| path.clone()).collect();
    run_ok(Command::new("sh").args(["-c", "for file; do qpdf --check \"$file\" || exit; done", "sh"]).args(&paths));
    let told = judged(&paths);
    assert_eq!(told.len(), files.len());
    for ((path, count, levels), told) in files.iter().zip(told) {
        let list = |name: &str| told[name].as_array().expect("a list").clone();
        assert_eq!(list("signatures").len(), *count, "{}: {told}", path.display());
        for signature in list("signatures") {
            assert_eq!(signature["bottom_line"], true, "{}: {told}", path.display());
            let is_level = levels.is_empty() || signature["levels"] == json!(levels);
            assert!(is_level, "{}: {told}", path.display());
        }
        for one in list("signatures").iter().chain(&list("time_stamps")) {
            let is_good = ["intact", "valid", "trusted"].iter().all(|fact| one[fact] == true);
            assert!(is_good, "{}: {told}", path.display());
        }
    }
}

/// Signs with a key at level B-B.
fn sign(bytes: &[u8], target: Target) -> Result<Vec<u8>, skoledok::sign::SignError> {
    let signer = signer("p256");
    let request = Request { chain: signer.chain(), ..request(target, None) };
    skoledok::sign::signature::begin(bytes, &request)?.sign(&signer, &checks())?.finish()
}

/// A small file with a mark, by qpdf with object streams.
fn small() -> Vec<u8> {
    let folder =
        output_folder(&format!("sign-small-{}", std::thread::current().name().unwrap_or("x").replace("::", "-")));
    let page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Annots[4 0 R]>>";
    let link = b"<</Type/Annot/Subtype/Link/Rect[10 10 100 50]/A<</S/URI/URI(https://felt.invalid/sig-1)>>>>";
    let file = made_of(&[CATALOG, PAGES, page, link], "");
    rewritten(&folder, "small", &file, &["--object-streams=generate", "--deterministic-id"])
}

const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
const PAGES: &[u8] = b"<</Type/Pages/Count 1/Kids[3 0 R]>>";
const PAGE: &[u8] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>";
