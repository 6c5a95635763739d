//! Where build steps run: no network, a read-only root, only what is declared, a fixed user, path, time and locale.
//!
//! A [`SandboxPlan`] says all of it as a value; a [`Runner`] carries it out. What a runner must give to every program it
//! runs, whatever it is made of:
//!
//! - the plan's root read-only at `/` (only [`ROOT_FOLDERS`] of it), the plan's mounts, and nothing else of the machine;
//! - `/proc`, a minimal `/dev`, and an empty `/tmp` of its own;
//! - user and group 1000, no capabilities, the plan's host name and umask (`build` and 022 but for a second build that is to
//!   give the same), no terminal, nothing on standard input;
//! - the plan's processors, and no other;
//! - its own process, network (without an interface but loopback), IPC and mount namespaces, which end with it: no
//!   process and no connection outlives it;
//! - exactly the plan's environment;
//! - the plan's limits. A limit on processes and on memory of all processes together needs a control group: where none can
//!   be made (an ordinary user), each process alone is limited in memory (RLIMIT_DATA) and processes are not. RLIMIT_NPROC
//!   is no way out: it counts the processes of the user outside, those of other programs too.

mod bubblewrap;
mod cgroup;
mod conditions;
mod docker;
pub mod environment;
mod kind;
mod shell;
mod terminal;
mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use bubblewrap::Bubblewrap;
pub use cgroup::ControlGroup;
pub use conditions::Conditions;
pub use docker::Docker;
pub use kind::{NotARunner, RunnerKind};
pub use terminal::Terminal;

use crate::error::BuildError;
use crate::root::Root;
use crate::settings::Settings;

/// What of a build root is visible: nothing that belongs to a machine rather than to its programs.
pub const ROOT_FOLDERS: [&str; 8] = ["bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];
/// The number of the user and of the group that steps run as.
pub const USER: u32 = 1000;
/// The sandbox's host name.
pub const HOST_NAME: &str = "build";

/// One program run in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxPlan {
    /// The build root whose [`ROOT_FOLDERS`] are visible.
    pub root: Root,
    /// What else is visible; a later one may be below an earlier one.
    pub mounts: Vec<Mount>,
    /// The environment, whole.
    pub environment: BTreeMap<String, String>,
    /// Where the program starts.
    pub folder: String,
    /// The program, by its path inside, and its arguments.
    pub arguments: Vec<String>,
    /// What it may use.
    pub limits: Limits,
    /// What it can find out and must not let into its result.
    pub conditions: Conditions,
}

/// A file or folder of this machine that is visible inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The path on this machine.
    pub host: PathBuf,
    /// The absolute path inside.
    pub guest: String,
    /// Whether it may be changed.
    pub writable: bool,
}

impl Mount {
    /// Something that may be read only.
    pub fn read_only(host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        Self { host: host.into(), guest: guest.into(), writable: false }
    }

    /// Something that may be changed.
    pub fn writable(host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        Self { host: host.into(), guest: guest.into(), writable: true }
    }
}

/// What a program in a sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How long it may take.
    pub time: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u64,
}

impl Default for Limits {
    /// An hour, 8 GiB, 4096 processes: far more than a build of ours needs, far less than would hurt a machine for long.
    fn default() -> Self {
        Self { time: Duration::from_secs(3600), memory: 8 << 30, processes: 4096 }
    }
}

/// How a program in a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status; 0 is success. 128 and above: by that signal.
    Status(i32),
    /// It was ended, having taken this long.
    TooLong(Duration),
    /// It was ended, having used more memory than its limit of so many bytes.
    OutOfMemory(u64),
}

impl Ending {
    /// Whether it ended well.
    pub fn is_success(self) -> bool {
        self == Self::Status(0)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status @ 129..=192) => {
                write!(f, "ended with status {status} (by signal {})", status - 128)
            }
            Self::Status(status) => write!(f, "ended with status {status}"),
            Self::TooLong(time) => {
                let limit = match time.as_secs() {
                    seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} minutes", seconds / 60),
                    _ => format!("{} s", time.as_secs_f32()),
                };
                write!(f, "was ended: it took longer than its limit of {limit}")
            }
            Self::OutOfMemory(bytes) => {
                write!(f, "was ended: it used more than its limit of {} MiB of memory", bytes >> 20)
            }
        }
    }
}

/// Carries out sandbox plans; from several threads at once.
pub trait Runner: Sync + fmt::Debug {
    /// That programs can be run on this machine; removes what killed builders of the same store left running. Called once,
    /// by the builder that has the store, before anything is run.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    fn ready(&self) -> Result<(), BuildError>;

    /// Runs the plan's program to its end; what it writes to standard output and standard error goes to `output`.
    ///
    /// # Errors
    /// The sandbox could not be made. A program that fails is no error: see [`Ending`].
    fn run(&self, plan: &SandboxPlan, output: &File) -> Result<Ending, BuildError>;

    /// Runs the plan's program, a shell, with the caller's terminal; it may take as long as it likes.
    ///
    /// # Errors
    /// The sandbox could not be made.
    fn interact(&self, plan: &SandboxPlan, terminal: &Terminal<'_>) -> Result<Ending, BuildError>;

    /// One line that says what keeps programs apart from the machine.
    fn isolation(&self) -> String;
}

/// The runner that these settings ask for. Nothing is asked of it yet.
pub fn runner(settings: &Settings) -> Box<dyn Runner> {
    match settings.runner {
        RunnerKind::Bubblewrap => Box::new(Bubblewrap),
        RunnerKind::Docker => Box::new(Docker::new(settings.docker_host.as_deref(), &settings.store)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
