//! Writing a package archive.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_model::manifest::{Entry, FILE_NAME};
use medic_model::{Manifest, RelPath};

use super::MANIFEST_MODE;
use super::text::ManifestText;
use crate::compress::{Compressed, Compression, Compressor};
use crate::digest::DigestReader;
use crate::header::BLOCK;
use crate::tree::{Content, Node, Tree, TreeError};
use crate::writer::{TarError, TarWriter};

/// From this size on, in bytes (some 4,000 entries), a manifest is compressed in haste. Part of the format: it changes the bytes.
const LARGE_MANIFEST: u64 = 1 << 20;

/// Why a package archive cannot be written. No file is left behind.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The manifest lists something that the tree has not, or has differently.
    #[error(
        "'{path}' in the manifest is not what the tree holds: list the entries from the tree that is packed"
    )]
    Mismatch {
        /// The entry.
        path: RelPath,
    },
    /// The tree holds something that the manifest does not list.
    #[error("'{path}' is in the tree but not in the manifest: list the entries from the tree that is packed")]
    Unlisted {
        /// The path.
        path: RelPath,
    },
    /// A file's content is not what the manifest says.
    #[error("'{path}' changed after its digest was taken: something still writes to it; build again")]
    Changed {
        /// The entry.
        path: RelPath,
    },
    /// The manifest cannot be written.
    #[error("cannot write the manifest of '{}': {source}", path.display())]
    Manifest {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read or written; the error names it.
    #[error(transparent)]
    Disk(io::Error),
    /// The archive cannot be written.
    #[error("cannot write the package archive '{}': {source}", path.display())]
    Tar {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: TarError,
    },
    /// The archive cannot be written.
    #[error("cannot write the package archive '{}': {source}", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The tree is too deep or its names are wrong.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Writes the archive of `manifest` to the new file `to`: the manifest, then what it lists, from `tree` (whose paths start with `srv/`).
/// Everything has the modification time `mtime` (`SOURCE_DATE_EPOCH`). The bytes are a function of manifest, tree and
/// time; the number of threads changes nothing. The caller renames the file into its place and makes it durable.
///
/// # Errors
/// [`PackError`]; `to` is then removed.
pub fn write(
    manifest: &Manifest,
    tree: &Tree,
    to: &Path,
    mtime: u64,
    threads: NonZero<u32>,
) -> Result<Compressed, PackError> {
    check(manifest, tree)?;
    let output = fs::File::create_new(to).map_err(PackError::Disk)?;
    let result = write_to(output, manifest, tree, to, mtime, threads);
    if result.is_err() {
        let _ = fs::remove_file(to);
    }
    result
}

fn check(manifest: &Manifest, tree: &Tree) -> Result<(), PackError> {
    for entry in &manifest.entries {
        let same = match (entry, tree.get(entry.path())) {
            (Entry::Directory { mode, .. }, Some(Node::Directory { mode: found })) => mode == found,
            (Entry::Link { target, .. }, Some(Node::Link { target: found })) => target == found,
            (Entry::File { mode, size, .. }, Some(Node::File { mode: m, size: s, .. })) => {
                (mode, size) == (m, s)
            }
            _ => false,
        };
        if !same {
            return Err(PackError::Mismatch { path: entry.path().clone() });
        }
    }
    // Each entry is in the tree, so equal numbers mean that each of the tree is an entry.
    if manifest.entries.len() == tree.len() {
        return Ok(());
    }
    let listed: std::collections::BTreeSet<_> = manifest.entries.iter().map(Entry::path).collect();
    match tree.iter().find(|(path, _)| !listed.contains(path)) {
        Some((path, _)) => Err(PackError::Unlisted { path: path.clone() }),
        None => Ok(()),
    }
}

fn write_to(
    output: fs::File,
    manifest: &Manifest,
    tree: &Tree,
    to: &Path,
    mtime: u64,
    threads: NonZero<u32>,
) -> Result<Compressed, PackError> {
    let named = |source| PackError::Write { path: to.to_owned(), source };
    let of_manifest = |source| PackError::Manifest { path: to.to_owned(), source };
    let text_size = ManifestText::size(manifest).map_err(of_manifest)?;
    let head = BLOCK as u64 + text_size.next_multiple_of(BLOCK as u64);
    let size = tree.tar_size() + head;
    let compressor = if text_size < LARGE_MANIFEST {
        Compressor::new(output, Compression::Zstd, size, threads)
    } else {
        Compressor::with_head(output, size, head, threads)
    };
    let compressor = compressor.map_err(named)?;
    let mut tar = TarWriter::new(io::BufWriter::with_capacity(128 << 10, compressor), mtime);
    // `manifest.json` is a plain path.
    let name: RelPath = FILE_NAME.parse().unwrap_or_else(|error| unreachable!("{error}"));
    let in_tar = |source| PackError::Tar { path: to.to_owned(), source };
    let text = ManifestText::new(manifest).map_err(of_manifest)?;
    tar.file(&name, MANIFEST_MODE, text_size, text).map_err(in_tar)?;
    for entry in &manifest.entries {
        write_entry(&mut tar, entry, tree, to)?;
    }
    let compressor = tar.finish().map_err(in_tar)?.into_inner().map_err(|error| named(error.into_error()))?;
    Ok(compressor.finish().map_err(named)?.1)
}

fn write_entry<W: io::Write>(
    tar: &mut TarWriter<W>,
    entry: &Entry,
    tree: &Tree,
    to: &Path,
) -> Result<(), PackError> {
    let in_tar = |source| PackError::Tar { path: to.to_owned(), source };
    match (entry, tree.get(entry.path())) {
        (Entry::Directory { path, mode }, _) => tar.directory(path, *mode).map_err(in_tar),
        (Entry::Link { path, target }, _) => tar.link(path, target).map_err(in_tar),
        (Entry::File { path, mode, size, sha256 }, Some(Node::File { content, .. })) => {
            let mut reader = DigestReader::new(match content {
                Content::Bytes(bytes) => Box::new(&bytes[..]) as Box<dyn io::Read>,
                Content::Path(from) => Box::new(fs::File::open(&**from).map_err(PackError::Disk)?),
            });
            tar.file(path, *mode, *size, &mut reader).map_err(in_tar)?;
            if reader.finish().sha256 == *sha256 {
                Ok(())
            } else {
                Err(PackError::Changed { path: path.clone() })
            }
        }
        (Entry::File { path, .. }, _) => Err(PackError::Mismatch { path: path.clone() }),
    }
}
