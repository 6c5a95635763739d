//! PID 1, one supervisor process for each service, and the commands that talk to them: one small program with many names.
//!
//! On disk, below the root that the caller gives:
//!
//! ```text
//! run/supervisor/status                       every service's status, in shared memory (see `table`)
//! run/supervisor/control                      the control socket, mode 0600 (see `control`)
//! srv/system/receipts/<pkg>.json              what is installed, with the service definitions (read)
//! srv/system/supervisor/<pkg>/<svc>.disabled  marks that outlive the container (see `marks`)
//! srv/storage/<pkg>/<svc>/logs/               logs: current, 1, 2, … (see `watch::log`)
//! srv/scripts/<pkg>/run/<svc>, setup/*        what is run (read)
//! ```
//!
//! When `/run` cannot be written, `dev/shm/supervisor` or `srv/system/supervisor/run` takes the place of `run/supervisor`.
//!
//! The decisions are in [`machine`], pure and tested for themselves; [`init`] and [`watch`] are thin loops around
//! them; [`command`] is what people type.
//!
//! Never: starts a second copy of a service while anything of the first one lives; forgets a wish with a process or a
//! message; decides anything by the time of day; wakes up when nothing happens; prints (a [`init::Reporter`] does).

pub mod channel;
pub mod command;
pub mod control;
pub mod definition;
pub mod init;
pub mod machine;
pub mod marks;
pub mod place;
#[cfg(test)]
mod steady;
pub mod table;
pub mod watch;

pub use medic_sys::heap::Heap;
