//! What can be published to.

use std::fs::File;
use std::path::Path;

use super::PublishError;
use crate::index::Listed;
use crate::transport::Transport;

/// The files of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFiles {
    /// The index's number.
    pub version: u64,
    /// Names and bytes: signatures, and the index last.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Where a repository is published.
pub trait Place {
    /// Where it is, for messages.
    fn location(&self) -> String;

    /// What reads what is there.
    ///
    /// # Errors
    /// It cannot be reached at all.
    fn transport(&self) -> Result<Box<dyn Transport>, PublishError>;

    /// Bytes that are others whenever another index was published; none where none was.
    ///
    /// # Errors
    /// It cannot be read.
    fn mark(&self) -> Result<Option<Vec<u8>>, PublishError>;

    /// Makes ready for writing, and keeps other publishers away where that can be, for as long as the value lives.
    ///
    /// # Errors
    /// Another publisher is at work; it cannot be written.
    fn begin(&self) -> Result<Option<File>, PublishError>;

    /// Whether it has an archive, with just the bytes that the index says.
    ///
    /// # Errors
    /// That cannot be found out.
    fn has(&self, listed: &Listed) -> Result<bool, PublishError>;

    /// Puts an archive there. Nobody reads it until an index lists it.
    ///
    /// # Errors
    /// It cannot be read or written.
    fn put_archive(&self, listed: &Listed, archive: &Path) -> Result<(), PublishError>;

    /// Makes an index the newest, at once, in the place of that of `mark`; says whether it is. It is not when another has taken
    /// that place meanwhile.
    ///
    /// # Errors
    /// It cannot be written; then the one before is still the newest.
    fn put_index(&self, index: &IndexFiles, mark: Option<&[u8]>) -> Result<bool, PublishError>;
}
