//! Where a backup that comes by a pipe is put until it is verified: nothing of it is used before.

use std::io::Read;
use std::path::Path;

use medic_sys::files::{Folder as Files, Lock};

use crate::error::Error;
use crate::folder::Folder;
use crate::stream::unpack;

/// The folder's name, and that of the file which is held as long as it is used.
const UNPACKED: &str = ".unpacked";
const LOCK: &str = ".unpacked.lock";

/// A folder on a disk with room for a backup.
pub struct Room<'a>(pub &'a Path);

impl Room<'_> {
    /// Does something with the backup at `place`, which is unpacked for it if it is `-`: a tar from `input`. What one that was killed
    /// has left is removed first.
    ///
    /// # Errors
    /// [`Error::Busy`], those of [`unpack`] and of `act`; whatever it is, nothing is left of what was unpacked.
    pub fn with(
        &self,
        place: &Path,
        input: &mut dyn Read,
        act: impl FnOnce(&Folder) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if place != Path::new("-") {
            return act(&Folder::open(place)?);
        }
        let room = Files::open(self.0)?;
        let busy = |_| Error::Busy { place: self.0.display().to_string() };
        let _lock = Lock::try_take(&self.0.join(LOCK), "")?.map_err(busy)?;
        room.remove_all(UNPACKED)?;
        room.make_folder(UNPACKED, 0o700)?;
        let done = Folder::open(&self.0.join(UNPACKED)).and_then(|mut folder| {
            unpack(input, &mut folder)?;
            act(&folder)
        });
        let removed = room.remove_all(UNPACKED);
        done?;
        removed?;
        Ok(())
    }
}
