//! Servers as processes of their own: skoledok, the bare handlers, Redis.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::load::{Answer, Caller, get};
use crate::process;
use crate::report::Table;

/// Connections that ask at once.
pub const CALLERS: usize = 8;
pub const KEY: &str = "be1f0000000000000000000000000000000000000000000000000000000000a1";

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A process that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stderr(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.take().expect("standard output is piped");
        BufReader::new(out).read_line(&mut line).expect("the server tells its address");
        line.trim().to_owned()
    }

    /// The process and its children.
    fn family(&self) -> Vec<u32> {
        let mut family = process::children_of(self.0.id());
        family.push(self.0.id());
        family
    }
}

/// An organisation number that nobody has.
const TENANT: &str = "999888763";

fn new_store() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("skoledok-bench-{}-{number}.db", std::process::id()))
}

fn url(store: &Path) -> String {
    format!("sqlite:{}", store.display())
}

/// skoledok, with variables in its environment.
pub struct Service {
    running: Running,
    pub address: String,
    /// What a caller says of who it is, where that is asked for.
    pub authorization: Option<String>,
    store: PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", ".lock", ".key"] {
            // Not all of them are there.
            drop(std::fs::remove_file(format!("{}{end}", self.store.display())));
        }
    }
}

impl Service {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::unready(variables).settled()
    }

    /// One that wants to know who calls, and so notes what it does, as in a school's daily use.
    pub fn start_for_known(variables: &[(&str, &str)]) -> Self {
        let mut create = Command::new(env!("CARGO_BIN_EXE_skoledok"));
        create.args(["key", "create", "--tenant", TENANT, "--scope", "render"]);
        let store = new_store();
        let made = create.env("SKOLEDOK__STORE__URL", url(&store)).output().expect("skoledok starts");
        assert!(made.status.success(), "no key was made: {}", String::from_utf8_lossy(&made.stderr));
        let told = String::from_utf8(made.stdout).expect("a key is text");
        let closed = [("SKOLEDOK__ACCESS__OPEN", "false"), ("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "0")];
        let mut service = Self::on(store, &[variables, &closed].concat());
        service.authorization = Some(format!("Bearer {}", told.trim()));
        service.settled()
    }

    fn settled(self) -> Self {
        self.await_ready();
        // The spare starts behind it.
        std::thread::sleep(Duration::from_secs(1));
        self
    }

    fn unready(variables: &[(&str, &str)]) -> Self {
        Self::on(new_store(), variables)
    }

    fn on(store: PathBuf, variables: &[(&str, &str)]) -> Self {
        let mut running = Running::start(
            Command::new(env!("CARGO_BIN_EXE_skoledok"))
                .args(["serve", "--bind", "127.0.0.1:0"])
                .env("SKOLEDOK__STORE__URL", url(&store))
                .envs(variables.iter().copied())
                .stdout(Stdio::piped()),
        );
        let line = running.first_line();
        let address = line.trim_start_matches("listening on http://").to_owned();
        Self { running, address, authorization: None, store }
    }

    fn await_ready(&self) {
        let began = Instant::now();
        while self.fetch("/health/ready").status != 200 {
            assert!(began.elapsed() < Duration::from_mins(1), "the service is not ready");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn cpu(&self) -> f64 {
        self.running.family().into_iter().map(process::cpu_of).sum()
    }

    pub fn memory(&self) -> f64 {
        self.running.family().into_iter().map(process::memory_of).sum()
    }

    pub fn fetch(&self, path: &str) -> Answer {
        Caller::new(&self.address).fetch(&get(path, &[]))
    }

    /// Posts a document and gives its location.
    pub fn make(&self, request: &[u8]) -> String {
        let answer = Caller::new(&self.address).fetch(request);
        assert_eq!(answer.status, 200);
        std::thread::sleep(Duration::from_millis(200));
        answer.header("content-location")
    }
}

/// The bare handlers.
pub struct Bare {
    running: Running,
    pub address: String,
}

impl Bare {
    pub fn start(redis: &str) -> Self {
        let this = std::env::current_exe().expect("a program has a path");
        let mut running = Running::start(Command::new(this).args(["bare", redis]).stdout(Stdio::piped()));
        let address = running.first_line();
        Self { running, address }
    }

    pub fn set(&self, pdf: &[u8]) {
        let mut request =
            format!("POST /set HTTP/1.1\r\nHost: skole\r\nContent-Length: {}\r\n\r\n", pdf.len()).into_bytes();
        request.extend_from_slice(pdf);
        assert_eq!(Caller::new(&self.address).fetch(&request).status, 200);
    }

    pub fn cpu(&self) -> f64 {
        process::cpu_of(self.running.0.id())
    }

    pub fn memory(&self) -> f64 {
        process::memory_of(self.running.0.id())
    }
}

/// A Redis of the bench's own.
pub struct Redis {
    _running: Running,
    port: u16,
}

impl Redis {
    pub fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port")
            .port();
        let running = Running::start(
            Command::new("redis-server").args(["--port", &port.to_string(), "--save", ""]).stdout(Stdio::null()),
        );
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { _running: running, port }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// From the start of the program to the first yes of `/health/ready`.
pub fn start_times() -> Table {
    let mut table = Table::new("start", "From start to ready", &["starts/s", "CPU ms each", "p50 ms", "p99 ms", "MiB"]);
    for _ in 0..10 {
        let began = Instant::now();
        let service = Service::unready(&[]);
        service.await_ready();
        let seconds = began.elapsed().as_secs_f64();
        let micros = vec![(seconds * 1e6) as u32];
        table.add(
            "service",
            crate::load::Figures { count: 1, seconds, cpu: service.cpu(), memory: service.memory(), micros },
        );
    }
    table
}
