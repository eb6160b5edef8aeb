//! The engine alone: the program renders in a loop, in one thread, without HTTP, pipes or cache.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skoledok::pipeline::{self, Order};
use skoledok::render::{Engine, Options};
use skoledok::validate;

use crate::input::Bodies;
use crate::load::Figures;
use crate::process;

/// The inside: renders for some seconds, then prints what it has done. From JSON to PDF, with the checks
/// between, as the service does it.
pub fn run(kind: &str, seconds: usize, offset: usize) {
    let stack = std::thread::Builder::new().stack_size(64 << 20);
    let kind = kind.to_owned();
    let thread = stack.spawn(move || {
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("one pool");
        let bodies = Bodies::of(&kind);
        let engine = Engine::load();
        pipeline::self_test(&engine).expect("the engine works");
        let make = |number: usize| {
            let body = validate::read_json(bodies.body(number).as_bytes()).expect("a body is JSON");
            let order = Order { kind: bodies.kind, body, options: Options::default() };
            pipeline::produce(&engine, order).expect("a body is valid")
        };
        for number in 0..100 {
            make(offset + 5000 + number);
        }
        let mut taken = Vec::new();
        let (before, began) = (process::cpu_of(std::process::id()), Instant::now());
        while began.elapsed() < Duration::from_secs(seconds as u64) {
            let start = Instant::now();
            std::hint::black_box(make(offset + taken.len()));
            taken.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        let figures = Figures {
            count: taken.len(),
            seconds: began.elapsed().as_secs_f64(),
            cpu: process::cpu_of(std::process::id()) - before,
            memory: process::memory_of(std::process::id()),
            micros: taken,
        };
        println!("{}", serde_json::to_string(&figures).expect("figures are JSON"));
    });
    thread.expect("a thread").join().expect("the engine ends well");
}

/// Where the time of a document goes: reading and checking, laying out, writing the PDF.
pub fn phases(kind: &str) {
    let kind = kind.to_owned();
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || {
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("one pool");
        let bodies = Bodies::of(&kind);
        let engine = Engine::load();
        pipeline::self_test(&engine).expect("the engine works");
        let check = |number: usize| {
            let body = validate::read_json(bodies.body(number).as_bytes()).expect("a body is JSON");
            validate::check(bodies.kind, body, engine.coverage()).outcome.expect("a body is valid")
        };
        let time = |work: &dyn Fn(usize), from: usize| {
            let began = Instant::now();
            for number in from..from + 200 {
                work(number);
            }
            began.elapsed().as_secs_f64() * 5.0
        };
        for round in 0..5 {
            let from = round * 1000;
            let checked = time(&|number| drop(check(number)), from);
            let laid_out = time(&|number| drop(engine.preview(&check(number))), from + 300);
            let whole = time(&|number| drop(engine.render(&check(number), &Options::default())), from + 600);
            println!(
                "ms: check {checked:.3}, lay out {:.3}, write the PDF {:.3}, whole {whole:.3}",
                laid_out - checked,
                whole - laid_out
            );
        }
    });
    thread.expect("a thread").join().expect("the engine ends well");
}

/// Several of them at once.
pub fn measure(kind: &str, processes: usize, seconds: usize, offset: usize) -> Figures {
    let children: Vec<_> = (0..processes)
        .map(|process| {
            let offset = (offset + process * 20_000_000).to_string();
            Command::new(std::env::current_exe().expect("a program has a path"))
                .args(["engine", kind, &seconds.to_string(), &offset])
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program starts itself")
        })
        .collect();
    let all = children.into_iter().map(|child| {
        let output = child.wait_with_output().expect("the engine ends");
        serde_json::from_slice::<Figures>(&output.stdout).expect("the engine prints its figures")
    });
    Figures::together(all)
}
