//! A package archive's first member, `manifest.json`: what the archive holds and where it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_json};
use crate::package::User;
use crate::service::Service;
use crate::{
    Arch, ComponentName, Dependency, PackageName, RelPath, ServiceName, Sha256, Version, clash, links,
};

/// The version of the manifest's form that this program writes and reads.
pub const FORMAT: u32 = 1;
/// The name of the manifest in an archive.
pub const FILE_NAME: &str = "manifest.json";
/// The most entries a package may have.
pub const MAX_ENTRIES: usize = 1_000_000;

/// What a package archive holds: identity, needs, services, and every entry with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// One line for people.
    pub summary: String,
    /// An SPDX expression over all components.
    pub licence: String,
    /// Packages that must be installed with it.
    #[serde(default)]
    pub depends: Vec<Dependency>,
    /// Packages that must not be installed beside it.
    #[serde(default)]
    pub conflicts: Vec<Dependency>,
    /// What it stands for beside itself: names that others may need, or must not be beside; with `=` and a version where needs name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Dependency>,
    /// The oldest version that can use the data which this one stores; none says that every version can. An older one is not put in
    /// this one's place unless an operator insists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_compatible_from: Option<Version>,
    /// Users that its services run as.
    #[serde(default)]
    pub users: Vec<User>,
    /// Its services.
    #[serde(default, deserialize_with = "crate::document::unique_map")]
    pub services: BTreeMap<ServiceName, Service>,
    /// Everything it installs, by path in ascending order, each folder before what it holds.
    pub entries: Vec<Entry>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// One thing that a package installs. Paths are relative to `/`: they start with `srv/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Entry {
    /// A folder.
    Directory {
        /// Where.
        path: RelPath,
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Where.
        path: RelPath,
        /// Permission bits.
        mode: u32,
        /// Bytes.
        size: u64,
        /// Of its content.
        sha256: Sha256,
    },
    /// A symbolic link, always relative and never leading out of the package's own trees.
    Link {
        /// Where.
        path: RelPath,
        /// What it says.
        target: String,
    },
}

impl Entry {
    /// Where it is installed, relative to `/`.
    pub fn path(&self) -> &RelPath {
        match self {
            Self::Directory { path, .. } | Self::File { path, .. } | Self::Link { path, .. } => path,
        }
    }

    /// Permission bits; links have none of their own.
    pub fn mode(&self) -> Option<u32> {
        match self {
            Self::Directory { mode, .. } | Self::File { mode, .. } => Some(*mode),
            Self::Link { .. } => None,
        }
    }
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The digest of everything that could influence the result.
    pub action_key: Sha256,
    /// Every component in it, those that are linked statically too.
    pub components: Vec<ComponentRecord>,
}

/// A component that a package holds or is linked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentRecord {
    /// The component.
    pub name: ComponentName,
    /// Upstream's version.
    pub version: Version,
    /// Its SPDX expression.
    pub licence: String,
    /// Upstream's page.
    pub homepage: String,
    /// The digests of its sources.
    pub sources: Vec<Sha256>,
}

/// What a package may say that it provides.
pub(crate) fn check_provides(provides: &[Dependency], package: &PackageName) -> Result<(), String> {
    match provides.iter().find(|provided| !provided.is_provision() || provided.name == *package) {
        Some(wrong) => Err(format!(
            "'provides' has '{wrong}': write the name of something else than the package itself, or 'name =version'"
        )),
        None => Ok(()),
    }
}

impl Manifest {
    /// Whether it is what a need asks for, by its own name or by what it provides.
    pub fn meets(&self, need: &Dependency) -> bool {
        need.name == self.name && need.req.matches(&self.version)
            || self.provides.iter().any(|provided| need.is_met_by(provided))
    }

    /// Reads a manifest and checks what its types alone cannot; `file` is what errors call it.
    pub fn from_json(file: &str, text: &[u8]) -> Result<Self, DocumentError> {
        let manifest: Self = from_json(file, text)?;
        manifest.check().map_err(|message| DocumentError::whole(file, message))?;
        Ok(manifest)
    }

    /// The file name of its archive: `<name>-v<version>-<arch>.pkg.tar.zst`.
    pub fn archive_name(&self) -> String {
        format!("{}-v{}-{}.pkg.tar.zst", self.name, self.version, self.arch)
    }

    /// Bytes of all files together.
    pub fn installed_size(&self) -> u64 {
        let size = |entry: &Entry| if let Entry::File { size, .. } = entry { *size } else { 0 };
        self.entries.iter().map(size).fold(0, u64::saturating_add)
    }

    /// What its types alone cannot say: order, places, permission bits, case and where links lead.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "the manifest has format {}, and this program reads format {FORMAT}: upgrade pkg",
                self.format
            ));
        }
        if let Some(from) = self.data_compatible_from.as_ref().filter(|from| **from > self.version) {
            return Err(format!(
                "'data_compatible_from' is {from}, which is newer than the package's own version {}: name the oldest version \
                 that can use this one's data, at most this one",
                self.version
            ));
        }
        check_provides(&self.provides, &self.name)?;
        if self.entries.len() > MAX_ENTRIES {
            return Err(format!(
                "the manifest lists {} entries: at most {MAX_ENTRIES} are allowed",
                self.entries.len()
            ));
        }
        let roots = crate::layout::package_roots(&self.name, &self.version, self.arch);
        let mut last: Option<&RelPath> = None;
        // The order of links among all entries is theirs as well.
        let mut links = Vec::new();
        for entry in &self.entries {
            let path = entry.path();
            if last.is_some_and(|last| last >= path) {
                return Err(format!("'{path}' stands twice or out of order"));
            }
            last = Some(path);
            if !roots
                .iter()
                .any(|root| path == root || path.below(root).is_some() || root.below(path).is_some())
            {
                return Err(format!("'{path}' is outside the package's own trees"));
            }
            if entry.mode().is_some_and(|mode| mode & !0o777 != 0) {
                return Err(format!("'{path}' asks for set-uid, set-gid or sticky permission bits"));
            }
            let is_folder = matches!(entry, Entry::Directory { .. });
            if !is_folder && roots.iter().any(|root| path == root || root.below(path).is_some()) {
                return Err(format!(
                    "'{path}' must be a folder: packages share it, or have it for their own"
                ));
            }
            if let Entry::Link { target, .. } = entry {
                links.push((path.as_str(), target.as_str()));
            }
        }
        if let Some([one, other]) = clash::first(self.entries.iter().map(|entry| entry.path().as_str())) {
            return Err(format!("'{one}' and '{other}' differ in upper and lower case only"));
        }
        self.check_folders()?;
        links.iter().try_for_each(|(path, target)| links::check(path, target, &links, &roots))
    }

    /// What stands below an entry must stand in a folder.
    fn check_folders(&self) -> Result<(), String> {
        let mut last = "";
        for entry in &self.entries {
            let mut path = entry.path().as_str();
            while let Some((folder, _)) = path.rsplit_once('/') {
                // The folders above the entry before were looked at then; neighbours share most of them.
                if last.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
                    break;
                }
                let at = self.entries.binary_search_by(|other| other.path().as_str().cmp(folder));
                if at.is_ok_and(|at| !matches!(self.entries[at], Entry::Directory { .. })) {
                    return Err(format!("'{}' stands below '{folder}', which is no folder", entry.path()));
                }
                path = folder;
            }
            last = entry.path().as_str();
        }
        Ok(())
    }
}
