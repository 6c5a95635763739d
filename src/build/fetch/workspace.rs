//! This workspace's own sources, reduced to what one of its packages is made of: so that a change elsewhere (another member, a
//! test, a dependency of either) is no reason to build the package again.
//!
//! Left out: other members, and of each member the `tests`, `benches` and `examples` (folders and files of these names, at any
//! depth: modules that are only compiled for tests), development dependencies and test targets in its manifest. `Cargo.toml` and `Cargo.lock` at
//! the top are reduced to match, and need nothing that is left out.

mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_archive::tree::PLAIN;
use medic_archive::{Node, Tree, TreeError};
use medic_model::RelPath;
use medic_model::path::PathError;

use super::cargo_lock::{Lock, LockError, LockedCrate, Selection};
use manifest::Manifest;

/// Folders and files (with `.rs`) that hold tests only, and what Cargo makes.
const LEFT_OUT: [&str; 4] = ["tests", "benches", "examples", "target"];

/// Why a workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// A file cannot be read; the error names it.
    #[error(transparent)]
    Disk(io::Error),
    /// A `Cargo.toml` is not what it should be.
    #[error("'{}' cannot be used: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A member's place cannot be in a source folder.
    #[error("'{}' names the member '{member}', which is no path below it: {source}", path.display())]
    Member {
        /// The workspace's `Cargo.toml`.
        path: PathBuf,
        /// The member.
        member: String,
        /// Why.
        source: PathError,
    },
    /// `Cargo.lock`.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file that cannot be in a source folder.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A Cargo workspace, read.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    manifest: Manifest,
    /// By package name. The root package, if there is one, is not among them.
    members: BTreeMap<String, Member>,
    lock: Lock,
}

#[derive(Debug)]
struct Member {
    folder: RelPath,
    manifest: Manifest,
}

impl Workspace {
    /// Reads the manifests and the lock file of the workspace at `root`. Members are listed one by one, without patterns.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub fn read(root: &Path) -> Result<Self, WorkspaceError> {
        let manifest = Manifest::read(&root.join("Cargo.toml"))?;
        let mut members = BTreeMap::new();
        for text in manifest.members() {
            let wrong = |source| WorkspaceError::Member {
                path: manifest.path().to_owned(),
                member: text.clone(),
                source,
            };
            let folder: RelPath = text.parse().map_err(wrong)?;
            let member = Manifest::read(&root.join(&folder).join("Cargo.toml"))?;
            members.insert(member.name()?.to_owned(), Member { folder, manifest: member });
        }
        let path = root.join("Cargo.lock");
        let lock = Lock::parse(&path, &fs::read_to_string(&path).map_err(WorkspaceError::Disk)?)?;
        Ok(Self { root: root.to_owned(), manifest, members, lock })
    }

    /// The registry crates that `package` is made of, for every platform, in the order of `Cargo.lock`; without those that only tests need.
    ///
    /// # Errors
    /// [`WorkspaceError::Lock`].
    pub fn crates(&self, package: &str) -> Result<Vec<LockedCrate>, WorkspaceError> {
        Ok(self.lock.crates(&self.select(package)?)?)
    }

    /// The sources of `package` and of the members that it is made of, as a tree that is laid out like the workspace.
    ///
    /// Build it with `--offline`, not with `--locked`: Cargo then takes out of `Cargo.lock` the crates that only a feature asked for
    /// by a member that is left out would need. All versions stay as they are locked.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub fn files(&self, package: &str) -> Result<Tree, WorkspaceError> {
        let selection = self.select(package)?;
        let names: BTreeSet<&str> = (selection.keys().filter(|index| self.lock.is_member(**index)))
            .map(|index| self.lock.package(*index).name.as_str())
            .collect();
        let members: Vec<&Member> = names.iter().filter_map(|name| self.members.get(*name)).collect();
        let mut tree = Tree::new();
        for member in &members {
            self.add_folder(&mut tree, &member.folder)?;
            let text = member.manifest.reduced()?;
            replace(&mut tree, &format!("{}/Cargo.toml", member.folder), text)?;
        }
        let with_root = self.manifest.package_name().is_some_and(|name| names.contains(name));
        if with_root {
            self.add_root_package(&mut tree)?;
        }
        let folders: Vec<&str> = members.iter().map(|member| member.folder.as_str()).collect();
        let used = members.iter().flat_map(|member| member.manifest.inherited());
        let used = used.chain(with_root.then(|| self.manifest.inherited()).into_iter().flatten());
        replace(&mut tree, "Cargo.toml", self.manifest.reduced_root(&folders, &used.collect(), with_root)?)?;
        replace(&mut tree, "Cargo.lock", self.lock.reduced(&selection))?;
        Ok(tree)
    }

    fn select(&self, package: &str) -> Result<Selection, WorkspaceError> {
        let uses = |member: &str, need: &str| {
            let manifest = match self.members.get(member) {
                Some(member) => &member.manifest,
                None => &self.manifest,
            };
            manifest.needs(&self.manifest).contains(need)
        };
        Ok(self.lock.select(package, uses)?)
    }

    /// The root package stands where the members stand, too: only its usual places are its own.
    fn add_root_package(&self, tree: &mut Tree) -> Result<(), WorkspaceError> {
        for name in ["src/bin", "src/lib.rs", "src/main.rs", "build.rs"] {
            let path = plain(name);
            let on_disk = self.root.join(name);
            if on_disk.is_dir() {
                self.add_folder(tree, &path)?;
            } else if on_disk.is_file() {
                let text = fs::read(&on_disk).map_err(WorkspaceError::Disk)?;
                tree.insert(path, Node::bytes(PLAIN, text))?;
            }
        }
        Ok(())
    }

    fn add_folder(&self, tree: &mut Tree, folder: &RelPath) -> Result<(), WorkspaceError> {
        let scanned = Tree::scan(&self.root.join(folder))?;
        let others: Vec<RelPath> =
            self.members.values().filter_map(|member| member.folder.below(folder)).collect();
        for (path, node) in scanned.iter() {
            let in_other = others.iter().any(|other| path == other || path.below(other).is_some());
            if in_other || path.parts().any(is_left_out) || matches!(node, Node::Directory { .. }) {
                continue;
            }
            let place = folder.join(path).map_err(|source| WorkspaceError::Tree(TreeError::Path(source)))?;
            tree.insert(place, node.clone())?;
        }
        Ok(())
    }
}

fn is_left_out(part: &str) -> bool {
    LEFT_OUT.contains(&part.strip_suffix(".rs").unwrap_or(part)) || part.starts_with('.')
}

fn plain(name: &str) -> RelPath {
    // Only called with names that are written here.
    name.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

fn replace(tree: &mut Tree, path: &str, text: String) -> Result<(), WorkspaceError> {
    let path: RelPath = path.parse().map_err(|source| WorkspaceError::Tree(TreeError::Path(source)))?;
    tree.remove(&path);
    Ok(tree.insert(path, Node::bytes(PLAIN, text))?)
}

#[cfg(test)]
mod tests;
