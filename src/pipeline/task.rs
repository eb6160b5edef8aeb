//! What goes to a render worker and comes back: a head in postcard, and the bytes of a document after it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Label, Order, ProduceError, Report, produce_and_tell, report, self_test};
use crate::document::Kind;
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
}

/// An answer. The document follows `Produced`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The document was made.
    Produced(Label),
    /// The body was checked.
    Reported(Report),
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

/// Runs a render worker on standard input and output. `memory` is the most bytes that it may have.
///
/// # Errors
/// When the pipe breaks or the system refuses what the worker needs.
pub fn run_worker(memory: u64) -> std::io::Result<()> {
    worker::run_child(identity(), memory, || {
        let engine = Engine::load();
        if let Err(error) = self_test(&engine) {
            // The service tells these words when it can not start.
            eprintln!("the self-test failed: {error}");
            std::process::exit(1);
        }
        move |message: &[u8], laid_out: &mut dyn FnMut()| perform(&engine, message, laid_out)
    })
}

fn perform(engine: &Engine, message: &[u8], laid_out: &mut dyn FnMut()) -> Vec<u8> {
    let Ok((task, body)) = postcard::take_from_bytes::<Task>(message) else {
        return Answer::Failed(ProduceError::Unreadable(Unreadable {
            line: 0,
            column: 0,
            reason: "not a task".into(),
        }))
        .write(&[]);
    };
    let body = match read_json(body) {
        Ok(body) => body,
        Err(error) => return Answer::Failed(ProduceError::Unreadable(error)).write(&[]),
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
    match task {
        Task::Produce(kind, options) => match produce_and_tell(engine, Order { kind, body, options }, laid_out) {
            Ok(produced) => Answer::Produced(Label::of(&produced)).write(&produced.rendered.bytes),
            Err(error) => Answer::Failed(error).write(&[]),
        },
        Task::Report(kind) => match report(engine, kind, body) {
            Ok(report) => Answer::Reported(report).write(&[]),
            Err(error) => Answer::Failed(error).write(&[]),
        },
    }
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
