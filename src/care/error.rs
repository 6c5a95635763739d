//! What can go wrong, for the operator who reads it.

use std::io;

use medic_model::{ByteSize, DocumentError};
use medic_sys::files::FileError;

use crate::index::DatabaseName;

/// Why a backup, a restoration or a verification ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer, or goes away in the middle of an answer.
    #[error(
        "CouchDB does not answer at {url}: {source}: is the service up? supervisor-inspect medic-core couchdb; what is written already is kept"
    )]
    Silent {
        /// What was asked.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// It does not take the administrator's password.
    #[error("CouchDB does not let '{user}' in at {url}: {reason}: see --user and --password-file")]
    Denied {
        /// What was asked.
        url: String,
        /// The administrator.
        user: String,
        /// Its own words.
        reason: String,
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
    /// Something else than the address of a CouchDB on this machine or its network.
    #[error("'{address}' is no address of a CouchDB: http://HOST:PORT, without a path, a name or a password")]
    Address {
        /// What was given.
        address: String,
    },
    /// A name that no database can have.
    #[error(
        "'{name}' is no name of a database: small letters, digits and _ $ ( ) + - /, beginning with a letter or _"
    )]
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
    /// The tar ends in the middle.
    #[error("the backup from standard input is not whole: it ends before its end; take it once more")]
    Cut,
    /// The tar has what no backup has.
    #[error("what comes from standard input is no backup of medic-core: {what} (nothing of it was used)")]
    Foreign {
        /// What, and where.
        what: String,
    },
    /// The tar is larger than what the disk has left.
    #[error(
        "{place} has no room for the backup from standard input ({free} are free, and {reserve} of them are left to the database): name a folder on another disk with --room"
    )]
    NoRoom {
        /// Which folder.
        place: String,
        /// What is free.
        free: ByteSize,
        /// What is not used.
        reserve: ByteSize,
    },
    /// Another one uses the folder.
    #[error("another medic-core uses {place}: wait for it, or name another folder")]
    Busy {
        /// Which folder.
        place: String,
    },
    /// `backup.json` is not what it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is no `backup.json`.
    #[error(
        "{place} holds no finished backup: its backup.json is written last; run 'medic-core backup' with it once more, and it goes on"
    )]
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
    #[error(
        "{place} holds a backup of another server (its UUID is {theirs}, this one's is {ours}): take another folder"
    )]
    OtherServer {
        /// Which folder.
        place: String,
        /// The server of the backup.
        theirs: String,
        /// The server that was to be backed up.
        ours: String,
    },
    /// The folder has a backup of a database that is gone: what its feed of changes was at means nothing to the present one's.
    #[error(
        "{place} holds a backup of an earlier database '{name}', which was removed and made again: take another folder (nothing in this one was changed)"
    )]
    OtherDatabase {
        /// Which folder.
        place: String,
        /// Its name.
        name: DatabaseName,
    },
    /// There are documents already.
    #[error(
        "the database '{name}' has documents already: restore into an empty one, or add to what is there with --merge (nothing was changed)"
    )]
    NotEmpty {
        /// Its name.
        name: DatabaseName,
    },
    /// Documents that were written are not there.
    #[error(
        "after restoring '{name}', {missing} revisions are not there, '{first}' is one: nothing is lost from the backup; svc-log medic-core couchdb may say why"
    )]
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
            Self::Name { .. } | Self::Address { .. } => 2,
            Self::Silent { .. } | Self::Denied { .. } | Self::Refused { .. } | Self::Odd { .. } => 3,
            Self::NoDatabase { .. }
            | Self::NotEmpty { .. }
            | Self::OtherServer { .. }
            | Self::OtherDatabase { .. }
            | Self::Busy { .. } => 4,
            Self::Unfinished { .. }
            | Self::Damaged { .. }
            | Self::Document(_)
            | Self::Cut
            | Self::Foreign { .. } => 5,
            Self::Missing { .. } => 6,
            Self::File(_) | Self::Stream { .. } | Self::NoRoom { .. } => 7,
        }
    }
}
