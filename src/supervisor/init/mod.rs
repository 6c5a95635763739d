//! `/boot/init`: PID 1 of the container, or a subreaper anywhere else.
//!
//! It reconciles `/srv` with the image (`/boot/pkg sync`), runs the packages' setup steps, makes a supervisor for every
//! service, and from then on holds what must outlive a supervisor: the services' pipes, the shared table, what is
//! wanted. It waits for every orphan, answers commands, and ends everything within one budget of time.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | ended on request (TERM, INT, QUIT) |
//! | that of the command | `init COMMAND…` was run; 127 when it is not there, 126 when it cannot be executed |
//! | that of the service | an essential service ended; 128 and the signal's number for a signal |
//! | 100 | the boot failed: `pkg sync` |
//! | 101 | the boot failed: a setup step |
//! | 102 | the boot failed: the receipts, or a definition, cannot be used |
//! | 103 | the boot failed: the machine does not give what init itself needs |
//! | 111 | it was called wrongly |

mod boot;
mod clients;
mod run;
mod services;
mod world;

use std::ffi::OsString;

use medic_sys::process::on_own_stack;

use crate::machine::Millis;
use crate::place::Place;

/// Why a boot failed, by exit code.
pub mod exit_code {
    /// `pkg sync` failed.
    pub const SYNC: u8 = 100;
    /// A setup step failed.
    pub const SETUP: u8 = 101;
    /// A receipt or definition cannot be used.
    pub const DEFINITIONS: u8 = 102;
    /// The machine does not give what init needs.
    pub const MACHINE: u8 = 103;
}

/// What init is to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is.
    pub place: Place,
    /// The container's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// A command to run in the foreground once the services are up; empty for none.
    pub command: Vec<OsString>,
    /// How long everything may take to end.
    pub stop_budget: Millis,
}

/// Who is told what init does.
pub trait Reporter {
    /// One line, for whoever reads the container's log: `Info: …`, `Warning: …`, `Fatal: …`.
    fn say(&mut self, line: &str);
}

/// Boots, runs until everything is to end, and gives the exit code.
pub fn run(config: Config, reporter: &mut dyn Reporter) -> u8 {
    // All supervisors are copies of this process from here on.
    on_own_stack(|| match world::World::new(&config) {
        Ok(world) => run::Init::new(config, world, reporter).run(),
        Err(error) => {
            reporter.say(&format!("Fatal: {error}"));
            exit_code::MACHINE
        }
    })
}
