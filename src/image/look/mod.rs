//! What is in an image, whoever made it: one that this builder assembled, an OCI archive or layout, an archive of `docker save`.
//!
//! Every blob is digested while it is read; what does not fit its digest is an error. Nothing is unpacked to disk.

mod blobs;
mod difference;
mod documents;
mod error;
mod layer;
mod view;

#[cfg(test)]
mod tests;

pub use difference::{Change, Difference, FileChange, PackageChange};
pub use error::LookError;
pub use view::{Entry, ImageView, Kind, LayerView, Owner, PackageView};

use std::path::Path;

use medic_archive::Compression;
use medic_model::Arch;

use crate::assemble::{Image, Record};
use crate::error::ImageError;
use crate::layers::use_plain_layer;
use crate::report::Layer;
use crate::store::Store;

/// The image in the file or folder `path`: an OCI archive, an OCI layout, or an archive of `docker save`. `tag` chooses one where there
/// are several; so does the architecture.
///
/// # Errors
/// [`LookError`]: it is no image, it is damaged, it is not for this architecture, or several would fit.
pub fn open(path: &Path, tag: Option<&str>, arch: Arch) -> Result<ImageView, LookError> {
    let blobs = blobs::Blobs::open(path)?;
    documents::read(&blobs, tag, arch)
}

/// An image that was assembled.
///
/// # Errors
/// [`LookError::Image`]: a layer of it in the store is damaged.
pub fn assembled(image: &Image) -> Result<ImageView, LookError> {
    let config = documents::config(&image.config.json).map_err(|why| internal(&why))?;
    of_store(&image.store, &image.layers, image.compression, image.manifest.digest.oci(), &config)
}

/// The images that the store below `root` has assembled, whose digest (of the manifest) begins with `digest`.
///
/// # Errors
/// [`LookError::Image`]: a layer in the store is damaged, or gone.
pub fn in_store(root: &Path, digest: &str) -> Result<Vec<ImageView>, LookError> {
    let store = Store::new(root);
    let wanted = digest.trim_start_matches("sha256:");
    let mut found: Vec<ImageView> = Vec::new();
    for record in records(&store) {
        let digest = medic_archive::digest::of_bytes(record.manifest.as_bytes()).sha256;
        if !digest.to_string().starts_with(wanted) || found.iter().any(|one| one.digest == Some(digest.oci()))
        {
            continue;
        }
        let config = documents::config(record.config.as_bytes()).map_err(|why| internal(&why))?;
        let has = |media_type| record.manifest.contains(&format!("\"{media_type}\""));
        let compression = [Compression::Gzip, Compression::Zstd]
            .into_iter()
            .find(|one| has(crate::assemble::layer_type(*one)))
            .unwrap_or(Compression::Uncompressed);
        found.push(of_store(&store, &record.layers, compression, digest.oci(), &config)?);
    }
    Ok(found)
}

fn records(store: &Store) -> Vec<Record> {
    let [_, _, images, ..] = store.folders();
    let entries = std::fs::read_dir(images).into_iter().flatten().flatten();
    entries.filter_map(|entry| store.read_json(&entry.path())).collect()
}

fn internal(why: &str) -> LookError {
    LookError::NotAnImage { path: "the store".into(), why: why.to_owned() }
}

fn of_store(
    store: &Store,
    layers: &[Layer],
    compression: Compression,
    digest: String,
    config: &documents::Config,
) -> Result<ImageView, LookError> {
    let mut views = Vec::new();
    for layer in layers {
        let (entries, _) = use_plain_layer(store, layer, compression, |tar| {
            layer::entries(tar)
                .map_err(|error| ImageError::file("read the layer", &store.layer(layer.digest), error))
        })?;
        views.push(LayerView {
            digest: layer.digest.oci(),
            size: layer.size,
            diff_id: layer.diff_id.oci(),
            plain_size: layer.plain_size,
            made_by: Some(format!("medic-os: {}", layer.content.words())),
            entries,
        });
    }
    Ok(ImageView {
        digest: Some(digest),
        architecture: config.architecture.clone(),
        created: config.created.clone(),
        config: config.config.clone(),
        layers: views,
    })
}
