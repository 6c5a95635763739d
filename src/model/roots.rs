//! Build roots and the toolchain: `recipes/build-roots.yaml` and `recipes/toolchain/toolchain.yaml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::recipe::Source;

/// `recipes/build-roots.yaml`: the Debian roots that build steps run in, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRoots {
    /// The roots.
    #[serde(deserialize_with = "unique_map")]
    pub roots: BTreeMap<String, BuildRoot>,
}

/// A Debian root: suites of the machine's own mirror, and the packages taken from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRoot {
    /// The suites, the main one first, such as `bookworm`, `bookworm-security`.
    pub suites: Vec<String>,
    /// Debian package names.
    pub packages: Vec<String>,
}

impl BuildRoots {
    /// Reads the document.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let roots: Self = from_yaml(file, text)?;
        let empty = roots.roots.iter().find(|(_, root)| root.suites.is_empty() || root.packages.is_empty());
        match empty {
            Some((name, _)) => {
                Err(DocumentError::whole(file, format!("the root '{name}' has no suites or no packages")))
            }
            None => Ok(roots),
        }
    }
}

/// `recipes/toolchain/toolchain.yaml`: the pinned C and C++ toolchain. Its wrappers are beside it in `bin/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    /// Zig, by the machine it runs on: its wheel of the Python package index.
    pub zig: Zig,
}

/// The Zig distribution for each machine that builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zig {
    /// Its version.
    pub version: crate::Version,
    /// The wheel for an x86-64 machine.
    pub x64: Source,
    /// The wheel for a 64-bit ARM machine, where it is pinned.
    #[serde(default)]
    pub arm64: Option<Source>,
}

impl Toolchain {
    /// Reads the document.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        from_yaml(file, text)
    }
}
