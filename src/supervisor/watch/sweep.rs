//! The descendants of a service: whether any live, and killing them all, however they were started.

use medic_sys::process::{Mark, mark_of, pids, process};
use medic_sys::signal::{number, send, send_group};

/// Whose descendants are meant.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The mark they bear; none where marks cannot be had.
    pub mark: Option<Mark>,
    /// The session that the service began, also its group.
    pub session: u32,
    /// This process: orphans of the family become its children.
    pub myself: u32,
}

/// So many rounds stop whatever still forks: each round stops all that the one before did not know.
const ROUNDS: usize = 100;

impl Family {
    /// Gives each member that has not ended to `each`, with its state.
    fn each(&self, mut each: impl FnMut(u32, u8)) {
        // Without /proc nobody is found; the group was signalled all the same.
        let _ = pids(|pid| {
            if pid == self.myself || !self.may_bear(pid) {
                return;
            }
            let Some(known) = process(pid).filter(|known| !matches!(known.state, b'Z' | b'X')) else {
                return;
            };
            let is_member = self.mark.is_some()
                || known.parent == self.myself
                || (self.session > 1 && known.session == self.session);
            if is_member {
                each(pid, known.state);
            }
        });
    }

    fn may_bear(&self, pid: u32) -> bool {
        self.mark.is_none_or(|mark| mark_of(pid).is_some_and(|limit| mark.holds(limit)))
    }

    /// Whether any member lives.
    pub fn lives(&self) -> bool {
        let mut found = false;
        self.each(|_, _| found = true);
        found
    }

    /// Stops all members, so that none can fork any more, then kills them.
    pub fn kill(&self) {
        for _ in 0..ROUNDS {
            let mut running = 0;
            self.each(|pid, state| {
                if !matches!(state, b'T' | b't') {
                    running += 1;
                    let _ = send(pid, number::STOP);
                }
            });
            if running == 0 {
                break;
            }
        }
        self.each(|pid, _| {
            let _ = send(pid, number::KILL);
        });
    }

    /// Sends a signal to the service's group, and wakes whoever of it is stopped, so that it can obey.
    pub fn signal(&self, signal: i32) {
        let _ = send_group(self.session, signal);
        let _ = send_group(self.session, number::CONT);
    }
}
