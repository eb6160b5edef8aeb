//! The engine alone: the program renders, or signs what it has rendered, in a loop, in one thread, without HTTP, pipes or cache.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use skoledok::pipeline::{self, Order};
use skoledok::render::{Engine, Options};
use skoledok::validate;

use crate::input::Bodies;
use crate::load::Figures;
use crate::process;
use crate::signing;

/// The inside: for each line on standard input, with milliseconds and the number of the first document, works for so long
/// and prints what it has done. From JSON to PDF, with the checks between, as the service does it.
pub fn run(kind: &str) {
    let stack = std::thread::Builder::new().stack_size(64 << 20);
    let kind = kind.to_owned();
    let thread = stack.spawn(move || {
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("one pool");
        let engine = Engine::load();
        pipeline::self_test(&engine).expect("the engine works");
        let mut work = signing::work(&engine, &kind).unwrap_or_else(|| rendering(&engine, &kind));
        for line in std::io::stdin().lines() {
            let line = line.expect("standard input is text");
            let mut numbers = line.split(' ').map(|word| word.parse().expect("a line has numbers"));
            let (Some(millis), Some(offset), None) = (numbers.next(), numbers.next(), numbers.next()) else {
                panic!("a line has two numbers");
            };
            let figures = repeat(&mut work, Duration::from_millis(millis), offset as usize);
            println!("{}", serde_json::to_string(&figures).expect("figures are JSON"));
        }
    });
    thread.expect("a thread").join().expect("the engine ends well");
}

/// What is done again and again, with the number of the document.
pub type Work<'a> = Box<dyn FnMut(usize) + 'a>;

fn rendering<'a>(engine: &'a Engine, kind: &str) -> Work<'a> {
    let bodies = Bodies::of(kind);
    Box::new(move |number| {
        let body = validate::read_json(bodies.body(number).as_bytes()).expect("a body is JSON");
        let order = Order { kind: bodies.kind, body, options: Options::default() };
        std::hint::black_box(pipeline::produce(engine, order).expect("a body is valid"));
    })
}

fn repeat(work: &mut Work<'_>, time: Duration, offset: usize) -> Figures {
    let mut taken = Vec::new();
    let (before, began) = (process::cpu_of(std::process::id()), Instant::now());
    while began.elapsed() < time {
        let start = Instant::now();
        work(offset + taken.len());
        taken.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Figures {
        count: taken.len(),
        seconds: began.elapsed().as_secs_f64(),
        cpu: process::cpu_of(std::process::id()) - before,
        memory: process::memory_of(std::process::id()),
        micros: taken,
    }
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

/// Several of them, warm, each waiting for its next turn.
pub struct Engines(Vec<(Child, BufReader<ChildStdout>)>);

impl Engines {
    pub fn start(kind: &str, processes: usize) -> Self {
        let start = |_| {
            let mut child = Command::new(std::env::current_exe().expect("a program has a path"))
                .args(["engine", kind])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program starts itself");
            let out = child.stdout.take().expect("standard output is piped");
            (child, BufReader::new(out))
        };
        let mut engines = Self((0..processes).map(start).collect());
        // A first fill of what Typst remembers.
        engines.measure(Duration::from_secs(2), 9_000_000);
        engines
    }

    /// What they do at the same time. No two render the same document.
    pub fn measure(&mut self, time: Duration, offset: usize) -> Figures {
        for (process, (child, _)) in self.0.iter_mut().enumerate() {
            let line = format!("{} {}\n", time.as_millis(), offset + process * 20_000_000);
            child.stdin.as_mut().expect("standard input is piped").write_all(line.as_bytes()).expect("it waits");
        }
        Figures::together(self.0.iter_mut().map(|(_, out)| {
            let mut line = String::new();
            out.read_line(&mut line).expect("the engine answers");
            serde_json::from_str::<Figures>(&line).expect("the engine prints its figures")
        }))
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            // It ends with its standard input.
            drop(child.stdin.take());
            drop(child.wait());
        }
    }
}
