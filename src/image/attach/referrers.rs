//! The index of what refers to an image (OCI distribution specification, "Referrers Tag Schema"): kept by the registry, or where
//! it keeps none, under a tag by whoever puts something there.

use std::collections::BTreeMap;

use medic_archive::digest::of_bytes;
use serde::Serialize;
use serde_json::Value;

use super::Artifact;
use super::artifact::json;
use crate::oci::documents::{INDEX, MANIFEST};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'static str,
    digest: String,
    size: u64,
    artifact_type: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// The index with these artifacts in it, of those that refer to something; none where they are in it already. `there` is the index
/// as it is now: what others have put in it stays.
///
/// # Errors
/// What is there is no JSON.
pub fn with(there: Option<&[u8]>, artifacts: &[&Artifact]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let there: Value = there.map_or(Ok(Value::Null), serde_json::from_slice)?;
    let mut manifests = there["manifests"].as_array().cloned().unwrap_or_default();
    let before = manifests.len();
    for artifact in artifacts {
        let Artifact::Referrer { artifact_type, annotations, manifest, .. } = artifact else { continue };
        let digest = of_bytes(manifest).sha256.oci();
        if manifests.iter().any(|entry| entry["digest"].as_str() == Some(&digest)) {
            continue;
        }
        let entry =
            Entry { media_type: MANIFEST, digest, size: manifest.len() as u64, artifact_type, annotations };
        manifests.push(serde_json::to_value(&entry)?);
    }
    let index = Index { schema_version: 2, media_type: INDEX, manifests };
    Ok((index.manifests.len() > before).then(|| json(&index)))
}
