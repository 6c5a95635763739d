//! A good repository with some places changed, and any bytes, read as an index and its signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| medic_fuzz::indexes::indexes(bytes));
