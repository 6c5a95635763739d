//! Folders of shells that people have open: each is its process's own, whoever builds meanwhile.

use std::ffi::OsStr;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::{Store, StoreError, list, make_folder, remove_all};

impl Store {
    /// A fresh, empty folder that is this process's until it ends, also when it no longer has the store.
    ///
    /// # Errors
    /// The disk.
    pub fn shell_folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.layout.shells().join(format!("{name}-{}", std::process::id()));
        remove_all(&path)?;
        make_folder(&path)?;
        Ok(path)
    }

    /// Removes the folders of processes that are gone.
    pub(super) fn remove_dead_shells(&self) -> Result<(), StoreError> {
        let shells = self.layout.shells();
        if !shells.is_dir() {
            return Ok(());
        }
        let dead = |name: &OsStr| {
            let name = name.to_string_lossy();
            let pid = name.rsplit_once('-').and_then(|(_, pid)| Pid::from_raw(pid.parse().ok()?));
            pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
        };
        list(&shells)?.iter().filter(|name| dead(name)).try_for_each(|name| remove_all(&shells.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Silent;

    #[test]
    fn a_shell_in_use_is_left_alone_and_a_dead_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), "test", &Silent).expect("opened");
        let own = store.shell_folder("zlib-ng").expect("made");
        let dead = store.layout().shells().join("zlib-1073741823");
        make_folder(&dead).expect("made");
        drop(store);
        Store::open(folder.path(), "test", &Silent).expect("opened");
        assert!(own.is_dir() && !dead.exists());
    }
}
