//! Reading a package archive, which is hostile until it has been read to its end.
//!
//! No tar is parsed: since an archive is a function of its manifest, the reader makes the header that must come next and compares.
//! Only a header that differs is looked into, to say how. So there is nothing that an archive can make this
//! program allocate, skip or misunderstand, and what is unpacked is exactly what the manifest says.
//!
//! Decompressing, with the digests of all contents, is a thread of its own (`flow`, `contents`): it goes on while the sink writes.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread;

use fs_err as fs;
use medic_model::manifest::{Entry, FILE_NAME, MAX_ENTRIES};
use medic_model::{Manifest, Sha256};

use super::WINDOW_LOG;
use super::sink::Sink;
use super::{MANIFEST_MODE, PackageError};
use crate::digest::{DigestReader, Digested};
use crate::header::{BLOCK, Member, MemberKind};
use contents::Contents;
use diagnosis::diagnose;
use flow::Flow;

mod contents;
mod diagnosis;
mod flow;

/// The most bytes a manifest may have.
const MAX_MANIFEST: u64 = 64 << 20;

/// What a caller allows an archive to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most entries.
    pub entries: usize,
    /// The most bytes of all files together.
    pub size: u64,
}

impl Default for Limits {
    /// As many entries as a manifest may have, and 16 GiB.
    fn default() -> Self {
        Self { entries: MAX_ENTRIES, size: 16 << 30 }
    }
}

type Decoder<R> = zstd::Decoder<'static, BufReader<DigestReader<R>>>;

/// A package archive whose manifest has been read and whose entries have not.
pub struct PackageReader<R: Read> {
    input: Input<Decoder<R>>,
    manifest: Manifest,
    mtime: u64,
}

/// The tar, decompressed here or by another thread.
struct Input<T> {
    archive: String,
    decoder: T,
}

impl PackageReader<fs::File> {
    /// Opens an archive and reads its manifest.
    ///
    /// # Errors
    /// [`PackageError`]: not a file that can be read, not an archive, a manifest that cannot be used, or one that says
    /// more than `limits` allow.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, PackageError> {
        let archive = path.display().to_string();
        let file =
            fs::File::open(path).map_err(|source| PackageError::Read { archive: archive.clone(), source })?;
        Self::new(archive, file, limits)
    }
}

impl<R: Read + Send> PackageReader<R> {
    /// Reads the manifest of an archive that errors call `archive`.
    ///
    /// # Errors
    /// As [`PackageReader::open`].
    pub fn new(archive: String, reader: R, limits: Limits) -> Result<Self, PackageError> {
        let mut input = Input::new(archive, reader)?;
        let (text, mtime) = input.manifest()?;
        let file = format!("{}:{FILE_NAME}", input.archive);
        let manifest = Manifest::from_json(&file, &text)?;
        check_limits(&input.archive, &manifest, limits)?;
        Ok(Self { input, manifest, mtime })
    }

    /// What the archive says it holds. The rest of the archive is not verified yet.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The modification time of every member, in seconds since 1970.
    pub fn mtime(&self) -> u64 {
        self.mtime
    }

    /// Gives every entry to `sink`, in the manifest's order, and verifies all of it, the archive's end too. Gives the manifest and the
    /// digest of the archive itself.
    ///
    /// # Errors
    /// [`PackageError`]; what the sink has by then is not to be used.
    pub fn unpack(self, sink: &mut dyn Sink) -> Result<(Manifest, Digested), PackageError> {
        let Self { input: Input { archive, decoder }, manifest, mtime } = self;
        let digested = thread::scope(|scope| {
            let (contents, digests) = Contents::new(decoder, &manifest.entries);
            let mut input = Input { archive, decoder: Flow::new(scope, contents) };
            input.entries(&manifest, mtime, &digests, sink)?;
            input.end(&manifest)
        })?;
        Ok((manifest, digested))
    }

    /// Reads and verifies everything, and keeps nothing.
    ///
    /// # Errors
    /// As [`PackageReader::unpack`].
    pub fn verify(self) -> Result<(Manifest, Digested), PackageError> {
        self.unpack(&mut ())
    }
}

fn check_limits(archive: &str, manifest: &Manifest, limits: Limits) -> Result<(), PackageError> {
    let archive = archive.to_owned();
    let (count, size) = (manifest.entries.len(), manifest.installed_size());
    if count > limits.entries {
        return Err(PackageError::TooMany { archive, count, limit: limits.entries });
    }
    if size > limits.size {
        return Err(PackageError::TooLarge { archive, size, limit: limits.size });
    }
    Ok(())
}

/// The tar member that an entry must be.
fn member(entry: &Entry, mtime: u64) -> Member<'_> {
    let kind = match entry {
        Entry::Directory { mode, .. } => MemberKind::Directory { mode: *mode },
        Entry::File { mode, size, .. } => MemberKind::File { mode: *mode, size: *size },
        Entry::Link { target, .. } => MemberKind::Link { target },
    };
    Member { path: entry.path().as_str(), mtime, kind }
}

impl<R: Read> Input<Decoder<R>> {
    fn new(archive: String, reader: R) -> Result<Self, PackageError> {
        let failed = |source| PackageError::Compression {
            archive: archive.clone(),
            member: FILE_NAME.to_owned(),
            source,
        };
        let buffered = BufReader::with_capacity(64 << 10, DigestReader::new(reader));
        let mut decoder = zstd::Decoder::with_buffer(buffered).map_err(failed)?.single_frame();
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        Ok(Self { archive, decoder })
    }

    /// The manifest's text, and the time that all members have.
    fn manifest(&mut self) -> Result<(Vec<u8>, u64), PackageError> {
        let block = self.block(FILE_NAME)?;
        let header = tar::Header::from_byte_slice(&block);
        let no_manifest = || PackageError::NoManifest {
            archive: self.archive.clone(),
            found: String::from_utf8_lossy(&header.path_bytes()).escape_debug().to_string(),
        };
        if *header.path_bytes() != *FILE_NAME.as_bytes() {
            return Err(no_manifest());
        }
        let (Ok(size), Ok(mtime)) = (header.entry_size(), header.mtime()) else { return Err(no_manifest()) };
        let kind = MemberKind::File { mode: MANIFEST_MODE, size };
        if (Member { path: FILE_NAME, mtime, kind }).header() != block {
            return Err(
                self.not_canonical(FILE_NAME, "its header differs from the one that every manifest has")
            );
        }
        if size > MAX_MANIFEST {
            let archive = self.archive.clone();
            return Err(PackageError::ManifestTooLarge { archive, size, limit: MAX_MANIFEST });
        }
        let mut text = Vec::new();
        let padded = size.next_multiple_of(BLOCK as u64);
        let read = (&mut self.decoder).take(padded).read_to_end(&mut text);
        let read = read.map_err(|source| self.failed(FILE_NAME, source))?;
        if read as u64 != padded {
            return Err(self.failed(FILE_NAME, io::ErrorKind::UnexpectedEof.into()));
        }
        if text.split_off(size as usize).iter().any(|byte| *byte != 0) {
            return Err(self.not_canonical(FILE_NAME, "its padding is not zeros"));
        }
        Ok((text, mtime))
    }
}

impl<T: Read> Input<T> {
    fn entries(
        &mut self,
        manifest: &Manifest,
        mtime: u64,
        digests: &Receiver<Sha256>,
        sink: &mut dyn Sink,
    ) -> Result<(), PackageError> {
        for (index, entry) in manifest.entries.iter().enumerate() {
            self.header(manifest, index, mtime)?;
            let failed = |source| PackageError::Sink {
                archive: self.archive.clone(),
                member: entry.path().to_string(),
                source,
            };
            match entry {
                Entry::Directory { path, mode } => sink.directory(path, *mode).map_err(failed)?,
                Entry::Link { path, target } => sink.link(path, target).map_err(failed)?,
                Entry::File { .. } => self.file(entry, digests, sink)?,
            }
        }
        Ok(())
    }

    /// Reads the header of the entry at `index`, which must be the one that the entry makes.
    fn header(&mut self, manifest: &Manifest, index: usize, mtime: u64) -> Result<(), PackageError> {
        let entry = &manifest.entries[index];
        for expected in member(entry, mtime).header().chunks(BLOCK) {
            let found = self.block(entry.path().as_str())?;
            if found != expected {
                return Err(diagnose(&self.archive, &found, manifest, index, mtime));
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        entry: &Entry,
        digests: &Receiver<Sha256>,
        sink: &mut dyn Sink,
    ) -> Result<(), PackageError> {
        let Entry::File { path, mode, size, sha256 } = entry else { return Ok(()) };
        let mut content = Content {
            decoder: &mut self.decoder,
            left: *size,
            digests,
            state: State::Reading,
            wanted: sha256,
        };
        let taken = sink.file(path, *mode, *size, &mut content);
        // What the sink left unread is verified all the same, unless it failed.
        let unread = taken.is_ok() && !matches!(content.state, State::Right);
        let drained = if unread { io::copy(&mut content, &mut io::sink()).map(drop) } else { Ok(()) };
        let member = path.to_string();
        match content.state {
            State::Wrong(found) => {
                let archive = self.archive.clone();
                return Err(PackageError::WrongDigest { archive, member, expected: *sha256, found });
            }
            State::Failed(source) => return Err(self.failed(path.as_str(), source)),
            State::Reading | State::Right => {}
        }
        let archive = self.archive.clone();
        taken.and(drained).map_err(|source| PackageError::Sink { archive, member, source })?;
        self.padding(path.as_str(), *size)
    }

    fn padding(&mut self, member: &str, size: u64) -> Result<(), PackageError> {
        let length = (size.next_multiple_of(BLOCK as u64) - size) as usize;
        let mut block = [0; BLOCK];
        self.decoder.read_exact(&mut block[..length]).map_err(|source| self.failed(member, source))?;
        if block[..length].iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(self.not_canonical(member, "its padding is not zeros"))
        }
    }

    fn block(&mut self, member: &str) -> Result<[u8; BLOCK], PackageError> {
        let mut block = [0; BLOCK];
        self.decoder.read_exact(&mut block).map_err(|source| self.failed(member, source))?;
        Ok(block)
    }

    fn failed(&self, member: &str, source: io::Error) -> PackageError {
        let (archive, member) = (self.archive.clone(), member.to_owned());
        match source.kind() {
            io::ErrorKind::UnexpectedEof => PackageError::Truncated { archive, member },
            // zstd's own errors have no number of the operating system's.
            io::ErrorKind::Other if source.raw_os_error().is_none() => {
                PackageError::Compression { archive, member, source }
            }
            _ => PackageError::Read { archive, source },
        }
    }

    fn not_canonical(&self, member: &str, why: &'static str) -> PackageError {
        PackageError::NotCanonical { archive: self.archive.clone(), member: member.to_owned(), why }
    }
}

impl<'m, R: Read + Send> Input<Flow<'_, Contents<'m, Decoder<R>>>> {
    /// The two blocks of zeros, the end of the frame, the end of the file.
    fn end(mut self, manifest: &Manifest) -> Result<Digested, PackageError> {
        let first = self.block("the end")?;
        if first != [0; BLOCK] {
            return Err(diagnose(&self.archive, &first, manifest, manifest.entries.len(), 0));
        }
        if self.block("the end")? != [0; BLOCK] {
            return Err(PackageError::Trailing { archive: self.archive });
        }
        let more = self.decoder.read(&mut [0]).map_err(|source| self.failed("the end", source))?;
        let archive = self.archive;
        if more != 0 {
            return Err(PackageError::Trailing { archive });
        }
        let read = |source| PackageError::Read { archive: archive.clone(), source };
        let mut rest = self.decoder.finish().map_err(read)?.into_inner().finish();
        let after = rest.fill_buf().map_err(read)?;
        if !after.is_empty() {
            return Err(PackageError::Trailing { archive });
        }
        Ok(rest.into_inner().finish())
    }
}

/// The content of one file, verified as it is read.
struct Content<'a, T> {
    decoder: &'a mut T,
    left: u64,
    /// The next one is this content's, once all of it has been read.
    digests: &'a Receiver<Sha256>,
    wanted: &'a Sha256,
    state: State,
}

enum State {
    Reading,
    Right,
    Wrong(Sha256),
    Failed(io::Error),
}

impl<T> Content<'_, T> {
    fn finish(&mut self) -> io::Result<usize> {
        if matches!(self.state, State::Reading) {
            self.state = match self.digests.recv() {
                Ok(found) if found == *self.wanted => State::Right,
                Ok(found) => State::Wrong(found),
                Err(_) => State::Failed(io::Error::other("the thread that decompresses has ended")),
            };
        }
        match self.state {
            State::Right => Ok(0),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the content has the wrong digest")),
        }
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let copy = io::Error::new(error.kind(), error.to_string());
        self.state = State::Failed(error);
        copy
    }
}

impl<T: Read> Read for Content<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return self.finish();
        }
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        match self.decoder.read(&mut buffer[..room]) {
            Ok(0) if room == 0 => Ok(0),
            Ok(0) => Err(self.fail(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(error)),
        }
    }
}
