//! What can go wrong with the store's disk.

use std::io;
use std::path::{Path, PathBuf};

use medic_model::ByteSize;
use medic_sys::files::{FileError, Folder};

/// The store, or something in it, cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left. Nothing in the store is damaged by it: what is not whole is never put in place.
    #[error(
        "the disk is full: '{}' cannot be written; {} of space are left on its file system. Free some space there, or set \
         MEDIC_OS_STORE to a folder on a larger disk; what is done is kept, run it again to go on",
        path.display(), ByteSize(*free)
    )]
    Full {
        /// What could not be written.
        path: PathBuf,
        /// Bytes that are still free there.
        free: u64,
    },
    /// Anything else.
    #[error("cannot {operation} '{}': {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl StoreError {
    /// The error of this operation on this path, with a full disk told apart.
    pub fn new(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref();
        if is_full(&source) {
            Self::Full { path: path.to_owned(), free: free_bytes(path) }
        } else {
            Self::File { operation, path: path.to_owned(), source }
        }
    }

    /// A full disk, when less than `bytes` are free where the path is, or would be.
    ///
    /// # Errors
    /// Just that.
    pub fn unless_free(path: &Path, bytes: u64) -> Result<(), Self> {
        let free = free_bytes(path);
        if free < bytes { Err(Self::Full { path: path.to_owned(), free }) } else { Ok(()) }
    }

    /// For `map_err`.
    pub fn from_io<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::new(operation, path, source)
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::new(error.operation, error.path, error.source)
    }
}

/// Whether the file system, or the user's share of it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a full disk is what lies beneath an error.
pub fn is_full_beneath(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<io::Error>().is_some_and(is_full) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Bytes that are free where the path is, or would be.
fn free_bytes(path: &Path) -> u64 {
    let space = |folder: &Path| Folder::open(folder).and_then(|folder| folder.space()).ok();
    path.ancestors().find_map(space).map_or(0, |space| space.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_with_the_file_and_the_free_space() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = StoreError::new("write", "/tmp/store/x", full).to_string();
        assert!(error.contains("the disk is full: '/tmp/store/x'"), "{error}");
        assert!(error.contains("MEDIC_OS_STORE"), "{error}");
        let other = StoreError::new("write", "/x", io::Error::from_raw_os_error(13)).to_string();
        assert_eq!(other, "cannot write '/x': Permission denied (os error 13)");
        let path = Path::new("/tmp/store/x");
        assert!(StoreError::unless_free(path, 0).is_ok());
        let error = StoreError::unless_free(path, u64::MAX).expect_err("no disk is that large").to_string();
        assert!(error.contains("the disk is full: '/tmp/store/x'"), "{error}");
    }
}
