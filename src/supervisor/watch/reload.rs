//! A service's reload: first its check, then its command or its signal.

use medic_sys::output::read_waiting;
use medic_sys::pipe::Pipe;

use crate::machine::Millis;

/// The time limit of the check, and of the command.
pub const WITHIN: Millis = 60_000;
/// How much of what a failing check said is told.
const TOLD: usize = 1500;

/// A reload under way.
#[derive(Debug)]
pub struct Reload {
    /// The number of who waits for it.
    pub ticket: u64,
    /// What runs.
    pub stage: Stage,
    /// Its process.
    pub pid: u32,
    /// What it says comes here.
    pub said: Pipe,
    /// Its time limit.
    pub until: Millis,
}

/// What of a reload runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The check of the new settings.
    Check,
    /// The command in place of the signal.
    Command,
}

impl Reload {
    /// What the program said, or the end of it, as text without its last line end.
    pub fn said(&self) -> String {
        let mut text = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(Some(count)) = read_waiting(&self.said.reader, &mut buffer) {
            if count == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..count]);
        }
        let start = text.len().saturating_sub(TOLD);
        String::from_utf8_lossy(&text[start..]).trim_end().to_owned()
    }
}
