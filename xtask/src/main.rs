//! `cargo xtask`: the builder's command line.
fn main() {}
