//! Any bytes, read as frames of the control socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| medic_fuzz::frames(bytes));
