//! An image in a registry, looked at as somebody who trusts a key and nothing else: what a reference leads to, every byte of it, who
//! signed it, and what is said of it.
//!
//! Nothing is written. What comes from the registry is bounded: sizes by what a signed or digested document announces, numbers and
//! depth by constants.

mod claims;
mod contents;
mod layer;
mod looking;
mod problem;
mod read;
mod rebuilt;
mod source;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use medic_archive::digest::of_bytes;
use medic_model::{Arch, Sha256};

pub use layer::Listed;
pub use problem::{Problem, VerifyError};
pub use rebuilt::{Rebuilt, compare};
pub use source::Source;

use crate::sign::PublicKey;
use looking::Looking;
use problem::Fault;
use read::Document;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct VerifySettings<'a> {
    /// The key that is trusted.
    pub key: &'a PublicKey,
    /// Whether there must be SBOM and provenance.
    pub attached: bool,
    /// The type of the provenance that this builder writes: of others it is not known what they must name.
    pub build_type: &'a str,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What the reference leads to.
    pub digest: Sha256,
    /// Whether that is an index of images for several machines.
    pub is_index: bool,
    /// The images.
    pub images: Vec<VerifiedImage>,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
}

/// An image that was looked at.
#[derive(Debug, Clone)]
pub struct VerifiedImage {
    /// Its manifest's digest.
    pub digest: Sha256,
    /// What it is for; none when that is no machine of ours.
    pub arch: Option<Arch>,
    /// The digest of its configuration.
    pub config: String,
    /// The digests of its layers, bottom first.
    pub layers: Vec<String>,
    /// The commit that it says it is made from.
    pub revision: Option<String>,
    /// The packages in it.
    pub packages: BTreeSet<Listed>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Of what: a digest.
    pub of: String,
    /// What: `signature`, `image`, `SBOM`, `provenance` and so on.
    pub what: &'static str,
    /// Words on what was found, or what is wrong.
    pub result: Result<String, Problem>,
}

impl Verified {
    /// What is wrong.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.checks.iter().filter_map(|check| check.result.as_ref().err())
    }
}

/// Looks at what a tag or a digest (`sha256:…`) leads to.
///
/// # Errors
/// [`VerifyError`]: nothing can be known, since the registry does not answer or has nothing of that name. What is wrong with the image is
/// in the checks.
pub fn verify(
    source: &dyn Source,
    name: &str,
    settings: VerifySettings<'_>,
) -> Result<Verified, VerifyError> {
    let mut looking = Looking::new(source, settings);
    let (digest, bytes) = match looking.resolve(name) {
        Ok(found) => found,
        Err(Fault::Error(error)) => return Err(error),
        Err(Fault::Problem(problem)) => {
            let digest = name.parse().unwrap_or(of_bytes(&[]).sha256);
            looking.checks.push(Check { of: name.to_owned(), what: "manifest", result: Err(problem) });
            return Ok(Verified { digest, is_index: false, images: Vec::new(), checks: looking.checks });
        }
    };
    let signed = looking.signature(digest);
    looking.note(digest, "signature", signed)?;
    let document = read::parse("what the reference leads to", &bytes);
    let document = looking.note_value(digest, "manifest", document)?;
    let is_index = document.as_ref().is_some_and(|document| document.manifests.is_some());
    match document {
        Some(Document { manifests: Some(manifests), .. }) => looking.index(digest, &manifests)?,
        Some(document) => looking.image(digest, &document)?,
        None => {}
    }
    Ok(Verified { digest, is_index, images: looking.images, checks: looking.checks })
}
