//! What shall be in a repository: blobs, manifests that name them, and one that leads to all.

use std::collections::BTreeSet;
use std::path::PathBuf;

use medic_archive::digest::of_bytes;
use medic_model::{Arch, Sha256};

use crate::assemble::{Image, layer_type};
use crate::error::ImageError;
use crate::oci;
use crate::oci::documents::{CONFIG, Descriptor, INDEX, MANIFEST, Platform};

/// What shall be there. Everything in it is named by something that comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The blobs, each once.
    pub blobs: Vec<Blob>,
    /// The manifests that `top` leads to; none where it is the only one.
    pub children: Vec<Document>,
    /// What a tag leads to.
    pub top: Document,
}

/// A blob of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Of its bytes.
    pub digest: Sha256,
    /// Bytes.
    pub size: u64,
    /// What kind of blob.
    pub media_type: &'static str,
    /// What it is, for people: `nginx 1.30.6 (x64)`.
    pub what: String,
    /// Where its bytes are.
    pub source: Source,
}

/// Where a blob's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
}

/// A manifest or an index of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What kind.
    pub media_type: &'static str,
    /// Its bytes.
    pub json: Vec<u8>,
    /// Of its bytes.
    pub digest: Sha256,
}

impl Document {
    /// A document of these bytes.
    pub fn new(media_type: &'static str, json: Vec<u8>) -> Self {
        let digest = of_bytes(&json).sha256;
        Self { media_type, json, digest }
    }
}

impl Release {
    /// One image for several architectures: an index of them, in the order of the architectures. An image for one architecture is released as it
    /// is: with the digest that its layouts and archives have.
    ///
    /// # Errors
    /// [`ImageError::Json`]: the index cannot be written.
    pub fn of(images: &[Image]) -> Result<Self, ImageError> {
        let mut images: Vec<&Image> = images.iter().collect();
        images.sort_by_key(|image| image.arch);
        images.dedup_by_key(|image| image.arch);
        let mut seen = BTreeSet::new();
        let mut blobs: Vec<Blob> = images.iter().flat_map(|image| blobs(image)).collect();
        blobs.retain(|blob| seen.insert(blob.digest));
        let manifest = |image: &&Image| Document::new(MANIFEST, image.manifest.json.clone());
        let mut children: Vec<Document> = images.iter().map(manifest).collect();
        if let [only] = &children[..] {
            let top = only.clone();
            return Ok(Self { blobs, children: Vec::new(), top });
        }
        let line = |(document, image): (&Document, &&Image)| line(document, image.arch);
        let top = oci::index(children.iter().zip(&images).map(line).collect())?;
        let mut seen = BTreeSet::new();
        children.retain(|child| seen.insert(child.digest));
        Ok(Self { blobs, children, top: Document::new(INDEX, top) })
    }

    /// Its documents, in the order in which they can be put there: what leads to the others last.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.children.iter().chain([&self.top])
    }
}

fn line(document: &Document, arch: Arch) -> Descriptor {
    let mut line = Descriptor::new(document.media_type, document.digest, document.json.len() as u64);
    line.platform = Some(Platform::of(arch));
    line
}

fn blobs(image: &Image) -> Vec<Blob> {
    let media_type = layer_type(image.compression);
    let layer = |layer: &crate::report::Layer| Blob {
        digest: layer.digest,
        size: layer.size,
        media_type,
        what: format!("{} ({})", layer.content.words(), image.arch),
        source: Source::File(image.store.layer(layer.digest)),
    };
    let config = Blob {
        digest: image.config.digest,
        size: image.config.json.len() as u64,
        media_type: CONFIG,
        what: format!("configuration document ({})", image.arch),
        source: Source::Bytes(image.config.json.clone()),
    };
    image.layers.iter().map(layer).chain([config]).collect()
}
