//! The C and C++ toolchain: Zig out of its pinned wheel, and our wrappers around it.

mod warm;

use std::path::{Path, PathBuf};

use medic_archive::tree::Tree;
use medic_archive::upstream;
use medic_model::recipe::{FileSource, Location};
use medic_model::roots::{Toolchain as Definition, ToolchainSource};
use medic_model::{Arch, RelPath, Sha256};
use serde::Serialize;

use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch;
use crate::key::digest_of;
use crate::loaded::{load, write};
use crate::report::{Event, Preparation, Reporter};
use crate::root::Root;
use crate::sandbox::Runner;
use crate::store::{Store, StoreError, make_folder};

/// Raised when the toolchain comes to be laid out differently.
const FORMAT: u32 = 1;
/// Where the compiler stands in its folder of the store.
pub(crate) const ZIG: &str = "zig";

/// What the toolchain is, before anything of it is fetched.
#[derive(Debug, Clone)]
pub struct ToolchainPlan {
    /// `recipes/toolchain/toolchain.yaml`
    pub definition: Definition,
    /// The distribution.
    pub source: FileSource,
    /// The folder of the distribution that is the toolchain.
    folder: RelPath,
    /// The wrappers, as they stand in the workspace now.
    wrappers: Tree,
    /// What tells it from any other: part of every action key.
    pub identity: Sha256,
}

/// A toolchain that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler's folder, seen at `/toolchain/zig`.
    pub zig: PathBuf,
    /// The wrappers, seen at `/toolchain/bin`.
    pub wrappers: PathBuf,
    /// The compiler's cache with the C library in it, which every build begins with a copy of; none when the toolchain has
    /// no `warm` program.
    pub cache: Option<PathBuf>,
}

/// What the identity is the digest of.
#[derive(Debug, Serialize)]
struct Identity<'a> {
    format: u32,
    distribution: &'a Sha256,
    folder: &'a RelPath,
    wrappers: Sha256,
}

impl ToolchainPlan {
    /// The toolchain of a workspace for building on this machine. Only the wrappers are read: they are small.
    ///
    /// # Errors
    /// A definition is wrong or has nothing for this machine; the wrappers cannot be read.
    pub fn new(definitions: &Definitions, machine: Option<Arch>) -> Result<Self, BuildError> {
        let toolchain = definitions.toolchain()?;
        let source = machine.and_then(|machine| toolchain.sources.get(&machine)).ok_or_else(|| {
            BuildError::Environment {
                what: "finding the toolchain for this machine".to_owned(),
                message: format!(
                    "recipes/toolchain/toolchain.yaml has no source for a machine of the kind '{}'",
                    std::env::consts::ARCH
                ),
            }
        })?;
        let wrappers = read_wrappers(&definitions.wrappers())?;
        let digested = wrappers.digest().map_err(|error| unreadable(&error))?;
        let identity = digest_of(&Identity {
            format: FORMAT,
            distribution: &source.sha256,
            folder: &source.folder,
            wrappers: digested.sha256,
        });
        let (source, folder) = (file_source(source), source.folder.clone());
        Ok(Self { definition: toolchain, source, folder, wrappers, identity })
    }

    /// Where the compiler is, or will be, in the store.
    fn place(&self, store: &Store) -> PathBuf {
        store.layout().toolchain(&self.source.sha256)
    }

    /// Whether its distribution must be fetched before it can be used.
    pub fn is_absent(&self, store: &Store) -> bool {
        !self.place(store).join(ZIG).is_dir()
    }

    /// The toolchain: unpacked, if need be, from its distribution in the store's sources, and with its cache filled for
    /// `arch`, if it has a program that does it.
    ///
    /// # Errors
    /// The distribution is no such archive; that program fails, so the toolchain is of no use; the disk.
    pub fn prepare(
        &self,
        store: &Store,
        root: &Root,
        arch: Arch,
        runner: &dyn Runner,
        reporter: &dyn Reporter,
    ) -> Result<Toolchain, BuildError> {
        let wrappers = store.work_folder("toolchain-bin")?;
        write(&self.wrappers, &wrappers)?;
        let cache = self.place(store).join(warm::cache_name(self, arch));
        let warms = warm::is_possible(&wrappers);
        let news = self.is_absent(store) || (warms && !cache.is_dir());
        if news {
            reporter.report(Event::Preparing(Preparation::Toolchain));
        }
        if self.is_absent(store) {
            self.unpack(store)?;
        }
        let mut toolchain = Toolchain { zig: self.place(store).join(ZIG), wrappers, cache: None };
        if warms && !cache.is_dir() {
            warm::fill(&toolchain, store, root, arch, runner, &cache)?;
        }
        // In this order, so that no cache was ever used after its toolchain.
        crate::store::touch(&cache);
        crate::store::touch(&self.place(store));
        toolchain.cache = warms.then_some(cache);
        if news {
            reporter.report(Event::Prepared(Preparation::Toolchain));
        }
        Ok(toolchain)
    }

    /// Where the compiler is in the store, and its cache for an architecture, whether they are there or not.
    pub fn places(&self, store: &Store, arch: Arch) -> [PathBuf; 2] {
        let place = self.place(store);
        [place.join(warm::cache_name(self, arch)), place]
    }

    fn unpack(&self, store: &Store) -> Result<(), BuildError> {
        let work = store.work_folder("toolchain")?;
        let archive = fetch::path_of(store.layout().root(), &self.source.sha256);
        let options = upstream::Options {
            strip: 0,
            mtime: upstream::Mtime::Fixed(0),
            limits: upstream::Limits::default(),
        };
        let unpacked = work.join("unpacked");
        make_folder(&unpacked)?;
        upstream::unpack(&archive, &unpacked, &options)
            .map_err(|error| BuildError::unpacking(error, &unpacked))?;
        let made = work.join("made");
        make_folder(&made)?;
        let (from, to) = (unpacked.join(&self.folder), made.join(ZIG));
        std::fs::rename(&from, &to).map_err(StoreError::from_io("put in place", &from))?;
        store.keep_folder(&made, &self.place(store))?;
        Ok(crate::store::remove_all(&work)?)
    }
}

pub(crate) fn file_source(source: &ToolchainSource) -> FileSource {
    FileSource {
        sha256: source.sha256,
        sha512: None,
        max_size: source.max_size,
        locations: vec![Location::Pypi(source.pypi.clone())],
        into: None,
        unpack: true,
        strip: 0,
    }
}

/// The wrappers, in memory: what is compiled with is what the identity was computed from.
fn read_wrappers(folder: &Path) -> Result<Tree, BuildError> {
    let on_disk = Tree::scan(folder).map_err(|error| unreadable(&error))?;
    load(&on_disk).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> BuildError {
    BuildError::Environment {
        what: "reading the compiler's wrappers (recipes/toolchain/bin)".to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("recipes/toolchain/bin");
        fs_err::create_dir_all(&bin).expect("made");
        fs_err::write(bin.join("cc"), "#!/bin/sh\n").expect("written");
        std::os::unix::fs::symlink("cc", bin.join("c++")).expect("linked");
        let text = format!(
            "name: zig\nversion: 1\nlicence: MIT\nsources:\n  x64:\n    sha256: {}\n    max_size: 1 MiB\n    pypi: {{name: z, version: '1', file: z.whl}}\n    folder: ziglang\n",
            "0".repeat(64)
        );
        fs_err::write(folder.path().join("recipes/toolchain/toolchain.yaml"), text).expect("written");
        folder
    }

    #[test]
    fn every_byte_of_a_wrapper_is_part_of_the_identity() {
        let folder = workspace();
        let identity = || {
            ToolchainPlan::new(&Definitions::new(folder.path()), Some(Arch::X64)).expect("planned").identity
        };
        let first = identity();
        assert_eq!(identity(), first);
        let cc = folder.path().join("recipes/toolchain/bin/cc");
        fs_err::write(&cc, "#!/bin/sh -e\n").expect("written");
        let second = identity();
        assert_ne!(second, first);
        std::os::unix::fs::symlink("cc", folder.path().join("recipes/toolchain/bin/hostcc")).expect("linked");
        assert_ne!(identity(), second);
    }

    #[test]
    fn a_machine_without_a_toolchain_is_told() {
        let folder = workspace();
        let error =
            ToolchainPlan::new(&Definitions::new(folder.path()), Some(Arch::Arm64)).expect_err("none");
        assert!(error.to_string().contains("has no source for a machine"), "{error}");
    }
}
