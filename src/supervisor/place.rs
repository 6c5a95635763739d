//! Where things are, below the root that the caller gives: `/`, or a folder in tests.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use medic_model::layout;
use medic_model::{PackageName, ServiceName};
use medic_sys::files::list;

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

    /// `/srv/storage/<package>/<service>/logs`
    pub fn logs(&self, package: &PackageName, service: &ServiceName) -> PathBuf {
        self.at(layout::STORAGE).join(package.as_str()).join(service.as_str()).join("logs")
    }
}

/// The files of a folder in the order of their names, without hidden ones; none when there is no such folder.
pub fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match list(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for name in entries {
        let path = folder.join(&name);
        if !name.as_bytes().starts_with(b".") && path.is_file() {
            paths.push(path);
        }
    }
    // By their bytes: all stand in one folder, and comparing paths part by part takes code.
    paths.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    Ok(paths)
}
