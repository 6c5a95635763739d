//! Sigstore bundles, version 0.3, with a key: the form of newer versions of cosign, as referrers of the image
//! (<https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Artifact, Blob, Subject};
use crate::sign::PublicKey;
use crate::sign::dsse::Envelope;

/// The media type of a bundle, and the type of the artifact that has one.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle, as far as this crate reads and writes one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// [`MEDIA_TYPE`]
    pub media_type: String,
    /// What it is verified with: the name of a key. Others have certificates and entries of logs there.
    pub verification_material: Value,
    /// What is signed; none in a bundle of something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsse_envelope: Option<Envelope>,
}

/// The envelope as a bundle, attached to the image.
pub(super) fn artifact(subject: &Subject, envelope: &Envelope, predicate: &str, key: &PublicKey) -> Artifact {
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: serde_json::json!({"publicKey": {"hint": key.hint()}}),
        dsse_envelope: Some(envelope.clone()),
    };
    let json = serde_json::to_vec(&bundle).unwrap_or_else(|error| unreachable!("{error}"));
    let annotations =
        [("dev.sigstore.bundle.content", "dsse-envelope"), ("dev.sigstore.bundle.predicateType", predicate)];
    Artifact::referrer(subject, MEDIA_TYPE, vec![Blob::new(MEDIA_TYPE, json)], &annotations)
}
