//! Any bytes, read as what others made: an upstream archive.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| medic_fuzz::archives(bytes));
