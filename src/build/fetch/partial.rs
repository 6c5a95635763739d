//! A file that is not whole yet, digested as it grows.

use std::fs::TryLockError;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_model::{Sha256, Sha512};
use sha2::Digest as _;

use super::Reason;
use super::plan::Want;

/// A file that is not whole yet, and the digests of what is there.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    file: fs::File,
    /// Whether another process has the file of this name, and this is one beside it.
    private: bool,
    size: u64,
    sha256: sha2::Sha256,
    sha512: Option<sha2::Sha512>,
}

/// Why bytes were not added.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file would be larger than it may.
    TooLarge,
    /// The disk.
    Disk(io::Error),
}

impl Partial {
    /// Opens what is there, or begins. Another process that has it open gets to keep it, and this one begins another.
    pub(super) fn open(path: PathBuf, want: &Want) -> io::Result<Self> {
        let (mut path, mut private) = (path, false);
        let mut file = open(&path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                path.as_mut_os_string().push(format!(".{}", std::process::id()));
                file = open(&path)?;
                // Held like the other: so that a later run knows whether this process is still there.
                file.file().try_lock().map_err(io::Error::from)?;
                file.set_len(0)?;
                private = true;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let sha512 = want.sha512.map(|_| sha2::Sha512::new());
        let mut partial = Self { path, file, private, size: 0, sha256: sha2::Sha256::new(), sha512 };
        partial.digest_existing(want)?;
        Ok(partial)
    }

    fn digest_existing(&mut self, want: &Want) -> io::Result<()> {
        if self.file.metadata()?.len() > want.max_size.0 {
            return self.restart();
        }
        let mut buffer = vec![0; 128 << 10];
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.digest(&buffer[..count]),
            }
        }
    }

    fn digest(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
        self.size += bytes.len() as u64;
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes are there.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, bytes: &[u8], want: &Want) -> Result<(), Refused> {
        if self.size + bytes.len() as u64 > want.max_size.0 {
            return Err(Refused::TooLarge);
        }
        self.file.write_all(bytes).map_err(Refused::Disk)?;
        self.digest(bytes);
        Ok(())
    }

    /// Throws away what is there.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.size = 0;
        self.sha256.reset();
        if let Some(sha512) = &mut self.sha512 {
            sha512.reset();
        }
        Ok(())
    }

    /// The digest of what is there.
    pub(super) fn found(&self) -> Sha256 {
        Sha256::from_bytes(self.sha256.clone().finalize().into())
    }

    /// The other digest of what is there, when the file was opened for one that has it.
    pub(super) fn found_sha512(&self) -> Option<Sha512> {
        self.sha512.as_ref().map(|hash| Sha512::from_bytes(hash.clone().finalize().into()))
    }

    /// Whether what is there is the whole file and right.
    pub(super) fn check(&self, want: &Want) -> Result<(), Reason> {
        let found = self.found();
        if found != want.sha256 {
            return Err(Reason::WrongDigest { algorithm: "sha256", found: found.to_string() });
        }
        match (&self.sha512, want.sha512) {
            (Some(hash), Some(expected)) => {
                let found = Sha512::from_bytes(hash.clone().finalize().into());
                let wrong = || Reason::WrongDigest { algorithm: "sha512", found: found.to_string() };
                if found == expected { Ok(()) } else { Err(wrong()) }
            }
            _ => Ok(()),
        }
    }

    /// Makes the bytes durable, and gives the file's path.
    pub(super) fn make_durable(self) -> io::Result<PathBuf> {
        self.file.sync_all()?;
        Ok(self.path)
    }

    /// Removes the file: what is in it is of no use.
    pub(super) fn discard(self) {
        // A file that cannot be removed is looked at again, and found wrong again, next time.
        let _ = fs::remove_file(self.path);
    }

    /// Keeps the file for the next run, unless there is nothing in it or the next run would not find it.
    pub(super) fn leave(self) {
        if self.size == 0 || self.private {
            self.discard();
        }
    }
}

fn open(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
