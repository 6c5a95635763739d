//! The kernel: processes, signals, mounts, durable file operations; the only crate with unsafe code.
//!
//! Owns no file of its own. Everything here is a safe and thin form of system calls: it decides nothing, prints nothing,
//! and keeps no state but the descriptors and mappings that its values hold. [`files`] is for what must survive a
//! power cut; [`process`], [`signal`], [`socket`], [`pipe`], [`event`], [`memory`], [`heap`] and [`clock`] carry the supervisor.
//!
//! Never: lets an error lose what failed, blocks where it does not say so, or imports a crate of ours.

#![allow(unsafe_code, reason = "this crate is where the system calls are that Rust's library does not have")]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod clock;
pub mod event;
pub mod files;
pub mod heap;
pub mod memory;
pub mod output;
pub mod pipe;
pub mod process;
pub mod signal;
pub mod socket;
