//! Packages: component trees, scripts and settings as one archive that `pkg install` takes.
//!
//! What a package holds is computed first (`tree`), then described (`manifest`), then written. The package key is the
//! digest of everything that goes into it, by content: a component that was rebuilt to the same bytes packs nothing anew.
//! Licence texts of components that are only linked into it are in it too. It passes the checks before it is kept.

mod checked;
mod manifest;
mod tree;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use medic_archive::package;
use medic_archive::tree::{Node, Tree, TreeError};
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::{Arch, Manifest, PackageName, Sha256};
use serde::{Deserialize, Serialize};

use crate::attest::{self, Archived, Documents, Evidence};
use crate::checks::ChecksFailed;
use crate::component::ResolvedSource;
use crate::error::BuildError;
use crate::key::digest_of;
use crate::report::{Reporter, Silent};
use crate::store::{Store, StoreError, is_full_beneath, read_record};

/// Raised when packages come to be made differently of the same inputs.
const FORMAT: u32 = 4;
/// The record's name in a package's folder.
pub(crate) const RECORD: &str = "package.json";

/// A package that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPackage {
    /// Its definition: that of a variant is installed under another name, which its manifest has.
    pub name: PackageName,
    /// What it holds.
    pub manifest: Manifest,
    /// The archive.
    pub archive: PathBuf,
    /// The archive's digest.
    pub sha256: Sha256,
    /// The archive's bytes.
    pub size: u64,
    /// Its SBOM and its provenance.
    pub documents: Documents,
    /// Whether it was packed now; else it was in the store.
    pub fresh: bool,
    /// What kept the steps of its components apart from the machine: each way once, where it is known.
    pub isolation: Vec<String>,
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
    /// What was built for it, or its own files, did not pass the checks.
    #[error("the package '{package}': {source}")]
    Checks {
        /// The package.
        package: String,
        /// What was found.
        source: Box<ChecksFailed>,
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
    /// The folder with the licence texts of what the compiler links into every program.
    pub toolchain_licences: PathBuf,
    /// How many threads may compress.
    pub jobs: usize,
    /// Folders of this machine that may not be found in it.
    pub own_paths: Vec<String>,
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

impl PackageRecord {
    /// The package in its folder, as this definition has it.
    fn package_of(self, definition: &PackageDefinition, place: &Path, fresh: bool) -> BuiltPackage {
        BuiltPackage { name: definition.name.clone(), ..self.package(place, fresh) }
    }

    /// The package in its folder.
    fn package(self, place: &Path, fresh: bool) -> BuiltPackage {
        let Self { manifest, sha256, size, .. } = self;
        let archive = place.join(manifest.archive_name());
        let documents = Documents::in_folder(place, &manifest);
        let name = manifest.name.clone();
        BuiltPackage { name, manifest, archive, sha256, size, documents, fresh, isolation: Vec::new() }
    }
}

/// What the package key is the digest of.
#[derive(Debug, Serialize)]
struct PackageKey<'a> {
    format: u32,
    arch: Arch,
    definition: &'a PackageDefinition,
    components: Vec<(&'a str, Sha256)>,
    licences: Vec<Sha256>,
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
    toolchain_licences: Sha256,
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
        toolchain_licences: digest(source, &tree::scan_if_there(source, &source.toolchain_licences)?)?,
    })
}

/// A package that the store does not have: what packing it begins with.
#[derive(Debug)]
pub struct Unpacked {
    own: tree::Own,
    digests: Digests,
    key: Sha256,
}

/// The package as the store has it, with its documents; else what packing it begins with. No component's tree is read, unless
/// checks or documents have changed since.
///
/// # Errors
/// The definition does not fit the components and scripts; the documents cannot be made; a check fails.
pub fn find(
    source: &Source<'_>,
    evidence: &Evidence<'_>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Result<BuiltPackage, Unpacked>, BuildError> {
    let (Unpacked { own, digests, key }, record) = look(source, store, reporter)?;
    let Some(record) = record else {
        return Ok(Err(Unpacked { own, digests, key }));
    };
    let place = store.layout().package(&key);
    if !checked::has_passed(source, &place, reporter) {
        parts(source, own)?;
        checked::keep(source, store, &place)?;
    }
    let tree = || tree::whole(source, tree::parts(source, tree::components(source)?, tree::own(source)?)?);
    let (manifest, sha256) = (&record.manifest, record.sha256);
    let archived = Archived { manifest, sha256, own: digests.places(source), tree: &tree };
    attest::keep(source, &archived, evidence, &place, store, reporter)?;
    Ok(Ok(record.package_of(source.definition, &place, false)))
}

/// The package as the store has it, neither checked nor documented anew.
///
/// # Errors
/// The definition does not fit the components and scripts.
pub fn seen(
    source: &Source<'_>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Option<BuiltPackage>, BuildError> {
    let (Unpacked { key, .. }, record) = look(source, store, reporter)?;
    Ok(record.map(|record| record.package_of(source.definition, &store.layout().package(&key), false)))
}

fn look(
    source: &Source<'_>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<(Unpacked, Option<PackageRecord>), BuildError> {
    let own = tree::own(source)?;
    let digests = digests(source, &own)?;
    let key = key(source, &digests)?;
    let record = stored(&store.layout().package(&key), &key, reporter);
    Ok((Unpacked { own, digests, key }, record))
}

/// Packs a package that [`find`] did not find.
///
/// # Errors
/// The definition does not fit the components and scripts; the documents cannot be made; a check fails; the disk.
pub fn pack(
    source: &Source<'_>,
    unpacked: Unpacked,
    evidence: &Evidence<'_>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<BuiltPackage, BuildError> {
    let Unpacked { own, digests, key } = unpacked;
    let place = store.layout().package(&key);
    let tree = tree::whole(source, parts(source, own)?)?;
    let manifest = manifest::manifest(source, &tree, key)?;
    let work = store.work_folder(&format!("package-{}", source.definition.name))?;
    let archive = work.join(manifest.archive_name());
    let threads = NonZero::new(u32::try_from(source.jobs).unwrap_or(1)).unwrap_or(NonZero::<u32>::MIN);
    let packed = package::write(&manifest, &tree, &archive, mtime(source), threads)
        .map_err(|error| unwritten(source, &archive, error))?;
    let sha256 = packed.sha256;
    let record = PackageRecord { format: FORMAT, key, sha256, size: packed.size, manifest };
    let tree = || Ok(tree.clone());
    let archived = Archived { manifest: &record.manifest, sha256, own: digests.places(source), tree: &tree };
    attest::keep(source, &archived, evidence, &work, store, reporter)?;
    store.keep_record(&work.join(RECORD), &record)?;
    checked::keep(source, store, &work)?;
    crate::store::remove_all(&place)?;
    store.keep_folder(&work, &place)?;
    Ok(record.package_of(source.definition, &place, true))
}

/// The parts of a package, which passed the checks.
fn parts(source: &Source<'_>, own: tree::Own) -> Result<tree::Parts, BuildError> {
    let trees = tree::components(source)?;
    let findings = checked::components(source, &trees)?;
    let parts = tree::parts(source, trees, own)?;
    checked::check(source, &parts, findings)?;
    Ok(parts)
}

/// The digests of a package's own files.
#[derive(Debug, Clone, Copy)]
struct Digests {
    scripts: Sha256,
    settings: Sha256,
}

impl Digests {
    /// By their place in the workspace; those of folders that are not there are left out.
    fn places(self, source: &Source<'_>) -> Vec<(String, Sha256)> {
        let folders = [("scripts", self.scripts), ("settings", self.settings)];
        let there = folders.into_iter().filter(|(folder, _)| source.folder.join(folder).is_dir());
        there
            .map(|(folder, digest)| {
                (format!("packages/{}/{folder}", source.definition.installed_name()), digest)
            })
            .collect()
    }
}

fn digests(source: &Source<'_>, own: &tree::Own) -> Result<Digests, BuildError> {
    Ok(Digests { scripts: digest(source, &own.scripts)?, settings: digest(source, &own.settings)? })
}

fn digest(source: &Source<'_>, tree: &Tree) -> Result<Sha256, PackageError> {
    let digested = tree.digest();
    let unreadable =
        |error| PackageError::Tree { package: source.definition.name.to_string(), source: error };
    digested.map(|digested| digested.sha256).map_err(unreadable)
}

/// A package in the store, as its record in this folder tells; none when it cannot be read or speaks of another folder.
pub(crate) fn recorded(folder: &Path) -> Option<BuiltPackage> {
    let record: PackageRecord = read_record(&folder.join(RECORD), &Silent)?;
    let its_own = folder.file_name().is_some_and(|name| *name == *record.key.to_string());
    (its_own && record.format == FORMAT).then(|| record.package(folder, false))
}

/// The time of everything in the archive: that of the first component.
fn mtime(source: &Source<'_>) -> u64 {
    source.components.first().map_or(0, |first| first.recipe.released.epoch())
}

fn key(source: &Source<'_>, own: &Digests) -> Result<Sha256, BuildError> {
    let of = |tree: &Tree| digest(source, tree);
    // What is meant changes nothing in the package.
    let definition = PackageDefinition { exceptions: Vec::new(), ..source.definition.clone() };
    Ok(digest_of(&PackageKey {
        format: FORMAT,
        arch: source.arch,
        definition: &definition,
        components: source.components.iter().map(|part| (part.recipe.name.as_str(), part.digest)).collect(),
        licences: tree::licences(source)?.iter().map(of).collect::<Result<_, _>>()?,
        records: manifest::records(source),
        version: manifest::version(source)?.to_string(),
        mtime: mtime(source),
        scripts: own.scripts,
        settings: own.settings,
    }))
}

fn stored(place: &Path, key: &Sha256, reporter: &dyn Reporter) -> Option<PackageRecord> {
    let record: PackageRecord = read_record(&place.join(RECORD), reporter)?;
    let archive = place.join(record.manifest.archive_name());
    let whole = std::fs::metadata(&archive).is_ok_and(|meta| meta.len() == record.size);
    if record.format != FORMAT || record.key != *key || !whole {
        crate::store::warn_of_damage(reporter, &archive, "it is not as it was written");
        return None;
    }
    Some(record)
}

fn unwritten(source: &Source<'_>, archive: &Path, error: package::PackError) -> BuildError {
    if is_full_beneath(&error) {
        return StoreError::new("write", archive, std::io::ErrorKind::StorageFull.into()).into();
    }
    PackageError::Write { package: source.definition.name.to_string(), source: error }.into()
}

/// What no program would take is found now.
fn check(manifest: &Manifest, package: &str) -> Result<(), PackageError> {
    let fault = |message: String| PackageError::Definition { package: package.to_owned(), message };
    manifest.check().map_err(fault)
}

/// A folder where a link or a file could hide what is meant.
fn is_folder(node: &Node) -> bool {
    matches!(node, Node::Directory { .. })
}

#[cfg(test)]
mod tests;
