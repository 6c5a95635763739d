//! What can be wrong with an image in a registry, each with words of its own.

use std::io;

/// Why an image could not be looked at: nothing is known of it then.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The registry does not answer, or refuses.
    #[error("'{name}' cannot be read from the registry: {source}")]
    Registry {
        /// What was asked for: a tag or a digest.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// There is nothing of this name.
    #[error("there is no '{name}' in this repository: look at the tag, or at whether it was published")]
    NotFound {
        /// What was asked for.
        name: String,
    },
}

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nobody has signed it.
    #[error("{digest} has no signature: whoever published it did so without '--sign'")]
    NoSignature {
        /// The image.
        digest: String,
    },
    /// Others have signed it.
    #[error("{digest} has {found} signature{}, none of them by the key {key}: it was signed by another key", s(*found))]
    WrongKey {
        /// The image.
        digest: String,
        /// How many there are.
        found: usize,
        /// The key that is trusted.
        key: String,
    },
    /// The key has signed something else, and that signature was put beside this image.
    #[error("the signature beside {digest} is by the key {key}, but of another image: {}", signed.join(", "))]
    SignedAnother {
        /// The image.
        digest: String,
        /// The key that is trusted.
        key: String,
        /// What was signed.
        signed: Vec<String>,
    },
    /// Bytes are not those of their digest.
    #[error("{what} was tampered with or damaged: the registry gives other bytes than those of {expected}{}", found.as_ref().map(|found| format!(" (they are {found})")).unwrap_or_default())]
    Tampered {
        /// What it is.
        what: String,
        /// Its digest.
        expected: String,
        /// That of the bytes, where they could be looked at.
        found: Option<String>,
    },
    /// Something is longer or shorter than the document that names it says.
    #[error("{what} was tampered with or damaged: it has {found} bytes, and {expected} were announced")]
    WrongSize {
        /// What it is.
        what: String,
        /// What was announced.
        expected: u64,
        /// What came; one more than was announced when there are more.
        found: u64,
    },
    /// Something is not there.
    #[error(
        "{what} ({digest}) is not in the registry: the image was not published wholly, or something of it was removed"
    )]
    Missing {
        /// What it is.
        what: String,
        /// Its digest.
        digest: String,
    },
    /// A document cannot be used.
    #[error("{what} cannot be used: {why}")]
    Unusable {
        /// What it is.
        what: String,
        /// Why.
        why: String,
    },
    /// A layer holds other things than the configuration says.
    #[error(
        "{what} is not the one that the image's configuration names: unpacked it is {found}, and should be {expected}"
    )]
    WrongLayer {
        /// What it is.
        what: String,
        /// Its digest unpacked, as the configuration has it.
        expected: String,
        /// The one it has.
        found: String,
    },
    /// There is no statement of a kind.
    #[error(
        "{digest} has no {what} in a signed statement: it was published without '--sign', or with '--no-attach'"
    )]
    NoStatement {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// The image.
        digest: String,
    },
    /// There is one, by another key.
    #[error("the {what} of {digest} is not signed by the key {key}")]
    StatementWrongKey {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// The image.
        digest: String,
        /// The key that is trusted.
        key: String,
    },
    /// There is one, by the key, about another image.
    #[error("the {what} beside {digest} is about another image: {}", about.join(", "))]
    StatementOfAnother {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// The image.
        digest: String,
        /// What it is about.
        about: Vec<String>,
    },
    /// It does not list what is in the image.
    #[error("the {what} does not name what is in the image: {}", packages.join(", "))]
    Lacks {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// Packages with their versions.
        packages: Vec<String>,
    },
    /// It lists what is not in the image.
    #[error("the SBOM names what is not in the image: {}", packages.join(", "))]
    NamesMore {
        /// Packages with their versions.
        packages: Vec<String>,
    },
    /// The document for scanners is another one than the signed one.
    #[error(
        "the SBOM that is attached as {digest} is not the signed one: scanners would be shown something else"
    )]
    AnotherSbom {
        /// The document's blob.
        digest: String,
    },
    /// Built from this checkout it is another one.
    #[error("built again it is another image: {0}")]
    Rebuilt(String),
}

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl Problem {
    /// One word for it, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSignature { .. } => "no-signature",
            Self::WrongKey { .. } => "wrong-key",
            Self::SignedAnother { .. } => "signature-of-another-image",
            Self::Tampered { .. } | Self::WrongSize { .. } => "tampered",
            Self::Missing { .. } => "missing",
            Self::Unusable { .. } => "unusable",
            Self::WrongLayer { .. } => "wrong-layer",
            Self::NoStatement { .. } => "no-statement",
            Self::StatementWrongKey { .. } => "statement-wrong-key",
            Self::StatementOfAnother { .. } => "statement-of-another-image",
            Self::Lacks { .. } => "packages-not-named",
            Self::NamesMore { .. } => "packages-not-there",
            Self::AnotherSbom { .. } => "sbom-not-the-signed-one",
            Self::Rebuilt(_) => "rebuilt-differs",
        }
    }
}

/// Why a check ended: the image is not good, or nothing can be known.
#[derive(Debug)]
pub(super) enum Fault {
    Problem(Problem),
    Error(VerifyError),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Fault {
    pub(super) fn unusable(what: &str, why: impl ToString) -> Self {
        Problem::Unusable { what: what.to_owned(), why: why.to_string() }.into()
    }
}
