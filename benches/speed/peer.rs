//! The peers of `benches/peers`, beside this service.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::input::Bodies;
use crate::load::{self, Figures};
use crate::report::Table;
use crate::service::{self, Service};

/// Different inputs of each kind: more than Typst remembers.
const INPUTS: usize = 96;
const SECONDS: usize = 8;
/// The peers, and in how many rounds they take part: the closer, the more.
const PEERS: [(&str, usize); 5] =
    [("typst-python", 9), ("typst-cli", 3), ("weasyprint", 3), ("chromium", 3), ("gotenberg-way", 3)];

/// What a peer prints.
#[derive(Deserialize)]
struct Line {
    documents: usize,
    seconds: f64,
    cpu_seconds: f64,
    latencies_ms: Latencies,
    peak_rss_mib: f64,
}

#[derive(Deserialize)]
struct Latencies {
    p50: f64,
    p99: f64,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes what the peers are given.
fn prepare(kind: &str) -> PathBuf {
    let work = root().join("target/bench-work");
    let folder = work.join(kind);
    std::fs::create_dir_all(&folder).expect("a folder below target/ can be made");
    std::fs::create_dir_all(work.join("out")).expect("a folder below target/ can be made");
    let bodies = Bodies::of(kind);
    for number in 0..INPUTS {
        let body = bodies.body(number);
        let file = folder.join(format!("{number:04}.json"));
        std::fs::write(&file, &body).expect("a file can be written");
        let document: Value = serde_json::from_str(&body).expect("a body is JSON");
        let data = json!({ "document_id": format!("bench-{number}"), "document": document, "assets": {} });
        std::fs::write(folder.join(format!("data-{number:04}.json")), data.to_string()).expect("a file can be written");
        let html = folder.join(format!("{number:04}.html"));
        let done = Command::new(env!("CARGO_BIN_EXE_skoledok"))
            .args(["render", bodies.kind.slug()])
            .arg(&file)
            .arg("-o")
            .arg(&html)
            .status();
        assert!(done.is_ok_and(|status| status.success()), "the HTML of a {kind} can be made");
    }
    work
}

fn ask(name: &str, kind: &str, work: &Path) -> Figures {
    let output = Command::new(root().join("target/bench-tools/venv/bin/python"))
        .arg(root().join("benches/peers/peer.py"))
        .args([
            name,
            "--kind",
            kind,
            "--processes",
            &service::cores().to_string(),
            "--seconds",
            &SECONDS.to_string(),
            "--work",
        ])
        .arg(work)
        .output()
        .expect("the peers are set up by `benches/peers/setup`");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let line: Line = serde_json::from_str(told.trim()).expect("a peer prints one line of JSON");
    let micros = |ms: f64| (ms * 1000.0) as u32;
    // Ninety-nine of the median and two of the slow ones have these percentiles.
    let mut all = vec![micros(line.latencies_ms.p50); 98];
    all.extend([micros(line.latencies_ms.p99); 2]);
    Figures {
        count: line.documents,
        seconds: line.seconds,
        cpu: line.cpu_seconds,
        memory: line.peak_rss_mib,
        micros: all,
    }
}

pub fn table(kind: &str) -> Table {
    let work = prepare(kind);
    let bodies = Bodies::of(kind);
    let mut table = Table::new(
        &format!("peers-{kind}"),
        &format!("The same {kind} by others, {} processes each", service::cores()),
        &["documents/s", "CPU ms each", "p50 ms", "p99 ms", "MiB"],
    );
    let service = Service::start(&[]);
    load::post_distinct(&service, &bodies, service::CALLERS, Duration::from_secs(2), 9_000_000);
    let rounds = PEERS.into_iter().map(|(_, rounds)| rounds).max().unwrap_or_default();
    for round in 0..rounds {
        let before = service.cpu();
        let time = Duration::from_secs(SECONDS as u64);
        let offset = 10_000_000 + round * 100_000;
        let mut figures = load::post_distinct(&service, &bodies, service::CALLERS, time, offset);
        figures.cpu = service.cpu() - before;
        figures.memory = service.memory();
        table.add("skoledok over HTTP", figures);
        for (name, _) in PEERS.into_iter().filter(|(_, rounds)| round < *rounds) {
            table.add(name, ask(name, kind, &work));
        }
    }
    for (name, _) in PEERS {
        table.compare("skoledok over HTTP", name);
    }
    table
}
