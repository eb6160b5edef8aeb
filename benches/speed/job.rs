//! Ten thousand letters as a job, from the first byte of the request to the last byte of the archive, beside the engine alone.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::Engines;
use crate::input;
use crate::load::Figures;
use crate::processes::Processes;
use crate::report::Table;
use crate::service::{Service, cores};

/// Letters of a job, rounds, and how long the engines have before and after each job.
const LETTERS: usize = 10_000;
const ROUNDS: usize = 3;
const TURN: Duration = Duration::from_secs(5);

pub fn table() -> Table {
    let mut table = Table::new(
        "jobs",
        "Ten thousand letters as a job on SQLite, each unlike the others, PDF/A-2a and PDF/UA-1",
        &["letters/s", "CPU ms each", "p50 ms", "p99 ms", "MiB"],
    );
    let cores = cores();
    let engines_name = format!("engine, {cores} processes");
    let processes_name = "render processes alone";
    let service = Service::start(&[]);
    let mut engines = Engines::start("mailed", cores);
    let processes = Processes::start(cores);
    for round in 0..ROUNDS {
        let offset = 2_000_000 + round * 100_000;
        // Half before and half after, since the speed of a shared machine changes meanwhile.
        let before = (engines.measure(TURN, offset), processes.measure(TURN, offset));
        let (archive, print_file) = job(&service, round);
        let after = (engines.measure(TURN, offset + 50_000), processes.measure(TURN, offset + 50_000));
        table.add(&engines_name, one_after_the_other(before.0, after.0));
        table.add(processes_name, one_after_the_other(before.1, after.1));
        table.add("job, to the last byte of the archive", archive);
        table.add("job, with the print file as well", print_file);
    }
    table.compare("job, to the last byte of the archive", processes_name);
    table.compare("job, to the last byte of the archive", &engines_name);
    table.compare(processes_name, &engines_name);
    table.compare("job, with the print file as well", "job, to the last byte of the archive");
    table
}

fn one_after_the_other(one: Figures, other: Figures) -> Figures {
    let (seconds, memory) = (one.seconds + other.seconds, one.memory.max(other.memory));
    Figures { seconds, memory, ..Figures::together([one, other]) }
}

/// A job: figures to the last byte of the archive, and to that of the print file after it.
fn job(service: &Service, round: usize) -> (Figures, Figures) {
    let url = |path: &str| format!("http://{}{path}", service.address);
    let mut body = input::mailing().to_string();
    for number in 0..LETTERS {
        body = body + "\n" + &input::pupil(round * LETTERS + number).to_string();
    }
    let (cpu, began) = (service.cpu(), Instant::now());
    let answer = ureq::post(url("/v1/jobs")).header("Content-Type", "application/x-ndjson").send(&body);
    let answer = answer.expect("the service takes a job");
    let location = answer.headers().get("location").and_then(|place| place.to_str().ok()).expect("a place").to_owned();
    let mut memory = follow(service, &url(&format!("{location}/events")));
    let size = take(&url(&format!("{location}/archive.zip")));
    assert!(size > LETTERS as u64 * 1000, "the archive has {size} bytes");
    let figures = |seconds: f64, memory: f64| Figures {
        count: LETTERS,
        seconds,
        cpu: service.cpu() - cpu,
        memory,
        micros: vec![(seconds * 1e6) as u32],
    };
    let seconds = began.elapsed().as_secs_f64();
    memory = memory.max(service.memory());
    let archive = figures(seconds, memory);
    take(&url(&format!("{location}/merged.pdf?pages_per_file=20000")));
    let print_file = figures(began.elapsed().as_secs_f64(), memory.max(service.memory()));
    ureq::delete(url(&location)).call().expect("a job can be erased");
    (archive, print_file)
}

fn open(url: &str) -> impl Read {
    let answer = ureq::get(url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
    answer.into_body().into_reader()
}

/// Listens to what is told of a job until it is done; MiB of the service at most meanwhile, which is looked at with every third event.
fn follow(service: &Service, url: &str) -> f64 {
    let mut memory: f64 = 0.0;
    let mut job = Value::Null;
    let events = BufReader::new(open(url)).lines().map(|line| line.expect("an answer can be read"));
    for (number, told) in events.filter_map(|line| line.strip_prefix("data:").map(str::to_owned)).enumerate() {
        job = serde_json::from_str(&told).expect("a job is JSON");
        if number % 3 == 2 {
            memory = memory.max(service.memory());
        }
    }
    assert_eq!((&job["state"], &job["counts"]["letters"]), (&json!("done"), &json!(LETTERS)), "{job}");
    memory
}

/// Fetches a file as one who writes it somewhere would, piece by piece; its bytes.
fn take(url: &str) -> u64 {
    let (mut answer, mut piece, mut size) = (open(url), vec![0; 256 * 1024], 0);
    loop {
        match answer.read(&mut piece).expect("an answer can be read") {
            0 => return size,
            read => size += read as u64,
        }
    }
}
