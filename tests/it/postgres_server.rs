//! A real PostgreSQL of a test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::{eventually, free_port, output_folder, run, run_ok};

/// A PostgreSQL on a free port, stopped when dropped.
pub struct PostgresServer {
    child: Option<Child>,
    port: u16,
    bin: PathBuf,
    folder: PathBuf,
    log: PathBuf,
}

/// Nothing here has to outlive the machine, and several of these share its disk: little is kept of the log of changes.
const SETTINGS: [&str; 7] = [
    "unix_socket_directories=",
    "fsync=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "min_wal_size=32MB",
    "max_wal_size=128MB",
    "checkpoint_timeout=30s",
];

/// Where Debian puts the server: it is not on the path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists()).max();
    newest.expect("PostgreSQL is below /usr/lib/postgresql; install it with `make setup`")
}

fn is_root() -> bool {
    run_ok(Command::new("id").arg("-u")).trim() == "0"
}

/// PostgreSQL refuses to run as root; then it runs as the user that Debian made for it.
fn command(program: &std::path::Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl PostgresServer {
    pub fn start(name: &str) -> Self {
        let bin = programs();
        // Not below `target/`, whose folders another user may not be let into.
        let folder = std::env::temp_dir().join(format!("skoledok-postgres-{name}-{}", std::process::id()));
        let log = output_folder(&format!("postgres-{name}")).join("log.txt");
        run_ok(
            command(&bin.join("initdb"))
                .args(["--auth=trust", "--username=skoledok", "--no-sync", "--locale=C.UTF-8", "--pgdata"])
                .arg(&folder)
                .current_dir("/"),
        );
        let mut server = Self { child: None, port: free_port(), bin, folder, log };
        server.run();
        server
    }

    /// Starts the server again, with what it held.
    pub fn run(&mut self) {
        let port = self.port.to_string();
        let log = std::fs::File::options().create(true).append(true).open(&self.log).expect("a log can be made");
        let mut child = command(&self.bin.join("postgres"))
            .current_dir("/")
            .arg("-D")
            .arg(&self.folder)
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("PostgreSQL starts");
        eventually("PostgreSQL answers", || {
            if let Some(status) = child.try_wait().expect("PostgreSQL can be waited for") {
                panic!("PostgreSQL ended with {status}\n{}", self.said());
            }
            let ready = Command::new(self.bin.join("pg_isready")).args(["-h", "127.0.0.1", "-p", &port]).output();
            ready.is_ok_and(|output| output.status.success())
        });
        self.child = Some(child);
    }

    /// Stops it as a crash would.
    pub fn stop(&mut self) {
        if let Err(error) = self.halt() {
            panic!("{error}");
        }
    }

    fn halt(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let output = run(command(&self.bin.join("pg_ctl"))
            .current_dir("/")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(&self.folder));
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            let ended = child.try_wait();
            return Err(format!("PostgreSQL was not stopped: {why}(itself: {ended:?})\n{}", self.said()));
        }
        child.wait().map(drop).map_err(|error| error.to_string())
    }

    /// The end of its log.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub fn url(&self) -> String {
        format!("postgres://skoledok@127.0.0.1:{}/postgres", self.port)
    }

    /// What `psql` says to a statement.
    pub fn ask(&self, statement: &str) -> String {
        run_ok(Command::new(self.bin.join("psql")).args(["-tA", &self.url(), "-c", statement])).trim().to_owned()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // A second panic would end all tests and hide the first.
        if let Err(error) = self.halt() {
            assert!(std::thread::panicking(), "{error}");
            eprintln!("{error}");
        }
        // What it held is of no use without it.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
