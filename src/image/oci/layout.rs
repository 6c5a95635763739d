//! The layout as a folder. Other images in the same folder are kept.

use std::io::{self, Write as _};
use std::path::Path;

use medic_archive::digest::DigestReader;
use std::fs;

use super::documents::{Descriptor, ImageIndex};
use super::{OCI_LAYOUT, REF_NAME, descriptor, index};
use crate::assemble::{Image, Written};
use crate::error::ImageError;
use crate::layers::use_layer;
use crate::report::Layer;
use crate::store::{Scratch, put};

impl Image {
    /// Writes the image as an OCI layout into the folder `path`, which is made when it is not there. Blobs come first and the index
    /// last, so a reader never finds an image that is not whole. An image of the same tag and architecture is replaced; others stay.
    ///
    /// # Errors
    /// [`ImageError`]: the folder holds something else, cannot be written, or a layer in the store is damaged.
    pub fn write_layout(&self, path: &Path) -> Result<Written, ImageError> {
        let path = std::path::absolute(path).map_err(ImageError::on("find", path))?;
        let others = others(&path, &descriptor(self))?;
        let mut changed = false;
        let blobs = path.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(ImageError::on("make the folder", &blobs))?;
        let scratch = Scratch::in_folder(&path)?;
        for layer in &self.layers {
            changed |= self.put_layer(layer, &blobs, &scratch)?;
        }
        for document in [&self.config, &self.manifest] {
            changed |= put_bytes(&document.json, &blobs.join(document.digest.to_string()), &scratch)?;
        }
        changed |= put_bytes(OCI_LAYOUT, &path.join("oci-layout"), &scratch)?;
        let manifests = others.into_iter().chain([descriptor(self)]).collect();
        changed |= put_bytes(&index(manifests)?, &path.join("index.json"), &scratch)?;
        Ok(Written { path, unchanged: !changed })
    }

    fn put_layer(&self, layer: &Layer, blobs: &Path, scratch: &Scratch) -> Result<bool, ImageError> {
        let path = blobs.join(layer.digest.to_string());
        if fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == layer.size) {
            return Ok(false);
        }
        let new = scratch.path().join("layer");
        use_layer(&self.store, layer, |file| {
            let mut reader = DigestReader::new(file);
            let mut to = fs::File::create(&new).map_err(ImageError::on("write", &path))?;
            io::copy(&mut reader, &mut to).map_err(ImageError::on("write", &path))?;
            Ok(((), reader.finish().sha256))
        })?;
        put(&new, &path).map(|()| true)
    }
}

/// The images of a layout beside the one that is to be written.
fn others(path: &Path, own: &Descriptor) -> Result<Vec<Descriptor>, ImageError> {
    let not_a_layout = || ImageError::NotALayout { path: path.to_owned() };
    match fs::read(path.join("index.json")) {
        Ok(text) => {
            let index: ImageIndex = serde_json::from_slice(&text).map_err(|_| not_a_layout())?;
            let same = |other: &Descriptor| {
                other.annotations.get(REF_NAME) == own.annotations.get(REF_NAME)
                    && other.platform == own.platform
            };
            Ok(index.manifests.into_iter().filter(|other| !same(other)).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What a killed writer left is a layout's beginning.
            let of_a_layout = |name: &str| name == "blobs" || name == "oci-layout" || name.starts_with('.');
            let foreign = fs::read_dir(path).is_ok_and(|mut entries| {
                entries
                    .any(|entry| entry.is_ok_and(|entry| !of_a_layout(&entry.file_name().to_string_lossy())))
            });
            if foreign { Err(not_a_layout()) } else { Ok(Vec::new()) }
        }
        Err(error) => Err(ImageError::file("read", &path.join("index.json"), error)),
    }
}

/// Writes a small file, unless it holds just this already; says whether it was written.
fn put_bytes(bytes: &[u8], path: &Path, scratch: &Scratch) -> Result<bool, ImageError> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(false);
    }
    let new = scratch.path().join("document");
    let mut file = fs::File::create(&new).map_err(ImageError::on("write", path))?;
    file.write_all(bytes).map_err(ImageError::on("write", path))?;
    put(&new, path).map(|()| true)
}
