//! Artifacts as values: their blobs, and the manifests that keep them.

use std::collections::BTreeMap;

use medic_archive::digest::of_bytes;
use medic_model::Sha256;
use serde::Serialize;
use serde_json::Value;

use super::{Predicate, PredicateKind, Subject};
use crate::oci::documents::{CONFIG, MANIFEST};
use crate::sign::dsse::IN_TOTO;

/// The annotation that a signature stands in.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The media type of an SPDX document.
const SPDX: &str = "application/spdx+json";
/// The configuration of an artifact that has none (manifest.md, "Guidance for an Empty Descriptor").
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";
/// The time of what has none, as Go writes it.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The tag of what belongs to an image by its name: `sha256-<digest>` and an ending.
pub fn tag(digest: Sha256, ending: &str) -> String {
    format!("sha256-{digest}{ending}")
}

/// Some bytes, and what is said of them where they are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What they are.
    pub media_type: String,
    /// They.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Sha256,
    /// For programs.
    pub annotations: BTreeMap<String, String>,
}

impl Blob {
    /// Bytes of a type.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        let digest = of_bytes(&bytes).sha256;
        Self { media_type: media_type.to_owned(), bytes, digest, annotations: BTreeMap::new() }
    }

    /// With annotations.
    pub fn with(mut self, annotations: &[(&str, &str)]) -> Self {
        self.annotations = texts(annotations);
        self
    }

    fn descriptor(&self) -> Described<'_> {
        Described {
            media_type: &self.media_type,
            digest: self.digest.oci(),
            size: self.bytes.len() as u64,
            annotations: &self.annotations,
        }
    }
}

fn texts(annotations: &[(&str, &str)]) -> BTreeMap<String, String> {
    annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Something that stands beside an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artifact {
    /// Layers of the manifest of a tag, in which there may be others.
    Tagged {
        /// The tag.
        tag: String,
        /// The layers.
        layers: Vec<Blob>,
    },
    /// A manifest that names what it belongs to.
    Referrer {
        /// What it belongs to.
        subject: Subject,
        /// What it is.
        artifact_type: String,
        /// The manifest's own annotations.
        annotations: BTreeMap<String, String>,
        /// The manifest's bytes.
        manifest: Vec<u8>,
        /// What it is made of.
        blobs: Vec<Blob>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    media_type: &'a str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: Described<'a>,
    layers: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Described<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// The configuration that cosign gives the manifests of its tags: an image without anything.
#[derive(Serialize)]
struct Config {
    architecture: &'static str,
    created: &'static str,
    history: Vec<BTreeMap<&'static str, &'static str>>,
    os: &'static str,
    rootfs: RootFs,
    config: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Value>,
}

/// JSON of what has text keys only.
pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("{error}"))
}

fn value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| unreachable!("{error}"))
}

impl Artifact {
    /// A document as it is, or the statement on where the image comes from.
    pub(super) fn document(subject: &Subject, predicate: &Predicate, statement: &[u8]) -> Self {
        match predicate.kind {
            PredicateKind::Spdx => {
                Self::referrer(subject, SPDX, vec![Blob::new(SPDX, predicate.json.clone())], &[])
            }
            PredicateKind::Provenance => {
                let kind = [("in-toto.io/predicate-type", predicate.kind.uri())];
                let layer = |bytes: &[u8]| Blob::new(IN_TOTO, bytes.to_owned()).with(&kind);
                let beside = predicate.beside.iter().map(|bytes| layer(bytes));
                let layers = [layer(statement)].into_iter().chain(beside).collect();
                Self::referrer(subject, IN_TOTO, layers, &kind)
            }
        }
    }

    /// A manifest that names its subject.
    pub(super) fn referrer(
        subject: &Subject,
        artifact_type: &str,
        layers: Vec<Blob>,
        annotations: &[(&str, &str)],
    ) -> Self {
        let (empty, none, annotations) =
            (Blob::new(EMPTY_TYPE, EMPTY.to_vec()), BTreeMap::new(), texts(annotations));
        let manifest = json(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type: Some(artifact_type),
            config: empty.descriptor(),
            layers: layers.iter().map(|layer| value(&layer.descriptor())).collect(),
            subject: Some(Described {
                media_type: &subject.media_type,
                digest: subject.digest.oci(),
                size: subject.size,
                annotations: &none,
            }),
            annotations: &annotations,
        });
        let blobs = [empty].into_iter().chain(layers).collect();
        let (subject, artifact_type) = (subject.clone(), artifact_type.to_owned());
        Self::Referrer { subject, artifact_type, annotations, manifest, blobs }
    }
}

/// The manifest of a tag with these layers in it, and its configuration; none where they are in it already. `there` is what the tag
/// leads to now: what others have put there stays.
///
/// # Errors
/// What the tag leads to is no manifest with layers.
pub(super) fn tagged(
    there: Option<&[u8]>,
    layers: &[Blob],
) -> Result<Option<(Vec<u8>, Blob)>, serde_json::Error> {
    let there: Value = there.map_or(Ok(Value::Null), serde_json::from_slice)?;
    let mut all = there["layers"].as_array().cloned().unwrap_or_default();
    let before = all.len();
    for layer in layers {
        let descriptor = value(&layer.descriptor());
        // Payloads of the same image are the same whoever signs: the annotation makes the difference.
        if !all.contains(&descriptor) {
            all.push(descriptor);
        }
    }
    if all.len() == before {
        return Ok(None);
    }
    let config = Config {
        architecture: "",
        created: NEVER,
        history: all.iter().map(|_| [("created", NEVER)].into()).collect(),
        os: "",
        rootfs: RootFs {
            kind: "layers",
            diff_ids: all.iter().map(|layer| layer["digest"].clone()).collect(),
        },
        config: BTreeMap::new(),
    };
    let config = Blob::new(CONFIG, json(&config));
    let manifest = json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type: None,
        config: config.descriptor(),
        layers: all,
        subject: None,
        annotations: &BTreeMap::new(),
    });
    Ok(Some((manifest, config)))
}
