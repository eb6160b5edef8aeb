//! One worker process, as the service sees it.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::queue::Job;
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
    Spawn(#[source] std::io::Error),
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

/// A process that waits for tasks or does one. Dropping it kills it.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    /// With the length of a message its beginning is read, so that most need two calls of the system.
    output: BufReader<ChildStdout>,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// How far the kernel fences the process in.
    pub(super) landlock: Landlock,
    /// Tasks that it has done.
    pub(super) done: u64,
    /// Whether it has been given a task ahead.
    has_next: bool,
    /// Resident bytes when it was new.
    baseline: u64,
}

impl Worker {
    /// Starts a worker and waits until it is warm.
    pub(super) async fn start(program: &Program) -> Result<Self, StartError> {
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(StartError::Spawn)?;
        let missing = || StartError::Spawn(std::io::Error::other("a pipe is missing"));
        let input = child.stdin.take().ok_or_else(missing)?;
        let mut output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let errors = child.stderr.take().ok_or_else(missing)?;
        let last_words = Arc::default();
        let listener = tokio::spawn(listen(errors, Arc::clone(&last_words)));
        let hello = async {
            let length = wire::arrival(&mut output).await?;
            wire::receive(&mut output, length).await
        };
        let hello = match timeout(START, hello).await {
            Ok(Ok(message)) => postcard::from_bytes::<Hello>(&message).map_err(|_| StartError::OtherBuild)?,
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
        let mut worker = Self { child, input, output, last_words, landlock, done: 0, has_next: false, baseline: 0 };
        worker.baseline = worker.resident().unwrap_or(0);
        Ok(worker)
    }

    /// Has a job done, which the worker may have been given ahead. As soon as it says that it is nearly done, or else when there
    /// is an answer and before that is read, the worker gets what `following` gives: so it does not wait while the answer is
    /// handed over. That job is left in `ahead`, and the next call must be for it. After an error the worker is of no more use.
    pub(super) async fn ask(
        &mut self,
        job: &Job,
        deadline: Duration,
        ahead: &mut Option<Job>,
        following: impl Fn() -> Option<Job>,
    ) -> Result<Vec<u8>, Ended> {
        match timeout(deadline, self.exchange(job, ahead, following)).await {
            Ok(Ok(answer)) => {
                self.done += 1;
                Ok(answer)
            }
            Ok(Err(_)) => Err(self.cause().await),
            Err(_) => Err(Ended::Late),
        }
    }

    async fn exchange(
        &mut self,
        job: &Job,
        ahead: &mut Option<Job>,
        following: impl Fn() -> Option<Job>,
    ) -> std::io::Result<Vec<u8>> {
        if !std::mem::take(&mut self.has_next) {
            let task = match &job.task.anew {
                Some(anew) if self.done == 0 => &anew(),
                _ => &job.task.bytes,
            };
            self.input.write_all(&wire::framed(task)?).await?;
        }
        let mut is_near = false;
        loop {
            let length = wire::arrival(&mut self.output).await?;
            if length == 0 && std::mem::replace(&mut is_near, true) {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if ahead.is_none() {
                *ahead = following();
                if let Some(next) = ahead {
                    self.has_next = true;
                    self.input.write_all(&wire::framed(&next.task.bytes)?).await?;
                }
            }
            if length > 0 {
                return wire::receive(&mut self.output, length).await;
            }
        }
    }

    /// Why the pipe broke.
    async fn cause(&mut self) -> Ended {
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
