//! Writing a canonical tar: the same members always give the same bytes.

use std::io::{self, Read, Write};

use medic_model::RelPath;

use crate::header::{BLOCK, Member, MemberKind};

/// Why a canonical tar cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The archive itself cannot be written.
    #[error("cannot write '{member}' to the archive: {source}")]
    Write {
        /// The member that was being written.
        member: String,
        /// Why.
        source: io::Error,
    },
    /// The content cannot be read.
    #[error("cannot read '{member}' for the archive: {source}")]
    Read {
        /// The member whose content was being read.
        member: String,
        /// Why.
        source: io::Error,
    },
    /// The content is not as long as was said.
    #[error(
        "'{member}' was {expected} bytes when it was listed and is {found} now: it changed while it was packed; try again"
    )]
    Changed {
        /// The member.
        member: String,
        /// Bytes when it was listed.
        expected: u64,
        /// Bytes that were read; more than expected when there was still something to read.
        found: u64,
    },
    /// Members came in another order than the canonical one.
    #[error(
        "'{member}' comes after '{last}': members of a canonical tar stand in ascending order, each once"
    )]
    Order {
        /// The member that came.
        member: String,
        /// The one before it.
        last: String,
    },
}

/// Writes a canonical tar: members in strictly ascending order of their paths, owner and group 0 without names,
/// one modification time for all, ustar headers, PAX only where a path, target or size does not fit.
#[derive(Debug)]
pub struct TarWriter<W> {
    inner: W,
    mtime: u64,
    last: String,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `inner`; every member has the modification time `mtime`, in seconds since 1970.
    pub fn new(inner: W, mtime: u64) -> Self {
        Self { inner, mtime, last: String::new() }
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// [`TarError::Order`], [`TarError::Write`].
    pub fn directory(&mut self, path: &RelPath, mode: u32) -> Result<(), TarError> {
        self.header(path, MemberKind::Directory { mode })
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// [`TarError::Order`], [`TarError::Write`].
    pub fn link(&mut self, path: &RelPath, target: &str) -> Result<(), TarError> {
        self.header(path, MemberKind::Link { target })
    }

    /// Adds a file of exactly `size` bytes.
    ///
    /// # Errors
    /// [`TarError::Changed`] when `content` is shorter or longer; [`TarError::Read`], [`TarError::Order`],
    /// [`TarError::Write`].
    pub fn file(
        &mut self,
        path: &RelPath,
        mode: u32,
        size: u64,
        mut content: impl Read,
    ) -> Result<(), TarError> {
        self.header(path, MemberKind::File { mode, size })?;
        self.content(path, size, &mut content)?;
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.write(path.as_str(), &[0; BLOCK][..padding as usize])
    }

    /// Writes the end of the archive, and gives back the writer underneath.
    ///
    /// # Errors
    /// [`TarError::Write`].
    pub fn finish(mut self) -> Result<W, TarError> {
        self.write("the end", &[0; 2 * BLOCK])?;
        Ok(self.inner)
    }

    fn header(&mut self, path: &RelPath, kind: MemberKind<'_>) -> Result<(), TarError> {
        if path.as_str() <= self.last.as_str() {
            return Err(TarError::Order { member: path.to_string(), last: self.last.clone() });
        }
        path.as_str().clone_into(&mut self.last);
        let header = Member { path: path.as_str(), mtime: self.mtime, kind }.header();
        self.write(path.as_str(), &header)
    }

    fn content(&mut self, path: &RelPath, size: u64, content: &mut impl Read) -> Result<(), TarError> {
        let read = |source| TarError::Read { member: path.to_string(), source };
        let changed = |found| TarError::Changed { member: path.to_string(), expected: size, found };
        let mut buffer = vec![0; 64 << 10];
        let mut left = size;
        while left > 0 {
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match content.read(&mut buffer[..room]) {
                Ok(0) => return Err(changed(size - left)),
                Ok(count) => {
                    self.write(path.as_str(), &buffer[..count])?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read(error)),
            }
        }
        match content.read(&mut buffer[..1]).map_err(read)? {
            0 => Ok(()),
            _ => Err(changed(size + 1)),
        }
    }

    fn write(&mut self, member: &str, bytes: &[u8]) -> Result<(), TarError> {
        self.inner.write_all(bytes).map_err(|source| TarError::Write { member: member.to_owned(), source })
    }
}
