//! Any text, read as the definitions of services: a package's, and those of an installed package.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| medic_fuzz::services(text));
