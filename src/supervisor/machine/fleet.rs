//! All services together: who is supervised, what is wanted of each, in which order they start and stop, and when a
//! command is answered.

mod command;
mod member;
mod stopping;

use medic_sys::process::Exit;

use super::Millis;
use super::wanted::Aim;
pub use command::{Operation, Outcome, Request};
use member::{Gate, Watch};
pub use member::{Member, Seen, Setting};
use stopping::Stopping;

/// A service's number: that of its slot.
pub type Id = usize;
/// Names who waits for an answer.
pub type Ticket = u64;

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These services may be started: setup is done for them.
    Begin(Vec<Id>),
    /// A service's supervisor has published this.
    Seen(Id, Seen),
    /// [`Action::Fork`] was carried out, or not.
    Forked(Id, bool),
    /// A supervisor has ended, of itself or by force. What it published last was told before.
    SupervisorEnded(Id, Exit),
    /// Somebody asks for something.
    Command(Ticket, Request),
    /// [`Action::Mark`] was carried out; an error tells why not.
    Marked(Ticket, Result<(), String>),
    /// [`Action::Reload`] was carried out; an error tells why not.
    Reloaded(Ticket, Result<(), String>),
    /// The package is gone: stop the service and forget it.
    Remove(Id),
    /// The service's supervisor is ended, so that the next one has the new definition; the service goes on.
    Replace(Id),
    /// The command in the foreground was started.
    CommandStarted,
    /// The command in the foreground has ended.
    CommandEnded(Exit),
    /// End everything, and then with this exit code.
    Stop(u8),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a supervisor for this service; [`Event::Forked`] follows at once.
    Fork(Id),
    /// Show what is wanted of this service to its supervisor, and to whoever inspects.
    Publish(Id),
    /// Write down durably whether the service is disabled; [`Event::Marked`] follows at once.
    Mark(Ticket, Id, bool),
    /// Have the service's supervisor make it re-read its settings; [`Event::Reloaded`] follows some time. One that dies over it
    /// is replaced, and then this is asked of the next one.
    Reload(Ticket, Id),
    /// Answer.
    Reply(Ticket, Outcome),
    /// Every service has been started, or has shown that it cannot be: those that are not well are given.
    Settled(Vec<Id>),
    /// Say this to the operator.
    Say(String),
    /// Nothing is left of this removed service: its slot is free.
    Free(Id),
    /// Ask the command in the foreground to end.
    StopCommand,
    /// Kill whatever is left, and end with this exit code.
    Exit(u8),
}

/// Someone who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    ticket: Ticket,
    id: Id,
    goal: Goal,
    generation: u32,
    until: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Up,
    Down,
    Gone,
    Reloaded,
    /// The mark is being written; then the operation goes on.
    Marked(Operation),
}

/// All services.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    members: Vec<Option<Member>>,
    pending: Vec<Pending>,
    stopping: Option<Stopping>,
    command_runs: bool,
    begun: bool,
    settled: bool,
    budget: Millis,
}

/// The signal that no program answers for.
const KILL: u8 = 9;

/// More commands than this at once are refused: memory stays bounded.
pub const MAX_PENDING: usize = 8192;

impl Fleet {
    /// Without any service; stopping everything may take `budget`.
    pub fn new(budget: Millis) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Takes in a service, under the lowest number that is free.
    pub fn add(&mut self, setting: Setting) -> Id {
        let member = Some(Member::new(setting));
        match self.members.iter().position(Option::is_none) {
            Some(id) => {
                self.members[id] = member;
                id
            }
            None => {
                self.members.push(member);
                self.members.len() - 1
            }
        }
    }

    /// The service with this number.
    pub fn member(&self, id: Id) -> Option<&Member> {
        self.members.get(id).and_then(Option::as_ref)
    }

    /// The service with this number, to set what only init's loop knows.
    pub fn member_mut(&mut self, id: Id) -> Option<&mut Member> {
        self.members.get_mut(id).and_then(Option::as_mut)
    }

    /// All services with their numbers.
    pub fn members(&self) -> impl Iterator<Item = (Id, &Member)> {
        self.members.iter().enumerate().filter_map(|(id, member)| Some((id, member.as_ref()?)))
    }

    /// The numbers that services may have; of some there may be no service.
    fn ids(&self) -> std::ops::Range<Id> {
        0..self.members.len()
    }

    /// Whether everything is being ended.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Takes what has happened, and adds to `out` what is to be done, in order.
    pub fn step(&mut self, now: Millis, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Begin(ids) => self.begin(&ids, out),
            Event::Seen(id, seen) => self.seen(now, id, seen, out),
            Event::Forked(id, worked) => self.forked(now, id, worked, out),
            Event::SupervisorEnded(id, exit) => self.supervisor_ended(now, id, exit, out),
            Event::Command(ticket, request) => self.command(now, ticket, request, out),
            Event::Marked(ticket, result) => self.marked(now, ticket, result, out),
            Event::Reloaded(ticket, result) => self.reloaded(ticket, result, out),
            Event::Remove(id) => self.remove(id, out),
            Event::Replace(id) => self.member_mut(id).into_iter().for_each(|member| member.replaced = true),
            Event::CommandStarted => self.command_runs = true,
            Event::CommandEnded(exit) => self.command_ended(now, exit, out),
            Event::Stop(code) => self.stop(now, code, out),
            Event::Tick => self.tick(now, out),
        }
        self.open_gates(out);
        self.settle(out);
        self.stop_on(out);
    }

    /// When [`Event::Tick`] is wanted at the latest.
    pub fn deadline(&self) -> Option<Millis> {
        let forks = self.members().filter_map(|(_, member)| member.fork_at());
        let pending = self.pending.iter().map(|pending| pending.until);
        let stopping = self.stopping.iter().map(Stopping::deadline);
        forks.chain(pending).chain(stopping).min()
    }

    fn begin(&mut self, ids: &[Id], out: &mut Vec<Action>) {
        self.begun = true;
        for id in ids {
            if let Some(member) = self.member_mut(*id).filter(|member| !member.disabled) {
                (member.gate, member.watch) = (Gate::Closed, Watch::Forking);
            }
        }
        // Who need not wait is wanted before it has a supervisor: that starts it at once, while init makes the next one.
        for id in ids {
            if self.may_open(*id)
                && let Some(member) = self.member_mut(*id)
            {
                member.open();
            }
        }
        // All are shown before the first is forked: whoever looks sees them all.
        out.extend(ids.iter().filter(|id| self.member(**id).is_some()).map(|id| Action::Publish(*id)));
        let begun = ids.iter().filter(|id| self.member(**id).is_some_and(Member::is_watched));
        out.extend(begun.map(|id| Action::Fork(*id)));
    }

    /// Has a supervisor made for a service that has none; what is wanted is published first.
    fn supervise(&mut self, id: Id, out: &mut Vec<Action>) {
        let Some(member) = self.member_mut(id) else { return };
        member.watch = Watch::Forking;
        out.push(Action::Publish(id));
        out.push(Action::Fork(id));
    }

    fn forked(&mut self, now: Millis, id: Id, worked: bool, out: &mut Vec<Action>) {
        if let Some(member) = self.member_mut(id) {
            member.watch = if worked { Watch::Alive { since: now } } else { Watch::Again { at: now + 200 } };
        }
        if worked {
            // What was asked of an earlier supervisor, which died over it.
            out.extend(self.reloading(id).map(|ticket| Action::Reload(ticket, id)));
        }
    }

    fn seen(&mut self, now: Millis, id: Id, seen: Seen, out: &mut Vec<Action>) {
        let Some(member) = self.member_mut(id) else { return };
        member.seen = seen;
        if let Some(failure) = member.new_failure() {
            out.push(Action::Say(format!("Warning: Service '{}' {failure}", member.name)));
        }
        let over = seen.phase == super::service::Phase::Over && member.is_served();
        let name = over.then(|| member.name.clone());
        if let (Some(name), false) = (name, self.is_stopping()) {
            let exit = seen.last_exit.unwrap_or(Exit::Code(1));
            out.push(Action::Say(format!(
                "Warning: Service '{name}' is essential and ended with {exit}: stopping"
            )));
            self.stop(now, exit.shell_code(), out);
        }
        self.answer_pending(out);
    }

    fn supervisor_ended(&mut self, now: Millis, id: Id, exit: Exit, out: &mut Vec<Action>) {
        let Some(member) = self.member_mut(id) else { return };
        let lived = match member.watch {
            Watch::Alive { since } => now.saturating_sub(since),
            Watch::None => return,
            Watch::Forking | Watch::Again { .. } => 0,
        };
        if member.may_go() {
            member.watch = Watch::None;
            let removed = member.removed;
            out.push(Action::Publish(id));
            self.end_reloads(id, out);
            if removed {
                self.members[id] = None;
                self.pending_removed(id, out);
                out.push(Action::Free(id));
            }
        } else {
            let replaced = std::mem::take(&mut member.replaced);
            member.short_lives = if lived < 1000 && !replaced { member.short_lives + 1 } else { 0 };
            let name = member.name.clone();
            // Once or twice is an accident and is repaired at once; a supervisor that cannot live must not become a storm.
            // One that is killed can live: there the wait is hardly felt.
            let pace = if exit == Exit::Signal(KILL) { 2 } else { 100 };
            let wait = Millis::from(member.short_lives.saturating_sub(3).min(10)) * pace;
            if wait == 0 {
                self.supervise(id, out);
            } else {
                member.watch = Watch::Again { at: now + wait };
            }
            if !replaced {
                out.push(Action::Say(format!("Warning: The supervisor of '{name}' died and is replaced")));
            }
        }
        self.answer_pending(out);
    }

    fn remove(&mut self, id: Id, out: &mut Vec<Action>) {
        let Some(member) = self.member_mut(id) else { return };
        member.removed = true;
        if member.watch == Watch::None {
            self.members[id] = None;
            out.push(Action::Free(id));
        } else {
            member.want(Aim::Leave);
            out.push(Action::Publish(id));
        }
    }

    /// Lets those start whose dependencies are ready.
    fn open_gates(&mut self, out: &mut Vec<Action>) {
        if !self.begun || self.is_stopping() {
            return;
        }
        for id in self.ids() {
            if self.may_open(id)
                && let Some(member) = self.member_mut(id)
            {
                member.open();
                out.push(Action::Publish(id));
            }
        }
    }

    /// Whether a service waits for others, and none of them holds it up any more.
    fn may_open(&self, id: Id) -> bool {
        let free = |member: &Member| !member.after.iter().any(|other| self.holds_up(*other));
        !self.is_stopping()
            && self.member(id).is_some_and(|member| member.gate == Gate::Closed && free(member))
    }

    /// Whether others must wait for this one: it is to run, and is not ready. Who is not to run holds nobody up.
    fn holds_up(&self, id: Id) -> bool {
        self.member(id).is_some_and(|member| member.is_expected() && !member.is_well())
    }

    /// Tells once that every service has shown what it can do.
    fn settle(&mut self, out: &mut Vec<Action>) {
        if self.settled || !self.begun || self.is_stopping() {
            return;
        }
        let mut unwell = Vec::new();
        for (id, member) in self.members() {
            if !member.is_expected() || member.is_well() {
                continue;
            }
            if !self.has_failed(id, self.members.len()) {
                return;
            }
            unwell.push(id);
        }
        self.settled = true;
        out.push(Action::Settled(unwell));
    }

    /// Whether a service has shown that it does not get up, or waits for one that has. `depth` bounds a circle.
    fn has_failed(&self, id: Id, depth: usize) -> bool {
        let Some(member) = self.member(id) else { return false };
        match member.gate {
            Gate::Open => member.has_failed(),
            Gate::Closed => {
                depth == 0
                    || member
                        .after
                        .iter()
                        .any(|other| self.holds_up(*other) && self.has_failed(*other, depth - 1))
            }
        }
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        for id in self.ids() {
            if self.member(id).and_then(Member::fork_at).is_some_and(|at| at <= now) {
                self.supervise(id, out);
            }
        }
        self.expire(now, out);
        self.stop_harder(now, out);
    }
}

#[cfg(test)]
mod tests;
