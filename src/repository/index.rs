//! The index: what a repository offers.

use medic_model::{Arch, Dependency, DocumentError, Manifest, PackageName, Sha256, Version, document};
use serde::{Deserialize, Serialize};

/// The version of the index's form that this program writes and reads.
pub const FORMAT: u32 = 1;
/// The most packages that an index may list.
pub const MAX_PACKAGES: usize = 200_000;

/// What a repository offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// [`FORMAT`].
    pub format: u32,
    /// The repository's own name: an index of another one cannot stand in for it.
    pub name: PackageName,
    /// Each index of a repository has a higher number than the one before.
    pub version: u64,
    /// Seconds since 1970 when it was made.
    pub created_at: u64,
    /// Seconds since 1970 from which on it is refused.
    pub expires_at: u64,
    /// Ascending by name, version, architecture.
    pub packages: Vec<Listed>,
}

/// A package that a repository offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// One line for people.
    pub summary: String,
    /// An SPDX expression.
    pub licence: String,
    /// Bytes of the archive.
    pub size: u64,
    /// Of the archive.
    pub sha256: Sha256,
    /// Bytes of all files together.
    pub installed_size: u64,
    /// Packages that must be installed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<Dependency>,
    /// Packages that must not be installed beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Dependency>,
    /// What it stands for beside itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Dependency>,
}

impl Listed {
    /// Of an archive: its manifest, its size and its digest.
    pub fn of(manifest: &Manifest, size: u64, sha256: Sha256) -> Self {
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            arch: manifest.arch,
            summary: manifest.summary.clone(),
            licence: manifest.licence.clone(),
            size,
            sha256,
            installed_size: manifest.installed_size(),
            depends: manifest.depends.clone(),
            conflicts: manifest.conflicts.clone(),
            provides: manifest.provides.clone(),
        }
    }

    /// The archive's file name: of the package alone, so that no index can lead to another file.
    pub fn file_name(&self) -> String {
        format!("{}-v{}-{}.pkg.tar.zst", self.name, self.version, self.arch)
    }

    pub(crate) fn key(&self) -> (&PackageName, &Version, Arch) {
        (&self.name, &self.version, self.arch)
    }
}

impl Index {
    /// Reads an index whose signature was verified; `file` is what errors call it.
    ///
    /// # Errors
    /// It is of another format, or its packages are out of order or listed twice.
    pub fn from_json(file: &str, text: &[u8]) -> Result<Self, DocumentError> {
        let index: Self = document::from_json(file, text)?;
        let fault = |message: String| Err(DocumentError::whole(file, message));
        if index.format != FORMAT {
            return fault(format!(
                "the index has format {}, and this program reads format {FORMAT}: upgrade pkg",
                index.format
            ));
        }
        if index.packages.len() > MAX_PACKAGES {
            return fault(format!("the index lists more than {MAX_PACKAGES} packages"));
        }
        match index.packages.windows(2).find(|pair| pair[0].key() >= pair[1].key()) {
            Some(pair) => {
                fault(format!("'{}' {} is listed twice or out of order", pair[1].name, pair[1].version))
            }
            None => Ok(index),
        }
    }

    /// The versions of a package for an architecture, ascending.
    pub fn versions(&self, name: &PackageName, arch: Arch) -> impl Iterator<Item = &Listed> {
        let start = self.packages.partition_point(|listed| listed.name < *name);
        let name = name.clone();
        let same = move |listed: &&Listed| listed.name == name;
        self.packages[start..].iter().take_while(same).filter(move |listed| listed.arch == arch)
    }
}
