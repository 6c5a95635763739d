//! How the files of a repository are got.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_model::Sha256;

/// What an index says of an archive's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// How many there are.
    pub size: u64,
    /// Their digest.
    pub sha256: Sha256,
}

/// Gets the files of a repository. Nothing that it gives is trusted.
pub trait Transport {
    /// Where a file is, for messages.
    fn location(&self, name: &str) -> String;

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// It is not there ([`io::ErrorKind::NotFound`]), is too large, or cannot be got.
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>>;

    /// Gets an archive as a file of this machine: where it is, or a copy in the folder `cache`. Whoever reads it checks its digest,
    /// whether or not this did. `told` is called with how many bytes of a copy are here, whenever more have come.
    ///
    /// # Errors
    /// It is not there, cannot be got, or is not what is expected.
    fn fetch(&self, name: &str, expected: Expected, cache: &Path, told: &dyn Fn(u64)) -> io::Result<PathBuf>;
}

/// A repository in a folder.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// In this folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where a file is. Anything else is not even opened: a pipe would wait for whoever writes to it.
    fn regular(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        if fs::metadata(&path)?.is_file() {
            return Ok(path);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"))
    }
}

impl Transport for Directory {
    fn location(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = fs::File::open(self.regular(name)?)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {limit} bytes"),
            ));
        }
        Ok(bytes)
    }

    fn fetch(&self, name: &str, _: Expected, _: &Path, _: &dyn Fn(u64)) -> io::Result<PathBuf> {
        self.regular(name)
    }
}
