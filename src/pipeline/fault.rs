//! Faults on demand, for the tests of the worker pool. Not part of a release build.
//!
//! A body whose `archive_metadata.document_id`, or in a mailing the class of the recipient, is the value of `SKOLEDOK_TEST_FAULT` with the name of a
//! fault behind it, like `key-loop`, makes a worker that was started with that variable fail so.

use serde_json::Value;

use crate::document::Kind;
use crate::render::Engine;
use crate::validate;

/// The variable, which `serve` hands on to its workers in a debug build only.
pub(crate) const VARIABLE: &str = "SKOLEDOK_TEST_FAULT";

pub(super) fn strike(engine: &Engine, body: &Value) {
    let places = ["/archive_metadata/document_id", "/recipients/0/class"];
    let id = places.iter().find_map(|place| body.pointer(place).and_then(Value::as_str));
    let (Ok(key), Some(id)) = (std::env::var(VARIABLE), id) else { return };
    // The number at the end makes documents of one fault differ.
    let Some((fault, _)) = id.strip_prefix(&key).and_then(|rest| rest.trim_start_matches('-').split_once('-')) else {
        return;
    };
    match fault {
        "loop" => run(engine, body, "#for i in range(100000) { for j in range(100000) { let x = calc.abs(-j) } }"),
        "memory" => run(engine, body, "#let a = range(100000000)\n#let b = a.map(str)\n#b.len()"),
        "allocation" => run(engine, body, "#(\"a\" * 100000000000).len()"),
        "stack" => overflow(1),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "panic" => {
            let quoted = body.to_string();
            assert!(quoted.is_empty(), "a panic that quotes {quoted}");
        }
        "slow" => std::thread::sleep(std::time::Duration::from_millis(400)),
        _ => {}
    }
}

/// Ends the process once a document is laid out, when the next one may be in the pipe already.
pub(super) fn strike_late(body: &Value) {
    let id = body.pointer("/archive_metadata/document_id").and_then(Value::as_str);
    let fault = std::env::var(VARIABLE).ok().and_then(|key| id?.strip_prefix(&key)?.strip_prefix("-late-"));
    if fault.is_some() {
        // Until the service has read the word that the answer is near, and has sent what comes next.
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::process::abort();
    }
}

/// Compiles a source of Typst in place of the document's template.
fn run(engine: &Engine, body: &Value, source: &str) {
    if let Ok(document) = validate::check(Kind::ParentLetter, body.clone(), engine.coverage()).outcome {
        engine.run_source(&document, source);
    }
}

#[expect(unconditional_recursion, reason = "that is the fault")]
fn overflow(depth: u64) {
    let room = std::hint::black_box([depth; 512]);
    overflow(room[0] + 1);
    std::hint::black_box(room);
}
