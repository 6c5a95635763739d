//! The care of CouchDB's data, by its own interface, while it runs: what `medic-core backup`, `restore` and `verify` do.
//!
//! A backup is a folder, or the same as a tar:
//!
//! ```text
//! <database>/00000001.jsonl.gz   what changed between two points of the database's feed of changes: a line says which, then each
//!                                revision that was current, whole, with its history and its attachments, on a line of its own
//! backup.json                    the list of all of these, with their digests; written last
//! ```
//!
//! So a backup that was cut off goes on behind its last part, and one that is made into a folder with a backup adds what changed.
//! A document that changed meanwhile stands in a later part once more: restoring takes histories as they are, and gives the union.
//!
//! Never: writes to a database before the whole backup is verified; holds more in memory than one document with its attachments; takes
//! a name from a tar or from `backup.json` that is none of a backup; prints, or reads the clock or the environment, but in [`command`]'s
//! program, which is given all of it.

mod backup;
mod couch;
mod document;
mod error;
mod folder;
mod index;
mod part;
mod reporter;
mod restore;
mod room;
mod screen;
mod stream;
mod verify;

pub mod command;

pub use backup::backup;
pub use couch::Couch;
pub use document::Document;
pub use error::Error;
pub use folder::Folder;
pub use index::{DatabaseIndex, DatabaseName, Index, PartEntry};
pub use reporter::{Event, Reporter};
pub use restore::{Into, restore};
pub use stream::Stream;
pub use verify::verify;
