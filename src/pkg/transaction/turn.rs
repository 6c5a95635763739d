//! A change of what is remembered beside the packages (repositories, keys, holds), or only a look at what it would do.

use medic_model::RelPath;

use super::Session;
use crate::error::Error;
use crate::root::Root;

/// Whose turn it is.
pub enum Turn {
    /// Ours: it is done.
    Change(Session),
    /// Nobody's: everything is checked, and nothing is written.
    Look(Root),
}

impl Turn {
    /// Where.
    pub fn root(&self) -> &Root {
        match self {
            Self::Change(session) => session.root(),
            Self::Look(root) => root,
        }
    }

    /// Writes a file whole and durably.
    pub(crate) fn write(&self, path: &RelPath, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Change(session) => Ok(session.root().write_durable(path, bytes, 0o644)?),
            Self::Look(_) => Ok(()),
        }
    }

    /// Removes a file; whether it was there.
    pub(crate) fn remove(&self, path: &RelPath) -> Result<bool, Error> {
        match self {
            Self::Change(session) => Ok(session.root().remove_durable(path)?),
            Self::Look(root) => Ok(root.node(path)?.is_some()),
        }
    }
}
