//! What a file system has left.

use std::os::fd::AsFd;

use rustix::fs::{fstat, fstatvfs};
use rustix::io::Result;

/// What this user can still put on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The file system's device number: two folders with the same one share the space.
    pub device: u64,
    /// Bytes that are free for this user.
    pub bytes: u64,
    /// Files that can still be made; none where the file system does not count them (btrfs, some network ones).
    pub files: Option<u64>,
    /// Bytes of a block: what a file takes is rounded up to it.
    pub block: u64,
}

impl Space {
    pub(super) fn of(folder: impl AsFd) -> Result<Self> {
        let (vfs, stat) = (fstatvfs(&folder)?, fstat(&folder)?);
        Ok(Self {
            device: stat.st_dev,
            bytes: vfs.f_bavail.saturating_mul(vfs.f_frsize),
            files: (vfs.f_files > 0).then_some(vfs.f_favail),
            block: vfs.f_frsize.max(1),
        })
    }
}
