//! The OCI image layout: as a folder, and as one archive that Docker's `load` takes as well.

mod archive;
mod docker_archive;
pub mod documents;
mod layout;

use std::collections::BTreeMap;

use crate::assemble::Image;
use crate::error::ImageError;
use documents::{Descriptor, INDEX, ImageIndex, MANIFEST, Platform};

/// `oci-layout` (image-layout.md).
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The tag of an image in its layout (annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd's importer (and Docker's, over it) wants it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// The image's line in an index.
fn descriptor(image: &Image) -> Descriptor {
    let [reference, _] = image.tags();
    let annotations = [(REF_NAME, image.version_tag()), (IMAGE_NAME, format!("docker.io/{reference}"))];
    let mut descriptor = Descriptor::new(MANIFEST, image.manifest.digest, image.manifest.json.len() as u64);
    descriptor.annotations =
        annotations.map(|(key, value)| (key.to_owned(), value)).into_iter().collect::<BTreeMap<_, _>>();
    descriptor.platform = Some(Platform::of(image.arch));
    descriptor
}

pub(crate) fn index(manifests: Vec<Descriptor>) -> Result<Vec<u8>, ImageError> {
    let index = ImageIndex { schema_version: 2, media_type: INDEX.to_owned(), manifests };
    serde_json::to_vec(&index).map_err(|source| ImageError::Json { document: "index", source })
}
