//! Golden digests: what each package's archive was when it was last looked at. `packages/golden.yaml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::{Arch, PackageName, Sha256, Version};

/// The version of the document's form.
pub const FORMAT: u32 = 1;

/// What stands at the top of the file.
const HEADING: &str = "\
# The digest of every package's archive, with what it was made from. An archive that changes while its definition does not is a
# fault: the build is not reproducible, or the builder makes other bytes than it did. Written by: cargo xtask golden --update
";

/// `packages/golden.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// [`FORMAT`].
    pub format: u32,
    /// The packages.
    #[serde(deserialize_with = "unique_map")]
    pub packages: BTreeMap<PackageName, GoldenPackage>,
}

/// A package's records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoldenPackage {
    /// One for each architecture.
    #[serde(deserialize_with = "unique_map")]
    pub arches: BTreeMap<Arch, GoldenEntry>,
}

/// What a package was for one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenEntry {
    /// The package's version.
    pub version: Version,
    /// The digest of the archive.
    pub archive: Sha256,
    /// The digest of everything in the repository that the archive is made from, and of the toolchain.
    pub definition: Sha256,
    /// The digest of the Debian packages in the build roots. Only a hint: they are not part of the definition, since a mirror moves on.
    pub roots: Sha256,
}

/// What a package is, against its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenState {
    /// As recorded.
    Same,
    /// There is no record.
    Unrecorded,
    /// Its definition is not the recorded one, so the record says nothing of it.
    Outdated,
    /// Its definition is the recorded one, and its archive is not.
    Changed {
        /// Whether its build roots are the recorded ones. If not, a compiler in them may be another.
        same_roots: bool,
    },
}

impl Default for Golden {
    fn default() -> Self {
        Self { format: FORMAT, packages: BTreeMap::new() }
    }
}

impl Golden {
    /// Reads the document; `file` is what errors call it.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let golden: Self = from_yaml(file, text)?;
        if golden.format == FORMAT {
            return Ok(golden);
        }
        let message = format!("the format is {}, and this program reads format {FORMAT}", golden.format);
        Err(DocumentError::whole(file, message))
    }

    /// The document as text: packages in the order of their names.
    pub fn to_yaml(&self) -> String {
        let mut text = format!("{HEADING}format: {}\npackages:", self.format);
        if self.packages.is_empty() {
            text.push_str(" {}");
        }
        text.push('\n');
        for (name, package) in &self.packages {
            text.push_str(&format!("  {name}:\n"));
            for (arch, entry) in &package.arches {
                let GoldenEntry { version, archive, definition, roots } = entry;
                // Quoted, as some versions would be numbers.
                text.push_str(&format!(
                    "    {arch}:\n      version: \"{version}\"\n      archive: {archive}\n      definition: {definition}\n      roots: {roots}\n"
                ));
            }
        }
        text
    }

    /// The record of a package.
    pub fn entry(&self, name: &PackageName, arch: Arch) -> Option<&GoldenEntry> {
        self.packages.get(name)?.arches.get(&arch)
    }

    /// What a package is against its record.
    pub fn state(&self, name: &PackageName, arch: Arch, found: &GoldenEntry) -> GoldenState {
        match self.entry(name, arch) {
            None => GoldenState::Unrecorded,
            Some(entry) if entry.definition != found.definition => GoldenState::Outdated,
            Some(entry) if entry.archive != found.archive || entry.version != found.version => {
                GoldenState::Changed { same_roots: entry.roots == found.roots }
            }
            Some(_) => GoldenState::Same,
        }
    }

    /// Records what a package is now.
    pub fn record(&mut self, name: PackageName, arch: Arch, entry: GoldenEntry) {
        self.packages.entry(name).or_default().arches.insert(arch, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(archive: u8, definition: u8, roots: u8) -> GoldenEntry {
        let digest = |byte| Sha256::from_bytes([byte; 32]);
        GoldenEntry {
            version: "1.10".parse().expect("a version"),
            archive: digest(archive),
            definition: digest(definition),
            roots: digest(roots),
        }
    }

    fn zlib() -> PackageName {
        "zlib".parse().expect("a name")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut golden = Golden::default();
        assert_eq!(Golden::from_yaml("golden.yaml", &golden.to_yaml()), Ok(golden.clone()));
        golden.record(zlib(), Arch::X64, entry(1, 2, 3));
        golden.record(zlib(), Arch::Arm64, entry(4, 5, 6));
        golden.record("busybox".parse().expect("a name"), Arch::X64, entry(7, 8, 9));
        let text = golden.to_yaml();
        assert!(text.contains("  zlib:\n    x64:\n      version: \"1.10\"\n      archive: 0101"), "{text}");
        assert_eq!(Golden::from_yaml("golden.yaml", &text), Ok(golden));
    }

    #[test]
    fn unknown_and_doubled_keys_are_refused() {
        let mut golden = Golden::default();
        golden.record(zlib(), Arch::X64, entry(1, 2, 3));
        let text = golden.to_yaml();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            Golden::from_yaml("golden.yaml", &text.replacen(from, to, 1)).expect_err("refused").to_string()
        };
        assert!(refused("archive:", "colour: red\n      archive:").contains("unknown field `colour`"));
        assert!(refused("format: 1", "format: 2").contains("reads format 1"));
        assert!(refused("x64:", "x86:").contains("not an architecture"));
        let (_, record) = text.split_once("    x64:\n").expect("a record");
        let twice = format!("{text}    x64:\n{record}");
        assert!(
            Golden::from_yaml("golden.yaml", &twice).expect_err("refused").message.contains("stands twice")
        );
    }

    #[test]
    fn only_the_archive_of_a_definition_that_stays_is_a_change() {
        let mut golden = Golden::default();
        let state = |golden: &Golden, found| golden.state(&zlib(), Arch::X64, &found);
        assert_eq!(state(&golden, entry(1, 2, 3)), GoldenState::Unrecorded);
        golden.record(zlib(), Arch::X64, entry(1, 2, 3));
        assert_eq!(state(&golden, entry(1, 2, 3)), GoldenState::Same);
        assert_eq!(
            state(&golden, entry(1, 2, 9)),
            GoldenState::Same,
            "other Debian packages, the same bytes"
        );
        assert_eq!(state(&golden, entry(9, 9, 3)), GoldenState::Outdated);
        assert_eq!(state(&golden, entry(1, 9, 3)), GoldenState::Outdated);
        assert_eq!(state(&golden, entry(9, 2, 3)), GoldenState::Changed { same_roots: true });
        assert_eq!(state(&golden, entry(9, 2, 9)), GoldenState::Changed { same_roots: false });
        assert_eq!(golden.state(&zlib(), Arch::Arm64, &entry(1, 2, 3)), GoldenState::Unrecorded);
    }
}
