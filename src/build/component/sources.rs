//! The sources of a component: what they are by digest, and how they are laid into the source folder.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use medic_archive::Tree;
use medic_archive::upstream::{Limits, Mtime, Options, unpack};
use medic_model::recipe::{FileSource, Location, Recipe, Source};
use medic_model::{RelPath, Sha256};

use super::{Bench, Build};
use crate::error::BuildError;
use crate::fetch;
use crate::fetch::cargo_lock::{LockedCrate, write_directory_source};
use crate::fetch::workspace::Workspace;
use crate::key::{SourceInput, digest_of};
use crate::loaded::{LoadError, load, write};
use crate::store::{Store, StoreError, make_folder};

/// How many times its size an archive may become.
const EXPANSION: u64 = 200;
/// What any archive may become, in bytes.
const SMALL: u64 = 64 << 20;

/// A source whose content is known by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedSource {
    /// A file, fetched.
    File(FileSource),
    /// The sources of a package of this workspace.
    Workspace {
        /// The package.
        package: String,
        /// Its files, in memory.
        files: Tree,
        /// Their digest.
        digest: Sha256,
    },
    /// The registry crates of a package of this workspace, laid out as a directory source.
    Crates {
        /// The package.
        package: String,
        /// Where to, below the source folder.
        into: RelPath,
        /// The crates, each with its archive.
        crates: Vec<(LockedCrate, FileSource)>,
    },
}

/// The sources of a recipe.
///
/// # Errors
/// The workspace's own sources cannot be read.
pub fn resolve(recipe: &Recipe, workspace: &Path) -> Result<Vec<ResolvedSource>, BuildError> {
    let own = recipe.sources.iter().any(|source| !matches!(source, Source::File(_)));
    let cargo = if own { Some(Workspace::read(workspace)?) } else { None };
    recipe.sources.iter().map(|source| resolve_one(source, cargo.as_ref())).collect()
}

fn resolve_one(source: &Source, cargo: Option<&Workspace>) -> Result<ResolvedSource, BuildError> {
    match (source, cargo) {
        (Source::Workspace(source), Some(cargo)) => {
            let files = load(&cargo.files(&source.package)?)?;
            let digest = files.digest().map_err(LoadError::from)?.sha256;
            Ok(ResolvedSource::Workspace { package: source.package.clone(), files, digest })
        }
        (Source::CargoLock(source), Some(cargo)) => {
            let with_archive = |krate: LockedCrate| (krate.source(), krate);
            let crates = cargo.crates(&source.package)?.into_iter().map(with_archive);
            Ok(ResolvedSource::Crates {
                package: source.package.clone(),
                into: source.into.clone(),
                crates: crates.map(|(archive, krate)| (krate, archive)).collect(),
            })
        }
        (Source::File(file), _) => Ok(ResolvedSource::File(file.as_ref().clone())),
        // `cargo` is there whenever a source is not a file.
        (Source::Workspace(_) | Source::CargoLock(_), None) => unreachable!("the workspace was not read"),
    }
}

impl ResolvedSource {
    /// What of it is part of the action key.
    pub fn input(&self) -> SourceInput {
        match self {
            Self::File(file) if file.unpack => {
                SourceInput::Archive { sha256: file.sha256, into: file.into.clone(), strip: file.strip }
            }
            Self::File(file) => SourceInput::File { sha256: file.sha256, path: place(file) },
            Self::Workspace { package, digest, .. } => {
                SourceInput::Workspace { package: package.clone(), files: *digest }
            }
            Self::Crates { package, into, crates } => {
                let each: Vec<_> =
                    crates.iter().map(|(krate, _)| (&krate.name, &krate.version, &krate.sha256)).collect();
                SourceInput::Crates { package: package.clone(), crates: digest_of(&each), into: into.clone() }
            }
        }
    }

    /// The files that must be fetched.
    pub fn files(&self) -> Vec<&FileSource> {
        match self {
            Self::File(file) => vec![file],
            Self::Workspace { .. } => Vec::new(),
            Self::Crates { crates, .. } => crates.iter().map(|(_, archive)| archive).collect(),
        }
    }

    /// The digests of what was fetched or read, for a package's provenance.
    pub fn digests(&self) -> Vec<Sha256> {
        match self {
            Self::File(file) => vec![file.sha256],
            Self::Workspace { digest, .. } => vec![*digest],
            Self::Crates { crates, .. } => crates.iter().map(|(krate, _)| krate.sha256).collect(),
        }
    }
}

/// Where a file that is not unpacked goes, below the source folder.
fn place(file: &FileSource) -> RelPath {
    let name = file_name(file);
    file.into.as_ref().and_then(|into| into.join(&name).ok()).unwrap_or(name)
}

/// What a file that is not unpacked is called: as at its first location, or else by its digest.
pub fn file_name(file: &FileSource) -> RelPath {
    let by_digest = || file.sha256.to_string();
    let name = match file.locations.first() {
        Some(Location::Path(path) | Location::Debian(path)) => path.file_name().to_owned(),
        Some(Location::Url(url)) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        }
        Some(Location::Pypi(file)) => file.file.clone(),
        Some(Location::Npm(package)) => {
            format!("{}-{}.tgz", package.name.replace(['@', '/'], ""), package.version)
        }
        Some(Location::Crate(package)) => format!("{}-{}.crate", package.name, package.version),
        Some(Location::Git(tree)) => format!("{}.tar", tree.commit),
        None => by_digest(),
    };
    let plain = name.parse().ok().filter(|name: &RelPath| name.parts().count() == 1);
    // A digest is always a plain name.
    plain.unwrap_or_else(|| by_digest().parse().unwrap_or_else(|error| unreachable!("{error}")))
}

/// Lays all sources of a build into its source folder.
///
/// # Errors
/// A source is no archive, or one that is refused; the disk.
pub fn lay(build: &Build<'_>, bench: &Bench, store: &Store) -> Result<(), BuildError> {
    let epoch = build.recipe.released.epoch();
    for source in build.sources {
        match source {
            ResolvedSource::File(file) => lay_file(file, epoch, &bench.source, store)?,
            ResolvedSource::Workspace { files, .. } => write(files, &bench.source)?,
            ResolvedSource::Crates { into, crates, .. } => {
                let folder = bench.source.join(into);
                make_folder(&folder)?;
                let stored = |sha256: &Sha256| fetch::path_of(store.layout().root(), sha256);
                let archives: Vec<_> =
                    crates.iter().map(|(krate, _)| (krate, stored(&krate.sha256))).collect();
                let archives = archives.iter().map(|(krate, path)| (*krate, path.as_path()));
                write_directory_source(archives, &folder, epoch)
                    .map_err(|error| BuildError::vendoring(error, &folder))?;
            }
        }
    }
    Ok(())
}

/// What may come out of an archive of so many bytes: upstream's sources become ten times as large, a bomb a thousand times.
fn limits(size: u64) -> Limits {
    let usual = Limits::default();
    Limits { size: size.saturating_mul(EXPANSION).clamp(SMALL, usual.size), ..usual }
}

fn lay_file(file: &FileSource, epoch: u64, to: &Path, store: &Store) -> Result<(), BuildError> {
    let stored = fetch::path_of(store.layout().root(), &file.sha256);
    if file.unpack {
        let folder = file.into.as_ref().map_or_else(|| to.to_owned(), |into| to.join(into));
        make_folder(&folder)?;
        let size = fs::metadata(&stored).map_err(StoreError::from_io("read", &stored))?.len();
        let options = Options { strip: file.strip, mtime: Mtime::Fixed(epoch), limits: limits(size) };
        unpack(&stored, &folder, &options).map_err(|error| match BuildError::unpacking(error, &folder) {
            BuildError::Unpack(error) => BuildError::Source { name: file_name(file).to_string(), error },
            error => error,
        })?;
        return Ok(());
    }
    let place = to.join(place(file));
    make_folder(place.parent().unwrap_or(to))?;
    let mut from = File::open(&stored).map_err(StoreError::from_io("read", &stored))?;
    let copied = File::create_new(&place).and_then(|mut to| std::io::copy(&mut from, &mut to));
    copied.map(drop).map_err(StoreError::from_io("write", &place))?;
    Ok(())
}

/// Gives everything below `folder` one modification time, patched files too: nothing is newer than anything else, so that
/// make does not run autotools again.
///
/// # Errors
/// The disk.
pub fn settle(folder: &Path, epoch: u64) -> Result<(), StoreError> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(StoreError::from_io("read the folder", &folder))? {
            let entry = entry.map_err(StoreError::from_io("read the folder", &folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(StoreError::from_io("read", &path))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                touch(&path, time)?;
            }
        }
        touch(&folder, time)?;
    }
    Ok(())
}

fn touch(path: &Path, time: SystemTime) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.set_modified(time)).map_err(StoreError::from_io("change", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(location: &str) -> FileSource {
        let text = format!(
            "name: x\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: h\nlicence: Zlib\nsources:\n  - sha256: {}\n    unpack: false\n    {location}\nsteps:\n  - {{name: build, run: make}}\n",
            "1".repeat(64)
        );
        let recipe = Recipe::from_yaml("recipe.yaml", &text).expect("valid");
        recipe.file_sources().next().expect("one").clone()
    }

    #[test]
    fn a_file_has_the_name_of_its_first_location() {
        for (location, name) in [
            ("path: recipes/hello/hello.c", "hello.c"),
            ("urls: ['https://example.org/a/b.tar.gz?x=/y#z']", "b.tar.gz"),
            ("pypi: {name: p, version: '1', file: p-1.whl}", "p-1.whl"),
            ("npm: {name: '@a/b', version: '1.2'}", "ab-1.2.tgz"),
            ("crate: {name: serde, version: '1.0'}", "serde-1.0.crate"),
            ("urls: ['https://example.org/']", &"1".repeat(64)),
            ("urls: ['https://example.org/..']", &"1".repeat(64)),
        ] {
            assert_eq!(file_name(&source(location)).as_str(), name, "{location}");
        }
        let into = source("path: a/b.c\n    into: deep/er");
        let SourceInput::File { path, .. } = ResolvedSource::File(into).input() else { panic!("a file") };
        assert_eq!(path.as_str(), "deep/er/b.c");
    }

    #[test]
    fn all_times_become_one() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a")).expect("made");
        fs::write(folder.path().join("a/b"), "x").expect("written");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("linked");
        settle(folder.path(), 1000).expect("settled");
        for path in ["", "a", "a/b"] {
            let time =
                fs::metadata(folder.path().join(path)).and_then(|meta| meta.modified()).expect("known");
            assert_eq!(time, SystemTime::UNIX_EPOCH + Duration::from_secs(1000), "{path}");
        }
    }
}
