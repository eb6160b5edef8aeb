//! What comes through the pipe from a render worker that has lost its way.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skoledok::fuzz::worker(data));
