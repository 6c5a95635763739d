//! The other place: a copy of the workspace, a store with nothing but the build roots, another umask.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;

use super::plan::Machine;
use crate::settings::Settings;
use crate::store::{Layout, StoreError, make_folder, remove_all};

/// How many files the order of files is looked at with.
const PROBES: usize = 12;
/// What a second build of an image takes at most, and some.
const ROOM: u64 = 6 << 30;
/// `TMPFS_MAGIC` of `statfs(2)`.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
/// What Cargo marks a folder with that can be made again (the Cache Directory Tagging Specification).
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A folder that is removed, with all that is in it, unless it is kept.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    /// A fresh one in `parent`, which is made if need be.
    ///
    /// # Errors
    /// The disk.
    pub fn new(parent: &Path) -> Result<Self, StoreError> {
        make_folder(parent)?;
        let folder = tempfile::Builder::new().prefix("medic-os-reproduce-").tempdir_in(parent);
        let path = folder.map_err(StoreError::from_io("make a folder in", parent))?.keep();
        Ok(Self { path, keep: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to the user.
    pub fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What stays is in a place for temporary files, under a name that says whose it is.
            drop(remove_all(&self.path));
        }
    }
}

/// This process's umask while this lives. It is the whole process's: no other thread should make files meanwhile.
#[derive(Debug)]
pub struct Umask {
    before: Mode,
}

impl Umask {
    /// From now on.
    pub fn set(bits: u32) -> Self {
        Self { before: umask(Mode::from_raw_mode(bits)) }
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        umask(self.before);
    }
}

/// Whether a folder is in memory, with room for a second build there. Such a folder also lists its files in another order
/// than a disk does.
pub fn is_roomy_memory(folder: &Path) -> bool {
    let Ok(system) = rustix::fs::statfs(folder) else { return false };
    let free = u64::try_from(system.f_bsize).unwrap_or(0).saturating_mul(system.f_bavail);
    system.f_type == TMPFS && free >= ROOM && available_memory().is_some_and(|bytes| bytes >= ROOM)
}

/// Bytes of memory that programs may still take (`proc_meminfo(5)`).
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// What must be known of this machine.
///
/// # Errors
/// The store or the scratch place cannot be written.
pub fn machine(settings: &Settings, scratch: &Path) -> Result<Machine, StoreError> {
    make_folder(&settings.store)?;
    let guard = Umask::set(0o077);
    let umask = guard.before.as_raw_mode();
    drop(guard);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let other_order = order(&settings.store)? != order(scratch)?;
    Ok(Machine { processors, umask, other_order })
}

/// In which order the file system of `folder` lists files that were made in ascending order.
fn order(folder: &Path) -> Result<Vec<std::ffi::OsString>, StoreError> {
    let failed = StoreError::from_io("make files in", folder);
    let listed = || -> io::Result<Vec<_>> {
        let probe = tempfile::Builder::new().prefix("order-").tempdir_in(folder)?;
        for number in 0..PROBES {
            fs::write(probe.path().join(format!("{number:02}.o")), "")?;
        }
        fs::read_dir(probe.path())?.map(|entry| Ok(entry?.file_name())).collect()
    };
    listed().map_err(failed)
}

/// Makes the second build's workspace and store.
///
/// # Errors
/// The disk.
pub fn prepare(first: &Settings, second: &Settings, scratch: &Path) -> Result<(), StoreError> {
    copy_workspace(&first.workspace, &second.workspace, scratch)?;
    link_roots(&first.store, &second.store)
}

/// Copies a workspace, its last files first; nothing that Cargo or git keep for themselves. What only its owner may do is all
/// that may be done with the copies, as in a checkout of somebody with a strict umask; their times are those of the copying.
fn copy_workspace(from: &Path, to: &Path, scratch: &Path) -> Result<(), StoreError> {
    let own = |path: &Path| path.file_name().is_some_and(|name| name == ".git") || path == scratch;
    let cache = |path: &Path| path == from.join("target") || path.join(CACHE_TAG).exists();
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        make_folder(&to)?;
        let mut entries = fs::read_dir(&from)
            .and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(StoreError::from_io("read the folder", &from))?;
        entries.sort_by(|a, b| b.cmp(a));
        for name in entries {
            let (from, to) = (from.join(&name), to.join(&name));
            let kind = fs::symlink_metadata(&from).map_err(StoreError::from_io("read", &from))?;
            if own(&from) || (kind.is_dir() && cache(&from)) {
                continue;
            }
            let copied = if kind.is_dir() {
                folders.push((from.clone(), to));
                Ok(())
            } else if kind.is_symlink() {
                fs::read_link(&from).and_then(|target| symlink(target, &to))
            } else if kind.is_file() {
                let mode = if kind.permissions().mode() & 0o100 != 0 { 0o700 } else { 0o600 };
                fs::copy(&from, &to).and_then(|_| fs::set_permissions(&to, Permissions::from_mode(mode)))
            } else {
                Ok(())
            };
            copied.map_err(StoreError::from_io("copy", &from))?;
        }
    }
    Ok(())
}

/// Shows the first store's build roots in the second: they are an input. A mirror that has moved on since they were made would
/// give others, and a difference would say nothing of the recipes.
fn link_roots(first: &Path, second: &Path) -> Result<(), StoreError> {
    let (from, to) = (Layout::new(first).roots(), Layout::new(second).roots());
    make_folder(&to)?;
    let Ok(entries) = fs::read_dir(&from) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(StoreError::from_io("read the folder", &from))?;
        let place = to.join(entry.file_name());
        symlink(entry.path(), &place).map_err(StoreError::from_io("make the link", &place))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_copied_without_what_can_be_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for path in
            ["recipes/a/recipe.yaml", "target/debug/x", ".git/HEAD", "fuzz/target/CACHEDIR.TAG", "target.txt"]
        {
            fs_err::create_dir_all(from.join(path).parent().expect("a parent")).expect("made");
            fs_err::write(from.join(path), path).expect("written");
        }
        fs_err::set_permissions(from.join("target.txt"), Permissions::from_mode(0o755)).expect("set");
        symlink("target.txt", from.join("link")).expect("linked");
        copy_workspace(&from, &to, &from.join("none")).expect("copied");
        let there = |path: &str| fs::symlink_metadata(to.join(path)).is_ok();
        assert!(there("recipes/a/recipe.yaml") && there("target.txt") && there("link") && there("fuzz"));
        assert!(!there("target") && !there(".git") && !there("fuzz/target"));
        let mode = |path: &str| fs::metadata(to.join(path)).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode("target.txt"), mode("recipes/a/recipe.yaml")), (0o700, 0o600));
    }

    #[test]
    fn a_scratch_folder_goes_unless_it_is_kept() {
        let parent = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::new(parent.path()).expect("made");
        let path = scratch.path().to_owned();
        fs_err::write(path.join("file"), "x").expect("written");
        drop(scratch);
        assert!(!path.exists());
        let mut kept = Scratch::new(parent.path()).expect("made");
        kept.keep();
        let path = kept.path().to_owned();
        drop(kept);
        assert!(path.exists());
    }
}
