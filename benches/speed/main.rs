//! How fast, beside what: `make bench`. Every figure is taken beside its like in the same run, in rounds
//! that alternate, and told as a ratio; the machine is noisy, ratios are less so.
//!
//! The program starts itself again for what needs a process of its own: `engine` renders or signs in a loop, `bare`
//! serves handlers that do the least.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench ends at the first thing that is not as it should be")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures of a bench are far from the ends of their types"
)]

mod bare;
mod engine;
mod input;
mod job;
mod load;
mod peer;
mod plan;
mod process;
mod processes;
mod report;
mod service;
mod signing;
mod soak;

use std::time::Duration;

use report::{Report, Table};

/// Rounds of each comparison, and how long each contender has in a round: many and short, since the speed of a shared machine
/// changes within seconds.
const ROUNDS: usize = 20;
const TURN: Duration = Duration::from_millis(1500);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["engine", kind] => engine::run(kind),
        ["soak", documents] => soak::run(number(documents)),
        ["phases", kind] => engine::phases(kind),
        ["bare", redis] => bare::serve(redis),
        // Which parts to run; none for all.
        parts => all(parts),
    }
}

fn number(word: &str) -> usize {
    word.parse().unwrap_or_else(|_| panic!("`{word}` is no number"))
}

fn all(parts: &[&str]) {
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let mut report = Report::new();
    if wanted("start") {
        report.add(service::start_times());
    }
    if wanted("uncached") {
        for kind in ["letter", "agreement"] {
            report.add(uncached(kind));
        }
    }
    if wanted("cached") {
        report.add(cached());
    }
    if wanted("jobs") {
        report.add(job::table());
    }
    if wanted("signing") {
        report.add(signing::table());
    }
    if wanted("plans") {
        report.add(plan::table());
    }
    if wanted("peers") {
        for kind in ["letter", "agreement"] {
            report.add(peer::table(kind));
        }
    }
    report.print();
}

/// Connections that ask for new documents at once.
const CALLERS: [(usize, &str); 2] =
    [(8, "service over HTTP, 8 connections"), (16, "service over HTTP, 16 connections")];
/// By somebody who has to say who it is, and of whose documents it is noted that they were made.
const KNOWN: (usize, &str) = (16, "service over HTTP, 16 connections, a known caller");
/// How often all are started anew meanwhile: the same program is some percent faster or slower from one start to the next.
const STARTS: usize = 4;

/// The service without a hit, beside as many engines as it has workers, and one.
fn uncached(kind: &str) -> Table {
    let cores = service::cores();
    let mut table = Table::new(
        &format!("uncached-{kind}"),
        &format!("Making {kind}s, each unlike the others, PDF/A-2a and PDF/UA-1"),
        &["documents/s", "CPU ms each", "p50 ms", "p99 ms", "MiB"],
    );
    let bodies = input::Bodies::of(kind);
    for start in 0..STARTS {
        let memory = [("SKOLEDOK__CACHE__MEMORY_MIB", "64")];
        let (open, closed) = (service::Service::start(&memory), service::Service::start_for_known(&memory));
        // What is made before the clock runs: a first fill of what Typst remembers.
        for service in [&open, &closed] {
            load::post_distinct(service, &bodies, service::CALLERS, Duration::from_secs(3), 1_000_000);
        }
        let mut engines = engine::Engines::start(kind, cores);
        let mut one = engine::Engines::start(kind, 1);
        for round in 0..ROUNDS / STARTS {
            let offset = 2_000_000 + (start * ROUNDS + round) * 100_000;
            table.add("engine, one process", one.measure(TURN, offset));
            table.add(&format!("engine, {cores} processes"), engines.measure(TURN, offset + 10_000));
            let turns = CALLERS.map(|callers| (&open, callers)).into_iter().chain([(&closed, KNOWN)]);
            for (turn, (service, (callers, row))) in turns.enumerate() {
                let (before, offset) = (service.cpu(), offset + 50_000 + turn * 10_000);
                let mut figures = load::post_distinct(service, &bodies, callers, TURN, offset);
                figures.cpu = service.cpu() - before;
                figures.memory = service.memory();
                table.add(row, figures);
            }
        }
    }
    for (_, row) in CALLERS.into_iter().chain([KNOWN]) {
        table.compare(row, &format!("engine, {cores} processes"));
    }
    table
}

/// The service with a hit, beside handlers that do the least.
fn cached() -> Table {
    let redis = service::Redis::start();
    let bare = service::Bare::start(&redis.url());
    let memory = service::Service::start(&[]);
    let remote = service::Service::start(&[
        ("SKOLEDOK__CACHE__MEMORY_MIB", "0"),
        ("SKOLEDOK__CACHE__REDIS_URL", &redis.url()),
        ("SKOLEDOK__CACHE__KEY", service::KEY),
        ("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "200"),
    ]);
    let letter = input::Bodies::of("letter").body(1);
    let post = load::post("/v1/render/parent-letter", &letter);
    let location = memory.make(&post);
    remote.make(&post);
    let pdf = memory.fetch(&location);
    bare.set(&pdf.body);
    let tag = pdf.header("etag");
    let pairs = [
        (
            "POST, found in memory",
            &memory,
            post.clone(),
            "bare POST: parse, hash, PDF from memory",
            load::post("/memory", &letter),
        ),
        ("POST, found in Redis", &remote, post, "bare GET: PDF from Redis", load::get("/redis", &[])),
        (
            "GET, from memory",
            &memory,
            load::get(&location, &[]),
            "bare GET: PDF from memory",
            load::get("/memory", &[]),
        ),
        (
            "GET, 304",
            &memory,
            load::get(&location, &[("If-None-Match", &tag)]),
            "bare GET: PDF from memory ",
            load::get("/memory", &[]),
        ),
    ];
    let mut table = Table::new(
        "cached",
        "Documents that were made before, beside bare poem handlers",
        &["requests/s", "CPU µs each", "p50 ms", "p99 ms", "MiB"],
    );
    table.unit = 1000.0;
    for _ in 0..ROUNDS {
        for (name, service, request, bare_name, bare_request) in &pairs {
            let before = bare.cpu();
            let mut figures = load::repeat(&bare.address, bare_request, service::CALLERS, TURN);
            figures.cpu = bare.cpu() - before;
            figures.memory = bare.memory();
            table.add(bare_name, figures);
            let before = service.cpu();
            let mut figures = load::repeat(&service.address, request, service::CALLERS, TURN);
            figures.cpu = service.cpu() - before;
            figures.memory = service.memory();
            table.add(name, figures);
        }
    }
    for (name, _, _, bare_name, _) in &pairs {
        table.compare(name, bare_name);
    }
    table
}
