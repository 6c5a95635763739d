//! The end.

use medic_sys::process::{Children, next_ended, reap};
use medic_sys::signal::{number, send_everybody};

use super::Init;
use crate::control::SOCKET_NAME;
use crate::machine::Millis;
use crate::machine::fleet::Event;
use crate::table::{FILE_NAME, Stage};
use crate::watch::sweep::Family;

/// So often is looked for what is left after everything was killed; each look is a millisecond or more apart.
const LOOKS: u32 = 500;

impl Init<'_> {
    /// Everything is to end.
    pub(super) fn stop(&mut self, now: Millis, code: u8) {
        self.world.table.set_stage(Stage::Stopping);
        if self.boot.is_some() {
            self.kill_step();
            self.boot = None;
        }
        self.tell(now, Event::Stop(code));
    }

    /// Kills whatever is left, takes away the volatile state, and says last why, if it failed.
    pub(super) fn finish(mut self) -> u8 {
        self.world.table.set_stage(Stage::Stopping);
        self.kill_step();
        self.kill_rest();
        for name in [SOCKET_NAME, FILE_NAME] {
            let _ = std::fs::remove_file(self.world.folder.join(name));
        }
        if let Some(why) = self.fatal.take() {
            self.reporter.say(&format!("Fatal: {why}"));
        }
        self.exit.unwrap_or(super::super::exit_code::MACHINE)
    }

    /// As PID 1, everybody in the container; otherwise all that descends from here.
    fn kill_rest(&self) {
        let mark = self.world.marks.map(|marks| marks.whole());
        let family = Family { mark, session: 0, myself: std::process::id() };
        for _ in 0..LOOKS {
            loop {
                match next_ended() {
                    Children::Ended(pid, _) => reap(pid),
                    Children::None => return,
                    Children::Alive => break,
                }
            }
            if self.world.is_first {
                let _ = send_everybody(number::KILL);
            } else {
                family.kill();
            }
            // Their ends come as SIGCHLD; waiting for those with a limit would need no less.
            let _ = self.world.epoll.wait(Some(1), |_| {});
            while self.world.signals.next().is_some() {}
        }
    }
}
