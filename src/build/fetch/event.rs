//! What happens while files are fetched, as data.

use std::time::Duration;

use medic_model::Sha256;

/// Something that happened. `id` is the digest of the file it is about. Told from several threads at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A location is being tried.
    Started {
        /// The file.
        id: Sha256,
        /// Its name, for people.
        label: String,
        /// The location, for people.
        location: String,
        /// Its size, where it is known.
        total: Option<u64>,
    },
    /// So much of the file is there, from the first byte on (a resumed file does not start at 0, a restarted one goes back to 0).
    Progress {
        /// The file.
        id: Sha256,
        /// Bytes.
        bytes: u64,
        /// Its size, where it is known.
        total: Option<u64>,
    },
    /// The file is in the store, and right.
    Finished {
        /// The file.
        id: Sha256,
        /// Its name, for people.
        label: String,
        /// Bytes.
        bytes: u64,
        /// Where it came from; none when it was in the store already.
        location: Option<String>,
    },
    /// A try failed; the same location is tried again after a while.
    Retry {
        /// The file.
        id: Sha256,
        /// The location.
        location: String,
        /// Why.
        reason: String,
        /// Which try failed, from 1.
        attempt: u32,
        /// How long it waits.
        delay: Duration,
    },
    /// A location has another file under this name. What it gave was thrown away.
    WrongDigest {
        /// The file that is meant.
        id: Sha256,
        /// The location.
        location: String,
        /// What it gave instead.
        found: Sha256,
    },
    /// A location does not have the file; the next is tried.
    LocationFailed {
        /// The file.
        id: Sha256,
        /// The location.
        location: String,
        /// Why.
        reason: String,
    },
    /// A file in the store is not what its name says. It was removed and is fetched again.
    Damaged {
        /// The file.
        id: Sha256,
        /// Where it was.
        path: std::path::PathBuf,
    },
}
