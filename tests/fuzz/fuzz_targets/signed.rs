//! A signed PDF, whoever made it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skoledok::fuzz::signed(data));
