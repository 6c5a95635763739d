//! Reading what the documents are made of: every file of the package, the programs in it, the manifests of crates.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use medic_archive::digest;
use medic_archive::tree::{Content, Node, Tree};
use medic_model::roots::ToolchainLibrary;
use medic_model::{RelPath, Sha1};
use rayon::prelude::*;
use sha1::Digest as _;
use toml::Table;

use super::cargo::{CrateFile, Uses, members, uses};
use super::elf;
use super::facts::{ComponentFact, CrateFact, FileFact, FileKind};
use super::identify::debian_package;
use super::licence::Licence;
use super::{AttestError, Evidence, Made};
use crate::component::ResolvedSource;
use crate::error::BuildError;
use crate::fetch::cargo_lock::{Lock, LockedCrate};
use crate::package::Part;
use crate::store::Store;

/// Where Debian's sources of Rust's standard library stand in a build root.
const RUST_LIBRARY: &str = "usr/lib/rustlib/src/rust/library";

/// Every regular file of a tree.
///
/// # Errors
/// One cannot be read.
pub fn files(tree: &Tree) -> io::Result<Vec<FileFact>> {
    let files: Vec<_> = tree.files().collect();
    files.into_par_iter().map(|(path, content)| Ok(file(path, &content.read()?))).collect()
}

fn file(path: &RelPath, bytes: &[u8]) -> FileFact {
    let kind = match elf::kind(bytes) {
        elf::Kind::Static | elf::Kind::Dynamic => FileKind::Binary,
        elf::Kind::Other if std::str::from_utf8(bytes).is_ok() => FileKind::Text,
        elf::Kind::Other => FileKind::Other,
    };
    FileFact {
        path: path.clone(),
        sha1: Sha1::from_bytes(sha1::Sha1::digest(bytes).into()),
        sha256: digest::of_bytes(bytes).sha256,
        kind,
    }
}

/// What is known of a component.
///
/// # Errors
/// Something of it cannot be read or had.
pub fn component<'a>(
    part: &'a Part<'a>,
    shipped: bool,
    evidence: &'a Evidence<'a>,
    store: &Store,
) -> Result<ComponentFact<'a>, BuildError> {
    let recipe = part.recipe;
    let unread = |error: io::Error| AttestError::new(recipe.name.as_str(), &error);
    let made = evidence
        .made
        .get(&recipe.name)
        .ok_or_else(|| unread(io::Error::other("it is not known how it was built")))?;
    let tree = Tree::scan(&part.tree).map_err(|error| unread(io::Error::other(error)))?;
    let text = licence_text(&tree, recipe.name.as_str());
    Ok(ComponentFact {
        recipe,
        shipped,
        sources: part.sources,
        key: made.record.key,
        inputs: &made.record.inputs,
        tree: made.record.tree,
        patches: patches(recipe.patches.iter(), &made.folder).map_err(unread)?,
        licence: Licence::declared(&recipe.licence, text.as_deref()),
        crates: crates(part, made, &tree, evidence, store)?,
        libraries: libraries(&tree, evidence.libraries()).map_err(unread)?,
        root: &made.packages,
        origin: if part.sources.is_empty() { origin(made) } else { None },
    })
}

fn patches<'a>(paths: impl Iterator<Item = &'a RelPath>, folder: &Path) -> io::Result<Vec<FileFact>> {
    paths.map(|path| Ok(file(path, &fs_err::read(folder.join(path))?))).collect()
}

/// The licence texts that a component's tree has.
fn licence_text(tree: &Tree, component: &str) -> Option<String> {
    let folder: RelPath = format!("share/licenses/{component}").parse().ok()?;
    let texts = tree.iter().filter(|(path, _)| path.below(&folder).is_some());
    let texts = texts.filter_map(|(_, node)| match node {
        Node::File { content, .. } => content.read().ok(),
        _ => None,
    });
    let all: Vec<String> = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

/// The libraries of the toolchain in the programs of a tree.
fn libraries(tree: &Tree, libraries: &[ToolchainLibrary]) -> io::Result<BTreeSet<String>> {
    let of_file = |(_, content): (_, &Content)| -> io::Result<BTreeSet<String>> {
        Ok(elf::linked(&content.read()?, libraries).map(|library| library.name.to_string()).collect())
    };
    let files: Vec<_> = tree.files().collect();
    let all = files.into_par_iter().map(of_file);
    all.try_reduce(BTreeSet::new, |mut all, mut found| {
        all.append(&mut found);
        Ok(all)
    })
}

/// The Debian package that a component without sources was built from: Rust's standard library is.
fn origin<'a>(made: &'a Made<'a>) -> Option<&'a crate::root::DebianPackage> {
    let is = |file: &str| {
        debian_package(file).is_some_and(|(name, ..)| name.starts_with("rust-") && name.ends_with("-src"))
    };
    let built_from = made.root.join(RUST_LIBRARY).is_dir() && made.record.inputs.sources.is_empty();
    made.packages.iter().find(|package| built_from && is(&package.file))
}

fn crates(
    part: &Part<'_>,
    made: &Made<'_>,
    tree: &Tree,
    evidence: &Evidence<'_>,
    store: &Store,
) -> Result<Vec<CrateFact>, BuildError> {
    let mut found = BTreeMap::new();
    for source in part.sources {
        if let ResolvedSource::Crates { package, .. } = source {
            for krate in of_workspace(part, package, evidence, store)? {
                found.insert((krate.name.clone(), krate.version.clone()), krate);
            }
        }
    }
    for krate in
        of_rust_library(made, tree).map_err(|error| AttestError::new(part.recipe.name.as_str(), &error))?
    {
        found.insert((krate.name.clone(), krate.version.clone()), krate);
    }
    Ok(found.into_values().collect())
}

/// The crates that a package of the workspace is made of, on the architecture that it was built for.
fn of_workspace(
    part: &Part<'_>,
    package: &str,
    evidence: &Evidence<'_>,
    store: &Store,
) -> Result<Vec<CrateFact>, BuildError> {
    let Some(files) = part.sources.iter().find_map(|source| match source {
        ResolvedSource::Workspace { package: own, files, .. } if own == package => Some(files),
        _ => None,
    }) else {
        return Ok(Vec::new());
    };
    let unread = |error: &dyn std::error::Error| AttestError::new(part.recipe.name.as_str(), error);
    let (lock, text) = (PathBuf::from("Cargo.lock"), lock_text(files));
    let lock = Lock::parse(&lock, &text).map_err(|error| unread(&error))?;
    let selection = lock.select(package, |_, _| true).map_err(|error| unread(&error))?;
    let published: Vec<(usize, LockedCrate)> = selection
        .keys()
        .filter(|index| !lock.is_member(**index))
        .map(|index| Ok((*index, lock.locked(*index).map_err(|error| unread(&error))?)))
        .collect::<Result<_, AttestError>>()?;
    let archives: Vec<_> = published.iter().map(|(_, krate)| krate.source()).collect();
    (evidence.fetch)(&archives.iter().collect::<Vec<_>>())?;
    let mut read = BTreeMap::new();
    for (index, krate) in &published {
        let path = crate::fetch::path_of(store.layout().root(), &krate.sha256);
        let file = CrateFile::of_archive(&path).map_err(|error| unread(&error))?;
        read.insert(*index, file);
    }
    let members = members(files);
    let manifest = |index: usize| match read.get(&index) {
        Some(file) => Some(&file.manifest),
        None => members.get(&lock.package(index).name),
    };
    let root = members.values().find(|table: &&Table| table.contains_key("workspace"));
    let start = (0..lock.len()).find(|index| lock.is_member(*index) && lock.package(*index).name == package);
    let uses: Uses = match (start, evidence.made.get(&part.recipe.name)) {
        (Some(start), Some(made)) => uses(&lock, &selection, start, made.record.inputs.arch, root, manifest),
        _ => Uses::new(),
    };
    let used =
        published.iter().filter_map(|(index, krate)| Some((krate, read.get(index)?, *uses.get(index)?)));
    Ok(used.map(|(krate, file, linked)| fact(krate, file, linked)).collect())
}

fn lock_text(files: &Tree) -> String {
    let text = files.iter().find(|(path, _)| path.as_str() == "Cargo.lock").map(|(_, node)| node);
    match text {
        Some(Node::File { content: Content::Bytes(bytes), .. }) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    }
}

fn fact(krate: &LockedCrate, file: &CrateFile, linked: bool) -> CrateFact {
    CrateFact {
        name: krate.name.clone(),
        version: krate.version.to_string(),
        sha256: krate.sha256,
        licence: file.licence(&krate.name),
        homepage: file.homepage(),
        download: file.download(),
        linked,
    }
}

/// The crates in Rust's standard library, when it is what was built: those of its lock file that the tree has libraries of.
fn of_rust_library(made: &Made<'_>, tree: &Tree) -> io::Result<Vec<CrateFact>> {
    let library = made.root.join(RUST_LIBRARY);
    let built: BTreeSet<String> =
        tree.iter().filter_map(|(path, _)| rust_library(path.file_name())).collect();
    let lock = library.join("Cargo.lock");
    if built.is_empty() || !lock.is_file() {
        return Ok(Vec::new());
    }
    let lock = Lock::parse(&lock, &fs_err::read_to_string(&lock)?).map_err(io::Error::other)?;
    let published = (0..lock.len()).filter(|index| !lock.is_member(*index));
    let mut found = Vec::new();
    for krate in published.filter_map(|index| lock.locked(index).ok()) {
        let folder = library.join("vendor").join(format!("{}-{}", krate.name, krate.version));
        if built.contains(&krate.name.replace('-', "_")) && folder.is_dir() {
            found.push(fact(&krate, &CrateFile::of_folder(&folder)?, true));
        }
    }
    Ok(found)
}

/// The crate of a compiled library: `lib<crate>-<hash>.rlib`.
fn rust_library(file: &str) -> Option<String> {
    let name = file.strip_prefix("lib")?.strip_suffix(".rlib")?;
    name.rsplit_once('-').map(|(name, _)| name.to_owned())
}
