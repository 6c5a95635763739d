//! What a long operation tells while it goes on.

use crate::index::DatabaseName;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// So much of a database has been read and checked.
    Checked {
        /// Which database.
        database: &'a DatabaseName,
        /// Revisions.
        done: u64,
        /// Revisions in all.
        of: u64,
    },
    /// So much of a database has been written.
    Written {
        /// Which database.
        database: &'a DatabaseName,
        /// Taking a backup: documents that changed; putting it back: revisions.
        done: u64,
        /// How many in all, where the server tells.
        of: Option<u64>,
    },
    /// A database has been written.
    Database {
        /// Which.
        database: &'a DatabaseName,
        /// How many revisions this run has written; not those that were there.
        documents: u64,
    },
}

/// Hears of it.
pub trait Reporter {
    /// One event.
    fn event(&self, event: &Event<'_>);
}

impl Reporter for () {
    fn event(&self, _: &Event<'_>) {}
}
