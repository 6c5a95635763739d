//! An exclusive lock on a file, which names its holder and which the kernel drops when the holder dies.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::FileError;

/// The most bytes of a holder's text that are read.
const HOLDER: u64 = 4096;

/// An exclusive lock; dropping it, or dying, lets the next one in. The file itself stays.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, if it is free now, and writes who holds it. When another holds it: that one's text.
    ///
    /// # Errors
    /// The file cannot be made, locked or written.
    pub fn try_take(path: &Path, holder: &str) -> Result<Result<Self, String>, FileError> {
        let lock = Self::open(path)?;
        match flock(&lock.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => lock.write_holder(holder).map(Ok),
            Err(Errno::WOULDBLOCK) => Ok(Err(lock.read_holder())),
            Err(errno) => Err(FileError::new("lock", path, errno)),
        }
    }

    /// Takes the lock, waiting for as long as it takes.
    ///
    /// # Errors
    /// The file cannot be made, locked or written.
    pub fn take(path: &Path, holder: &str) -> Result<Self, FileError> {
        let lock = Self::open(path)?;
        loop {
            match flock(&lock.file, FlockOperation::LockExclusive) {
                Ok(()) => return lock.write_holder(holder),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(FileError::new("lock", path, errno)),
            }
        }
    }

    fn open(path: &Path) -> Result<Self, FileError> {
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| FileError::new("open the lock", path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The holder is for people only: a full disk must not keep anyone from the lock.
    fn write_holder(mut self, holder: &str) -> Result<Self, FileError> {
        self.file.set_len(0).map_err(|error| FileError::new("write", &self.path, error))?;
        let _ = self.file.rewind().and_then(|()| self.file.write_all(holder.as_bytes()));
        Ok(self)
    }

    fn read_holder(mut self) -> String {
        let mut text = String::new();
        let _ = (&mut self.file).take(HOLDER).read_to_string(&mut text);
        text.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_the_next_learns_who() {
        let path = std::env::temp_dir().join(format!("medic-sys-lock-{}", std::process::id()));
        let first = Lock::try_take(&path, "the first one, at length").expect("io").expect("free");
        let refused = Lock::try_take(&path, "second").expect("io").expect_err("held");
        assert_eq!(refused, "the first one, at length");
        drop(first);
        let second = Lock::take(&path, "second").expect("io");
        assert_eq!(Lock::try_take(&path, "third").expect("io").expect_err("held"), "second");
        drop(second);
        fs_err::remove_file(path).expect("removed");
    }
}
