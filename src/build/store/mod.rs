//! The store: a local cache in which everything is known by a digest.
//!
//! Everything is made in `work/`, made durable, and then renamed to its place; a record is written after what it
//! speaks of. So a builder may be killed, or the disk become full, at any instant: what is in place is whole.

mod damage;
mod durable;
mod error;
pub mod gc;
mod layout;
mod lock;
mod record;
mod shells;
pub mod verify;

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medic_model::Sha256;
use medic_model::document::from_json;
use medic_sys::files::{Folder, Lock, stream_durable, sync_path};

pub(crate) use damage::of_tree as fault_of_tree;
pub use error::{StoreError, is_full, is_full_beneath};
pub use layout::Layout;
pub use lock::InUse;
pub use record::{ComponentRecord, FORMAT};

use crate::report::{Event, Reporter};

/// A store. One that was opened is this builder's alone until it is dropped; one that is only looked at is everybody's.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    _alone: Option<InUse>,
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the store in `root`, making it if need be; waits while another builder has it; removes what killed
    /// builders left.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open(root: &Path, command_line: &str, reporter: &dyn Reporter) -> Result<Self, StoreError> {
        Self::open_keeping(root, command_line, reporter, &[])
    }

    /// As [`Store::open`], but leaves these of `work/` as another builder left them.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open_keeping(
        root: &Path,
        command_line: &str,
        reporter: &dyn Reporter,
        kept: &[&str],
    ) -> Result<Self, StoreError> {
        let layout = Layout::new(root);
        make_folder(root)?;
        let lock = lock::take(&layout.lock(), command_line, reporter)?;
        Self { layout, _alone: None, _lock: Some(lock) }.made_ready(kept)
    }

    /// As [`Self::open`], for whoever removes: waits, too, until no command uses what it got from the store before.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_alone(root: &Path, command_line: &str, reporter: &dyn Reporter) -> Result<Self, StoreError> {
        let alone = InUse::alone(root, command_line, reporter)?;
        let store = Self::open(root, command_line, reporter)?;
        Ok(Self { _alone: Some(alone), ..store })
    }

    /// The store in `root`, only to be looked at: waits for nobody, makes nothing. What another builder puts in place or
    /// removes meanwhile is seen or not, but never half of it.
    pub fn look(root: &Path) -> Self {
        Self { layout: Layout::new(root), _alone: None, _lock: None }
    }

    fn made_ready(self, kept: &[&str]) -> Result<Self, StoreError> {
        let store = self;
        for folder in store.layout.folders() {
            make_folder(&folder)?;
        }
        store.remove_leftovers(kept)?;
        Ok(store)
    }

    /// Where everything stands.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The result of this action key, if there is one that can be used. A damaged one is a warning, and none.
    pub fn result(&self, key: &Sha256, reporter: &dyn Reporter) -> Option<ComponentRecord> {
        let path = self.layout.result(key);
        let record: ComponentRecord = read_record(&path, reporter)?;
        if record.format != FORMAT || record.key != *key || record.inputs.key() != *key {
            warn_of_damage(reporter, &path, "it is not the record of this key");
            return None;
        }
        let tree = self.layout.tree(&record.tree);
        if !tree.is_dir() {
            warn_of_damage(reporter, &path, &format!("its tree '{}' is missing", tree.display()));
            return None;
        }
        Some(record)
    }

    /// Notes that a result is used now.
    pub fn touch_result(&self, record: &ComponentRecord) {
        touch(&self.layout.result(&record.key));
    }

    /// Every record of a result that can be read, with the time of its last use, in the order of their keys.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn records(&self) -> Result<Vec<(SystemTime, ComponentRecord)>, StoreError> {
        records(&self.layout)
    }

    /// Puts a component's result in place: first its tree, then its record. A tree of that name that is there already is
    /// read: one that was damaged since gives way.
    ///
    /// # Errors
    /// The disk; then nothing is in place.
    pub fn keep_result(&self, record: &ComponentRecord, made: &Path) -> Result<(), StoreError> {
        let place = self.layout.tree(&record.tree);
        if place.exists() && damage::of_tree(&place, &record.tree).is_some() {
            self.discard(&place)?;
        }
        self.keep_folder(made, &self.layout.tree(&record.tree))?;
        self.keep_record(&self.layout.result(&record.key), record)
    }

    /// Moves a folder that was made in `work/` to its place, durably. What is there already stays: it has the same name,
    /// so the same content.
    ///
    /// # Errors
    /// The disk; then it is not in place.
    pub fn keep_folder(&self, made: &Path, place: &Path) -> Result<(), StoreError> {
        if place.is_dir() {
            return Ok(());
        }
        durable::make_durable(made)?;
        std::fs::rename(made, place).map_err(StoreError::from_io("put in place", place))?;
        Ok(sync_path(parent(place))?)
    }

    /// Writes a record durably.
    ///
    /// # Errors
    /// The disk; then the old record is untouched, if there was one.
    pub fn keep_record<T: serde::Serialize>(&self, path: &Path, record: &T) -> Result<(), StoreError> {
        Ok(stream_durable(path, 0o644, |file| {
            let mut buffered = BufWriter::new(file);
            serde_json::to_writer_pretty(&mut buffered, record)?;
            buffered.flush()
        })?)
    }

    /// A fresh, empty folder in `work/`.
    ///
    /// # Errors
    /// The disk.
    pub fn work_folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.layout.work().join(name);
        remove_all(&path)?;
        make_folder(&path)?;
        Ok(path)
    }

    /// What killed builders left: their work, and files they were about to rename.
    fn remove_leftovers(&self, kept: &[&str]) -> Result<(), StoreError> {
        let work = self.layout.work();
        for entry in list(&work)?.iter().filter(|entry| !kept.iter().any(|kept| *kept == entry.as_os_str())) {
            remove_all(&work.join(entry))?;
        }
        self.remove_dead_shells()?;
        let results = self.layout.results();
        for name in list(&results)?.into_iter().filter(|name| name.to_string_lossy().ends_with(".new")) {
            remove_all(&results.join(name))?;
        }
        Ok(())
    }
}

/// Every record of a result that can be read, with the time at which it was written, in the order of their keys; none when
/// there is no store yet. Needs no lock: a record is replaced whole.
///
/// # Errors
/// The folder cannot be read.
pub fn records(layout: &Layout) -> Result<Vec<(SystemTime, ComponentRecord)>, StoreError> {
    let folder = layout.results();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = list(&folder)?;
    names.sort();
    let record = |name: std::ffi::OsString| {
        let path = folder.join(name);
        let written = std::fs::metadata(&path).and_then(|meta| meta.modified()).ok()?;
        let text = std::fs::read(&path).ok()?;
        let record: ComponentRecord = from_json(&path.to_string_lossy(), &text).ok()?;
        Some((written, record))
    };
    Ok(names.into_iter().filter_map(record).collect())
}

/// A record that can be read and understood; a damaged one is a warning, and none.
pub fn read_record<T: serde::de::DeserializeOwned>(path: &Path, reporter: &dyn Reporter) -> Option<T> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            warn_of_damage(reporter, path, &error.to_string());
            return None;
        }
    };
    from_json(&path.to_string_lossy(), &text)
        .map_err(|error| warn_of_damage(reporter, path, &error.message))
        .ok()
}

/// Notes that something in the store is used now: the time of its last change is that of its last use, by which `gc` goes.
/// A store that may not be written is used all the same.
pub fn touch(path: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let now = Timestamps { last_access: now, last_modification: now };
    let _ = utimensat(CWD, path, &now, AtFlags::SYMLINK_NOFOLLOW);
}

/// Says that something in the store cannot be used and is made again.
pub fn warn_of_damage(reporter: &dyn Reporter, path: &Path, why: &str) {
    let message = format!("'{}' in the store is damaged ({why}): it is made again", path.display());
    reporter.report(Event::Warning(message));
}

/// Makes a folder and those above it.
///
/// # Errors
/// The disk.
pub fn make_folder(path: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(path).map_err(StoreError::from_io("make the folder", path))
}

/// Removes a file, or a folder with all that is in it (folders that may not be written included), if it is there.
///
/// # Errors
/// The disk, or another user's files.
pub fn remove_all(path: &Path) -> Result<(), StoreError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    match Folder::open(parent(path)) {
        Err(error) if error.is_absent() => Ok(()),
        folder => Ok(folder?.remove_all(name).map(drop)?),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// The names in a folder; none when it is not there.
fn list(folder: &Path) -> Result<Vec<std::ffi::OsString>, StoreError> {
    let names = || -> std::io::Result<Vec<_>> {
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    };
    match names() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(StoreError::from_io("read the folder", folder)),
    }
}

#[cfg(test)]
mod tests;
