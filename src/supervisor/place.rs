//! Where things are, below the root that the caller gives: `/`, or a folder in tests.

use std::path::{Path, PathBuf};

use medic_model::layout;
use medic_model::{PackageName, ServiceName};

/// The file system that is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: PathBuf,
}

/// Where the legacy system kept its marks.
const LEGACY_MARKS: &str = "srv/system/storage/supervisor";

impl Place {
    /// The file system below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `/`
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of [`layout`].
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Where volatile state may be, the first that exists or can be made counts: `/run` may be read-only, or
    /// belong to somebody else than the user that the container runs as.
    pub fn run_folders(&self) -> [PathBuf; 3] {
        [self.at(layout::SUPERVISOR_RUN), self.at("dev/shm/supervisor"), self.at("srv/system/supervisor/run")]
    }

    /// `/srv/system/supervisor/<package>/<service>.disabled`
    pub fn disabled_mark(&self, package: &PackageName, service: &ServiceName) -> PathBuf {
        self.at(layout::SUPERVISOR_MARKS).join(package.as_str()).join(format!("{service}.disabled"))
    }

    /// The mark as the legacy system wrote it.
    pub fn legacy_disabled_mark(&self, package: &PackageName, service: &ServiceName) -> PathBuf {
        let folder = self.at(LEGACY_MARKS).join(package.as_str()).join("status/persistent");
        folder.join(format!("{service}.disabled"))
    }

    /// `/run/<package>/warnings`: what its scripts warn of
    pub fn warnings(&self, package: &str) -> PathBuf {
        self.at("run").join(package).join("warnings")
    }

    /// `/srv/storage/<package>/<service>/logs`
    pub fn logs(&self, package: &PackageName, service: &ServiceName) -> PathBuf {
        self.at(layout::STORAGE).join(package.as_str()).join(service.as_str()).join("logs")
    }
}
