//! What can go wrong, for the operator who reads it.

use std::io;

use medic_model::DocumentError;
use medic_sys::files::FileError;

use crate::index::DatabaseName;

/// Why a backup, a restoration or a verification ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer, or goes away in the middle of an answer.
    #[error("CouchDB does not answer at {url}: {source}: is the service up? supervisor-inspect medic-core couchdb; what is written already is kept")]
    Silent {
        /// What was asked.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// It answers with a status that nothing here expects.
    #[error("CouchDB answers {status} to {method} {url}: {reason}")]
    Refused {
        /// The request's method.
        method: &'static str,
        /// What was asked.
        url: String,
        /// The answer's status.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// It answers, and not as CouchDB does.
    #[error("what CouchDB answers at {url} cannot be understood: {what}")]
    Odd {
        /// What was asked.
        url: String,
        /// What is odd.
        what: String,
    },
    /// A name that no database can have.
    #[error("'{name}' is no name of a database: small letters, digits and _ $ ( ) + - /, beginning with a letter or _")]
    Name {
        /// The name.
        name: String,
    },
    /// A database that was asked for by name.
    #[error("there is no database '{name}'")]
    NoDatabase {
        /// Its name.
        name: DatabaseName,
    },
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The stream that a backup is written to or read from.
    #[error("the stream cannot be {verb}: {source}")]
    Stream {
        /// `written` or `read`.
        verb: &'static str,
        /// Why.
        source: io::Error,
    },
    /// `backup.json` is not what it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is no `backup.json`.
    #[error("{place} holds no finished backup: its backup.json is written last; run 'medic-core backup' with it once more, and it goes on")]
    Unfinished {
        /// Which folder.
        place: String,
    },
    /// A part is missing, or is not as it was written.
    #[error("{file} is damaged: {what}; take another backup")]
    Damaged {
        /// Which file.
        file: String,
        /// In what way.
        what: String,
    },
    /// The folder has a backup of another server.
    #[error("{place} holds a backup of another server (its UUID is {theirs}, this one's is {ours}): take another folder")]
    OtherServer {
        /// Which folder.
        place: String,
        /// The server of the backup.
        theirs: String,
        /// The server that was to be backed up.
        ours: String,
    },
    /// There are documents already.
    #[error("the database '{name}' has documents already: restore into an empty one, or add to what is there with --merge (nothing was changed)")]
    NotEmpty {
        /// Its name.
        name: DatabaseName,
    },
    /// Documents that were written are not there.
    #[error("after restoring '{name}', {missing} revisions are not there, '{first}' is one: nothing is lost from the backup; svc-log medic-core couchdb may say why")]
    Missing {
        /// The database.
        name: DatabaseName,
        /// How many.
        missing: usize,
        /// One document.
        first: String,
    },
}

impl Error {
    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Name { .. } => 2,
            Self::Silent { .. } | Self::Refused { .. } | Self::Odd { .. } => 3,
            Self::NoDatabase { .. } | Self::NotEmpty { .. } | Self::OtherServer { .. } => 4,
            Self::Unfinished { .. } | Self::Damaged { .. } | Self::Document(_) => 5,
            Self::Missing { .. } => 6,
            Self::File(_) | Self::Stream { .. } => 7,
        }
    }
}
