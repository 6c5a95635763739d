//! What a build is told from outside.

use std::path::PathBuf;
use std::time::SystemTime;

use medic_model::Arch;

use crate::cache::CacheSettings;
use crate::cancel::Cancel;
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
    /// How many programs the steps of all components together may run at once, at least 1.
    pub jobs: usize,
    /// How many bytes of memory the components that are built at one time may want together.
    pub memory: u64,
    /// Whether a failure stops only what depends on it; else nothing is begun after it.
    pub keep_going: bool,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Where sources may be had.
    pub access: Access,
    /// The commit that the workspace is at, for the provenance of packages, as far as the caller knows one.
    pub revision: Option<String>,
    /// What runs build steps.
    pub runner: RunnerKind,
    /// The Docker daemon's address, for [`RunnerKind::Docker`]; none is its usual socket.
    pub docker_host: Option<String>,
    /// Where results of other builders may be had.
    pub cache: Option<CacheSettings>,
    /// How this program was called, for another builder that must wait.
    pub command_line: String,
    /// Ends what is fetched when it is asked to.
    pub cancel: Cancel,
    /// When the command was started, for the record of the build.
    pub started: SystemTime,
}

impl Settings {
    /// Folders of this machine that may not be found in anything built. One that could stand there by chance (`/srv`) is none.
    pub(crate) fn own_paths(&self) -> Vec<String> {
        let telling = |path: &&PathBuf| path.components().count() > 2;
        let shown = |path: &PathBuf| format!("{}/", path.display());
        [&self.store, &self.workspace].into_iter().filter(telling).map(shown).collect()
    }

    /// Whether nothing may be fetched, whichever of the two says so.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline || self.access.offline
    }
}
