//! Build roots and the toolchain: `recipes/build-roots.yaml` and `recipes/toolchain/toolchain.yaml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::recipe::PypiFile;
use crate::{Arch, ByteSize, ComponentName, Cpe, Purl, RelPath, Sha256, Version};

/// `recipes/build-roots.yaml`: the Debian roots that build steps run in, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRoots {
    /// Paths, with `*`, that are removed from every root.
    #[serde(default)]
    pub remove_from_all: Vec<RelPath>,
    /// The roots.
    #[serde(deserialize_with = "unique_map")]
    pub roots: BTreeMap<String, BuildRoot>,
}

/// A Debian root: suites of the machine's own mirror, and the packages that are unpacked from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRoot {
    /// The suites, the main one first, such as `bookworm`, `bookworm-security`.
    pub suites: Vec<String>,
    /// Debian package names.
    pub packages: Vec<String>,
    /// Links that a maintainer script would have made: from a path to what the link says.
    #[serde(default, deserialize_with = "unique_map")]
    pub links: BTreeMap<RelPath, String>,
    /// Paths, with `*`, that no step needs.
    #[serde(default)]
    pub remove: Vec<RelPath>,
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
    /// What it is called.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// Its SPDX licence expression.
    pub licence: String,
    /// The distribution for each machine that builds.
    #[serde(deserialize_with = "unique_map")]
    pub sources: BTreeMap<Arch, ToolchainSource>,
    /// What it links into the programs that it makes, for their documents. No part of the action key.
    #[serde(default)]
    pub libraries: Vec<ToolchainLibrary>,
}

/// A library of the toolchain that becomes part of programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolchainLibrary {
    /// What it is called.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// Its SPDX licence expression.
    pub licence: String,
    /// Upstream's page.
    pub homepage: String,
    /// Where upstream offers it.
    #[serde(default)]
    pub url: Option<String>,
    /// The folder of the toolchain that its sources are in.
    pub folder: RelPath,
    /// Its names in the National Vulnerability Database.
    #[serde(default)]
    pub cpe: Vec<Cpe>,
    /// Its package URL, in place of a generic one.
    #[serde(default)]
    pub purl: Option<Purl>,
    /// A text that every program holds that it is linked into. Without one it is linked into every static program.
    #[serde(default)]
    pub marker: Option<String>,
}

/// The toolchain's distribution for one kind of machine: a wheel (a ZIP archive).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolchainSource {
    /// What the content must be.
    pub sha256: Sha256,
    /// A download larger than this is refused.
    pub max_size: ByteSize,
    /// Where it may be had.
    pub pypi: PypiFile,
    /// The folder of the archive that is the toolchain.
    pub folder: RelPath,
}

impl Toolchain {
    /// Reads the document.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        from_yaml(file, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_toolchain_are_read() {
        let roots = "remove_from_all: [usr/share/doc, var/*]\nroots:\n  c:\n    suites: [bookworm]\n    packages: [make]\n    links: {usr/bin/awk: mawk}\n";
        let roots = BuildRoots::from_yaml("r.yaml", roots).expect("valid");
        assert_eq!(roots.roots["c"].links.len(), 1);
        assert!(BuildRoots::from_yaml("r.yaml", "roots: {c: {suites: [], packages: [make]}}").is_err());
        let digest = "0".repeat(64);
        let toolchain = format!(
            "name: zig\nversion: 0.17.1\nlicence: MIT\nsources:\n  x64:\n    sha256: {digest}\n    max_size: 128 MiB\n    pypi: {{name: ziglang, version: 0.17.1, file: z.whl}}\n    folder: ziglang\n"
        );
        let toolchain = Toolchain::from_yaml("t.yaml", &toolchain).expect("valid");
        assert!(toolchain.sources.contains_key(&Arch::X64));
    }
}
