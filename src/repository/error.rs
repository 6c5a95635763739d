//! Why a repository is not trusted: every attack has its own words.

use std::io;

use medic_model::{DocumentError, PackageName};

/// Why a repository is not used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Something cannot be read.
    #[error("cannot read '{location}': {source}")]
    Read {
        /// The file or address.
        location: String,
        /// Why.
        source: io::Error,
    },
    /// No repository is there.
    #[error("'{location}' is no repository: it has no file 'latest' (in a registry: no tag 'index')")]
    NotThere {
        /// The folder or address.
        location: String,
    },
    /// `latest` is no number.
    #[error("'{location}' is damaged: it should hold the number of an index")]
    Latest {
        /// The file or address.
        location: String,
    },
    /// Nothing is trusted at all.
    #[error("no key is trusted, so no repository can be: add its key with 'pkg key add FILE'")]
    NoKeys,
    /// No signature is there, or none that can be read.
    #[error("'{location}' has no signature that can be read: {why}")]
    NoSignature {
        /// The index.
        location: String,
        /// Why.
        why: String,
    },
    /// Signed by somebody else.
    #[error(
        "'{location}' is signed by key {signer}, which is not trusted (trusted are: {trusted}): if it is right, add it with 'pkg key add FILE'"
    )]
    UnknownKey {
        /// The index.
        location: String,
        /// The number of the key that has signed it.
        signer: String,
        /// The numbers of the trusted keys.
        trusted: String,
    },
    /// Not what was signed.
    #[error(
        "'{location}' is not what key {signer} has signed: it was cut off or changed on the way, and nothing of it is used"
    )]
    BadSignature {
        /// The index.
        location: String,
        /// The number of the key.
        signer: String,
    },
    /// Signed, and not an index.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Another number inside than outside.
    #[error("'{location}' says that it is index {found}: another index stands in its place")]
    OtherVersion {
        /// The index.
        location: String,
        /// Its own number.
        found: u64,
    },
    /// An index of another repository.
    #[error("'{location}' is an index of the repository '{found}', and this was '{expected}' before")]
    OtherRepository {
        /// The index.
        location: String,
        /// As seen before.
        expected: PackageName,
        /// As it says.
        found: PackageName,
    },
    /// An old index, replayed.
    #[error(
        "'{location}' offers index {found}, and {seen} was seen before: an old index is played back, or the repository was reset"
    )]
    Older {
        /// The repository.
        location: String,
        /// What it offers.
        found: u64,
        /// What was seen.
        seen: u64,
    },
    /// Too old to be trusted.
    #[error(
        "'{location}' has expired {days} days ago ({expires_at} s since 1970; now is {now}): its owner must publish again, or the clock is wrong"
    )]
    Expired {
        /// The index.
        location: String,
        /// Since so many days.
        days: u64,
        /// Seconds since 1970.
        expires_at: u64,
        /// Seconds since 1970.
        now: u64,
    },
}

impl RepositoryError {
    /// Whether it may be another time, or from another place, that the repository can be read: nothing speaks against it.
    pub fn is_out_of_reach(&self) -> bool {
        match self {
            Self::NotThere { .. } => true,
            // What comes from a server whose certificate is good, or from nowhere: it is not that. Nor is it what has no end.
            Self::Read { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge)
            }
            _ => false,
        }
    }
}
