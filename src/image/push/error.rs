//! What can go wrong while something is pushed. Tags are then what they were, but for those that the message names.

use medic_model::Sha256;
use medic_repository::registry::RegistryError;

use crate::error::ImageError;

/// Why something was not pushed, or not wholly. What is there already need not be sent again: push once more.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry does not answer, or refuses.
    #[error("'{location}' could not be published to: {source}")]
    Registry {
        /// Registry and repository.
        location: Box<str>,
        /// Why.
        source: RegistryError,
    },
    /// A tag leads to something else.
    #[error(
        "'{reference}' is sha256:{theirs} already, and this image is sha256:{ours}: a tag that was published does not change; \
         publish under another tag, or let this one be moved with '--move-tag'"
    )]
    TagTaken {
        /// The tag, with registry and repository.
        reference: String,
        /// What it leads to.
        theirs: Sha256,
        /// What it should lead to.
        ours: Sha256,
    },
    /// A tag leads to something else, and the registry leaves it there.
    #[error(
        "'{reference}' is sha256:{theirs}, and the registry does not let it become sha256:{ours}: {source}"
    )]
    TagImmutable {
        /// The tag, with registry and repository.
        reference: String,
        /// What it leads to.
        theirs: Sha256,
        /// What it should lead to.
        ours: Sha256,
        /// The registry's own words.
        source: Box<RegistryError>,
    },
    /// A tag was set, and leads to something else all the same.
    #[error(
        "'{reference}' was set to sha256:{ours}, and {}: somebody else publishes there at the same time; publish again",
        leads_to(*theirs)
    )]
    TagLost {
        /// The tag, with registry and repository.
        reference: String,
        /// What it should lead to.
        ours: Sha256,
        /// What it leads to now.
        theirs: Option<Sha256>,
    },
    /// Something of the image in the store is damaged.
    #[error(transparent)]
    Image(#[from] ImageError),
}

fn leads_to(theirs: Option<Sha256>) -> String {
    theirs.map_or_else(|| "is not there".to_owned(), |theirs| format!("is sha256:{theirs} now"))
}
