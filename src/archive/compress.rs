//! The compressions of layers and packages, all deterministic: same bytes in, same bytes out, on any machine and with
//! any number of threads.
//!
//! Measured on a 3.7 MB program (`git`), one core: zlib level 9 1,805,207 bytes in 0.26 s; libdeflate level 12 1,752,866 in
//! 0.38 s; zopfli with 15 iterations 1,753,391 in 6.5 s; zstd level 19 1,581,597 in 1.6 s. So gzip is libdeflate 12.

use std::io::{self, Write};
use std::num::NonZero;
use std::path::Path;

use fs_err as fs;
use libdeflater::{CompressionLvl, Compressor as Deflate};
use medic_model::Sha256;

use crate::digest::{DigestWriter, Digester};
use crate::package::WINDOW_LOG;

/// zstd's level; 20 to 22 would need larger windows to help.
const ZSTD_LEVEL: i32 = 19;

/// zstd's level for a head ([`Compressor::with_head`]).
const ZSTD_HEAD_LEVEL: i32 = 1;

/// How much of the input one thread compresses at a time. Part of the format: it changes the bytes. Each thread holds some
/// jobs, so it bounds memory.
const ZSTD_JOB: u32 = 6 << 20;

/// How much of the job before a job knows: 7 is a quarter of a window. What a job knows is read twice. Measured on 120 MB (texts, code)
/// with two threads, as job and overlap: zstd's own (32 MiB, a window) 80 s of processor, 312 MB, 44,166,580 bytes; 12 MiB and half a
/// window 75 s, 242 MB, 44,249,376; 12 MiB and a quarter 64 s, 246 MB, 44,362,260; 8 MiB and a quarter 65 s, 221 MB, 44,457,811.
/// 6 MiB keep a package of 100,000 files and 1 GB below 300 MB of memory.
const ZSTD_OVERLAP: u32 = 7;

/// How much of the input one gzip member holds (RFC 1952, section 2.2 allows many): memory stays bounded, and what
/// 32 KiB windows lose at the seams is nothing. Part of the format: it changes the bytes.
const GZIP_MEMBER: usize = 32 << 20;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// gzip (RFC 1952): understood by everything.
    Gzip,
    /// zstd (RFC 8878) level 19, window at most 8 MiB, content size in the header, checksum at the end: a tenth smaller.
    Zstd,
    /// None: the bytes as they are, for whoever unpacks them on the same machine at once.
    Uncompressed,
}

/// What a compression took in and gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Compressed {
    /// SHA-256 of the compressed bytes: a layer's digest.
    pub sha256: Sha256,
    /// How many compressed bytes.
    pub size: u64,
    /// SHA-256 of the bytes before: a layer's diff id.
    pub plain_sha256: Sha256,
    /// How many bytes before.
    pub plain_size: u64,
}

/// Compresses what is written to it; [`Compressor::finish`] must be called.
pub struct Compressor<W: Write> {
    plain: Digester,
    engine: Engine<W>,
}

enum Engine<W: Write> {
    Gzip {
        inner: DigestWriter<W>,
        buffer: Vec<u8>,
        deflate: Box<Deflate>,
        members: u64,
    },
    /// With so many bytes of the head to come.
    Zstd(zstd::Encoder<'static, DigestWriter<W>>, u64),
    Uncompressed(DigestWriter<W>),
}

impl<W: Write> Compressor<W> {
    /// Compresses to `inner` exactly `size` bytes that will be written, with this many threads (zstd only; the result does not
    /// depend on it).
    ///
    /// # Errors
    /// zstd has no memory for its tables.
    pub fn new(inner: W, compression: Compression, size: u64, threads: NonZero<u32>) -> io::Result<Self> {
        let inner = DigestWriter::new(inner);
        let engine = match compression {
            Compression::Gzip => Engine::Gzip {
                inner,
                buffer: Vec::new(),
                deflate: Box::new(Deflate::new(CompressionLvl::best())),
                members: 0,
            },
            Compression::Zstd => Engine::Zstd(zstd_encoder(inner, size, ZSTD_LEVEL, threads)?, 0),
            Compression::Uncompressed => Engine::Uncompressed(inner),
        };
        Ok(Self { plain: Digester::default(), engine })
    }

    /// As [`Self::new`] with zstd, of which the first `head` bytes are compressed in haste: for many megabytes of digests in hexadecimal,
    /// of which level 19 makes a fifth in 20 s, and level 1 a fourteenth more than that in 0.04 s.
    ///
    /// # Errors
    /// zstd has no memory for its tables.
    pub fn with_head(inner: W, size: u64, head: u64, threads: NonZero<u32>) -> io::Result<Self> {
        let encoder = zstd_encoder(DigestWriter::new(inner), size, ZSTD_HEAD_LEVEL, threads)?;
        Ok(Self { plain: Digester::default(), engine: Engine::Zstd(encoder, head) })
    }

    /// Writes what is left, and gives back the writer underneath with the digests.
    ///
    /// # Errors
    /// The writer's, and for zstd when the size was not the one that [`Compressor::new`] was told.
    pub fn finish(self) -> io::Result<(W, Compressed)> {
        let same = matches!(self.engine, Engine::Uncompressed(_));
        let inner = match self.engine {
            Engine::Zstd(encoder, _) => encoder.finish()?,
            Engine::Uncompressed(inner) => inner,
            Engine::Gzip { mut inner, buffer, mut deflate, members } => {
                if members == 0 || !buffer.is_empty() {
                    write_member(&mut inner, &mut deflate, &buffer)?;
                }
                inner
            }
        };
        let (writer, packed) = inner.finish();
        let plain = if same { packed } else { self.plain.finish() };
        let compressed = Compressed {
            sha256: packed.sha256,
            size: packed.size,
            plain_sha256: plain.sha256,
            plain_size: plain.size,
        };
        Ok((writer, compressed))
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match &mut self.engine {
            Engine::Zstd(encoder, 0) => encoder.write(bytes)?,
            Engine::Uncompressed(inner) => inner.write(bytes)?,
            Engine::Zstd(encoder, head) => write_head(encoder, head, bytes)?,
            Engine::Gzip { inner, buffer, deflate, members } => {
                let taken = bytes.len().min(GZIP_MEMBER - buffer.len());
                buffer.extend_from_slice(&bytes[..taken]);
                if buffer.len() == GZIP_MEMBER {
                    write_member(inner, deflate, buffer)?;
                    buffer.clear();
                    *members += 1;
                }
                taken
            }
        };
        if !matches!(self.engine, Engine::Uncompressed(_)) {
            self.plain.update(&bytes[..taken]);
        }
        Ok(taken)
    }

    /// Does nothing: where a flush falls would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_member(to: &mut impl Write, deflate: &mut Deflate, bytes: &[u8]) -> io::Result<()> {
    let mut packed = vec![0; deflate.gzip_compress_bound(bytes.len())];
    let size = deflate.gzip_compress(bytes, &mut packed).map_err(io::Error::other)?;
    to.write_all(&packed[..size])
}

/// Where the head ends is where a job of zstd's ends, whatever the pieces it is written in: the bytes depend on that place only.
fn write_head<W: Write>(
    encoder: &mut zstd::Encoder<'static, W>,
    head: &mut u64,
    bytes: &[u8],
) -> io::Result<usize> {
    let taken = bytes.len().min(usize::try_from(*head).unwrap_or(usize::MAX));
    encoder.write_all(&bytes[..taken])?;
    *head -= taken as u64;
    if *head == 0 {
        encoder.flush()?;
        encoder.set_parameter(zstd::zstd_safe::CParameter::CompressionLevel(ZSTD_LEVEL))?;
    }
    Ok(taken)
}

fn zstd_encoder<W: Write>(
    inner: W,
    size: u64,
    level: i32,
    threads: NonZero<u32>,
) -> io::Result<zstd::Encoder<'static, W>> {
    use zstd::zstd_safe::CParameter;
    let mut encoder = zstd::Encoder::new(inner, level)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    // One worker at least: with none zstd cuts its input otherwise, and the bytes would depend on the machine.
    encoder.multithread(threads.get())?;
    encoder.set_parameter(CParameter::JobSize(ZSTD_JOB))?;
    encoder.set_parameter(CParameter::OverlapSizeLog(ZSTD_OVERLAP))?;
    Ok(encoder)
}

/// Compresses the file `from` into the new file `to`.
///
/// # Errors
/// A file cannot be read or written; the error names it. `to` is then removed.
pub fn compress_file(
    from: &Path,
    to: &Path,
    compression: Compression,
    threads: NonZero<u32>,
) -> io::Result<Compressed> {
    let mut input = fs::File::open(from)?;
    let size = input.metadata()?.len();
    let output = fs::File::create_new(to)?;
    let result = (|| {
        let mut compressor = Compressor::new(output, compression, size, threads)?;
        io::copy(&mut input, &mut compressor)?;
        Ok(compressor.finish()?.1)
    })();
    if result.is_err() {
        let _ = fs::remove_file(to);
    }
    result
}
