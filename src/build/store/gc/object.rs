//! One thing in the store that stays or goes as a whole.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

/// Sizes are counted in blocks of this many bytes, as file systems give them out.
const BLOCK: u64 = 4096;

/// What an object is. In this order where the last use is the same: what hangs on another comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `work/`, `tmp/` and the like of programs that were killed.
    Leftover,
    /// A begun download.
    Partial,
    /// What a build wrote.
    Log,
    /// An image unpacked for the bubblewrap runner.
    RootFilesystem,
    /// What is known of an archive that was written.
    Output,
    /// An assembled image.
    Image,
    /// What is known of a package's layer.
    LayerRecord,
    /// A compressed layer.
    Layer,
    /// A package: its archive and its record.
    Package,
    /// A component's result: its record.
    Result,
    /// A component's tree.
    Tree,
    /// A fetched file.
    Source,
    /// The C library compiled, for a toolchain and an architecture.
    ToolchainCache,
    /// The unpacked compiler.
    Toolchain,
    /// A build root.
    Root,
}

impl Kind {
    /// All of them, as they are shown.
    pub const ALL: [Self; 15] = [
        Self::Source,
        Self::Root,
        Self::Toolchain,
        Self::ToolchainCache,
        Self::Result,
        Self::Tree,
        Self::Package,
        Self::LayerRecord,
        Self::Layer,
        Self::Image,
        Self::Output,
        Self::RootFilesystem,
        Self::Log,
        Self::Partial,
        Self::Leftover,
    ];

    /// Several of them, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Leftover => "left by killed programs",
            Self::Partial => "begun downloads",
            Self::Log => "logs",
            Self::RootFilesystem => "unpacked images",
            Self::Output => "records of outputs",
            Self::Image => "images",
            Self::LayerRecord => "records of layers",
            Self::Layer => "layers",
            Self::Package => "packages",
            Self::Result => "results",
            Self::Tree => "component trees",
            Self::Source => "sources",
            Self::ToolchainCache => "toolchain caches",
            Self::Toolchain => "toolchains",
            Self::Root => "build roots",
        }
    }
}

/// Why an object stays, whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// The workspace's definitions need it as they are now.
    Needed,
    /// A program uses it at this moment.
    InUse,
}

/// One thing in the store that stays or goes as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its file or folder.
    pub path: PathBuf,
    /// Bytes on disk, in whole blocks of 4 KiB.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
    /// The paths of the objects that name it: it stays as long as one of them does. None for what stands for itself; an empty
    /// list for what nothing leads to.
    pub holders: Option<Vec<PathBuf>>,
    /// Why it stays, whatever its age.
    pub pin: Option<Pin>,
}

impl Object {
    /// One that stands for itself, with the size of what is at `path` and the time of the last change of `mark`. None when it
    /// is not there any more.
    pub(super) fn at(kind: Kind, path: PathBuf, mark: &Path) -> Option<Self> {
        let used =
            fs::symlink_metadata(mark).or_else(|_| fs::symlink_metadata(&path)).ok()?.modified().ok()?;
        Some(Self { kind, size: size_of(&path), path, used, holders: None, pin: None })
    }
}

/// The size on disk of a file, or of a folder with all that is in it, in whole blocks of 4 KiB; a file with several names
/// counts once. What cannot be read counts nothing.
pub fn size_of(path: &Path) -> u64 {
    let mut seen = BTreeSet::new();
    let mut size = 0;
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_file() && meta.nlink() > 1 && !seen.insert((meta.dev(), meta.ino())) {
            continue;
        }
        if meta.is_file() || meta.is_dir() {
            size += meta.len().next_multiple_of(BLOCK);
        }
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    size
}
