//! Artifacts put into a registry.

use std::collections::BTreeMap;
use std::io;

use medic_archive::digest::of_bytes;
use medic_model::Sha256;

use super::artifact::{Blob, tag, tagged};
use super::{Artifact, referrers};
use crate::oci::documents::{INDEX, MANIFEST};
use crate::verify::Source;

/// So often an index is written anew when somebody else has written it in the meantime.
const ATTEMPTS: usize = 5;

/// What to do where a registry takes no artifacts.
const REFUSED: &str = "; for a registry that takes no such thing, '--no-attach' leaves it out";

/// A repository of a registry that artifacts are put into.
pub trait Place: Source {
    /// Puts a blob there, unless it is; says whether it was sent.
    ///
    /// # Errors
    /// The registry's.
    fn put_blob(&self, digest: Sha256, bytes: &[u8]) -> io::Result<bool>;

    /// Puts a manifest there.
    ///
    /// # Errors
    /// The registry's.
    fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> io::Result<()>;
}

/// Why something could not be put beside an image. The image itself is what it was.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The registry's.
    #[error("the {what} of {subject} could not be put into the registry: {source}{hint}")]
    Registry {
        /// What was put there.
        what: String,
        /// Of which image: its digest.
        subject: String,
        /// Why.
        source: io::Error,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// There is something else under its name.
    #[error(
        "the tag '{tag}' leads to something that is no manifest in JSON ({source}): signatures and documents go there; remove it"
    )]
    Foreign {
        /// The tag.
        tag: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Others write the same tag all the time.
    #[error(
        "the tag '{tag}' was written by somebody else at the same time, {ATTEMPTS} times in a row: publish again"
    )]
    Contended {
        /// The tag.
        tag: String,
    },
}

/// Puts artifacts there, each once; gives how many bytes were sent for that.
///
/// A registry that keeps no indexes of referrers gets them under tags.
///
/// # Errors
/// [`AttachError`].
pub fn put(artifacts: &[Artifact], place: &dyn Place) -> Result<u64, AttachError> {
    let mut sent = 0;
    let mut subjects: BTreeMap<Sha256, Vec<&Artifact>> = BTreeMap::new();
    for artifact in artifacts {
        match artifact {
            Artifact::Tagged { tag, layers } => {
                let write = |there: Option<&[u8]>| {
                    Ok(tagged(there, layers)?.map(|(manifest, config)| (manifest, MANIFEST, vec![config])))
                };
                sent += put_blobs(layers, place).map_err(failed("signatures", tag))?;
                sent += update(tag, place, &write)?;
            }
            Artifact::Referrer { subject, artifact_type, manifest, blobs, .. } => {
                let failed = failed(artifact_type, &subject.digest.oci());
                let name = of_bytes(manifest).sha256.oci();
                if place.manifest(&name).map_err(&failed)?.is_none() {
                    sent += put_blobs(blobs, place).map_err(&failed)?;
                    place.put_manifest(&name, MANIFEST, manifest).map_err(&failed)?;
                    sent += manifest.len() as u64;
                }
                subjects.entry(subject.digest).or_default().push(artifact);
            }
        }
    }
    for (subject, artifacts) in subjects {
        let kept = place.referrers(subject).map_err(failed("index of referrers", &subject.oci()))?;
        if kept.is_none() {
            let write = |there: Option<&[u8]>| {
                Ok(referrers::with(there, &artifacts)?.map(|index| (index, INDEX, Vec::new())))
            };
            sent += update(&tag(subject, ""), place, &write)?;
        }
    }
    Ok(sent)
}

fn failed(what: &str, subject: &str) -> impl Fn(io::Error) -> AttachError + use<> {
    // What refers to an image is new, and not every registry takes it.
    let hint = if what.starts_with("application/") { REFUSED } else { "" };
    let (what, subject) = (what.to_owned(), subject.to_owned());
    move |source| AttachError::Registry { what: what.clone(), subject: subject.clone(), source, hint }
}

fn put_blobs(blobs: &[Blob], place: &dyn Place) -> io::Result<u64> {
    let mut sent = 0;
    for blob in blobs {
        if place.put_blob(blob.digest, &blob.bytes)? {
            sent += blob.bytes.len() as u64;
        }
    }
    Ok(sent)
}

/// What is to be written under a tag: a manifest, its type, and the blobs that it needs first; none where nothing is.
type Written = Option<(Vec<u8>, &'static str, Vec<Blob>)>;

/// Works that out from what the tag leads to now.
type Write<'a> = dyn Fn(Option<&[u8]>) -> Result<Written, serde_json::Error> + 'a;

/// Writes what a tag leads to anew from what it leads to now, and looks whether that is still there. A registry knows no locks: whoever
/// wrote at the same time is in the next attempt's beginning.
fn update(tag: &str, place: &dyn Place, write: &Write<'_>) -> Result<u64, AttachError> {
    let failed = failed("manifest", tag);
    let mut sent = 0;
    for _ in 0..ATTEMPTS {
        let there = place.manifest(tag).map_err(&failed)?;
        let written = write(there.as_deref());
        let written = written.map_err(|source| AttachError::Foreign { tag: tag.to_owned(), source })?;
        // All of it is there: as it was, or since the attempt before.
        let Some((manifest, media_type, blobs)) = written else { return Ok(sent) };
        sent += put_blobs(&blobs, place).map_err(&failed)?;
        place.put_manifest(tag, media_type, &manifest).map_err(&failed)?;
        sent += manifest.len() as u64;
    }
    Err(AttachError::Contended { tag: tag.to_owned() })
}
