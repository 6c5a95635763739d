//! Build roots: the Debian trees that build steps see at `/`.
//!
//! Made once for what `recipes/build-roots.yaml` asks for, by unpacking Debian packages from the machine's own mirror; no
//! maintainer script runs. So a root is a function of those packages' bytes, and their digests are its identity.

mod glob;
mod mmdebstrap;
mod unpack;

use std::path::{Path, PathBuf};

use medic_model::roots::{BuildRoot, BuildRoots};
use medic_model::{RelPath, Sha256};
use serde::{Deserialize, Serialize};

use crate::error::BuildError;
use crate::key::digest_of;
use crate::report::{Event, Preparation, Reporter, Silent};
use crate::sandbox::USER;
use crate::store::{Store, StoreError, read_record};

pub use mmdebstrap::Mirrors;

/// Raised when roots come to be made differently.
const FORMAT: u32 = 1;
/// The record's name in a root's folder.
pub(crate) const RECORD: &str = "root.json";
/// The tree's name in a root's folder.
const TREE: &str = "tree";

/// A build root that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its folder, to be seen at `/`.
    pub tree: PathBuf,
    /// What tells it from any other: part of every action key.
    pub identity: Sha256,
}

/// `root.json`: what a root is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootRecord {
    format: u32,
    /// The Debian packages, by file name (name, version, architecture).
    packages: Vec<DebianPackage>,
}

/// A Debian package that a root is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianPackage {
    /// `name_version_architecture.deb`
    pub file: String,
    /// Of the file.
    pub sha256: Sha256,
}

/// What a root is asked to be.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    format: u32,
    machine: &'static str,
    definition: &'a BuildRoot,
    remove_from_all: &'a [RelPath],
}

impl Asked<'_> {
    fn identity(&self, record: &RootRecord) -> Sha256 {
        digest_of(&(self, &record.packages))
    }
}

/// The root with this name: from the store, or made now.
///
/// # Errors
/// No root has the name; mmdebstrap is missing or fails; the disk.
pub fn root(
    store: &Store,
    roots: &BuildRoots,
    name: &str,
    mirrors: &Mirrors,
    reporter: &dyn Reporter,
) -> Result<Root, BuildError> {
    let asked = asked(roots, name)?;
    let place = place(store, &asked);
    if let Some(root) = stored(&asked, &place, reporter) {
        crate::store::touch(&place.join(RECORD));
        return Ok(root);
    }
    reporter.report(Event::Preparing(Preparation::Root(name.to_owned())));
    let made = store.work_folder(&format!("root-{name}"))?;
    let record = make(&asked, name, mirrors, store, &made)?;
    store.keep_record(&made.join(RECORD), &record)?;
    // A damaged one may stand in the way; a good one would have been found.
    crate::store::remove_all(&place)?;
    store.keep_folder(&made, &place)?;
    reporter.report(Event::Prepared(Preparation::Root(name.to_owned())));
    Ok(Root { tree: place.join(TREE), identity: asked.identity(&record) })
}

/// The root with this name, if the store has it.
///
/// # Errors
/// No root has the name.
pub fn existing(
    store: &Store,
    roots: &BuildRoots,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<Option<Root>, BuildError> {
    let asked = asked(roots, name)?;
    Ok(stored(&asked, &place(store, &asked), reporter))
}

/// Where the root with this name is in the store, or would be.
///
/// # Errors
/// No root has the name.
pub fn place_of(store: &Store, roots: &BuildRoots, name: &str) -> Result<PathBuf, BuildError> {
    Ok(place(store, &asked(roots, name)?))
}

fn asked<'a>(roots: &'a BuildRoots, name: &str) -> Result<Asked<'a>, BuildError> {
    let definition = roots.roots.get(name).ok_or_else(|| BuildError::UnknownRoot {
        name: name.to_owned(),
        known: roots.roots.keys().cloned().collect(),
    })?;
    Ok(Asked {
        format: FORMAT,
        machine: std::env::consts::ARCH,
        definition,
        remove_from_all: &roots.remove_from_all,
    })
}

fn place(store: &Store, asked: &Asked<'_>) -> PathBuf {
    store.layout().build_root(&digest_of(asked))
}

/// Whether what is in a root's folder can be used: it has a record and a tree. Why not, else.
pub(crate) fn fault(folder: &Path) -> Option<&'static str> {
    let record: Option<RootRecord> = read_record(&folder.join(RECORD), &Silent);
    match record {
        Some(record) if record.format != FORMAT => Some("its record is of another version"),
        Some(_) if !folder.join(TREE).is_dir() => Some("it has no tree"),
        Some(_) => None,
        None => Some("its record cannot be read"),
    }
}

fn stored(asked: &Asked<'_>, place: &Path, reporter: &dyn Reporter) -> Option<Root> {
    let record: RootRecord = read_record(&place.join(RECORD), reporter)?;
    let tree = place.join(TREE);
    let usable = record.format == FORMAT && tree.is_dir();
    usable.then(|| Root { tree, identity: asked.identity(&record) })
}

fn make(
    asked: &Asked<'_>,
    name: &str,
    mirrors: &Mirrors,
    store: &Store,
    made: &Path,
) -> Result<RootRecord, BuildError> {
    let tree = made.join(TREE);
    let remove: Vec<RelPath> =
        asked.remove_from_all.iter().chain(&asked.definition.remove).cloned().collect();
    let log = store.layout().root().join("logs").join(format!("root-{name}.log"));
    let packages = mmdebstrap::make(asked.definition, mirrors, made, &log, &|tar| {
        crate::store::make_folder(&tree)?;
        unpack::unpack(tar, &tree, &remove)
    })?;
    furnish(&tree, asked.definition)?;
    Ok(RootRecord { format: FORMAT, packages })
}

/// What maintainer scripts would have made: links, and the user that steps run as.
fn furnish(tree: &Path, definition: &BuildRoot) -> Result<(), BuildError> {
    for (path, target) in &definition.links {
        let path = tree.join(path);
        crate::store::make_folder(path.parent().unwrap_or(tree))?;
        std::os::unix::fs::symlink(target, &path).map_err(StoreError::from_io("make the link", &path))?;
    }
    crate::store::make_folder(&tree.join("etc"))?;
    for (file, text) in [
        ("etc/passwd", format!("root:x:0:0::/:/bin/sh\nbuild:x:{USER}:{USER}::/build:/bin/sh\n")),
        ("etc/group", format!("root:x:0:\nbuild:x:{USER}:\n")),
    ] {
        let path = tree.join(file);
        std::fs::write(&path, text).map_err(StoreError::from_io("write", &path))?;
    }
    Ok(())
}

impl Root {
    /// The Debian packages that it is made of; none when it was not made here.
    pub fn packages(&self, reporter: &dyn Reporter) -> Vec<DebianPackage> {
        let record = self.tree.parent().map(|folder| folder.join(RECORD));
        let record: Option<RootRecord> = record.and_then(|path| read_record(&path, reporter));
        record.map(|record| record.packages).unwrap_or_default()
    }

    /// Whether steps find this program, in the root or among the compiler's wrappers in `wrappers`.
    pub fn has_tool(&self, tool: &str, wrappers: &Path) -> bool {
        let there = |path: PathBuf| std::fs::symlink_metadata(path).is_ok();
        there(wrappers.join(tool))
            || ["usr/bin", "bin"].iter().any(|folder| there(self.tree.join(folder).join(tool)))
    }
}

#[cfg(test)]
mod tests;
