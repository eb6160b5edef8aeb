//! The render processes: bounded, replaceable, and nobody's trouble but their document's.

use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skoledok::document::Kind;

use crate::support::{Answer, Server, eventually, latencies, letter, output_folder, pdf, signal};

const RENDER: &str = "/v1/render/parent-letter";

/// Letters that are sent again and again, each made anew.
const LETTERS: usize = 12;
const UNKEPT: [(&str, &str); 1] = [("Cache-Control", "no-store")];

/// Whether it is the letter that was asked for, and not another's.
fn assert_same(body: &[u8], number: usize) {
    static EXPECTED: LazyLock<Vec<Vec<u8>>> =
        LazyLock::new(|| (0..LETTERS).map(|number| pdf(Kind::ParentLetter, &letter(number))).collect());
    assert!(body == EXPECTED[number], "letter {number} is the one that was asked for");
}

/// A server whose workers fail on demand, see `src/pipeline/fault.rs`.
fn faulty(more: &[(&str, &str)], log: Stdio) -> Server {
    let mut variables = vec![("SKOLEDOK_TEST_FAULT", "fault"), ("SKOLEDOK__RENDER__WORKERS", "2")];
    variables.extend(more);
    Server::with(&variables, log)
}

fn with_fault(fault: &str, number: usize) -> Value {
    let mut letter = letter(number);
    letter["archive_metadata"] = json!({ "document_id": format!("fault-{fault}-{number}") });
    letter
}

fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned()
}

#[test]
fn a_template_that_loops_is_killed_at_its_deadline_while_others_go_on() {
    let server = faulty(&[("SKOLEDOK__RENDER__DEADLINE_MS", "3000")], Stdio::null());
    let alone = latencies(&server, 0..40);
    let before = server.workers();
    let beside = std::thread::scope(|scope| {
        let looping = scope.spawn(|| server.post_json(RENDER, &with_fault("loop", 1)));
        std::thread::sleep(Duration::from_millis(100));
        let beside = latencies(&server, 100..140);
        assert!(!looping.is_finished(), "the others do not wait for the deadline");
        let answer = looping.join().expect("the request ends");
        assert_eq!((answer.status, problem(&answer).as_str()), (504, "deadline"));
        beside
    });
    // Shown, not asserted: a busy machine is no fault.
    println!("a letter alone: median {} ms; beside an endless one: median {} ms", alone[20], beside[20]);
    eventually("the killed worker is replaced", || {
        let now = server.workers();
        now.len() == 3 && now.iter().any(|worker| !before.contains(worker))
    });
    assert_eq!(server.post_json(RENDER, &letter(200)).status, 200);
}

#[test]
fn a_document_that_takes_too_much_memory_is_refused() {
    let server = faulty(&[], Stdio::null());
    for fault in ["memory", "allocation"] {
        let answer = server.post_json(RENDER, &with_fault(fault, 1));
        assert_eq!((answer.status, problem(&answer).as_str()), (422, "too-much-memory"), "{fault}");
        assert_eq!(server.post_json(RENDER, &letter(1)).status, 200);
    }
}

#[test]
fn a_crash_is_tried_again_once_and_then_told() {
    let log = output_folder("worker-crash").join("log.json");
    let server = faulty(&[], Stdio::from(std::fs::File::create(&log).expect("a log can be made")));
    for fault in ["abort", "exit", "stack", "panic"] {
        let before = server.workers();
        let answer = server.post_json(RENDER, &with_fault(fault, 1));
        assert_eq!((answer.status, problem(&answer).as_str()), (500, "internal-error"), "{fault}");
        assert_eq!(server.post_json(RENDER, &letter(2)).status, 200, "after {fault}");
        eventually("both workers are replaced", || {
            let now = server.workers();
            now.len() == 3 && before.iter().filter(|worker| !now.contains(worker)).count() == 2
        });
    }
    drop(server);
    let log = std::fs::read_to_string(log).expect("the log can be read");
    assert_eq!(log.matches("a render worker ended").count(), 8, "{log}");
    assert!(log.contains("panicked at src/pipeline/fault.rs"), "{log}");
    assert!(!log.contains("Brev nummer"), "the panic's own words quote the document: {log}");
}

#[test]
fn workers_killed_under_load_lose_no_request() {
    let server = faulty(&[], Stdio::null());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            while !done.load(Ordering::Relaxed) {
                eventually("all workers are there", || server.workers().len() == 3);
                // The oldest ones work, the youngest stands by.
                if let Some(&worker) = server.workers().get(killed % 3) {
                    signal("KILL", worker);
                    killed += 1;
                }
                std::thread::sleep(Duration::from_millis(500));
            }
            killed
        });
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let server = &server;
                scope.spawn(move || {
                    for number in 0..120 {
                        let number = caller * 1000 + number;
                        let answer = server.post(RENDER, letter(number % LETTERS).to_string().as_bytes(), &UNKEPT);
                        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                        assert_same(&answer.body, number % LETTERS);
                    }
                })
            })
            .collect();
        let lost = callers.into_iter().filter_map(|caller| caller.join().err()).count();
        done.store(true, Ordering::Relaxed);
        assert!(killer.join().is_ok_and(|killed| killed >= 2));
        assert_eq!(lost, 0);
    });
}

#[test]
fn a_crash_with_the_next_task_in_the_pipe_mixes_nothing_up() {
    let server = faulty(&[("SKOLEDOK__RENDER__WORKERS", "1")], Stdio::null());
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let server = &server;
                scope.spawn(move || {
                    for number in 0..12 {
                        let number = (caller * 12 + number) % LETTERS;
                        let answer = server.post(RENDER, letter(number).to_string().as_bytes(), &UNKEPT);
                        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                        assert_same(&answer.body, number);
                    }
                })
            })
            .collect();
        for number in 0..3 {
            let answer = server.post_json(RENDER, &with_fault("late", number));
            assert_eq!((answer.status, problem(&answer).as_str()), (500, "internal-error"));
        }
        for caller in callers {
            assert!(caller.join().is_ok());
        }
    });
}

#[test]
fn a_worker_that_has_done_its_share_is_replaced_without_a_word() {
    let server = faulty(&[("SKOLEDOK__RENDER__RECYCLE_DOCUMENTS", "5")], Stdio::null());
    let before = server.workers();
    let mut number = 0;
    eventually("no worker of the beginning is left", || {
        number += 1;
        assert_eq!(server.post_json(RENDER, &letter(number)).status, 200);
        !server.workers().iter().any(|worker| before.contains(worker))
    });
}

#[test]
fn past_the_queue_the_answer_is_503_and_who_leaves_frees_the_place() {
    use std::io::Write;
    let variables = [("SKOLEDOK__RENDER__WORKERS", "1"), ("SKOLEDOK__RENDER__QUEUE", "2")];
    let server = faulty(&variables, Stdio::null());
    let address = server.base.trim_start_matches("http://").to_owned();
    let send = |number: usize| {
        let body = with_fault("slow", number).to_string();
        let mut stream = std::net::TcpStream::connect(&address).expect("the server can be reached");
        let head = format!(
            "POST {RENDER} HTTP/1.1\r\nHost: skole\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("a request can be sent");
        std::thread::sleep(Duration::from_millis(30));
        stream
    };
    // One is worked on, two wait.
    let first = send(1);
    let waiting = [send(2), send(3)];
    let refused = server.post_json(RENDER, &letter(4));
    assert_eq!((refused.status, problem(&refused).as_str()), (503, "busy"));
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap_or_default()));
    drop(waiting);
    let began = Instant::now();
    eventually("the places are free", || server.post_json(RENDER, &letter(5)).status == 200);
    assert!(began.elapsed() < Duration::from_secs(20));
    drop(first);
}

#[test]
fn a_worker_has_no_files_no_network_and_no_dumps() {
    let server = Server::start();
    let wanted = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let limits_of = |worker| std::fs::read_to_string(format!("/proc/{worker}/limits")).unwrap_or_default();
    let closed = |limits: &str| limits.lines().any(|line| line.starts_with("Max open files            0"));
    eventually("all workers have closed themselves in", || {
        let workers = server.workers();
        workers.len() == wanted && workers.into_iter().all(|worker| closed(&limits_of(worker)))
    });
    for worker in server.workers() {
        let limits = limits_of(worker);
        let limit = |name: &str| -> Vec<&str> {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line[name.len()..].split_whitespace().take(2).collect()
        };
        for name in ["Max open files", "Max core file size", "Max file size", "Max processes"] {
            assert_eq!(limit(name), ["0", "0"], "{name}");
        }
        assert_ne!(limit("Max data size"), ["unlimited", "unlimited"]);
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).expect("the status can be read");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        let environment = std::fs::read(format!("/proc/{worker}/environ")).unwrap_or_default();
        assert!(environment.is_empty(), "nothing of the environment goes with a worker");
    }
}

#[test]
fn workers_end_with_their_service() {
    let server = Server::start();
    let wanted = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    eventually("one for each core and one spare", || server.workers().len() == wanted);
    let workers = server.workers();
    signal("KILL", server.process_id().parse().expect("a process has a number"));
    eventually("the workers have ended", || {
        // A killed child stays listed until its new parent has taken note of it.
        workers.iter().all(|worker| {
            std::fs::read_to_string(format!("/proc/{worker}/stat")).map_or(true, |stat| stat.contains(") Z "))
        })
    });
}
