//! The entries of a manifest, made from the tree that is to be packed.

use std::io;

use fs_err as fs;
use medic_model::RelPath;
use medic_model::manifest::Entry;
use rayon::prelude::*;

use crate::digest;
use crate::tree::{Content, Node, Tree};

/// Why a tree's entries cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum EntriesError {
    /// A file cannot be read; the error names it.
    #[error(transparent)]
    Disk(io::Error),
    /// A file changed after the scan.
    #[error(
        "'{path}' was {expected} bytes when it was scanned and is {found} now: something still writes to it"
    )]
    Changed {
        /// The entry.
        path: RelPath,
        /// Bytes at the scan.
        expected: u64,
        /// Bytes now.
        found: u64,
    },
}

/// What a manifest says about `tree`: every path in ascending order, with mode, size and digest. Reads every file once, on all processors.
///
/// # Errors
/// A file cannot be read, or changed since the tree was scanned.
pub fn entries(tree: &Tree) -> Result<Vec<Entry>, EntriesError> {
    let nodes: Vec<_> = tree.iter().collect();
    nodes.into_par_iter().map(|(path, node)| entry(path, node)).collect()
}

fn entry(path: &RelPath, node: &Node) -> Result<Entry, EntriesError> {
    let path = path.clone();
    match node {
        Node::Directory { mode } => Ok(Entry::Directory { path, mode: *mode }),
        Node::Link { target } => Ok(Entry::Link { path, target: target.clone() }),
        Node::File { mode, size, content } => {
            let found = match content {
                Content::Bytes(bytes) => digest::of_bytes(bytes),
                Content::Path(from) => {
                    digest::of_reader(fs::File::open(&**from).map_err(EntriesError::Disk)?)
                        .map_err(EntriesError::Disk)?
                }
            };
            if found.size != *size {
                return Err(EntriesError::Changed { path, expected: *size, found: found.size });
            }
            Ok(Entry::File { path, mode: *mode, size: *size, sha256: found.sha256 })
        }
    }
}
