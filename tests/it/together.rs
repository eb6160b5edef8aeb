//! Two services on one PostgreSQL and one Redis, behind a proxy that knows both.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use skoledok::document::Kind;

use crate::postgres_server::PostgresServer;
use crate::redis_server::{KEY, RedisServer};
use crate::support::{Server, binary, eventually, letter, pdf, run_ok};

const TENANT: &str = "999888763";
const LETTERS: usize = 40;

/// Where a service listens, and how often it was killed.
#[derive(Default)]
struct Backend {
    address: Mutex<String>,
    /// Odd while it is being killed.
    killed: AtomicU64,
    /// Whether it says that it is not ready, so that new connections go elsewhere.
    is_out: AtomicBool,
}

impl Backend {
    fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn moves_to(&self, server: &Server) {
        server
            .base
            .trim_start_matches("http://")
            .clone_into(&mut self.address.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Hands connections to the services in turn, past one that does not take any. A connection that was handed to a service
/// which is killed meanwhile is counted.
struct Proxy {
    address: String,
    cut: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(backends: Arc<[Backend; 2]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let cut = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&cut);
        std::thread::spawn(move || {
            for (turn, caller) in listener.incoming().flatten().enumerate() {
                let (backends, cut) = (Arc::clone(&backends), Arc::clone(&counter));
                std::thread::spawn(move || hand_on(&caller, &backends, turn, &cut));
            }
        });
        Self { address, cut }
    }
}

fn hand_on(caller: &TcpStream, backends: &[Backend; 2], turn: usize, cut: &AtomicUsize) {
    let in_turn = [turn % 2, (turn + 1) % 2].into_iter();
    let taken = in_turn.filter(|index| !backends[*index].is_out.load(Ordering::SeqCst)).find_map(|index| {
        let killed = backends[index].killed.load(Ordering::SeqCst);
        TcpStream::connect(backends[index].address()).ok().map(|stream| (&backends[index], killed, stream))
    });
    let Some((backend, killed, service)) = taken else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Broken or at its end, the service learns of it.
            drop(std::io::copy(&mut &*caller, &mut &service));
            drop(service.shutdown(Shutdown::Write));
        });
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = (&service).read(&mut buffer) {
            if (&mut &*caller).write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        if killed % 2 == 1 || backend.killed.load(Ordering::SeqCst) > killed {
            cut.fetch_add(1, Ordering::SeqCst);
        }
        drop(caller.shutdown(Shutdown::Both));
    });
}

/// One request on a connection of its own: status and body, or nothing when the connection was cut.
fn post(address: &str, key: &str, body: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let head = format!(
        "POST /v1/render/parent-letter HTTP/1.1\r\nHost: skole\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    // Less than was announced is a connection that was cut.
    (answer.len() == end + length).then(|| (status, answer[end..].to_vec()))
}

/// What both services of a test are set to: documents are forgotten soon, so that they are made again and again.
fn settings<'a>(store: &'a str, cache: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![
        ("SKOLEDOK__STORE__URL", store),
        ("SKOLEDOK__ACCESS__OPEN", "false"),
        ("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "0"),
        ("SKOLEDOK__CACHE__REDIS_URL", cache),
        ("SKOLEDOK__CACHE__KEY", KEY),
        ("SKOLEDOK__CACHE__LIFE_SECONDS", "3"),
        ("SKOLEDOK__RENDER__WORKERS", "1"),
    ];
    variables.extend_from_slice(more);
    variables
}

#[test]
fn a_service_that_is_killed_over_and_over_costs_only_what_it_had_in_hand() {
    let (postgres, redis) = (PostgresServer::start("together"), RedisServer::start("together"));
    let (store, cache) = (postgres.url(), redis.url());
    let variables = settings(&store, &cache, &[]);
    let start = || Server::with(&variables, Stdio::null());
    let key = run_ok(
        binary().args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &store),
    );
    let (steady, mut victim) = (start(), start());
    let backends: Arc<[Backend; 2]> = Arc::default();
    backends[0].moves_to(&steady);
    backends[1].moves_to(&victim);
    let proxy = Proxy::start(Arc::clone(&backends));
    let bodies: Vec<String> = (0..LETTERS).map(|number| letter(number).to_string()).collect();
    let expected: Vec<Vec<u8>> = (0..LETTERS).map(|number| pdf(Kind::ParentLetter, &letter(number))).collect();

    let (stop, next, good, lost) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let mut kills = 0;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst) % LETTERS;
                    match post(&proxy.address, key.trim(), &bodies[number]) {
                        Some((200, body)) => {
                            assert!(body == expected[number], "letter {number} is the one that was asked for");
                            good.fetch_add(1, Ordering::SeqCst);
                        }
                        Some((status, body)) => {
                            stop.store(true, Ordering::SeqCst);
                            panic!("answered with {status}: {}", String::from_utf8_lossy(&body));
                        }
                        None => {
                            lost.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_mins(1) && !stop.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1500));
            backends[1].killed.fetch_add(1, Ordering::SeqCst);
            // Dropping it kills it with SIGKILL; nobody listens there until it is back.
            drop(victim);
            backends[1].killed.fetch_add(1, Ordering::SeqCst);
            kills += 1;
            victim = start();
            backends[1].moves_to(&victim);
        }
        stop.store(true, Ordering::SeqCst);
    });
    let (good, lost, cut) = (good.into_inner(), lost.into_inner(), proxy.cut.load(Ordering::SeqCst));
    println!("{good} right, {lost} lost with {kills} kills, {cut} connections cut by them");
    assert!(kills >= 8 && good > 200, "{good} answers, {kills} kills");
    assert!(lost <= cut, "{lost} requests were lost, but only {cut} were in the hands of a service that was killed");

    // What the steady one noted and what the killed ones had written make one chain.
    let verify =
        || binary().args(["audit", "verify"]).env("SKOLEDOK__STORE__URL", &store).output().expect("the program starts");
    eventually("the log is whole", || verify().status.success());
}

/// Stops the others also when the test ends by a panic: a scope waits for its threads.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Tells a proxy what `/health/ready` says, as those who distribute requests ask for it.
fn watch(backends: &[Backend; 2], stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        for backend in backends {
            let ready = ureq::get(format!("http://{}/health/ready", backend.address())).call();
            backend.is_out.store(ready.is_err(), Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_rolling_restart_costs_no_request() {
    let (postgres, redis) = (PostgresServer::start("rolling"), RedisServer::start("rolling"));
    let (store, cache) = (postgres.url(), redis.url());
    let variables = settings(&store, &cache, &[("SKOLEDOK__SERVER__DRAIN_MS", "3000")]);
    let start = || Server::with(&variables, Stdio::null());
    let key = run_ok(
        binary().args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &store),
    );
    let mut services = [Some(start()), Some(start())];
    let backends: Arc<[Backend; 2]> = Arc::default();
    for (backend, service) in backends.iter().zip(services.iter().flatten()) {
        backend.moves_to(service);
    }
    let proxy = Proxy::start(Arc::clone(&backends));
    let url = format!("http://{}/v1/render/parent-letter", proxy.address);
    let authorization = format!("Bearer {}", key.trim());
    let (stop, next, good) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _end = End(&stop);
        scope.spawn(|| watch(&backends, &stop));
        for _ in 0..4 {
            scope.spawn(|| {
                // It keeps its connections, as callers do.
                let agent = ureq::Agent::new_with_defaults();
                while !stop.load(Ordering::SeqCst) {
                    let body = letter(next.fetch_add(1, Ordering::SeqCst) % LETTERS).to_string();
                    let request = agent.post(&url).header("Authorization", &authorization);
                    let answer = request.header("Content-Type", "application/json").send(&body);
                    if let Err(error) = answer.and_then(|answer| answer.into_body().read_to_vec()) {
                        stop.store(true, Ordering::SeqCst);
                        panic!("a request has failed: {error}");
                    }
                    good.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for turn in 0..4 {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
            let old = services[turn % 2].take().expect("there are two");
            assert_eq!(old.terminate().code(), Some(0));
            let new = start();
            backends[turn % 2].moves_to(&new);
            services[turn % 2] = Some(new);
            eventually("it is in turn again", || !backends[turn % 2].is_out.load(Ordering::SeqCst));
        }
    });
    assert!(good.into_inner() > 100);
}
