//! What operators ask for, what it does, and when it is answered.

use super::member::{Gate, Member};
use super::{Action, Fleet, Goal, Id, MAX_PENDING, Pending, Ticket};
use crate::machine::Millis;
use crate::machine::service::Phase;
use crate::machine::wanted::Aim;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Start a supervisor, and the service.
    Supervise,
    /// End the service and its supervisor.
    Unsupervise,
    /// Start the service.
    Up,
    /// End the service; the supervisor stays.
    Down,
    /// End and start the service.
    Restart,
    /// Have the service re-read its settings.
    Reload,
    /// End the service, and do not start it again, at boot neither.
    Disable,
    /// Undo `Disable`, and start the service.
    Enable,
}

/// One request for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub operation: Operation,
    /// The service.
    pub id: Id,
    /// Whether what stands in the way is to be removed: a service already up is no error, a disabled one is enabled.
    pub force: bool,
    /// In place of the time that the operation has by its service's definition.
    pub within: Option<Millis>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is as was asked for.
    Done,
    /// It runs already.
    AlreadyUp,
    /// It was held down already.
    AlreadyDown,
    /// It is held down: start it in place of restarting it.
    IsDown,
    /// It is disabled.
    Disabled,
    /// It was disabled already.
    AlreadyDisabled,
    /// It is not disabled.
    NotDisabled,
    /// It has no supervisor.
    Unsupervised,
    /// It has a supervisor already.
    AlreadySupervised,
    /// It does not run.
    NotRunning,
    /// There is no such service.
    NoSuchService,
    /// The time was over before it was as was asked for; it still may become so.
    TimedOut(Millis),
    /// It did not work out, and why.
    Failed(String),
    /// A later command asked for something else.
    Overtaken,
    /// Everything is being ended.
    ShuttingDown,
    /// Too many commands at once.
    Busy,
}

/// What a command has over the time that the service's definition gives it.
const MARGIN: Millis = 5000;

impl Fleet {
    pub(super) fn command(&mut self, now: Millis, ticket: Ticket, request: Request, out: &mut Vec<Action>) {
        if let Err(outcome) = self.obey(now, ticket, request, out) {
            out.push(Action::Reply(ticket, outcome));
        }
        self.answer_pending(out);
    }

    /// Does what is asked for, or tells at once why not.
    fn obey(
        &mut self,
        now: Millis,
        ticket: Ticket,
        request: Request,
        out: &mut Vec<Action>,
    ) -> Result<(), Outcome> {
        let Request { operation, id, force, within } = request;
        if self.is_stopping() {
            return Err(Outcome::ShuttingDown);
        }
        if self.pending.len() >= MAX_PENDING {
            return Err(Outcome::Busy);
        }
        let member = self.member(id).filter(|member| !member.removed).ok_or(Outcome::NoSuchService)?;
        let goal = decide(operation, force, member)?;
        let until = now + within.unwrap_or_else(|| time_for(goal, member));
        let marks = match (operation, goal) {
            (_, Goal::Marked(_)) => Some(operation == Operation::Disable),
            _ => None,
        };
        match (goal, marks) {
            (_, Some(disabled)) => out.push(Action::Mark(ticket, id, disabled)),
            (Goal::Reloaded, _) => out.push(Action::Reload(ticket, id)),
            (goal, _) => self.pursue(id, goal, operation, out),
        }
        let generation = self.member(id).map_or(0, |member| member.wanted.generation);
        self.pending.push(Pending { ticket, id, goal, generation, until });
        Ok(())
    }

    /// Sets the wish by which a goal is reached.
    fn pursue(&mut self, id: Id, goal: Goal, operation: Operation, out: &mut Vec<Action>) {
        let Some(member) = self.member_mut(id) else { return };
        let watched = member.is_watched();
        match goal {
            Goal::Up => {
                // Whoever starts a service by hand does not wait for those it comes after.
                member.gate = Gate::Open;
                // A service that is on its way up is only waited for, unless it is to be another process.
                let on_its_way =
                    watched && member.wanted.aim == Aim::Up && member.seen.phase != Phase::Waiting;
                if !on_its_way || operation == Operation::Restart {
                    member.want(Aim::Up);
                }
                if watched {
                    out.push(Action::Publish(id));
                } else {
                    self.supervise(id, out);
                }
            }
            Goal::Down | Goal::Gone => {
                member.gate = Gate::Open;
                member.want(if goal == Goal::Down { Aim::Down } else { Aim::Leave });
                out.push(Action::Publish(id));
            }
            Goal::Reloaded | Goal::Marked(_) => {}
        }
    }

    pub(super) fn marked(
        &mut self,
        now: Millis,
        ticket: Ticket,
        result: Result<(), String>,
        out: &mut Vec<Action>,
    ) {
        let Some(at) = self.pending.iter().position(|p| p.ticket == ticket) else { return };
        let Goal::Marked(operation) = self.pending[at].goal else { return };
        let id = self.pending[at].id;
        if let Err(why) = result {
            self.pending.swap_remove(at);
            return out.push(Action::Reply(ticket, Outcome::Failed(why)));
        }
        let Some(member) = self.member_mut(id) else { return };
        let disables = operation == Operation::Disable;
        member.disabled = disables;
        let goal = if disables { Goal::Gone } else { Goal::Up };
        let until = now + time_for(goal, member);
        if disables && !member.is_watched() {
            out.push(Action::Publish(id));
        } else {
            self.pursue(id, goal, operation, out);
        }
        let generation = self.member(id).map_or(0, |member| member.wanted.generation);
        self.pending[at] = Pending { ticket, id, goal, generation, until };
        self.answer_pending(out);
    }

    pub(super) fn reloaded(&mut self, ticket: Ticket, result: Result<(), String>, out: &mut Vec<Action>) {
        if let Some(at) = self.pending.iter().position(|p| p.ticket == ticket && p.goal == Goal::Reloaded) {
            self.pending.swap_remove(at);
            out.push(Action::Reply(ticket, result.map_or_else(Outcome::Failed, |()| Outcome::Done)));
        }
    }

    /// Those who wait for a reload of this service.
    pub(super) fn reloading(&self, id: Id) -> impl Iterator<Item = Ticket> {
        let waits = move |pending: &&Pending| pending.id == id && pending.goal == Goal::Reloaded;
        self.pending.iter().filter(waits).map(|pending| pending.ticket)
    }

    /// The service is gone, and with it whoever could reload it.
    pub(super) fn end_reloads(&mut self, id: Id, out: &mut Vec<Action>) {
        self.pending.retain(|pending| {
            let ends = pending.id == id && pending.goal == Goal::Reloaded;
            if ends {
                out.push(Action::Reply(pending.ticket, Outcome::NotRunning));
            }
            !ends
        });
    }

    /// Answers everybody whose goal is reached, or cannot be reached any more.
    pub(super) fn answer_pending(&mut self, out: &mut Vec<Action>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|waiting| match self.verdict(waiting) {
            Some(outcome) => {
                out.push(Action::Reply(waiting.ticket, outcome));
                false
            }
            None => true,
        });
        self.pending = pending;
    }

    fn verdict(&self, pending: &Pending) -> Option<Outcome> {
        let Some(member) = self.member(pending.id) else {
            return Some(if pending.goal == Goal::Gone { Outcome::Done } else { Outcome::NoSuchService });
        };
        if matches!(pending.goal, Goal::Reloaded | Goal::Marked(_)) {
            return None;
        }
        if pending.generation != member.wanted.generation {
            return Some(Outcome::Overtaken);
        }
        let seen = member.seen;
        match pending.goal {
            Goal::Up if member.is_well() => Some(Outcome::Done),
            Goal::Up if member.has_failed() => Some(Outcome::Failed(why_failed(member))),
            Goal::Down if !seen.alive && seen.phase == Phase::Down => Some(Outcome::Done),
            Goal::Gone if !member.is_watched() => Some(Outcome::Done),
            _ => None,
        }
    }

    /// The slot of a removed service is given back: nobody may wait for it any longer.
    pub(super) fn pending_removed(&mut self, id: Id, out: &mut Vec<Action>) {
        self.pending.retain(|pending| {
            if pending.id == id {
                let done = pending.goal == Goal::Gone;
                out.push(Action::Reply(
                    pending.ticket,
                    if done { Outcome::Done } else { Outcome::NoSuchService },
                ));
            }
            pending.id != id
        });
    }

    /// Answers everybody whose time is over.
    pub(super) fn expire(&mut self, now: Millis, out: &mut Vec<Action>) {
        let members = &self.members;
        self.pending.retain(|pending| {
            if pending.until <= now {
                let member = members.get(pending.id).and_then(Option::as_ref);
                let within = member.map_or(0, |member| time_for(pending.goal, member));
                out.push(Action::Reply(pending.ticket, Outcome::TimedOut(within)));
            }
            pending.until > now
        });
    }
}

/// What an operation means for a service as it is now; an error is the answer at once.
fn decide(operation: Operation, force: bool, member: &Member) -> Result<Goal, Outcome> {
    // Whose supervisor is on its way out is no longer supervised.
    let watched = member.is_watched() && member.wanted.aim != Aim::Leave;
    let held_down = watched && !member.is_expected();
    match operation {
        Operation::Enable if !member.disabled => Err(Outcome::NotDisabled),
        Operation::Disable if member.disabled && !watched => Err(Outcome::AlreadyDisabled),
        Operation::Enable | Operation::Disable => Ok(Goal::Marked(operation)),
        Operation::Up if member.disabled && force => Ok(Goal::Marked(Operation::Enable)),
        _ if member.disabled => Err(Outcome::Disabled),
        Operation::Supervise if watched => Err(Outcome::AlreadySupervised),
        Operation::Supervise => Ok(Goal::Up),
        Operation::Up if !watched && force => Ok(Goal::Up),
        _ if !watched => Err(Outcome::Unsupervised),
        Operation::Unsupervise => Ok(Goal::Gone),
        Operation::Up if held_down || member.is_gated() || may_be_hurried(member) => Ok(Goal::Up),
        Operation::Up => Err(Outcome::AlreadyUp),
        Operation::Down if held_down => Err(Outcome::AlreadyDown),
        Operation::Down => Ok(Goal::Down),
        Operation::Restart if held_down => Err(Outcome::IsDown),
        Operation::Restart => Ok(Goal::Up),
        Operation::Reload if !member.seen.alive => Err(Outcome::NotRunning),
        Operation::Reload => Ok(Goal::Reloaded),
    }
}

/// Whether a service that is to run does not, so that starting it by hand means something.
fn may_be_hurried(member: &Member) -> bool {
    matches!(member.seen.phase, Phase::Waiting | Phase::Over)
}

fn time_for(goal: Goal, member: &Member) -> Millis {
    let start = member.ready_within.unwrap_or(0);
    // What runs may have to end first.
    let stop = if member.seen.alive { member.grace } else { 0 };
    match goal {
        Goal::Up => stop + start + MARGIN,
        Goal::Down | Goal::Gone | Goal::Marked(_) => stop + MARGIN,
        Goal::Reloaded => RELOAD,
    }
}

/// The time of a reload: its check and its command may take as long as a setup step.
const RELOAD: Millis = 60_000 + MARGIN;

fn why_failed(member: &Member) -> String {
    match (member.seen.phase, member.ready_within, member.seen.last_exit) {
        (Phase::Late, Some(within), _) => {
            format!("it runs, but was not ready within {} s: see its log", within.div_ceil(1000))
        }
        (_, _, Some(exit)) => format!("it ended with {exit}, and is tried again: see its log"),
        (_, _, None) => "it cannot be started, and is tried again: see its log".to_owned(),
    }
}
