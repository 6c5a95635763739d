//! The table of an image's layers: a value, for a person or a program to read.

use medic_model::{ByteSize, PackageName, Sha256, Version};
use serde::{Deserialize, Serialize};

/// What an image weighs, layer by layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeTable {
    /// The layers, bottom first.
    pub rows: Vec<SizeRow>,
    /// Bytes of all layers, the configuration and the manifest: what a registry keeps and a daemon fetches.
    pub compressed: ByteSize,
    /// Bytes of all layers as tar.
    pub uncompressed: ByteSize,
    /// How many things all layers hold.
    pub files: u64,
}

/// What a layer weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeRow {
    /// The package's name, or `base` or `configuration`.
    pub name: String,
    /// The package's version.
    pub version: Option<Version>,
    /// Bytes as they are sent.
    pub compressed: ByteSize,
    /// Bytes as tar.
    pub uncompressed: ByteSize,
    /// How many files, folders and links it holds.
    pub files: u64,
    /// The layer's digest.
    pub digest: Sha256,
}

/// A layer of an image, in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What it holds.
    pub content: LayerContent,
    /// Of the compressed bytes.
    pub digest: Sha256,
    /// Compressed bytes.
    pub size: u64,
    /// Of the tar: the layer's diff id.
    pub diff_id: Sha256,
    /// Bytes of the tar.
    pub plain_size: u64,
    /// How many files, folders and links it holds.
    pub files: u64,
}

/// What a layer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum LayerContent {
    /// Folders that every image has.
    Base {},
    /// A package.
    Package {
        /// Its name.
        name: PackageName,
        /// Its version.
        version: Version,
    },
    /// Several packages.
    Packages {
        /// Which.
        packages: Vec<Held>,
    },
    /// Accounts, links, the system's name.
    Configuration {},
}

/// A package in a layer of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

impl LayerContent {
    /// In words, for people and for the image's history.
    pub fn words(&self) -> String {
        match self {
            Self::Base {} => "base".to_owned(),
            Self::Package { name, version } => format!("package {name} {version}"),
            Self::Packages { packages } => {
                let words = packages.iter().map(|held| format!("{} {}", held.name, held.version));
                format!("packages {}", words.collect::<Vec<_>>().join(", "))
            }
            Self::Configuration {} => "configuration".to_owned(),
        }
    }

    fn row_name(&self) -> (String, Option<Version>) {
        match self {
            Self::Package { name, version } => (name.to_string(), Some(version.clone())),
            Self::Packages { packages } => {
                (packages.iter().map(|held| held.name.as_str()).collect::<Vec<_>>().join(", "), None)
            }
            other => (other.words(), None),
        }
    }
}

impl SizeTable {
    /// The table of these layers and documents of this many bytes.
    pub(crate) fn new(layers: &[Layer], documents: u64) -> Self {
        let rows = layers.iter().map(row).collect();
        let sum = |of: fn(&Layer) -> u64| layers.iter().map(of).sum::<u64>();
        Self {
            rows,
            compressed: ByteSize(sum(|layer| layer.size) + documents),
            uncompressed: ByteSize(sum(|layer| layer.plain_size)),
            files: sum(|layer| layer.files),
        }
    }
}

fn row(layer: &Layer) -> SizeRow {
    let (name, version) = layer.content.row_name();
    SizeRow {
        name,
        version,
        compressed: ByteSize(layer.size),
        uncompressed: ByteSize(layer.plain_size),
        files: layer.files,
        digest: layer.digest,
    }
}
