//! What a long operation tells while it goes on.

use crate::index::DatabaseName;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many documents of a database are done by now.
    Documents {
        /// Which database.
        database: &'a DatabaseName,
        /// How many, revisions that conflict counted apart.
        documents: u64,
    },
    /// A database is done.
    Database {
        /// Which.
        database: &'a DatabaseName,
        /// How many documents this run has written; not those that were there.
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
