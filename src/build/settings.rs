//! What a build is told from outside.

use std::path::PathBuf;

use medic_model::Arch;

use crate::fetch::Access;
use crate::sandbox::RunnerKind;

/// What a build is told from outside: the library reads no environment itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder with `recipes/`, `packages/` and `images/`. Absolute.
    pub workspace: PathBuf,
    /// The store's folder; it is made when it is not there. Absolute.
    pub store: PathBuf,
    /// What is built for.
    pub arch: Arch,
    /// How many programs a build step may run at once, at least 1.
    pub jobs: usize,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Where sources may be had.
    pub access: Access,
    /// What runs build steps.
    pub runner: RunnerKind,
    /// The Docker daemon's address, for [`RunnerKind::Docker`]; none is its usual socket.
    pub docker_host: Option<String>,
    /// How this program was called, for another builder that must wait.
    pub command_line: String,
}

impl Settings {
    /// Whether nothing may be fetched, whichever of the two says so.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline || self.access.offline
    }
}
