//! Signing an agreement with a mark to be seen, beside rendering it: read, write a revision, digest, check the certificates, sign. No time stamp:
//! that is another's time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use skoledok::document::Locale;
use skoledok::pipeline::{self, Order};
use skoledok::pki::{Anchors, Certificate};
use skoledok::render::{Engine, Mark, Options};
use skoledok::sign::key::{Checks, Signer};
use skoledok::sign::signature::{Completed, Request, Target, begin};
use skoledok::validate;

use crate::engine::{Engines, Work};
use crate::input::Bodies;
use crate::report::Table;
use crate::{ROUNDS, TURN};

/// Name of the contender, and what [`work`] knows it by: the key, and where the mark comes from.
const CONTENDERS: [(&str, &str); 4] = [
    ("sign with P-256, the mark at hand", "sign-p256-given"),
    ("sign with P-256, the mark rendered", "sign-p256-rendered"),
    ("sign with RSA-2048, the mark at hand", "sign-rsa2048-given"),
    ("sign with RSA-2048, the mark rendered", "sign-rsa2048-rendered"),
];
const RENDER: &str = "render the agreement";

/// The table.
pub fn table() -> Table {
    let mut table = Table::new(
        "signing",
        "Signing an agreement with a mark to be seen, beside rendering it, one process",
        &["documents/s", "CPU ms each", "p50 ms", "p99 ms", "MiB"],
    );
    make_keys();
    let mut render = Engines::start("agreement", 1);
    let mut contenders: Vec<_> = CONTENDERS.iter().map(|(name, kind)| (name, Engines::start(kind, 1))).collect();
    for round in 0..ROUNDS {
        let offset = 2_000_000 + round * 100_000;
        table.add(RENDER, render.measure(TURN, offset));
        for (name, engines) in &mut contenders {
            table.add(name, engines.measure(TURN, offset));
        }
    }
    for (name, _) in CONTENDERS {
        table.compare(name, RENDER);
    }
    table
}

/// What a contender does again and again; none if it is not one of these.
pub fn work<'a>(engine: &'a Engine, kind: &str) -> Option<Work<'a>> {
    let (key, mark) = kind.strip_prefix("sign-")?.split_once('-')?;
    let (signer, anchors) = signer(key);
    let document = agreement(engine);
    let given = (mark == "given").then(|| rendered_mark(engine, 1));
    Some(Box::new(move |number| {
        let mark = given.as_ref().map_or_else(|| rendered_mark(engine, number).into(), std::borrow::Cow::from);
        let request = Request {
            field: Target::Field("sig-1".to_owned()),
            signer: "Kari Eksempel",
            reason: None,
            location: Some("Fjordvik"),
            time: now(),
            appearance: Some(&mark),
            certify: false,
            time_stamp: false,
            chain: signer.chain(),
        };
        let checks = Checks { now: now(), anchors: Some(&anchors), pool: &[], evidence: None };
        let completed = begin(&document, &request).and_then(|pending| pending.sign(&signer, &checks));
        std::hint::black_box(completed.and_then(Completed::finish).expect("it can be signed"));
    }))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("it is not long after 1970")
}

/// An agreement with fields.
fn agreement(engine: &Engine) -> Vec<u8> {
    let bodies = Bodies::of("agreement");
    let body = validate::read_json(bodies.body(1).as_bytes()).expect("a body is JSON");
    let order = Order { kind: bodies.kind, body, options: Options { signable: true, ..Options::default() } };
    pipeline::produce(engine, order).expect("a body is valid").rendered.bytes
}

/// A mark unlike those of other numbers.
fn rendered_mark(engine: &Engine, number: usize) -> Vec<u8> {
    let (name, role) = (format!("Kari Eksempel {number}"), Some("rektor".to_owned()));
    let mark = Mark { locale: Locale::Nb, name, role, at: 1_795_000_000, width: 230.0, height: 69.0 };
    engine.mark(&mark).expect("it can be printed")
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-work/signing")
}

fn signer(key: &str) -> (Signer, Anchors) {
    let read = |name: &str| std::fs::read(folder().join(name)).expect("the keys were made");
    let root = read("root.pem");
    let certificates = [read(&format!("{key}.pem")), root.clone()].concat();
    let signer = Signer::from_pem(&read(&format!("{key}.key")), None, &certificates).expect("the key is good");
    (signer, Anchors::new(Certificate::list(&root).expect("the root is read")))
}

const EXTENSIONS: &str = "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=x\n\
    [root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n\
    [signer]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n\
    subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// An authority and two signers, by OpenSSL.
pub fn make_keys() {
    std::fs::create_dir_all(folder()).expect("a folder below target/ can be made");
    std::fs::write(folder().join("ca.cnf"), EXTENSIONS).expect("a file can be written");
    let by = "-CA root.pem -CAkey root.key -extensions signer";
    for (name, key, by) in [
        ("root", "rsa:2048", "-extensions root"),
        ("p256", "ec -pkeyopt ec_paramgen_curve:P-256", by),
        ("rsa2048", "rsa:2048", by),
    ] {
        let made =
            format!("req -config ca.cnf -x509 -nodes -days 3650 -newkey {key} {by} -keyout {name}.key -out {name}.pem");
        let mut openssl = Command::new("openssl");
        openssl.args(made.split(' ')).args(["-subj", &format!("/C=NO/CN={name}")]).current_dir(folder());
        let output = openssl.output().expect("OpenSSL can be run; install it with `make setup`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
