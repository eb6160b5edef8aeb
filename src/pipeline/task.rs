//! What goes to a render worker and comes back: a head in postcard, and the bytes of a document after it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::merged::{self, Kept, Wish};
use super::{Label, Order, ProduceError, Produced, Report, produce_and_tell, report, self_test_of};
use crate::document::Kind;
use crate::merge::letter::LetterFacts;
use crate::render::{Engine, Options, identity};
use crate::template::Format;
use crate::validate::{Unreadable, read_json};
use crate::worker;

/// A task. The caller's body follows it as it came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Task {
    /// Make a document.
    Produce(Kind, Options),
    /// Check a document.
    Report(Kind),
    /// Something of a mailing.
    OfMailing(Wish),
    /// Make the mark in a signature field; it follows.
    Mark,
}

/// An answer. The document follows `Produced`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The document was made.
    Produced(Label),
    /// The body was checked.
    Reported(Report),
    /// The letter of the mailing is good.
    Examined(LetterFacts),
    /// The mark was made, and follows.
    Marked,
    /// The letter is good and has so many pages.
    Counted(usize),
    /// The mailing was told by its hash, and this process does not have it, or has it no more.
    UnknownMailing,
    /// Neither.
    Failed(ProduceError),
}

impl Task {
    /// The task with its body, for the pipe.
    pub(super) fn with_body(self, body: &[u8]) -> Bytes {
        // A vector takes what it is given, and the types have a fixed form.
        let mut message = postcard::to_stdvec(&self).unwrap_or_default();
        message.extend_from_slice(body);
        message.into()
    }
}

impl Answer {
    /// Reads an answer, with the document behind it; nothing when it is none.
    pub(super) fn read(message: &Bytes) -> Option<(Self, Bytes)> {
        let (answer, rest) = postcard::take_from_bytes::<Self>(message).ok()?;
        Some((answer, message.slice_ref(rest)))
    }

    fn write(&self, document: &[u8]) -> Vec<u8> {
        let mut message = postcard::to_stdvec(self).unwrap_or_default();
        message.extend_from_slice(document);
        message
    }
}

/// Runs a render worker on standard input and output. `memory` is the most bytes that it may have, `kinds` what it tries and warms
/// itself with before its first task; it makes all.
///
/// # Errors
/// When the pipe breaks or the system refuses what the worker needs.
pub fn run_worker(memory: u64, kinds: &[Kind]) -> std::io::Result<()> {
    worker::run_child(identity(), memory, || {
        let engine = Engine::load();
        if let Err(error) = self_test_of(&engine, kinds) {
            // The service tells these words when it can not start.
            eprintln!("the self-test failed: {error}");
            std::process::exit(1);
        }
        let mut kept = Kept::default();
        move |message: &[u8], laid_out: &mut dyn FnMut()| perform(&engine, &mut kept, message, laid_out)
    })
}

fn perform(engine: &Engine, kept: &mut Kept, message: &[u8], laid_out: &mut dyn FnMut()) -> Vec<u8> {
    let Ok((task, body)) = postcard::take_from_bytes::<Task>(message) else {
        return failed(Unreadable { line: 0, column: 0, reason: "not a task".into() });
    };
    let (kind, options) = match task {
        Task::Produce(kind, options) => (kind, Some(options)),
        Task::Report(kind) => (kind, None),
        Task::OfMailing(wish) => return perform_of_mailing(engine, kept, wish, body, laid_out),
        Task::Mark => return perform_mark(engine, body),
    };
    let body = match read_json(body) {
        Ok(body) => body,
        Err(error) => return failed(error),
    };
    #[cfg(debug_assertions)]
    super::fault::strike(engine, &body);
    #[cfg(debug_assertions)]
    let struck = body.clone();
    #[cfg(debug_assertions)]
    let laid_out: &mut dyn FnMut() = &mut || {
        laid_out();
        super::fault::strike_late(&struck);
    };
    match options {
        Some(options) => produce_and_tell(engine, Order { kind, body, options }, laid_out)
            .map_or_else(failed, |made| produced(&made)),
        None => report(engine, kind, body).map_or_else(failed, |report| Answer::Reported(report).write(&[])),
    }
}

fn perform_mark(engine: &Engine, message: &[u8]) -> Vec<u8> {
    let Ok(mark) = postcard::from_bytes(message) else {
        return failed(Unreadable { line: 0, column: 0, reason: "not a mark".into() });
    };
    engine.mark(&mark).map_or_else(failed, |file| Answer::Marked.write(&file))
}

fn perform_of_mailing(
    engine: &Engine,
    kept: &mut Kept,
    wish: Wish,
    message: &[u8],
    laid_out: &mut dyn FnMut(),
) -> Vec<u8> {
    let (letter, draft) = match kept.letter(message) {
        Ok(Some(found)) => found,
        Ok(None) => return Answer::UnknownMailing.write(&[]),
        Err(error) => return failed(error),
    };
    match wish {
        Wish::Examine => {
            merged::examine(engine, letter).map_or_else(failed, |facts| Answer::Examined(facts).write(&[]))
        }
        Wish::Count(pages) => {
            merged::count(engine, letter, draft, pages).map_or_else(failed, |pages| Answer::Counted(pages).write(&[]))
        }
        Wish::Merge(options) => {
            merged::produce(engine, letter, draft, options, laid_out).map_or_else(failed, |made| produced(&made))
        }
    }
}

fn produced(made: &Produced) -> Vec<u8> {
    Answer::Produced(Label::of(made)).write(&made.rendered.bytes)
}

fn failed(error: impl Into<ProduceError>) -> Vec<u8> {
    Answer::Failed(error.into()).write(&[])
}

/// Any bytes as an answer, and as a task.
#[cfg(fuzzing)]
pub(crate) fn fuzz(message: Bytes) {
    if let Some((answer, document)) = Answer::read(&message) {
        assert!(document.len() <= message.len());
        if let Answer::Failed(error) = answer {
            assert!(!error.to_string().is_empty());
        }
    }
    if let Ok((task, body)) = postcard::take_from_bytes::<Task>(&message) {
        assert!(task.with_body(body).len() <= message.len());
    }
}

impl Format {
    /// Whether compressing it makes it smaller.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Svg | Self::Html | Self::Ics)
    }
}
