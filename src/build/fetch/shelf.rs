//! Where fetched files are kept: `<store>/sources/sha256/<digits>`, and what is not whole yet under
//! `<store>/partial/<digits>.<digest of the location>`. What only its own process can use (a client's scratch folder, a second beginning
//! of one file) is locked by it, and removed by the next run when that process is gone.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_archive::digest;
use medic_model::Sha256;
use medic_sys::files::{Folder, sync_path};

use super::FetchError;
use super::partial::Partial;
use super::plan::Want;

/// The folders of the store that fetching writes.
#[derive(Debug)]
pub(super) struct Shelf {
    sources: PathBuf,
    partial: PathBuf,
}

/// Where a file with this digest is in a store, when it is there.
pub fn path_of(store: &Path, sha256: &Sha256) -> PathBuf {
    store.join("sources/sha256").join(sha256.to_string())
}

impl Shelf {
    pub(super) fn open(store: &Path) -> Result<Self, FetchError> {
        let shelf = Self { sources: store.join("sources/sha256"), partial: store.join("partial") };
        for folder in [&shelf.sources, &shelf.partial] {
            fs::create_dir_all(folder).map_err(|source| shelf.disk(folder, source))?;
        }
        shelf.sweep().map_err(|source| shelf.disk(&shelf.partial, source))?;
        Ok(shelf)
    }

    pub(super) fn path_of(&self, sha256: &Sha256) -> PathBuf {
        self.sources.join(sha256.to_string())
    }

    /// The size of the file in the store, read whole and found right. A wrong one is removed.
    pub(super) fn verified(&self, want: &Want) -> Result<Stored, FetchError> {
        let path = self.path_of(&want.sha256);
        match digest::of_file(&path) {
            Ok(found) if found.sha256 == want.sha256 => {
                crate::store::touch(&path);
                Ok(Stored::Right(found.size))
            }
            Ok(_) => {
                fs::remove_file(&path).map_err(|source| self.disk(&path, source))?;
                Ok(Stored::Damaged(path))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stored::Absent),
            Err(error) => Err(self.disk(&path, error)),
        }
    }

    /// Opens what there is of a file from a location.
    pub(super) fn partial(&self, want: &Want, location: &str) -> Result<Partial, FetchError> {
        let place = digest::of_bytes(location.as_bytes()).sha256.to_string();
        let path = self.partial.join(format!("{}.{}", want.sha256, &place[..16]));
        Partial::open(path.clone(), want).map_err(|source| self.disk(&path, source))
    }

    /// Removes what processes left that were killed.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.partial)? {
            let entry = entry?;
            let name = entry.file_name();
            // Somebody else may sweep as well: what is gone is gone.
            if is_private(&name.to_string_lossy())
                && let Some(_lock) = lock(&entry.path()).or_else(absent)?
            {
                Folder::open(&self.partial)
                    .and_then(|folder| folder.remove_all(&name))
                    .map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    /// A new folder for a client program to work in, removed when dropped.
    pub(super) fn scratch(&self) -> Result<Scratch, FetchError> {
        loop {
            match self.try_scratch() {
                Ok(Some(scratch)) => return Ok(scratch),
                // Another run swept it away before it was locked.
                Ok(None) => {}
                Err(source) => return Err(self.disk(&self.partial, source)),
            }
        }
    }

    fn try_scratch(&self) -> io::Result<Option<Scratch>> {
        let folder = tempfile::Builder::new().prefix(CLIENT).tempdir_in(&self.partial)?;
        let lock = lock(folder.path()).or_else(absent)?;
        Ok(lock.filter(|_| folder.path().exists()).map(|lock| Scratch { folder, _lock: lock }))
    }

    /// Puts a whole and verified file into its place, so that it is there after a power cut or not at all.
    pub(super) fn promote(&self, partial: Partial, want: &Want) -> Result<(), FetchError> {
        let to = self.path_of(&want.sha256);
        let read_only = || fs::set_permissions(&to, std::fs::Permissions::from_mode(0o444));
        let promoted =
            partial.make_durable().and_then(|from| fs::rename(from, &to)).and_then(|()| read_only());
        promoted.map_err(|source| self.disk(&to, source))?;
        sync_path(&self.sources).map_err(|error| self.disk(&self.sources, io::Error::other(error)))
    }

    /// An error of the store's disk, with the space that is left.
    pub(super) fn disk(&self, path: &Path, source: io::Error) -> FetchError {
        let above = path.ancestors().find(|path| path.is_dir());
        let space = above.and_then(|folder| Folder::open(folder).ok()?.space().ok());
        FetchError::Disk { path: path.to_owned(), source, free: space.map(|space| space.bytes) }
    }
}

/// The folder of a client program.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// How the names of clients' folders begin.
const CLIENT: &str = "client-";

/// Whether it is of use to the process that made it only: `client-…`, or `<digits>.<location>.<process>`.
fn is_private(name: &str) -> bool {
    name.starts_with(CLIENT) || name.split('.').count() == 3
}

/// Locks a file or folder, unless another process has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// For `or_else`: what is not there is no error.
fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

/// What the store has under a digest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The right file, of this size.
    Right(u64),
    /// Something else, which has been removed.
    Damaged(PathBuf),
    /// Nothing.
    Absent,
}
