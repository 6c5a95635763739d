//! Where fetched files are kept: `<store>/sources/sha256/<digits>`, and what is not whole yet under
//! `<store>/partial/<digits>.<digest of the location>`.

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

    /// A new folder for a client program to work in, removed when dropped.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir, FetchError> {
        tempfile::Builder::new()
            .prefix("client-")
            .tempdir_in(&self.partial)
            .map_err(|source| self.disk(&self.partial, source))
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
