//! What stands beside an image in a registry: signatures, and documents on what is in it and where it comes from.
//!
//! ```text
//! tag sha256-<digest>.sig     signatures, as every cosign reads them
//! tag sha256-<digest>.att     signed statements with the SBOM and the provenance, as every cosign reads them
//! referrers of <digest>       the documents as they are (application/spdx+json, application/vnd.in-toto+json), and where there is a
//!                             key the same signatures and statements as sigstore bundles
//! tag sha256-<digest>         the index of the referrers, in registries that keep none themselves
//! ```
//!
//! Everything is a value first ([`artifacts`]), a function of the image, the documents and the key; then it is put there ([`put()`]):
//! a second time, nothing changes.

mod artifact;
mod bundle;
mod place;
pub mod referrers;
mod registry;
pub mod statement;

use medic_model::Sha256;

pub use artifact::{Artifact, Blob, SIGNATURE, tag};
pub use bundle::{Bundle, MEDIA_TYPE as BUNDLE};
pub use place::{AttachError, Place, put};
pub use statement::{Predicate, PredicateKind, Statement};

use crate::sign::dsse::{self, Envelope};
use crate::sign::{SigningKey, payload};

/// What others are attached to: a manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `application/vnd.oci.image.manifest.v1+json` or the index's.
    pub media_type: String,
    /// Of its bytes.
    pub digest: Sha256,
    /// Its bytes.
    pub size: u64,
}

/// Who signs, and under which name the image goes.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The key.
    pub key: &'a SigningKey,
    /// The repository, such as `registry.example/medic/nginx`: policies of others may name it.
    pub repository: &'a str,
}

/// What an image's repository gets besides the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// Signatures where there is a key; SBOM and provenance; referrers.
    #[default]
    All,
    /// Signatures alone, under tags: for registries and mirrors that take nothing else.
    Signatures,
}

/// What is to stand beside a manifest or an index, in the order in which it is put there.
///
/// `repository` is what statements call the subject. With the same key the same comes out each time.
///
/// # Errors
/// A predicate is no JSON.
pub fn artifacts(
    subject: &Subject,
    repository: &str,
    predicates: &[Predicate],
    key: Option<&SigningKey>,
    extent: Extent,
) -> Result<Vec<Artifact>, serde_json::Error> {
    let signer = key.map(|key| Signer { key, repository });
    let mut all: Vec<Artifact> = signer.map(|signer| signature(subject, signer)).into_iter().collect();
    if extent == Extent::Signatures {
        return Ok(all);
    }
    let mut envelopes = Vec::new();
    for predicate in predicates {
        let statement = Statement::new(repository, subject.digest, predicate)?.json();
        all.push(Artifact::document(subject, predicate, &statement));
        if let Some(key) = key {
            let envelope = Envelope::of_statement(&statement, key);
            all.push(bundle::artifact(subject, &envelope, predicate.kind.uri(), &key.public()));
            let annotations = [(SIGNATURE, ""), ("predicateType", predicate.kind.uri())];
            envelopes.push(Blob::new(dsse::MEDIA_TYPE, envelope.json()).with(&annotations));
        }
    }
    if let Some(key) = key {
        let statement = Statement::of_signature(subject.digest).json();
        let envelope = Envelope::of_statement(&statement, key);
        all.push(bundle::artifact(subject, &envelope, statement::SIGNED, &key.public()));
    }
    if !envelopes.is_empty() {
        all.push(Artifact::Tagged { tag: tag(subject.digest, ".att"), layers: envelopes });
    }
    Ok(all)
}

fn signature(subject: &Subject, signer: Signer<'_>) -> Artifact {
    let payload = payload::of(signer.repository, subject.digest);
    let signature = signer.key.sign(&payload);
    let layer = Blob::new(payload::MEDIA_TYPE, payload).with(&[(SIGNATURE, &signature)]);
    Artifact::Tagged { tag: tag(subject.digest, ".sig"), layers: vec![layer] }
}

#[cfg(test)]
mod tests;
