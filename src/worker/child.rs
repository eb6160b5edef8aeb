//! The inside of a worker: one thread that reads a task, does it, and answers, until the service hangs up.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic;

use rustix::io::ioctl_fionread;
use rustix::net::{SendFlags, send};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use tokio::signal::unix::{SignalKind, signal};

use super::STACK;
use super::sandbox::{self, Landlock};
use super::wire::{self, Hello};

/// Bytes of answers that wait for the service: a few documents, and the most that anybody may ask for without privileges
/// (`fs.pipe-max-size`, pipe(7)).
const WAITING_ANSWERS: usize = 1024 * 1024;

/// Runs a worker until the service hangs up: on standard input, a socket that tasks come by, and standard output, a pipe that
/// answers go by. `prepare` makes what does the tasks, and warms it; it can tell when a task is nearly done, so that the next one
/// comes in time. `memory` is the most bytes of writable memory, `build` what both sides must have been built from.
///
/// A panic ends the process: what the failed task left behind in memoised results is nobody's to sort out.
///
/// # Errors
/// When the pipe breaks or the system refuses what the worker needs.
pub fn run<T>(build: &str, memory: u64, prepare: impl FnOnce() -> T + Send) -> io::Result<()>
where
    T: FnMut(&[u8], &mut dyn FnMut()) -> Vec<u8>,
{
    quiet_panics();
    outlast_signals()?;
    // Before there is a second thread, since these hold for one thread and those that it starts.
    let landlock = sandbox::fence()?;
    // On a thread of its own for the stack; the first one only waits.
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("render".to_owned()).stack_size(STACK);
        let thread = worker.spawn_scoped(scope, move || serve(build, memory, landlock, prepare))?;
        thread.join().unwrap_or_else(|_| std::process::exit(101))
    })
}

/// Has the signals that ask a service to stop pass by: they often go to all its processes at once, and it needs its workers to finish what is under
/// way. A worker ends with its pipe.
fn outlast_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        // Once somebody has listened, the signal does not end the process any more.
        drop(signal(kind)?);
    }
    Ok(())
}

fn serve<T>(build: &str, memory: u64, landlock: Landlock, prepare: impl FnOnce() -> T) -> io::Result<()>
where
    T: FnMut(&[u8], &mut dyn FnMut()) -> Vec<u8>,
{
    // What Typst and its exporter do in parallel is done in this thread: there is a process for each core.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().map_err(io::Error::other)?;
    let mut answer_to = prepare();
    let mut desk = Desk::take()?;
    sandbox::limit(memory.saturating_add(STACK as u64))?;
    let hello = Hello { build: build.to_owned(), landlock };
    wire::write(&mut desk.answers, 0, &postcard::to_stdvec(&hello).map_err(io::Error::other)?)?;
    let mut task = Vec::new();
    while let Some(number) = desk.next(&mut task)? {
        let mut has_rung = false;
        let answer = answer_to(&task, &mut || has_rung = has_rung || desk.ring_if_last());
        // Somebody who has much to do may not look before the worker has done all that it has.
        if !has_rung && (desk.is_crowded_by(&answer) || desk.is_last()) {
            desk.ring();
        }
        wire::write(&mut desk.answers, number, &answer)?;
    }
    Ok(())
}

/// What goes in and out.
struct Desk {
    tasks: BufReader<UnixStream>,
    /// Not `Stdout`, which writes what comes after the last line break by itself and so wakes the service twice.
    answers: File,
    /// Bytes of answers that can wait there.
    room: u64,
}

impl Desk {
    fn take() -> io::Result<Self> {
        let tasks = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let answers = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        // Where that is refused the service is only asked to look sooner.
        let room = fcntl_setpipe_size(&answers, WAITING_ANSWERS).or_else(|_| fcntl_getpipe_size(&answers))?;
        Ok(Self { tasks: BufReader::new(tasks), answers, room: room as u64 })
    }

    /// The next task and its number; nothing when the service has hung up.
    fn next(&mut self, task: &mut Vec<u8>) -> io::Result<Option<u32>> {
        match wire::read(&mut self.tasks, task) {
            // It had a bell still to hear.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            read => read,
        }
    }

    /// Whether there is no other task after the one that was read.
    fn is_last(&self) -> bool {
        self.tasks.buffer().is_empty() && ioctl_fionread(self.tasks.get_ref()).is_ok_and(|waiting| waiting == 0)
    }

    /// Whether there may not be room for an answer beside those that wait.
    fn is_crowded_by(&self, answer: &[u8]) -> bool {
        let waiting = ioctl_fionread(&self.answers).unwrap_or(self.room);
        waiting + answer.len() as u64 > self.room / 2
    }

    fn ring_if_last(&self) -> bool {
        let is_last = self.is_last();
        if is_last {
            self.ring();
        }
        is_last
    }

    /// Asks the service to look here.
    fn ring(&self) {
        // With more than one bell unheard another one says nothing new. Should the service have gone, the answer finds no reader, either.
        let _ = send(self.tasks.get_ref(), b"!", SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

/// The message of a panic can quote a document (a slice of a text names the text), so only the place
/// is told.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        eprintln!("panicked at {place}");
    }));
}
