//! One error for all file operations: what was tried, on what, and what the kernel said.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} '{}': {source}", path.display())]
pub struct FileError {
    /// What was tried, such as `read` or `rename`.
    pub operation: &'static str,
    /// The file, as the caller knows it.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

impl FileError {
    /// An error of this operation on this path.
    pub fn new(operation: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self { operation, path: path.as_ref().to_owned(), source: source.into() }
    }

    fn is(&self, errno: Errno) -> bool {
        self.source.raw_os_error() == Some(errno.raw_os_error())
    }

    /// Nothing is there, or a folder on the way to it is missing.
    pub fn is_absent(&self) -> bool {
        self.is(Errno::NOENT) || self.is(Errno::NOTDIR)
    }

    /// Something is there already (a folder that is not empty, too).
    pub fn is_taken(&self) -> bool {
        self.is(Errno::EXIST) || self.is(Errno::NOTEMPTY)
    }

    /// The file system, or the user's share of it, is full.
    pub fn is_full(&self) -> bool {
        self.is(Errno::NOSPC) || self.is(Errno::DQUOT)
    }

    /// The file system is mounted read-only.
    pub fn is_read_only(&self) -> bool {
        self.is(Errno::ROFS)
    }

    /// This user may not do it.
    pub fn is_denied(&self) -> bool {
        self.is(Errno::ACCESS) || self.is(Errno::PERM)
    }

    /// The file is in use by the kernel: a mount point, or a program being run.
    pub fn is_busy(&self) -> bool {
        self.is(Errno::BUSY) || self.is(Errno::TXTBSY) || self.is(Errno::XDEV)
    }
}
