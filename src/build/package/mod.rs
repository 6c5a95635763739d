//! Packages: component trees, scripts and settings as one archive that `pkg install` takes.
//!
//! What a package holds is computed first (`tree`), then described (`manifest`), then written. The package key is the
//! digest of everything that goes into it, by content: a component that was rebuilt to the same bytes packs nothing anew.

mod manifest;
mod tree;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use medic_archive::tree::{Node, Tree, TreeError};
use medic_archive::{json, package};
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::{Arch, Manifest, Sha256};
use serde::{Deserialize, Serialize};

use crate::component::ResolvedSource;
use crate::error::BuildError;
use crate::key::digest_of;
use crate::report::Reporter;
use crate::store::{Store, StoreError, is_full_beneath, read_record};

/// Raised when packages come to be made differently of the same inputs.
const FORMAT: u32 = 1;
/// The record's name in a package's folder.
const RECORD: &str = "package.json";

/// A package that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPackage {
    /// What it holds.
    pub manifest: Manifest,
    /// The archive.
    pub archive: PathBuf,
    /// The archive's digest.
    pub sha256: Sha256,
    /// The archive's bytes.
    pub size: u64,
    /// Whether it was packed now; else it was in the store.
    pub fresh: bool,
}

/// Why a package cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Its definition, scripts and components do not fit together.
    #[error("packages/{package}/package.yaml: {message}")]
    Definition {
        /// The package.
        package: String,
        /// What does not fit, and what would.
        message: String,
    },
    /// Its trees cannot be put together or read.
    #[error("the package '{package}' cannot be put together: {source}")]
    Tree {
        /// The package.
        package: String,
        /// Why.
        source: TreeError,
    },
    /// Its archive cannot be written.
    #[error("the package '{package}' cannot be written: {source}")]
    Write {
        /// The package.
        package: String,
        /// Why.
        source: package::PackError,
    },
    /// Its files cannot be read.
    #[error("the package '{package}' cannot be described: {source}")]
    Entries {
        /// The package.
        package: String,
        /// Why.
        source: package::EntriesError,
    },
}

/// A component of a package.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Its sources.
    pub sources: &'a [ResolvedSource],
    /// Its tree.
    pub tree: PathBuf,
    /// The digest of its tree.
    pub digest: Sha256,
}

/// Everything a package is made of.
#[derive(Debug)]
pub struct Source<'a> {
    /// Its definition.
    pub definition: &'a PackageDefinition,
    /// The definition's folder, with `scripts/` and `settings/`.
    pub folder: PathBuf,
    /// What it is for.
    pub arch: Arch,
    /// The components whose trees it holds; the first gives version and times.
    pub components: Vec<Part<'a>>,
    /// The components that those are linked with.
    pub linked: Vec<Part<'a>>,
    /// How many threads may compress.
    pub jobs: usize,
}

/// `package.json`: the record of a package in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageRecord {
    format: u32,
    key: Sha256,
    sha256: Sha256,
    size: u64,
    manifest: Manifest,
}

/// What the package key is the digest of.
#[derive(Debug, Serialize)]
struct PackageKey<'a> {
    format: u32,
    arch: Arch,
    definition: &'a PackageDefinition,
    components: Vec<(&'a str, Sha256)>,
    records: Vec<medic_model::manifest::ComponentRecord>,
    version: String,
    mtime: u64,
    scripts: Sha256,
    settings: Sha256,
}

/// What a package is made of beside its components' trees: what its definition in the workspace comes to.
#[derive(Debug, Serialize)]
pub(crate) struct PackageInput<'a> {
    format: u32,
    definition: &'a PackageDefinition,
    records: Vec<medic_model::manifest::ComponentRecord>,
    version: String,
    mtime: u64,
    scripts: Sha256,
    settings: Sha256,
}

/// That of a package.
///
/// # Errors
/// As [`pack`], of reading scripts and settings.
pub(crate) fn package_input<'a>(source: &Source<'a>) -> Result<PackageInput<'a>, BuildError> {
    let own = tree::own(source)?;
    Ok(PackageInput {
        format: FORMAT,
        definition: source.definition,
        records: manifest::records(source),
        version: manifest::version(source)?.to_string(),
        mtime: mtime(source),
        scripts: digest(source, &own.scripts)?,
        settings: digest(source, &own.settings)?,
    })
}

fn digest(source: &Source<'_>, tree: &Tree) -> Result<Sha256, PackageError> {
    let failed = |error| PackageError::Tree { package: source.definition.name.to_string(), source: error };
    Ok(tree.digest().map_err(failed)?.sha256)
}

/// The package: from the store, or packed now.
///
/// # Errors
/// The definition does not fit the components and scripts; the disk.
pub fn pack(source: &Source<'_>, store: &Store, reporter: &dyn Reporter) -> Result<BuiltPackage, BuildError> {
    let own = tree::own(source)?;
    let key = key(source, &own)?;
    let place = store.layout().package(&key);
    if let Some(built) = stored(&place, &key, reporter) {
        return Ok(built);
    }
    let tree = tree::whole(source, own)?;
    let manifest = manifest::manifest(source, &tree, key)?;
    let work = store.work_folder(&format!("package-{}", source.definition.name))?;
    let archive = work.join(manifest.archive_name());
    let threads = NonZero::new(u32::try_from(source.jobs).unwrap_or(1)).unwrap_or(NonZero::<u32>::MIN);
    let packed = package::write(&manifest, &tree, &archive, mtime(source), threads)
        .map_err(|error| unwritten(source, &archive, error))?;
    let record = PackageRecord {
        format: FORMAT,
        key,
        sha256: packed.sha256,
        size: packed.size,
        manifest: manifest.clone(),
    };
    store.keep_record(&work.join(RECORD), &record)?;
    crate::store::remove_all(&place)?;
    store.keep_folder(&work, &place)?;
    let archive = place.join(manifest.archive_name());
    Ok(BuiltPackage { manifest, archive, sha256: packed.sha256, size: packed.size, fresh: true })
}

/// The time of everything in the archive: that of the first component.
fn mtime(source: &Source<'_>) -> u64 {
    source.components.first().map_or(0, |first| first.recipe.released.epoch())
}

fn key(source: &Source<'_>, own: &tree::Own) -> Result<Sha256, BuildError> {
    Ok(digest_of(&PackageKey {
        format: FORMAT,
        arch: source.arch,
        definition: source.definition,
        components: source.components.iter().map(|part| (part.recipe.name.as_str(), part.digest)).collect(),
        records: manifest::records(source),
        version: manifest::version(source)?.to_string(),
        mtime: mtime(source),
        scripts: digest(source, &own.scripts)?,
        settings: digest(source, &own.settings)?,
    }))
}

fn stored(place: &Path, key: &Sha256, reporter: &dyn Reporter) -> Option<BuiltPackage> {
    let record: PackageRecord = read_record(&place.join(RECORD), reporter)?;
    let archive = place.join(record.manifest.archive_name());
    let whole = std::fs::metadata(&archive).is_ok_and(|meta| meta.len() == record.size);
    if record.format != FORMAT || record.key != *key || !whole {
        crate::store::warn_of_damage(reporter, &archive, "it is not as it was written");
        return None;
    }
    let PackageRecord { manifest, sha256, size, .. } = record;
    Some(BuiltPackage { manifest, archive, sha256, size, fresh: false })
}

fn unwritten(source: &Source<'_>, archive: &Path, error: package::PackError) -> BuildError {
    if is_full_beneath(&error) {
        return StoreError::new("write", archive, std::io::ErrorKind::StorageFull.into()).into();
    }
    PackageError::Write { package: source.definition.name.to_string(), source: error }.into()
}

/// The manifest as it will be read, so that what no program would take is found now.
fn check(manifest: &Manifest, package: &str) -> Result<(), PackageError> {
    let fault = |message: String| PackageError::Definition { package: package.to_owned(), message };
    let text = json::canonical(manifest).map_err(|error| fault(error.to_string()))?;
    Manifest::from_json("its manifest", &text).map(drop).map_err(|error| fault(error.message))
}

/// A folder where a link or a file could hide what is meant.
fn is_folder(node: &Node) -> bool {
    matches!(node, Node::Directory { .. })
}

#[cfg(test)]
mod tests;
