//! `pkg`, the package manager.
fn main() {}
