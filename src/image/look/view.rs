//! An image as it is looked at: layers and what is in them.

use std::collections::BTreeMap;

use medic_model::{Sha256, layout};
use serde::Serialize;

use crate::overlay::{Member, Overlay};

/// An image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageView {
    /// `sha256:…` of its manifest; none in an archive that has no manifest of the OCI.
    pub digest: Option<String>,
    /// As Go names it.
    pub architecture: String,
    /// RFC 3339.
    pub created: Option<String>,
    /// How the container is started: the `config` of its configuration document.
    pub config: serde_json::Value,
    /// The layers, bottom first.
    pub layers: Vec<LayerView>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerView {
    /// `sha256:…` of its bytes as they are kept.
    pub digest: String,
    /// How many those are.
    pub size: u64,
    /// `sha256:…` of the tar.
    pub diff_id: String,
    /// Bytes of the tar.
    pub plain_size: u64,
    /// What the image's history says of it.
    pub made_by: Option<String>,
    /// What is in it, in its order.
    pub entries: Vec<Entry>,
}

/// A file, folder, link or something else in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its path, without a slash at either end.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, in octal.
    pub mode: String,
    /// The number of its owner.
    pub uid: u64,
    /// The number of its group.
    pub gid: u64,
    /// Bytes; 0 of what is no file.
    pub size: u64,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Of a file's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// Another name of a file.
    Hardlink,
    /// A device or a pipe.
    Special,
}

/// Whose a path is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// No package's: the base, the configuration, or an image that others made.
    Image,
    /// A package's.
    Package(String),
}

/// A package in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many files, folders and links it has.
    pub files: u64,
    /// Bytes of its files.
    pub size: u64,
}

impl Entry {
    /// The package and version that a path is of, and the path in it.
    pub fn place(&self) -> Option<(&str, &str, &str)> {
        let below = self.path.strip_prefix(layout::BUNDLE)?.strip_prefix('/')?;
        let (package, rest) = below.split_once('/')?;
        let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
        Some((package, version.strip_prefix('v')?, path))
    }

    /// Whose it is.
    pub fn owner(&self) -> Owner {
        self.place().map_or(Owner::Image, |(package, _, _)| Owner::Package(package.to_owned()))
    }
}

impl ImageView {
    /// What a container sees, by path: all layers put one over the other.
    pub fn files(&self) -> BTreeMap<String, &Entry> {
        let mut overlay = Overlay::new();
        for layer in &self.layers {
            let members = layer.entries.iter().map(|entry| Member {
                path: entry.path.clone(),
                is_folder: entry.kind == Kind::Folder,
                value: entry,
            });
            overlay.add(members.collect());
        }
        overlay.into_nodes()
    }

    /// The packages in it, by name.
    pub fn packages(&self) -> Vec<PackageView> {
        let mut found: BTreeMap<(&str, &str), PackageView> = BTreeMap::new();
        let files = self.files();
        for entry in files.values() {
            let Some((name, version, _)) = entry.place() else { continue };
            let package = found.entry((name, version)).or_insert_with(|| PackageView {
                name: name.to_owned(),
                version: version.to_owned(),
                files: 0,
                size: 0,
            });
            package.files += 1;
            package.size += entry.size;
        }
        found.into_values().collect()
    }

    /// Bytes of all layers as they are kept.
    pub fn compressed_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}
