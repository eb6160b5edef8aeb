//! A real Redis of a test's own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{eventually, free_port, output_folder, run_ok, signal};

/// A service key of tests.
pub const KEY: &str = "5e1f0000000000000000000000000000000000000000000000000000000000a1";

/// A redis-server on a free port, stopped when dropped.
pub struct RedisServer {
    child: Option<Child>,
    folder: PathBuf,
    arguments: Vec<String>,
    /// What `redis-cli` needs beside the port.
    client: Vec<String>,
    pub port: u16,
}

impl RedisServer {
    pub fn start(name: &str) -> Self {
        Self::with(name, &[], &[])
    }

    /// With settings, and with what `redis-cli` then needs.
    pub fn with(name: &str, arguments: &[&str], client: &[&str]) -> Self {
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let mut server = Self {
            child: None,
            folder: output_folder(&format!("redis-{name}")),
            arguments: own(arguments),
            client: own(client),
            port: free_port(),
        };
        server.run();
        server
    }

    /// Starts the server again, empty, on the same port.
    pub fn run(&mut self) {
        let mut command = Command::new("redis-server");
        if !self.arguments.iter().any(|argument| argument == "--port") {
            command.args(["--port", &self.port.to_string()]);
        }
        let child = command
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir"])
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("`redis-server` can not be run ({error}); install it with `make setup`"));
        self.child = Some(child);
        eventually("redis-server answers", || self.try_ask(&["PING"]).is_some_and(|answer| answer.contains("PONG")));
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).args(&self.client).args(words);
        command
    }

    /// What the server says to a command, if it answers at all.
    pub fn try_ask(&self, words: &[&str]) -> Option<String> {
        let output = self.client(words).output().expect("`redis-cli` can be run; install it with `make setup`");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What the server says to a command.
    pub fn ask(&self, words: &[&str]) -> String {
        run_ok(&mut self.client(words)).trim().to_owned()
    }

    /// The keys of documents.
    pub fn documents(&self) -> Vec<String> {
        let keys = self.ask(&["--scan", "--pattern", "skoledok:1:*"]);
        keys.lines().filter(|key| !key.contains(":lock:")).map(str::to_owned).collect()
    }

    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Stops it, without a word to its clients.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be stopped by a signal, and would not end otherwise.
            signal("KILL", child.id());
            child.wait().expect("the server can be waited for");
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A line to a Redis.
pub struct Line {
    pub port: u16,
    /// Connections so far, and the last of those that are dead.
    connected: Arc<AtomicUsize>,
    dead: Arc<AtomicUsize>,
}

impl Line {
    /// A line from a port to another.
    pub fn between(port: u16, redis: u16) -> Self {
        Self::start(port, redis, Duration::ZERO)
    }

    /// A line on which all that is larger than a few commands takes its time.
    pub fn narrow(redis: u16) -> Self {
        Self::start(free_port(), redis, Duration::from_millis(60))
    }

    fn start(port: u16, redis: u16, pause: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let (connected, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let line = Self { port, connected: Arc::clone(&connected), dead: Arc::clone(&dead) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let number = connected.fetch_add(1, Ordering::SeqCst) + 1;
                let Ok(far) = TcpStream::connect(("127.0.0.1", redis)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let dead = Arc::clone(&dead);
                    std::thread::spawn(move || carry(&from, &to, pause, || number <= dead.load(Ordering::SeqCst)));
                }
            }
        });
        line
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Nothing that is connected hears anything from now on, nor that this is so. What connects anew does.
    pub fn dies(&self) {
        self.dead.store(self.connected.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, pause: Duration, is_dead: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if is_dead() {
            continue;
        }
        if read > 4096 {
            std::thread::sleep(pause);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}
