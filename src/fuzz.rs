//! What the fuzz targets (`tests/fuzz`) call; part of no other build (`--cfg fuzzing`). Each takes any bytes, and panics when
//! something does not hold.

use std::sync::LazyLock;

pub use crate::access::fuzz as token;
use crate::document::Kind;
use crate::pipeline::{self, Order, ProduceError};
use crate::render::{Engine, Options};
use crate::validate::{self, MAX_BODY};
pub use crate::verify::fuzz as signed;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    rayon_of_one();
    Engine::load()
});

/// A pool of threads would make runs differ.
fn rayon_of_one() {
    // Whoever was first has set the same.
    drop(rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global());
}

/// A digit that chooses the kind, and a body. It is read, checked, and rendered when it is valid: then nothing may fail.
pub fn payload(data: &[u8]) {
    let Some((choice, body)) = data.split_first().filter(|(_, body)| body.len() <= MAX_BODY) else { return };
    let kind = Kind::ALL[usize::from(*choice) % Kind::ALL.len()];
    let Ok(body) = validate::read_json(body) else { return };
    let canonical = pipeline::canonical(&body);
    assert_eq!(Ok(&canonical), serde_json_canonicalizer::to_vec(&body).map_err(drop).as_ref(), "the library agrees");
    let again = validate::read_json(&canonical).expect("it is JSON");
    assert_eq!(pipeline::canonical(&again), canonical, "the canonical form is its own");
    match pipeline::produce(&ENGINE, Order { kind, body, options: Options::default() }) {
        Ok(produced) => assert!(produced.rendered.bytes.starts_with(b"%PDF-")),
        Err(ProduceError::Invalid { violations, .. }) => assert!(!violations.is_empty()),
        Err(error) => panic!("a valid document does not render: {error}"),
    }
}

/// What comes through the pipe: frames, and in them a first word or an answer.
pub fn worker(data: &[u8]) {
    for message in crate::worker::fuzz(data) {
        pipeline::fuzz_answer(message.into());
    }
    pipeline::fuzz_answer(data.to_vec().into());
}
