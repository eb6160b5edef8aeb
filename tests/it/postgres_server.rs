//! A real PostgreSQL of a test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::{eventually, free_port, output_folder, run_ok};

/// A PostgreSQL on a free port, stopped when dropped.
pub struct PostgresServer {
    child: Option<Child>,
    port: u16,
    bin: PathBuf,
    folder: PathBuf,
    log: PathBuf,
}

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
        let child = command(&self.bin.join("postgres"))
            .current_dir("/")
            .arg("-D")
            .arg(&self.folder)
            .args(["-h", "127.0.0.1", "-p", &port, "-c", "unix_socket_directories=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("PostgreSQL starts");
        self.child = Some(child);
        eventually("PostgreSQL answers", || {
            let ready = Command::new(self.bin.join("pg_isready")).args(["-h", "127.0.0.1", "-p", &port]).output();
            ready.is_ok_and(|output| output.status.success())
        });
    }

    /// Stops it as a crash would.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        run_ok(
            command(&self.bin.join("pg_ctl"))
                .current_dir("/")
                .args(["stop", "-m", "immediate", "-D"])
                .arg(&self.folder),
        );
        child.wait().expect("PostgreSQL can be waited for");
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
        self.stop();
        // What it held is of no use without it.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
