//! SHA-256 while bytes flow by: nothing is read twice only to know its digest.

use std::io::{self, Read, Write};
use std::path::Path;

use fs_err as fs;
use medic_model::Sha256;
use sha2::Digest as _;

/// The digest and the size of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digested {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// How many bytes.
    pub size: u64,
}

/// A digest in the making.
#[derive(Debug, Clone, Default)]
pub struct Digester {
    hash: sha2::Sha256,
    size: u64,
}

impl Digester {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// How many bytes were taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digested {
        Digested { sha256: Sha256::from_bytes(self.hash.finalize().into()), size: self.size }
    }
}

/// A writer that knows the digest of what went through it.
#[derive(Debug)]
pub struct DigestWriter<W> {
    inner: W,
    digester: Digester,
}

impl<W: Write> DigestWriter<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, digester: Digester::default() }
    }

    /// How many bytes went through.
    pub fn size(&self) -> u64 {
        self.digester.size()
    }

    /// The writer underneath, and the digest.
    pub fn finish(self) -> (W, Digested) {
        (self.inner, self.digester.finish())
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A reader that knows the digest of what was read through it.
#[derive(Debug)]
pub struct DigestReader<R> {
    inner: R,
    digester: Digester,
}

impl<R: Read> DigestReader<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, digester: Digester::default() }
    }

    /// The digest of what has been read.
    pub fn finish(self) -> Digested {
        self.digester.finish()
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digester.update(&buffer[..read]);
        Ok(read)
    }
}

/// The digest of everything that `reader` yields.
///
/// # Errors
/// What the reader gives.
pub fn of_reader(reader: impl Read) -> io::Result<Digested> {
    let mut reader = DigestReader::new(reader);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.finish())
}

/// The digest of a file.
///
/// # Errors
/// The file cannot be opened or read; the error names it.
pub fn of_file(path: &Path) -> io::Result<Digested> {
    of_reader(fs::File::open(path)?)
}

/// The digest of some bytes.
pub fn of_bytes(bytes: &[u8]) -> Digested {
    let mut digester = Digester::default();
    digester.update(bytes);
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_writing_and_whole_bytes_agree() {
        let bytes = b"abc".repeat(10_000);
        let whole = of_bytes(&bytes);
        let mut writer = DigestWriter::new(Vec::new());
        bytes.chunks(7).for_each(|part| writer.write_all(part).expect("a vector takes all"));
        assert_eq!(writer.finish(), (bytes.clone(), whole));
        assert_eq!(of_reader(&bytes[..]).expect("read"), whole);
        // FIPS 180-4's example.
        assert_eq!(
            of_bytes(b"abc").sha256.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
