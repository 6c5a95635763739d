//! Which file systems a transaction has written to, so that all of it is made durable by one call for each.

use std::collections::BTreeMap;

use medic_sys::files::{FileError, Folder};

/// One open folder for each file system that was written to.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeMap<u64, Folder>);

impl Touched {
    /// Something in this folder was written.
    pub(super) fn note(&mut self, folder: &Folder) -> Result<(), FileError> {
        let device = folder.own_node()?.device;
        if let std::collections::btree_map::Entry::Vacant(vacant) = self.0.entry(device) {
            vacant.insert(folder.again()?);
        }
        Ok(())
    }

    /// Makes all of it durable.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        self.0.values().try_for_each(Folder::sync_filesystem)
    }
}
