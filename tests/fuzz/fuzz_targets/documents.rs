//! Any text, read as each of the documents that people write.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| medic_fuzz::documents(text));
