//! One service's supervisor: a process of its own, forked from init, that starts the service, repairs it, reads its log,
//! and takes everything of it down with it. A thin loop around [`crate::machine::service`].

mod check;
pub(crate) mod log;
mod reload;
pub(crate) mod run;
pub(crate) mod sweep;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use medic_sys::heap::set_apart;
use medic_sys::output::Output;
use medic_sys::pipe::Pipe;
use medic_sys::process::{Mark, become_subreaper, close_all_but, new_session, set_name};

use crate::definition::Prepared;
use crate::machine::wanted::{Aim, Wanted};
use crate::table::Slot;
pub use log::Retention;

/// What a supervisor is given by init.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// The service.
    pub prepared: &'a Prepared,
    /// Its words in the table.
    pub slot: Slot<'a>,
    /// The mark of all its processes.
    pub mark: Option<Mark>,
    /// The pipe that it writes its output to; init holds it open for the next supervisor.
    pub log: &'a Pipe,
    /// The pipe by which it tells that it is ready, where it does so.
    pub ready: Option<&'a Pipe>,
    /// The connection to init.
    pub channel: BorrowedFd<'a>,
    /// The container's output.
    pub output: &'a Output,
    /// `/dev/null`.
    pub null: &'a File,
}

/// What a supervisor runs as after the fork; gives its exit code.
pub fn supervise(charge: &Charge<'_>) -> i32 {
    set_apart();
    new_session();
    set_name(c"supervisor");
    // Without it an orphan of the service would be init's child; it would still be found by its mark.
    let _ = become_subreaper();
    let mut keep = vec![
        charge.log.reader.as_fd(),
        charge.log.writer.as_fd(),
        charge.channel,
        charge.output.as_fd(),
        charge.null.as_fd(),
    ];
    keep.extend(charge.ready.iter().flat_map(|ready| [ready.reader.as_fd(), ready.writer.as_fd()]));
    close_all_but(&keep);
    match run::Supervisor::new(charge) {
        Ok(mut supervisor) => supervisor.run(),
        // init sees its end and makes another one.
        Err(_) => 1,
    }
}

/// init is gone: nobody can want anything any more, so everything ends.
const ABANDONED: Wanted = Wanted { generation: u32::MAX, aim: Aim::Leave };
