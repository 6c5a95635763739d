//! The archive of `docker save`, as every version of Docker and Podman loads it: `manifest.json`, the configuration, and layers that
//! are not compressed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use medic_archive::writer::{TarError, TarWriter};
use medic_model::RelPath;

use super::archive::DockerManifest;
use crate::assemble::{Image, Written};
use crate::error::ImageError;
use crate::layers::use_plain_layer;
use crate::report::Layer;

/// A member of the archive.
enum Member<'a> {
    Bytes(&'a [u8]),
    Layer(&'a Layer),
}

impl Image {
    /// Writes the image to the file `path` in the form of `docker save`, in place of what is there. The same image gives the same
    /// bytes, however its layers are compressed.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be written, a layer in the store is damaged. What was at `path` is then still there.
    pub fn write_docker_archive(&self, path: &Path) -> Result<Written, ImageError> {
        self.write_file(path, self.identity("docker-archive"), |file, path| self.write_saved(file, path))
    }

    fn write_saved(&self, to: &mut dyn Write, path: &Path) -> Result<(), ImageError> {
        let failed = |error: TarError| ImageError::tar(error, path);
        let config = format!("{}.json", self.config.digest);
        let tar_of = |layer: &Layer| format!("{}.tar", layer.diff_id);
        let manifest = DockerManifest {
            config: config.clone(),
            repo_tags: self.tags().to_vec(),
            layers: self.layers.iter().map(tar_of).collect(),
        };
        let document = "Docker manifest";
        let manifest =
            serde_json::to_vec(&[manifest]).map_err(|source| ImageError::Json { document, source })?;
        // Two layers may be of the same bytes: they are one member.
        let layers = self.layers.iter().map(|layer| (tar_of(layer), Member::Layer(layer)));
        let documents = [(config, &self.config.json), ("manifest.json".to_owned(), &manifest)];
        let documents = documents.map(|(name, bytes)| (name, Member::Bytes(bytes)));
        let members: BTreeMap<String, Member<'_>> = layers.chain(documents).collect();
        let mut tar = TarWriter::new(to, crate::plan::BASE_MTIME);
        for (name, member) in &members {
            // Hexadecimal digits and names of this function are plain paths.
            let name: RelPath = name.parse().unwrap_or_else(|error| unreachable!("{error}"));
            match member {
                Member::Bytes(bytes) => tar.file(&name, 0o644, bytes.len() as u64, *bytes).map_err(failed)?,
                Member::Layer(layer) => use_plain_layer(&self.store, layer, self.compression, |plain| {
                    tar.file(&name, 0o644, layer.plain_size, plain).map_err(failed)
                })?,
            }
        }
        tar.finish().map(drop).map_err(failed)
    }
}
