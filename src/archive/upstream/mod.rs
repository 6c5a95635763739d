//! Unpacking what others made: tar (plain, gzip, bzip2, xz, zstd) and zip, whatever the file is called.
//!
//! The kind is told by the content. Nothing is written outside the folder: absolute names, `..`, links that lead out and names
//! below a link or a file are refused, whoever made that link. Devices, pipes and sockets are refused; set-uid and the like are
//! dropped; owners are ignored. Files are 0644 or 0755, folders 0755. Hard links become copies. Size, number and depth are limited.

mod error;
mod format;
mod links;
mod names;
mod placer;
mod tarball;
mod zipped;

use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;

use fs_err as fs;

pub use error::UnpackError;
use format::Format;
use placer::Placer;

/// How an archive is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Leading parts dropped from each name; what has no more parts than that is left out (as GNU tar's `--strip-components`).
    pub strip: u32,
    /// The modification times.
    pub mtime: Mtime,
    /// What the archive may be.
    pub limits: Limits,
}

/// Which modification times the unpacked things have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mtime {
    /// Those of the archive, so that their order is kept and make does not run autotools again. Folders that the archive
    /// does not name get the latest time in it.
    Member,
    /// One for all, in seconds since 1970: nothing is newer than anything else.
    Fixed(u64),
}

/// What an archive may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of all members together, those that are left out included.
    pub size: u64,
    /// The most members.
    pub members: u64,
    /// The most parts of a name.
    pub depth: usize,
}

impl Default for Limits {
    /// 8 GiB, a million members, 64 parts.
    fn default() -> Self {
        Self { size: 8 << 30, members: 1_000_000, depth: 64 }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Members written.
    pub members: u64,
    /// Members left out because of [`Options::strip`].
    pub left_out: u64,
    /// Bytes of all files.
    pub size: u64,
}

/// Unpacks `archive` below the folder `into`, which must exist. What is there already is never replaced.
///
/// # Errors
/// [`UnpackError`]. What has been written by then stays: unpack into a folder that is thrown away on failure.
pub fn unpack(archive: &Path, into: &Path, options: &Options) -> Result<Unpacked, UnpackError> {
    let name = archive.display().to_string();
    let read = |source| UnpackError::Read { archive: name.clone(), member: None, source };
    let mut file = fs::File::open(archive).map_err(read)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(512).read_to_end(&mut start).map_err(read)?;
    file.rewind().map_err(read)?;
    let Some(format) = Format::of(&start) else {
        return Err(UnpackError::Unknown { archive: name });
    };
    let mut placer = Placer::new(name.clone(), into, *options)?;
    match format {
        Format::Zip => zipped::unpack(BufReader::new(file), &mut placer)?,
        format => tarball::unpack(
            decoder(format, BufReader::with_capacity(128 << 10, file)).map_err(read)?,
            &mut placer,
        )?,
    }
    placer.finish()
}

/// What a compressed file (gzip, bzip2, xz, zstd) holds, whatever it is called; of another file, its own bytes. Whoever reads it
/// limits how much.
///
/// # Errors
/// The file cannot be read.
pub fn decompress(file: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = fs::File::open(file)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(512).read_to_end(&mut start)?;
    file.rewind()?;
    let format = Format::of(&start).unwrap_or(Format::Tar);
    decoder(format, BufReader::with_capacity(128 << 10, file))
}

/// xz may use this much memory: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;
/// A zstd window may be this large (128 MiB): what `zstd --ultra -22` makes.
const ZSTD_WINDOW_LOG: u32 = 27;

fn decoder(format: Format, file: BufReader<fs::File>) -> io::Result<Box<dyn Read>> {
    Ok(match format {
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        Format::Xz => {
            let flags = liblzma::stream::CONCATENATED;
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags).map_err(io::Error::other)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(file, stream))
        }
        Format::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(file)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Format::Tar | Format::Zip => Box::new(file),
    })
}
