//! What is known of a package when its documents are written: values only, so that the documents are a function of them.

use std::collections::BTreeSet;

use medic_model::recipe::{FileSource, Recipe};
use medic_model::roots::Toolchain;
use medic_model::{Date, Manifest, RelPath, Sha1, Sha256};

use super::licence::Licence;
use crate::component::ResolvedSource;
use crate::key::KeyInputs;
use crate::root::DebianPackage;

/// What is known of a package.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What its archive holds.
    pub manifest: &'a Manifest,
    /// The archive's digest.
    pub archive: Sha256,
    /// When the first component was released: the time of everything in the archive.
    pub released: Date,
    /// Every regular file in it, by path.
    pub files: Vec<FileFact>,
    /// The package's own inputs: the trees of its scripts and settings, by their place in the workspace.
    pub own: Vec<(String, Sha256)>,
    /// What it holds, and what that is linked with.
    pub components: Vec<ComponentFact<'a>>,
    /// What compiled it.
    pub toolchain: ToolchainFact<'a>,
    /// The commit that it was packed at, as far as the caller knew one.
    pub revision: Option<&'a str>,
}

/// A file with its digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFact {
    /// Relative to what it belongs to.
    pub path: RelPath,
    /// Of its content.
    pub sha1: Sha1,
    /// Of the same content.
    pub sha256: Sha256,
    /// What it is.
    pub kind: FileKind,
}

/// What a file is, as far as SPDX tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A program or a shared library.
    Binary,
    /// UTF-8.
    Text,
    /// Anything else.
    Other,
}

impl FileKind {
    /// As SPDX calls it (clause 8.3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "BINARY",
            Self::Text => "TEXT",
            Self::Other => "OTHER",
        }
    }
}

/// A component of a package.
#[derive(Debug)]
pub struct ComponentFact<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Whether its tree is in the package; else what is there is linked with it.
    pub shipped: bool,
    /// Its sources.
    pub sources: &'a [ResolvedSource],
    /// The digest of all that could influence it.
    pub key: Sha256,
    /// All that.
    pub inputs: &'a KeyInputs,
    /// The digest of its tree.
    pub tree: Sha256,
    /// The patches beside its recipe.
    pub patches: Vec<FileFact>,
    /// What it declares, with the text where SPDX's list has none.
    pub licence: Licence,
    /// Rust crates that it holds, and those that building it took.
    pub crates: Vec<CrateFact>,
    /// The libraries of the toolchain that are in its programs, by name.
    pub libraries: BTreeSet<String>,
    /// The Debian packages of its build root.
    pub root: &'a [DebianPackage],
    /// The one of them that it was built from, when it has no sources of its own.
    pub origin: Option<&'a DebianPackage>,
}

/// A Rust crate of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateFact {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its `.crate` file, as the lock file has it.
    pub sha256: Sha256,
    /// What its manifest declares.
    pub licence: Licence,
    /// Its page.
    pub homepage: Option<String>,
    /// The repository and commit that it was published from, as SPDX writes such a place.
    pub download: Option<String>,
    /// Whether it is part of the component's programs; else only building them took it.
    pub linked: bool,
}

/// What compiled a package.
#[derive(Debug, Clone, Copy)]
pub struct ToolchainFact<'a> {
    /// Its definition.
    pub definition: &'a Toolchain,
    /// Its distribution.
    pub source: &'a FileSource,
    /// What tells it from any other, with our wrappers around it.
    pub identity: Sha256,
}
