//! A turn at changing things: the lock is held, and what an earlier one left is cleared up.

use std::path::Path;

use medic_sys::files::Lock;

use super::recover;
use crate::error::Error;
use crate::paths;
use crate::plan::Change;
use crate::reporter::{Event, Reporter};
use crate::root::Root;

/// The right to change what is installed below a root, until it is dropped.
#[derive(Debug)]
pub struct Session {
    root: Root,
    recovered: Option<Vec<Change>>,
    _lock: Lock,
}

/// Whether to wait for another `pkg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For as long as it takes.
    Yes,
    /// Not at all.
    No,
}

impl Session {
    /// Takes the lock (`holder` is what others are told of us) and recovers.
    ///
    /// # Errors
    /// The volume cannot be written to, another `pkg` is at work and `wait` says no, or a transaction that was cut off can
    /// be neither finished nor undone.
    pub fn begin(root: &Path, holder: &str, wait: Wait, reporter: &dyn Reporter) -> Result<Self, Error> {
        let root = Root::open(root)?.with_srv()?;
        for folder in [paths::system(), paths::journal(), paths::receipts()] {
            root.make_folders(&folder)?;
        }
        let path = root.path_of(&paths::lock());
        let lock = match (Lock::try_take(&path, holder)?, wait) {
            (Ok(lock), _) => lock,
            (Err(other), Wait::No) => return Err(Error::Busy { holder: other }),
            (Err(other), Wait::Yes) => {
                reporter.event(&Event::Waiting { holder: &other });
                Lock::take(&path, holder)?
            }
        };
        let recovered = recover::recover(&root, reporter)?;
        Ok(Self { root, recovered, _lock: lock })
    }

    /// Whether a transaction that was cut off may be waiting, as a command that only reads can tell.
    ///
    /// # Errors
    /// The journal cannot be listed.
    pub fn is_needed(root: &Root) -> Result<bool, Error> {
        recover::is_needed(root)
    }

    /// Where.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// What was finished at the beginning, because an earlier `pkg` was cut off after its decision; none when nothing was recovered
    /// at all.
    pub fn recovered(&self) -> Option<&[Change]> {
        self.recovered.as_deref()
    }
}
