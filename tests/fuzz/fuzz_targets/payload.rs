//! A kind (the first byte, as a digit) and a body: whatever a caller posts.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skoledok::fuzz::payload(data));
