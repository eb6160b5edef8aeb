//! One worker process, as the service sees it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::Task;
use super::sandbox::Landlock;
use super::wire::{self, Hello};

/// Longest that a worker may take to load its fonts and warm itself.
const START: Duration = Duration::from_mins(1);
/// Longest that the exit of a worker is waited for, once its pipe has broken.
const EXIT: Duration = Duration::from_secs(2);
/// What the standard library writes when an allocation fails.
const OUT_OF_MEMORY: &str = "memory allocation of";
/// Bytes of a worker's last words that are kept.
const LAST_WORDS: usize = 2048;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program. `/proc/self/exe` is the running one, also after an upgrade on disk.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment, and nothing else.
    pub environment: Vec<(OsString, OsString)>,
    /// What it must have been built from.
    pub build: String,
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system did not start the process.
    #[error("the render worker can not be started")]
    Spawn(#[source] io::Error),
    /// The process ended or said nothing of sense. The text is its own last words.
    #[error("the render worker ended before it was ready: {0}")]
    Ended(String),
    /// The process took too long.
    #[error("the render worker was not ready in time")]
    Late,
    /// The program on disk is another than the running one.
    #[error("the render worker is of another build than the service; restart the service")]
    OtherBuild,
}

/// How a task ended that got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The deadline passed.
    Late,
    /// The memory cap was met.
    Memory,
    /// Somebody else killed the process, which is no fault of its document.
    Killed,
    /// The process ended in any other way.
    Crashed,
}

impl Ended {
    /// How many workers may try a task that ends like that. A crash may be a worker's own fault; a kill says nothing of the task.
    pub(super) fn tries(self) -> u32 {
        match self {
            Self::Late | Self::Memory => 1,
            Self::Crashed => 2,
            Self::Killed => 3,
        }
    }
}

/// What a worker says.
pub(super) enum Heard {
    /// It is nearly done with the last task that it has, or has no room for more answers.
    Bell,
    /// The answer to the task with this number.
    Answer(u32, Vec<u8>),
}

/// A process that waits for tasks or does them, in the order in which it gets them. Dropping it kills it.
pub(super) struct Worker {
    child: Child,
    /// Takes tasks to the worker, and a byte for each time that it rings.
    line: UnixStream,
    /// With the length of a message its beginning is read, so that most need two calls of the system.
    output: BufReader<ChildStdout>,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// How far the kernel fences the process in.
    pub(super) landlock: Landlock,
    /// Tasks that it has been given. The newest one has this number.
    pub(super) given: u32,
    /// Times that it has rung, for each task once at most.
    rung: u32,
    /// Resident bytes when it was new.
    baseline: u64,
}

impl Worker {
    /// Starts a worker and waits until it is warm.
    pub(super) async fn start(program: &Program) -> Result<Self, StartError> {
        let (line, far) = line().map_err(StartError::Spawn)?;
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().cloned())
            .stdin(far)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(StartError::Spawn)?;
        let missing = || StartError::Spawn(io::Error::other("a pipe is missing"));
        let mut output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let errors = child.stderr.take().ok_or_else(missing)?;
        let last_words = Arc::default();
        let listener = tokio::spawn(listen(errors, Arc::clone(&last_words)));
        let hello = match timeout(START, wire::receive(&mut output)).await {
            Ok(Ok((_, message))) => postcard::from_bytes::<Hello>(&message).map_err(|_| StartError::OtherBuild)?,
            Ok(Err(_)) => {
                // The process has closed its pipes; what it had to say is on its way.
                drop(timeout(EXIT, listener).await);
                return Err(StartError::Ended(words(&last_words)));
            }
            Err(_) => return Err(StartError::Late),
        };
        if hello.build != program.build {
            return Err(StartError::OtherBuild);
        }
        let landlock = hello.landlock;
        let mut worker = Self { child, line, output, last_words, landlock, given: 0, rung: 0, baseline: 0 };
        worker.baseline = worker.resident().unwrap_or(0);
        Ok(worker)
    }

    /// Gives the worker a task, whose number is then in `given`. After an error the worker is of no more use.
    pub(super) async fn give(&mut self, task: &Task) -> io::Result<()> {
        let message = match &task.anew {
            Some(anew) if self.given == 0 => &anew(),
            _ => &task.bytes,
        };
        self.given = self.given.wrapping_add(1);
        self.line.write_all(&wire::framed(self.given, message)?).await
    }

    /// Waits for what the worker says next. After an error, or when it was not waited for to the end, the worker is of no more use.
    pub(super) async fn hear(&mut self) -> io::Result<Heard> {
        loop {
            tokio::select! {
                biased;
                begun = self.output.fill_buf() => {
                    if begun?.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    let (number, answer) = wire::receive(&mut self.output).await?;
                    return Ok(Heard::Answer(number, answer));
                }
                ringing = self.line.readable() => {
                    ringing?;
                    if self.has_rung()? {
                        return Ok(Heard::Bell);
                    }
                }
            }
        }
    }

    /// Whether it has rung since this was asked last. It is an error when it is gone, or rings on and on.
    pub(super) fn has_rung(&mut self) -> io::Result<bool> {
        match self.line.try_read(&mut [0; 64]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(times) => {
                self.rung = self.rung.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
                if self.rung > self.given { Err(io::ErrorKind::InvalidData.into()) } else { Ok(true) }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        // It may have ended.
        drop(self.child.start_kill());
    }

    /// What can be read from when the worker has rung or is gone.
    pub(super) fn bell(&self) -> io::Result<OwnedFd> {
        self.line.as_fd().try_clone_to_owned()
    }

    /// Why the pipe broke.
    pub(super) async fn cause(&mut self) -> Ended {
        // A process that has closed its pipe but not ended is killed when it is dropped.
        let ended = timeout(EXIT, self.child.wait()).await;
        // The reader of the last words may be a moment behind the exit.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let said = words(&self.last_words);
        if said.contains(OUT_OF_MEMORY) {
            return Ended::Memory;
        }
        let status = ended.ok().and_then(Result::ok);
        tracing::error!(status = status.map(|status| status.to_string()), said, "a render worker ended");
        let killed = status.and_then(|status| status.signal()) == Some(Signal::KILL.as_raw());
        if killed { Ended::Killed } else { Ended::Crashed }
    }

    /// Bytes of resident memory beyond what the worker had when it was new; nothing where the system does not tell.
    pub(super) fn growth(&self) -> Option<u64> {
        self.resident().map(|resident| resident.saturating_sub(self.baseline))
    }

    fn resident(&self) -> Option<u64> {
        let told = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()?)).ok()?;
        let pages: u64 = told.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }

    /// Whether the process has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

/// A line to a worker, and its far end.
fn line() -> io::Result<(UnixStream, Stdio)> {
    let (near, far) = net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    Ok((UnixStream::from_std(near)?, OwnedFd::from(far).into()))
}

/// Keeps the first of what a worker says on its standard error: places of panics and the runtime's own
/// words, no contents (see `child::quiet_panics`).
async fn listen(mut from: impl AsyncRead + Unpin, into: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 512];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut words = into.lock().unwrap_or_else(PoisonError::into_inner);
        let room = LAST_WORDS.saturating_sub(words.len());
        words.extend_from_slice(&buffer[..read.min(room)]);
    }
}

fn words(last: &Mutex<Vec<u8>>) -> String {
    let bytes = last.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
