//! The end of everything: those that nobody depends on first, all that may at once, within one budget of time.

use medic_sys::process::Exit;

use super::member::{Member, Watch};
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

    /// Lets those go that nobody needs any more; ends when nobody is left. Costs a look at each service, and at what those that
    /// still run come after.
    pub(super) fn stop_on(&mut self, out: &mut Vec<Action>) {
        let Some(stopping) = self.stopping.filter(|stopping| !stopping.exited) else { return };
        let (mut any, mut stay) = (self.command_runs, false);
        for (_, member) in self.members().filter(|(_, member)| member.is_watched()) {
            any = true;
            stay |= !member.is_leaving();
        }
        if !any {
            return self.exit(out);
        }
        // Mostly all have been told already.
        if !stay {
            return;
        }
        let needed = if stopping.killing { Vec::new() } else { self.needed() };
        for id in self.ids() {
            let may_go = |member: &&mut Member| member.is_watched() && !member.is_leaving();
            let Some(member) = self.member_mut(id).filter(may_go) else { continue };
            if !needed.get(id).copied().unwrap_or(false) {
                member.want(Aim::Leave);
                out.push(Action::Publish(id));
            }
        }
    }

    /// Of each service, whether one that still has a supervisor comes after it. In a circle nobody is needed.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.members.len()];
        for (id, member) in self.members().filter(|(_, member)| member.is_watched()) {
            for before in member.after.iter().copied().filter(|before| *before != id) {
                if let Some(place) = needed.get_mut(before) {
                    *place = *place || !self.comes_after(before, id);
                }
            }
        }
        needed
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
