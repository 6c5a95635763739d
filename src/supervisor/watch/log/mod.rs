//! A service's log: what it writes, line by line, to its log file with the time, and to the container's output with its name.
//!
//! The bytes stay in the kernel's pipe until they are in the file: a supervisor that is killed loses none of them.
//! Neither a full disk nor an output that nobody reads stops the service: after a while lines are dropped and counted.

mod file;
mod lines;
mod mirror;
mod pump;

pub use file::Retention;
pub use lines::{STAMP, stamp};
pub use pump::Pump;
