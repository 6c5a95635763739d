//! Publishing to an OCI registry: blobs, each in one request; then the manifest that keeps it; the index's tag last.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use medic_archive::digest;
use medic_model::Sha256;
use serde_json::{Value, json};

use super::{IndexFiles, Place, PublishError};
use crate::http::{MANIFEST, Network};
use crate::index::Listed;
use crate::oci::{Address, Oci, TAG, TITLE};
use crate::registry::{Client, Content, LoginSource, Name, Scheme, Tag, Waiting};
use crate::transport::Transport;

const INDEX: &str = "application/vnd.medic-os.repository.index.v1+json";
const SIGNATURE: &str = "application/vnd.medic-os.repository.signature.v1";
const ARCHIVE: &str = "application/vnd.medic-os.package.v1.tar+zstd";
const REPOSITORY_TYPE: &str = "application/vnd.medic-os.repository.v1";
const PACKAGE_TYPE: &str = "application/vnd.medic-os.package.v1";
/// The configuration of an artifact that has none (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// A repository in a registry.
pub struct Registry {
    client: Client,
    address: String,
    network: Network,
    login: LoginSource,
}

impl Registry {
    /// At an address ([`Address`]); `login` is asked where the registry wants one.
    ///
    /// # Errors
    /// It is no such address, or the certificates or the proxy's address cannot be used.
    pub fn new(
        text: &str,
        network: &Network,
        login: LoginSource,
        waiting: Arc<dyn Waiting>,
    ) -> io::Result<Self> {
        let Address { host, name, is_plain } = Address::parse(text)?;
        let scheme = if is_plain { Scheme::Http } else { Scheme::Https };
        let client = Client::new(scheme, &host, &name, network, Arc::clone(&login), waiting)?;
        let address = text.trim_end_matches('/').to_owned();
        Ok(Self { client, address, network: network.clone(), login })
    }

    fn failed(&self, source: io::Error) -> PublishError {
        PublishError::Registry { location: self.address.clone(), source }
    }

    /// Uploads a blob that is not there.
    fn put_blob(&self, sha256: Sha256, content: Content<'_>) -> io::Result<()> {
        if !self.client.has_blob(sha256)? {
            self.client.put_blob(sha256, content, &[], &|_| {})?;
        }
        Ok(())
    }

    /// Puts a manifest under a tag, and the blob that it is made of beside its layers.
    fn put_manifest(&self, tag: &str, manifest: &[u8]) -> io::Result<()> {
        self.put_blob(digest::of_bytes(EMPTY).sha256, Content::Bytes(EMPTY))?;
        Ok(self.client.put_manifest(Name::Tag(&self::tag(tag)?), MANIFEST, manifest)?)
    }

    fn manifest(&self, tag: &str) -> io::Result<Option<Vec<u8>>> {
        let found = self.client.manifest(Name::Tag(&self::tag(tag)?))?;
        Ok(found.map(|manifest| manifest.bytes))
    }
}

fn tag(text: &str) -> io::Result<Tag> {
    text.parse().map_err(io::Error::other)
}

fn layer(kind: &str, name: &str, sha256: Sha256, size: u64) -> Value {
    json!({
        "mediaType": kind,
        "digest": format!("sha256:{sha256}"),
        "size": size,
        "annotations": { TITLE: name },
    })
}

fn manifest(kind: &str, layers: &[Value]) -> Vec<u8> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": {
            "mediaType": EMPTY_TYPE,
            "digest": format!("sha256:{}", digest::of_bytes(EMPTY).sha256),
            "size": EMPTY.len(),
        },
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// The tag of an archive: for people, its name; for the digest's sake, which may not be lost to another of that name, a part of that.
fn archive_tag(listed: &Listed) -> String {
    let name = format!("{}-v{}-{}", listed.name, listed.version, listed.arch);
    // Versions may have a '+' or a '~', and a tag may not; it has at most 128 characters.
    let name: String = name.chars().take(100).map(|c| if matches!(c, '+' | '~') { '_' } else { c }).collect();
    format!("{name}-{}", &listed.sha256.to_string()[..16])
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Place for Registry {
    fn location(&self) -> String {
        self.address.clone()
    }

    fn transport(&self) -> Result<Box<dyn Transport>, PublishError> {
        let oci = || Oci::new(&self.address, &self.network, (self.login)()?);
        Ok(Box::new(oci().map_err(|error| self.failed(error))?))
    }

    fn mark(&self) -> Result<Option<Vec<u8>>, PublishError> {
        self.manifest(TAG).map_err(|error| self.failed(error))
    }

    /// A registry knows no locks: that another index was published is noticed by its manifest.
    fn begin(&self) -> Result<Option<File>, PublishError> {
        Ok(None)
    }

    fn has(&self, listed: &Listed) -> Result<bool, PublishError> {
        let kept =
            || Ok(self.client.has_blob(listed.sha256)? && self.manifest(&archive_tag(listed))?.is_some());
        kept().map_err(|error| self.failed(error))
    }

    fn put_archive(&self, listed: &Listed, archive: &Path) -> Result<(), PublishError> {
        let content = Content::File { path: archive, size: listed.size };
        let layers = [layer(ARCHIVE, &listed.file_name(), listed.sha256, listed.size)];
        let put = || {
            self.put_blob(listed.sha256, content)?;
            self.put_manifest(&archive_tag(listed), &manifest(PACKAGE_TYPE, &layers))
        };
        put().map_err(|error| self.failed(error))
    }

    fn put_index(&self, index: &IndexFiles, mark: Option<&[u8]>) -> Result<bool, PublishError> {
        let put = || {
            let mut layers = Vec::new();
            for (name, bytes) in &index.files {
                let sha256 = digest::of_bytes(bytes).sha256;
                self.put_blob(sha256, Content::Bytes(bytes))?;
                let kind = if name.ends_with(".json") { INDEX } else { SIGNATURE };
                layers.push(layer(kind, name, sha256, bytes.len() as u64));
            }
            let ours = manifest(REPOSITORY_TYPE, &layers);
            // As late as can be; and whoever was quicker between this and our own request has the last word, or we.
            if self.manifest(TAG)?.as_deref() != mark {
                return Ok(false);
            }
            self.put_manifest(TAG, &ours)?;
            Ok(self.manifest(TAG)?.as_deref() == Some(&ours))
        };
        put().map_err(|error: io::Error| self.failed(error))
    }
}
