//! What a caller sends as credentials, or the claims of a token whose signature was good.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skoledok::fuzz::token(data));
