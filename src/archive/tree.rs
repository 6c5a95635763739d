//! A tree of folders, files and links as a value: scanned or put together first, written afterwards.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use medic_model::RelPath;
use medic_model::path::PathError;

use crate::digest::{DigestWriter, Digested};
use crate::header::{BLOCK, Member, MemberKind};
use crate::writer::{TarError, TarWriter};

/// The mode of a folder, and of a file that can be run.
pub const RUNNABLE: u32 = 0o755;
/// The mode of any other file.
pub const PLAIN: u32 = 0o644;

/// Folders, files and links by path, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<RelPath, Node>,
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Bytes.
        size: u64,
        /// Where its bytes are.
        content: Content,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        target: String,
    },
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In a file, read when the tree is written.
    Path(Arc<Path>),
    /// Here.
    Bytes(Vec<u8>),
}

impl Content {
    /// All of it.
    ///
    /// # Errors
    /// The file cannot be read; the error names it.
    pub fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Path(path) => fs::read(path).map(Cow::Owned),
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }
}

/// Why a tree cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Something on disk cannot be read; the error names it.
    #[error(transparent)]
    Disk(io::Error),
    /// Neither a folder nor a file nor a symbolic link.
    #[error("'{}' is a {kind}: only folders, files and symbolic links can be packed; remove it", path.display())]
    Special {
        /// Where it stands on disk.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A name that cannot stand in a package.
    #[error("'{}' cannot be packed: {source}", path.display())]
    Name {
        /// Where it stands on disk.
        path: PathBuf,
        /// Why.
        source: PathError,
    },
    /// A name or a link's target is not UTF-8.
    #[error("the name or the link target of '{}' is not UTF-8: rename it", path.display())]
    NotUtf8 {
        /// Where it stands on disk.
        path: PathBuf,
    },
    /// Two things want one place.
    #[error("'{path}' would stand twice in the tree: two inputs bring it, and not both as a folder")]
    Conflict {
        /// The place.
        path: RelPath,
    },
    /// A path became too long or too deep.
    #[error(transparent)]
    Path(PathError),
    /// It cannot be written.
    #[error(transparent)]
    Tar(#[from] TarError),
}

impl Node {
    /// A folder with mode 0755.
    pub const fn directory() -> Self {
        Self::Directory { mode: RUNNABLE }
    }

    /// A file with these bytes.
    pub fn bytes(mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::File { mode, size: bytes.len() as u64, content: Content::Bytes(bytes) }
    }

    /// A symbolic link.
    pub fn link(target: impl Into<String>) -> Self {
        Self::Link { target: target.into() }
    }

    fn member(&self) -> MemberKind<'_> {
        match self {
            Self::Directory { mode } => MemberKind::Directory { mode: *mode },
            Self::File { mode, size, .. } => MemberKind::File { mode: *mode, size: *size },
            Self::Link { target } => MemberKind::Link { target },
        }
    }
}

impl Tree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything below `root` (itself not included). Modes are normalised: folders and files that their owner may run
    /// are 0755, other files 0644. Hard links become separate files. Nothing is followed.
    ///
    /// # Errors
    /// [`TreeError::Special`] for a device, socket or pipe; [`TreeError::Name`] and [`TreeError::NotUtf8`] for names that a
    /// package cannot hold; [`TreeError::Disk`].
    pub fn scan(root: &Path) -> Result<Self, TreeError> {
        let mut tree = Self::new();
        let mut folders = vec![(root.to_owned(), None)];
        while let Some((folder, at)) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(TreeError::Disk)? {
                let entry = entry.map_err(TreeError::Disk)?;
                let path = relative(at.as_ref(), &entry.path())?;
                let node = scan_node(&entry.path())?;
                if matches!(node, Node::Directory { .. }) {
                    folders.push((entry.path(), Some(path.clone())));
                }
                tree.nodes.insert(path, node);
            }
        }
        Ok(tree)
    }

    /// Every path with what stands there, in ascending order (of bytes), so each folder before what it holds.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Node)> {
        self.nodes.iter()
    }

    /// Every regular file with its content, in ascending order.
    pub fn files(&self) -> impl Iterator<Item = (&RelPath, &Content)> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            Node::File { content, .. } => Some((path, content)),
            Node::Directory { .. } | Node::Link { .. } => None,
        })
    }

    /// What stands at a path.
    pub fn get(&self, path: &RelPath) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// How many things it holds.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of all files together.
    pub fn content_size(&self) -> u64 {
        self.nodes.values().map(|node| if let Node::File { size, .. } = node { *size } else { 0 }).sum()
    }

    /// Puts something at `path`, and folders (0755) above it where there are none. A folder where a folder stands
    /// keeps the mode that comes last.
    ///
    /// # Errors
    /// [`TreeError::Conflict`] when the place is taken, or something above it is no folder.
    pub fn insert(&mut self, path: RelPath, node: Node) -> Result<(), TreeError> {
        self.make_parents(&path)?;
        let both_folders =
            |old: &Node| matches!((old, &node), (Node::Directory { .. }, Node::Directory { .. }));
        if self.nodes.get(&path).is_some_and(|old| !both_folders(old)) {
            return Err(TreeError::Conflict { path });
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    /// Takes out what stands at `path` (only that, not what is below it).
    pub fn remove(&mut self, path: &RelPath) -> Option<Node> {
        self.nodes.remove(path)
    }

    /// Puts all of `other` below `prefix` (or where it is, for none).
    ///
    /// # Errors
    /// [`TreeError::Conflict`]; [`TreeError::Path`] when a path grows beyond the limits.
    pub fn graft(&mut self, prefix: Option<&RelPath>, other: Self) -> Result<(), TreeError> {
        for (path, node) in other.nodes {
            let path = match prefix {
                Some(prefix) => prefix.join(&path).map_err(TreeError::Path)?,
                None => path,
            };
            self.insert(path, node)?;
        }
        Ok(())
    }

    /// The size in bytes of the tar that [`Tree::write`] makes.
    pub fn tar_size(&self) -> u64 {
        let size = |(path, node): (&RelPath, &Node)| {
            let member = Member { path: path.as_str(), mtime: 0, kind: node.member() };
            member.header().len() as u64 + member.size().next_multiple_of(BLOCK as u64)
        };
        self.nodes.iter().map(size).sum::<u64>() + 2 * BLOCK as u64
    }

    /// Writes the tree as a canonical tar in which everything has the modification time `mtime` (seconds since 1970).
    /// The bytes are a function of the tree and the time alone.
    ///
    /// # Errors
    /// [`TreeError::Tar`] when a file changed since the scan or the writer fails; [`TreeError::Disk`].
    pub fn write<W: Write>(&self, to: W, mtime: u64) -> Result<W, TreeError> {
        let mut tar = TarWriter::new(to, mtime);
        for (path, node) in &self.nodes {
            match node {
                Node::Directory { mode } => tar.directory(path, *mode)?,
                Node::Link { target } => tar.link(path, target)?,
                Node::File { mode, size, content: Content::Bytes(bytes) } => {
                    tar.file(path, *mode, *size, &bytes[..])?;
                }
                Node::File { mode, size, content: Content::Path(from) } => {
                    tar.file(path, *mode, *size, fs::File::open(&**from).map_err(TreeError::Disk)?)?;
                }
            }
        }
        Ok(tar.finish()?)
    }

    /// The digest of the tree: of its canonical tar at the time 0.
    ///
    /// # Errors
    /// As [`Tree::write`].
    pub fn digest(&self) -> Result<Digested, TreeError> {
        let (_, digested) = self.write(DigestWriter::new(io::sink()), 0)?.finish();
        Ok(digested)
    }

    fn make_parents(&mut self, path: &RelPath) -> Result<(), TreeError> {
        let mut parent = path.parent();
        while let Some(folder) = parent {
            match self.nodes.get(&folder) {
                Some(Node::Directory { .. }) => return Ok(()),
                Some(_) => return Err(TreeError::Conflict { path: folder }),
                None => {
                    parent = folder.parent();
                    self.nodes.insert(folder, Node::directory());
                }
            }
        }
        Ok(())
    }
}

fn relative(folder: Option<&RelPath>, on_disk: &Path) -> Result<RelPath, TreeError> {
    let not_utf8 = || TreeError::NotUtf8 { path: on_disk.to_owned() };
    let name = on_disk.file_name().and_then(|name| name.to_str()).ok_or_else(not_utf8)?;
    let wrong = |source| TreeError::Name { path: on_disk.to_owned(), source };
    let name: RelPath = name.parse().map_err(wrong)?;
    match folder {
        Some(folder) => folder.join(&name).map_err(wrong),
        None => Ok(name),
    }
}

fn scan_node(path: &Path) -> Result<Node, TreeError> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    let meta = fs::symlink_metadata(path).map_err(TreeError::Disk)?;
    let kind = meta.file_type();
    if kind.is_dir() {
        return Ok(Node::directory());
    }
    if kind.is_file() {
        let mode = if meta.permissions().mode() & 0o100 != 0 { RUNNABLE } else { PLAIN };
        return Ok(Node::File { mode, size: meta.len(), content: Content::Path(path.into()) });
    }
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(TreeError::Disk)?.into_os_string();
        let not_utf8 = |_| TreeError::NotUtf8 { path: path.to_owned() };
        return Ok(Node::Link { target: target.into_string().map_err(not_utf8)? });
    }
    let kind = match kind {
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    };
    Err(TreeError::Special { path: path.to_owned(), kind })
}
