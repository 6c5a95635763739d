//! A good package with some places changed, and any bytes, read as what others made: a package, a manifest.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| medic_fuzz::packages::packages(bytes));
