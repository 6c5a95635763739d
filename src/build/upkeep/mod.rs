//! Keeping recipes up to date: which newer versions there are, and a recipe changed in place to one of them.
//!
//! | module | what it is for |
//! | --- | --- |
//! | `carry` | how a location carries a version, and the same location for another |
//! | `survey` | what a location has to offer |
//! | `outdated` | each recipe with the newest version that can be found |
//! | `bump` | a recipe for another version, as a value: sources fetched, text changed |
//! | `edit` | single values of a YAML text changed in place |
//! | `pinned` | what a document pins, and where in its text |
//!
//! A bump is a first trust: nobody knows the digest before, so what the locations give is taken, from all of them, and they
//! must agree. Nothing of what is fetched is ever run.

mod bump;
mod carry;
pub mod edit;
mod outdated;
mod pinned;
mod released;
mod survey;

pub use bump::{Bump, BumpedSource, Failed, bump, write};
pub use outdated::{Finding, Lookup, State, outdated};
pub use survey::Offer;

pub(crate) use bump::put;
pub(crate) use carry::of_debian;
pub(crate) use released::newest_below;
pub(crate) use survey::{Indexes, survey};

use crate::error::{BuildError, ErrorKind};

/// Why a recipe was not changed. Its file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The version is the one that the recipe has.
    #[error("{file} has the version {version} already: there is nothing to change")]
    Same {
        /// The document.
        file: String,
        /// The version.
        version: String,
    },
    /// No source says which version it is of.
    #[error(
        "{file}: no source has the version {version} in one of its locations, so it is not known what to fetch: change it by hand"
    )]
    NoVersion {
        /// The document.
        file: String,
        /// The present version.
        version: String,
    },
    /// No location gave the new version.
    #[error("{file}: {version} could not be had at any location:{}{}", list(.failed), hint(.known))]
    Absent {
        /// The document.
        file: String,
        /// The version asked for.
        version: String,
        /// Each location with why.
        failed: Vec<Failed>,
        /// Versions that there are.
        known: Vec<String>,
    },
    /// Two locations give different files under one name.
    #[error(
        "{file}: two locations of one source give different files, so neither is trusted:\n    {}: sha256 {}\n    {}: sha256 {}\nRemove one of them from the recipe, or make it a source of its own.",
        .first.0, .first.1, .second.0, .second.1
    )]
    Differ {
        /// The document.
        file: String,
        /// One, with its digest.
        first: (String, String),
        /// The other, with its digest.
        second: (String, String),
    },
    /// The text cannot be changed.
    #[error("{file}: {error}")]
    Edit {
        /// The document.
        file: String,
        /// Why.
        error: edit::EditError,
    },
    /// The document was changed by another while its sources were fetched.
    #[error("{0} was changed in the meantime and is left as it is: run it again")]
    Changed(String),
    /// The document cannot be written.
    #[error("{file} cannot be written: {source}; it is as it was")]
    Write {
        /// The document.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}

fn list(failed: &[Failed]) -> String {
    failed.iter().map(|failed| format!("\n    {}: {}", failed.place, failed.reason)).collect()
}

fn hint(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("\nThere are: {}", known.join(", ")) }
}

impl UpkeepError {
    /// Which kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Absent { .. } | Self::Differ { .. } => ErrorKind::Fetch,
            Self::Same { .. } | Self::NoVersion { .. } | Self::Edit { .. } => ErrorKind::Definition,
            Self::Changed(_) => ErrorKind::Other,
            Self::Write { .. } => ErrorKind::Store,
        }
    }
}

impl From<UpkeepError> for BuildError {
    fn from(error: UpkeepError) -> Self {
        Self::Upkeep(Box::new(error))
    }
}
