//! This crate's part of the store: where things are, and how they come there whole or not at all.

use std::io;
use std::path::{Path, PathBuf};

use medic_model::Sha256;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;

use crate::error::ImageError;

/// What is being written in the store, and beside outputs, has this in its name.
pub(crate) const MARK: &str = ".medic-image-";

/// The store's folders of this crate.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A compressed layer.
    pub(crate) fn layer(&self, digest: Sha256) -> PathBuf {
        self.root.join("layers/blobs").join(digest.to_string())
    }

    /// What is known of a package archive, in a form (compression and version of the writer).
    pub(crate) fn package(&self, archive: Sha256, form: &str) -> PathBuf {
        self.root.join("layers/packages").join(format!("{archive}-{form}.json"))
    }

    /// An assembled image.
    pub(crate) fn image(&self, key: Sha256) -> PathBuf {
        self.root.join("images").join(format!("{key}.json"))
    }

    /// What is known of an archive written to a path with this digest.
    pub(crate) fn written(&self, path: Sha256) -> PathBuf {
        self.root.join("images/written").join(format!("{path}.json"))
    }

    /// The folder of unpacked images.
    pub(crate) fn root_filesystems(&self) -> PathBuf {
        self.root.join("rootfs")
    }

    /// A folder that outlives a run.
    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.root.join("volumes").join(name)
    }

    /// The folders of what [`crate::garbage`] lists: layers, package records, images, archives written, unpacked images.
    pub(crate) fn folders(&self) -> [PathBuf; 6] {
        let below = ["layers/blobs", "layers/packages", "images", "images/written", "rootfs", "tmp"];
        below.map(|folder| self.root.join(folder))
    }

    /// A folder for what is being made, removed on drop; what a killed program left of its own is removed now.
    pub(crate) fn scratch(&self) -> Result<Scratch, ImageError> {
        Scratch::in_folder(&self.root.join("tmp"))
    }

    /// A document of the store; none when it is not there or of another form, which only means that it is made again.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Puts a document in its place.
    pub(crate) fn write_json<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), ImageError> {
        let text =
            serde_json::to_vec(value).map_err(|source| ImageError::Json { document: "record", source })?;
        let scratch = self.scratch()?;
        let new = scratch.path().join("record.json");
        fs::write(&new, text).map_err(ImageError::on("write", &new))?;
        put(&new, path)
    }
}

/// Notes that something in the store is used now: the time of its last change is that of its last use, by which `gc` goes. A
/// store that may not be written is used all the same.
pub(crate) fn touch(path: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let now = Timestamps { last_access: now, last_modification: now };
    let _ = utimensat(CWD, path, &now, AtFlags::SYMLINK_NOFOLLOW);
}

/// Whether a program that lives has locked a folder of this kind.
pub(crate) fn is_locked(folder: &Path) -> bool {
    lock(folder).is_none() && folder.exists()
}

/// Renames `new` to `path`, making the folders above it.
pub(crate) fn put(new: &Path, path: &Path) -> Result<(), ImageError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(ImageError::on("make the folder", folder))?;
    }
    fs::rename(new, path).map_err(ImageError::on("write", path))
}

/// A folder for what is being made. It is locked as long as its owner lives, so that what a killed owner left can be told.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    _lock: fs::File,
}

impl Scratch {
    /// A new one in `parent`, which is made when it is not there.
    pub(crate) fn in_folder(parent: &Path) -> Result<Self, ImageError> {
        fs::create_dir_all(parent).map_err(ImageError::on("make the folder", parent))?;
        remove_left_over(parent);
        loop {
            let folder = tempfile::Builder::new()
                .prefix(MARK)
                .tempdir_in(parent)
                .map_err(ImageError::on("make a folder in", parent))?;
            // Another program may have taken the folder for a left-over before it was locked: then it is gone.
            if let Some(lock) = lock(folder.path()).filter(|_| folder.path().exists()) {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn lock(folder: &Path) -> Option<fs::File> {
    let file = fs::File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok().map(|()| file)
}

/// Removes the folders of owners that were killed. One that cannot be removed only takes space.
fn remove_left_over(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(MARK)
            && let Some(_lock) = lock(&path)
        {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// Size and time of the last change of a file, by which an unchanged file is known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    pub size: u64,
    seconds: i64,
    nanos: i64,
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = fs::metadata(path)?;
        Ok(Self { size: meta.len(), seconds: meta.mtime(), nanos: meta.mtime_nsec(), inode: meta.ino() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_left_is_removed_and_what_a_living_one_uses_is_not() {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::new(root.path());
        let living = store.scratch().expect("made");
        fs::write(living.path().join("x"), "x").expect("written");
        let left = root.path().join("tmp").join(format!("{MARK}left"));
        fs::create_dir_all(left.join("deep")).expect("made");
        let others = root.path().join("tmp/of-another-crate");
        fs::create_dir(&others).expect("made");
        drop(store.scratch().expect("made"));
        assert!(!left.exists() && living.path().join("x").exists() && others.exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
