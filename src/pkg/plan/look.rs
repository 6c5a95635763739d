//! What a plan has to know of the file system; so plans can be tested without one.

use medic_model::{RelPath, Sha256};
use medic_sys::files::{FileError, Kind};

use crate::root::Root;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Nothing.
    Absent,
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Owner and group.
        owner: (u32, u32),
    },
    /// A symbolic link, and what it says.
    Link(String),
    /// Anything else.
    Other,
}

/// Looks at the file system without changing it.
pub trait Look {
    /// What is at a path; links are not followed.
    ///
    /// # Errors
    /// It cannot be told.
    fn look(&self, path: &RelPath) -> Result<Observed, FileError>;

    /// The digest of a regular file.
    ///
    /// # Errors
    /// It cannot be read.
    fn digest(&self, path: &RelPath) -> Result<Sha256, FileError>;

    /// Whether somebody has put a path out of our reach: a file that is mounted over it, or a folder that is mounted
    /// read-only, as containers are given settings. Such a path is neither replaced nor removed.
    ///
    /// # Errors
    /// It cannot be told.
    fn is_fixed(&self, path: &RelPath) -> Result<bool, FileError>;
}

impl Look for Root {
    fn look(&self, path: &RelPath) -> Result<Observed, FileError> {
        let Some(node) = self.node(path)? else { return Ok(Observed::Absent) };
        Ok(match node.kind {
            Kind::Folder => Observed::Folder,
            Kind::File => Observed::File { mode: node.mode, owner: (node.uid, node.gid) },
            Kind::Link => Observed::Link(self.read_link(path)?.unwrap_or_default()),
            Kind::Other => Observed::Other,
        })
    }

    fn digest(&self, path: &RelPath) -> Result<Sha256, FileError> {
        let place = self.place(path)?;
        let file = place.folder.open_file(&place.name)?;
        let digested = medic_archive::digest::of_reader(file);
        digested.map(|d| d.sha256).map_err(|error| FileError::new("read", self.path_of(path), error))
    }

    fn is_fixed(&self, path: &RelPath) -> Result<bool, FileError> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(place) = self.place_if_there(&path)? {
                return Ok(place.folder.is_mount_point(&place.name)? || place.folder.is_read_only()?);
            }
            at = path.parent();
        }
        Ok(false)
    }
}
