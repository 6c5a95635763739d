//! Processes: started without a copy of the parent's memory, forked with one, waited for, found, marked and counted.
//!
//! A supervised process carries a [`Mark`], a resource limit that Linux has not used since 2.4.25 and every
//! descendant inherits: so a process that left its parent, group and session is still known for whose it is.

mod fork;
mod limits;
mod mark;
mod myself;
mod scan;
mod spawn;
mod stack;
mod usage;
mod wait;

pub use fork::{close_all_but, exit_now, fork};
pub use limits::{Limit, Resource, raise_open_files};
pub use mark::{Mark, MarkSpace};
pub use myself::{become_subreaper, effective_user, new_session, parent, set_name};
pub use scan::{Process, mark_of, pids, process};
pub use spawn::{Claim, Group, Identity, Options, Program, SpawnError, spawn};
pub use stack::on_own_stack;
pub use usage::{Usage, usage};
pub use wait::{Children, Exit, child_ended, next_ended, reap};
