//! The layout as one deterministic tar. Docker's own `manifest.json` is in it too, so that daemons that know nothing of OCI
//! layouts (all before Docker 25) load the very same file; both describe the same blobs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use medic_archive::digest::DigestReader;
use medic_archive::writer::{TarError, TarWriter};
use medic_model::{RelPath, Sha256};
use serde::Serialize;

use super::{OCI_LAYOUT, descriptor, index};
use crate::assemble::{Image, Written};
use crate::error::ImageError;
use crate::layers::use_layer;
use crate::report::Layer;

/// A member of Docker's `manifest.json` (moby, `image/spec/v1.2.md`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerManifest {
    pub config: String,
    pub repo_tags: Vec<String>,
    pub layers: Vec<String>,
}

/// A member of the archive.
enum Member<'a> {
    Folder,
    Bytes(&'a [u8]),
    Layer(&'a Layer),
}

impl Image {
    /// Writes the image as an OCI archive to the file `path`, in place of what is there. The same image gives the same bytes.
    /// A file that this store wrote and nobody touched since is left as it is.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be written, a layer in the store is damaged. What was at `path` is then still there.
    pub fn write_archive(&self, path: &Path) -> Result<Written, ImageError> {
        self.write_file(path, self.manifest.digest, |file, path| self.write_members(file, path))
    }

    fn write_members(&self, to: &mut dyn Write, path: &Path) -> Result<(), ImageError> {
        let failed = |error: TarError| ImageError::tar(error, path);
        let documents = [
            ("index.json", index(vec![descriptor(self)])?),
            ("manifest.json", self.docker_manifest()?),
            ("oci-layout", OCI_LAYOUT.to_vec()),
        ];
        let mut members = self.blobs();
        members.extend(documents.iter().map(|(name, json)| ((*name).to_owned(), Member::Bytes(json))));
        let mut tar = TarWriter::new(to, crate::plan::BASE_MTIME);
        for (name, member) in &members {
            // Names of this function and hexadecimal digits are plain paths.
            let name: RelPath = name.parse().unwrap_or_else(|error| unreachable!("{error}"));
            match member {
                Member::Folder => tar.directory(&name, 0o755).map_err(failed)?,
                Member::Bytes(bytes) => tar.file(&name, 0o644, bytes.len() as u64, *bytes).map_err(failed)?,
                Member::Layer(layer) => use_layer(&self.store, layer, |file| {
                    let mut reader = DigestReader::new(file);
                    match tar.file(&name, 0o644, layer.size, &mut reader) {
                        Ok(()) => Ok(((), reader.finish().sha256)),
                        // Of another length: as wrong as of another content.
                        Err(TarError::Changed { .. }) => Ok(((), reader.finish().sha256)),
                        Err(error) => Err(failed(error)),
                    }
                })?,
            }
        }
        tar.finish().map(drop).map_err(failed)
    }

    fn blobs(&self) -> BTreeMap<String, Member<'_>> {
        let folders = ["blobs", "blobs/sha256"].map(|name| (name.to_owned(), Member::Folder));
        let documents = [&self.config, &self.manifest]
            .map(|document| (blob(document.digest), Member::Bytes(&document.json)));
        let layers = self.layers.iter().map(|layer| (blob(layer.digest), Member::Layer(layer)));
        folders.into_iter().chain(documents).chain(layers).collect()
    }

    fn docker_manifest(&self) -> Result<Vec<u8>, ImageError> {
        let manifest = DockerManifest {
            config: blob(self.config.digest),
            repo_tags: self.tags().to_vec(),
            layers: self.layers.iter().map(|layer| blob(layer.digest)).collect(),
        };
        let document = "Docker manifest";
        serde_json::to_vec(&[manifest]).map_err(|source| ImageError::Json { document, source })
    }
}

fn blob(digest: Sha256) -> String {
    format!("blobs/sha256/{digest}")
}
