//! The status of every service in memory that init, the supervisors and whoever inspects share: a file of 64-bit
//! words, `/run/supervisor/status`. Reading it wakes nobody.
//!
//! ```text
//! slot 0           the header: format, init's process, stage, how many slots are in use
//! slot 1 + n       service n: 64 words (512 bytes)
//!   0..32          written by init: what is wanted, flags, the supervisor's process, names
//!   32..64         written by the service's supervisor: phase, times, counts
//!   32             the claim: epoch and process of the service, changed by compare-and-swap only
//! ```
//!
//! Each half has one writer. The supervisor's half is read between two equal, even counts of its changes, so that
//! a reader never shows a state that never was. Times are milliseconds of the monotonic clock.

mod reader;
mod slot;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use medic_sys::memory::SharedWords;

pub use reader::{Reader, ReaderError, Record, Stage};
pub use slot::{Flags, Inherited, Slot, Standing};

/// How many services there can be.
pub const MAX_SERVICES: usize = 4095;
/// The words of a slot.
const SLOT: usize = 64;
/// The version of the form of this file.
const FORMAT: u64 = 0x4d45_4449_4300_0001;
/// The file's name.
pub const FILE_NAME: &str = "status";

mod header {
    pub const FORMAT: usize = 0;
    pub const INIT_PID: usize = 1;
    pub const STAGE: usize = 2;
    pub const SLOTS: usize = 3;
    pub const SINCE: usize = 4;
}

/// The table as init and the supervisors have it.
#[derive(Debug)]
pub struct Table {
    words: SharedWords,
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the status file {}: {source}", path.display())]
pub struct TableError {
    path: PathBuf,
    source: io::Error,
}

impl Table {
    /// A new, empty table in `folder`, in place of an earlier one. It is sparse: only slots in use cost memory.
    ///
    /// # Errors
    /// The file cannot be made or mapped.
    pub fn create(folder: &Path, init_pid: u32, now: u64) -> Result<Self, TableError> {
        let path = folder.join(FILE_NAME);
        let error = |source| TableError { path: path.clone(), source };
        // Made aside: whoever looks sees a whole one or none.
        let aside = folder.join(".status.new");
        let _ = std::fs::remove_file(&aside);
        let file = File::options().read(true).write(true).create_new(true).open(&aside).map_err(error)?;
        let words = SLOT * (1 + MAX_SERVICES);
        file.set_len((words * 8) as u64).map_err(error)?;
        let words = SharedWords::map(&file, words).map_err(error)?;
        words[header::INIT_PID].store(u64::from(init_pid), Ordering::Relaxed);
        words[header::SINCE].store(now, Ordering::Relaxed);
        words[header::FORMAT].store(FORMAT, Ordering::Release);
        std::fs::rename(&aside, &path).map_err(error)?;
        Ok(Self { words })
    }

    /// How far init is.
    pub fn set_stage(&self, stage: Stage) {
        self.words[header::STAGE].store(stage as u64, Ordering::Release);
    }

    /// The slot of the service with this number; `None` beyond [`MAX_SERVICES`].
    pub fn slot(&self, id: usize) -> Option<Slot<'_>> {
        let start = SLOT * (1 + id);
        self.words.get(start..start + SLOT).map(Slot::new)
    }

    /// Notes that the slot is in use, so that readers look so far.
    pub fn reach(&self, id: usize) {
        self.words[header::SLOTS].fetch_max(id as u64 + 1, Ordering::AcqRel);
    }
}
