//! The end of everything: those that nobody depends on first, all that may at once, within one budget of time.

use medic_sys::process::Exit;

use super::member::Watch;
use super::{Action, Fleet, Id, Outcome};
use crate::machine::Millis;
use crate::machine::wanted::Aim;

/// The end is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopping {
    code: u8,
    /// From then on nobody has any grace left.
    kill_at: Millis,
    /// Then it ends whatever is left.
    end_at: Millis,
    killing: bool,
    exited: bool,
}

/// What is kept of the budget for killing.
const FOR_KILLING: Millis = 500;

impl Stopping {
    pub(super) fn deadline(&self) -> Millis {
        if self.killing { self.end_at } else { self.kill_at }
    }
}

impl Fleet {
    pub(super) fn stop(&mut self, now: Millis, code: u8, out: &mut Vec<Action>) {
        if self.is_stopping() {
            return;
        }
        let end_at = now + self.budget;
        let kill_at = end_at.saturating_sub(FOR_KILLING).max(now);
        self.stopping = Some(Stopping { code, kill_at, end_at, killing: false, exited: false });
        for pending in std::mem::take(&mut self.pending) {
            out.push(Action::Reply(pending.ticket, Outcome::ShuttingDown));
        }
        if self.command_runs {
            out.push(Action::StopCommand);
        }
        // Supervisors that were to be made again are only made where there is something to stop.
        for id in self.ids() {
            let Some(member) = self.member_mut(id) else { continue };
            if matches!(member.watch, Watch::Again { .. }) && !member.seen.alive {
                member.watch = Watch::None;
            }
        }
    }

    pub(super) fn command_ended(&mut self, now: Millis, exit: Exit, out: &mut Vec<Action>) {
        self.command_runs = false;
        match &mut self.stopping {
            // Asked to end together with the services: its exit code still is the container's.
            Some(stopping) => stopping.code = exit.shell_code(),
            None => self.stop(now, exit.shell_code(), out),
        }
    }

    /// Lets those go that nobody needs any more; ends when nobody is left.
    pub(super) fn stop_on(&mut self, out: &mut Vec<Action>) {
        let Some(stopping) = self.stopping.filter(|stopping| !stopping.exited) else { return };
        let mut any = self.command_runs;
        for id in self.ids() {
            let needed = self.is_needed(id) && !stopping.killing;
            let Some(member) = self.member_mut(id).filter(|member| member.is_watched()) else { continue };
            any = true;
            let leaves = matches!(member.wanted.aim, Aim::Leave | Aim::LeaveNow);
            if !leaves && !needed {
                member.want(Aim::Leave);
                out.push(Action::Publish(id));
            }
        }
        if !any {
            self.exit(out);
        }
    }

    /// Whether a service that still has a supervisor comes after this one. In a circle nobody is needed.
    fn is_needed(&self, id: Id) -> bool {
        let mut others = self.members().filter(|(other, member)| *other != id && member.is_watched());
        others.any(|(other, member)| member.after.contains(&id) && !self.comes_after(id, other))
    }

    /// Whether `id` comes, directly or through others, after `other`.
    fn comes_after(&self, id: Id, other: Id) -> bool {
        let (mut open, mut known) = (vec![id], vec![id]);
        while let Some(at) = open.pop() {
            for next in self.member(at).map_or(&[][..], |member| &member.after) {
                if *next == other {
                    return true;
                }
                if !known.contains(next) {
                    known.push(*next);
                    open.push(*next);
                }
            }
        }
        false
    }

    pub(super) fn stop_harder(&mut self, now: Millis, out: &mut Vec<Action>) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.end_at <= now && !stopping.exited {
            return self.exit(out);
        }
        if stopping.kill_at <= now && !stopping.killing {
            stopping.killing = true;
            for id in self.ids() {
                if let Some(member) = self.member_mut(id).filter(|member| member.is_watched()) {
                    member.want(Aim::LeaveNow);
                    out.push(Action::Publish(id));
                }
            }
        }
    }

    fn exit(&mut self, out: &mut Vec<Action>) {
        if let Some(stopping) = &mut self.stopping {
            stopping.exited = true;
            out.push(Action::Exit(stopping.code));
        }
    }
}
