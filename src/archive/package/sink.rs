//! Where a package's entries go: the caller's choice.

use std::io::{self, Read, Write as _};
use std::path::Path;

use medic_model::RelPath;

use crate::beneath::Beneath;

/// Takes a package's entries one by one, each folder before what it holds.
///
/// Content is verified as it is read: the last read of `content` fails when the digest is wrong, so a sink that reads to the
/// end and passes errors on never keeps a wrong file without knowing. A sink need not read a file to its end: what is
/// left is read and verified by the reader.
pub trait Sink {
    /// A folder.
    ///
    /// # Errors
    /// The sink's own; it should name the place.
    fn directory(&mut self, path: &RelPath, mode: u32) -> io::Result<()>;

    /// A file of `size` bytes.
    ///
    /// # Errors
    /// The sink's own, or what `content` gives.
    fn file(&mut self, path: &RelPath, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()>;

    /// A symbolic link.
    ///
    /// # Errors
    /// The sink's own.
    fn link(&mut self, path: &RelPath, target: &str) -> io::Result<()>;
}

/// Unpacks below a folder. Never follows a symbolic link, never replaces a file, and does not depend on the umask.
/// Nothing is made durable: that is the caller's to decide.
#[derive(Debug)]
pub struct DirectorySink {
    beneath: Beneath,
    buffer: Vec<u8>,
}

impl DirectorySink {
    /// Below `root`, which must exist.
    ///
    /// # Errors
    /// It does not exist or is no folder.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { beneath: Beneath::open(root)?, buffer: vec![0; 64 << 10] })
    }
}

impl Sink for DirectorySink {
    fn directory(&mut self, path: &RelPath, mode: u32) -> io::Result<()> {
        self.beneath.directory(path.as_str().as_bytes(), mode)
    }

    fn file(&mut self, path: &RelPath, mode: u32, _: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut file = self.beneath.file(path.as_str().as_bytes(), mode)?;
        loop {
            match content.read(&mut self.buffer)? {
                0 => return Ok(()),
                count => file.write_all(&self.buffer[..count])?,
            }
        }
    }

    fn link(&mut self, path: &RelPath, target: &str) -> io::Result<()> {
        self.beneath.link(path.as_str().as_bytes(), target.as_bytes())
    }
}

/// Takes everything and keeps nothing: for verifying an archive.
impl Sink for () {
    fn directory(&mut self, _: &RelPath, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &RelPath, _: u32, _: u64, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _: &RelPath, _: &str) -> io::Result<()> {
        Ok(())
    }
}
