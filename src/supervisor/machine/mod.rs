//! The decisions, without the world: events go in, actions come out, time is a number. Nothing here makes a system call.
//!
//! [`service`] decides for one service, in its supervisor; [`fleet`] decides for all of them, in init; [`boot`] is
//! the order of what happens before services start.

pub mod backoff;
pub mod boot;
pub mod fleet;
pub mod order;
pub mod service;
pub mod wanted;

/// Milliseconds of the monotonic clock.
pub type Millis = u64;
