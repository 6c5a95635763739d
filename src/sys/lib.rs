//! The kernel: processes, signals, mounts, durable file operations; the only crate with unsafe code.

pub mod files;
