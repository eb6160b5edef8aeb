//! The inside of a worker: one thread that reads a task, does it, and answers, until the pipe is closed.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::panic;

use tokio::signal::unix::{SignalKind, signal};

use super::STACK;
use super::sandbox::{self, Landlock};
use super::wire::{self, Hello};

/// Runs a worker on standard input and output until the service closes the pipe. `prepare` makes what
/// does the tasks, and warms it; it can tell when a task is nearly done, so that the next one comes in time. `memory` is the
/// most bytes of writable memory, `build` what both sides must have been built from.
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
    let mut input = io::stdin().lock();
    // Not `Stdout`, which writes what comes after the last line break by itself and so wakes the service twice.
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    sandbox::limit(memory.saturating_add(STACK as u64))?;
    let hello = Hello { build: build.to_owned(), landlock };
    wire::write(&mut output, &postcard::to_stdvec(&hello).map_err(io::Error::other)?)?;
    let mut task = Vec::new();
    while wire::read(&mut input, &mut task)? {
        // Should the service have gone, the answer finds no reader, either.
        let mut nearly_done = || drop(wire::write(&mut output, &[]));
        let answer = answer_to(&task, &mut nearly_done);
        if answer.is_empty() {
            // It would be taken for the word that an answer is near, and the next one for this one's.
            return Err(io::ErrorKind::InvalidData.into());
        }
        wire::write(&mut output, &answer)?;
    }
    Ok(())
}

/// The message of a panic can quote a document (a slice of a text names the text), so only the place
/// is told.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        eprintln!("panicked at {place}");
    }));
}
