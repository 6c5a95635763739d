//! One service's life: started, ready, failed, stopped, killed, started again.
//!
//! The promises, each held by a test: nothing is started while anything of an earlier start lives; every stop has a
//! deadline after which it becomes a kill; whatever is wanted is reached as soon as the processes allow it.

use super::backoff;
use super::wanted::{Aim, Wanted};
use super::{Millis, backoff::STABLE};

/// What the definition of the service says, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// From the stop signal to the kill.
    pub grace: Millis,
    /// Ready is told by a check, within this time; none: as soon as it is started.
    pub ready_within: Option<Millis>,
    /// It does its work once and ends.
    pub oneshot: bool,
    /// Its end is final: it ends the container.
    pub essential: bool,
}

/// A time that does not come.
const NEVER: Millis = Millis::MAX;

impl Policy {
    /// The state of a process that was started just now.
    fn begin(&self, now: Millis) -> State {
        match self.ready_within {
            Some(within) => State::Running { ready: false, ready_by: Some(now.saturating_add(within)) },
            // A oneshot is up when it is done, not before; and without a check it has all the time it needs.
            None if self.oneshot => State::Running { ready: false, ready_by: Some(NEVER) },
            None => State::Running { ready: true, ready_by: None },
        }
    }
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// This is wanted now.
    Wanted(Wanted),
    /// [`Action::Start`] was carried out.
    Started,
    /// [`Action::Start`] failed; `transient` when it was the machine's fault, not the program's.
    StartFailed {
        /// Trying again soon helps.
        transient: bool,
    },
    /// The service's process has ended.
    Ended {
        /// With exit code 0.
        success: bool,
        /// Whether descendants of it live.
        left: bool,
    },
    /// Whether descendants live: the answer to [`Action::Kill`] and [`Action::Look`], or news.
    Left(bool),
    /// The readiness check has succeeded.
    Ready,
    /// The liveness check has failed often enough.
    NotLive,
    /// Time has passed: [`Machine::deadline`] may be over.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Publish [`Machine::past`], then start the program; [`Event::Started`] or [`Event::StartFailed`] follows at once.
    Start,
    /// Begin the checks of readiness and liveness of what runs.
    Check,
    /// End those checks.
    EndChecks,
    /// Send the stop signal.
    Stop,
    /// Kill the service and every descendant; [`Event::Left`] follows at once.
    Kill,
    /// Look whether any descendant lives; [`Event::Left`] follows at once.
    Look,
    /// Say that the service is not ready in time.
    SayLate,
    /// End the supervisor: nothing of the service is left.
    Leave,
}

/// What can be seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// Nothing runs, as wanted.
    #[default]
    Down,
    /// It runs, and is not ready yet.
    Starting,
    /// It runs and is ready.
    Up,
    /// It runs, and was not ready in time; it still may become so.
    Late,
    /// It was asked to end, or is being killed.
    Stopping,
    /// It failed, and is started again when its wait is over.
    Waiting,
    /// A oneshot that has done its work.
    Done,
    /// An essential service that has ended: the container ends.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Down,
    Done,
    Over,
    Waiting { until: Millis },
    Launching,
    Running { ready: bool, ready_by: Option<Millis> },
    Stopping { kill_at: Millis, look_at: Millis },
    Killing { again_at: Millis, pause: Millis },
}

/// What follows once nothing is left of a service that ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Retry { at: Millis },
    Done,
    Over,
}

/// What is known of a service from an earlier supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Past {
    /// The generation that was last started.
    pub served: u32,
    /// How often it was started.
    pub starts: u32,
    /// Failures in a row.
    pub failures: u32,
    /// The phase it was in.
    pub phase: Phase,
    /// When it was started last.
    pub since: Millis,
    /// Whether its process runs.
    pub alive: bool,
    /// Whether nothing of an earlier start can be left: it has never had a supervisor.
    pub clean: bool,
    /// When its wait is over.
    pub wait_until: Millis,
    /// Whether it ended with exit code 0 the last time it ended.
    pub succeeded: bool,
}

/// One service's life.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    policy: Policy,
    wanted: Wanted,
    state: State,
    next: Option<Next>,
    alive: bool,
    served: u32,
    starts: u32,
    failures: u32,
    since: Millis,
    random: u64,
}

/// From one look at what is being killed to the next, at first and at most.
const LOOK: (Millis, Millis) = (5, 1000);
/// From one look at the descendants of a service that ended on request to the next.
const LOOK_GENTLY: Millis = 50;

impl Machine {
    /// The life of a service that has `past` behind it, and what is to be done first. `seed` is any number.
    pub fn new(
        policy: Policy,
        wanted: Wanted,
        past: Past,
        seed: u64,
        now: Millis,
        out: &mut Vec<Action>,
    ) -> Self {
        let alive = past.alive;
        let running = match past.phase {
            Phase::Up => State::Running { ready: true, ready_by: None },
            Phase::Late => State::Running { ready: false, ready_by: None },
            _ => policy.begin(now),
        };
        let state = match past.phase {
            _ if alive => running,
            Phase::Done => State::Done,
            Phase::Over => State::Over,
            // Whatever of it may be left from the supervisor that died.
            _ if !past.clean => State::Killing { again_at: now, pause: LOOK.0 },
            _ => State::Down,
        };
        let next = (past.phase == Phase::Waiting).then_some(Next::Retry { at: past.wait_until });
        let mut machine = Self {
            policy,
            wanted,
            state,
            next,
            alive,
            served: past.served,
            starts: past.starts,
            failures: past.failures,
            since: past.since,
            random: seed,
        };
        if alive {
            out.push(Action::Check);
        }
        if matches!(state, State::Killing { .. }) {
            // A service that was to run and does not has ended in the meantime.
            let ran = matches!(past.phase, Phase::Starting | Phase::Up | Phase::Late);
            if ran && wanted.aim == Aim::Up && past.served == wanted.generation {
                machine.conclude(now, past.succeeded);
            }
            out.push(Action::Kill);
        } else {
            machine.heed(now, out);
        }
        machine
    }

    /// Takes what has happened, and adds to `out` what is to be done, in order.
    pub fn step(&mut self, now: Millis, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Wanted(wanted) if wanted.generation >= self.wanted.generation => {
                self.wanted = wanted;
                self.heed(now, out);
            }
            Event::Wanted(_) => {}
            Event::Started => self.started(now, out),
            Event::StartFailed { transient } => self.start_failed(now, transient),
            Event::Ended { success, left } => self.ended(now, success, left, out),
            Event::Left(left) => self.left(now, left, out),
            Event::Ready => {
                if let State::Running { ready, ready_by } = &mut self.state {
                    (*ready, *ready_by) = (true, None);
                }
            }
            Event::NotLive => {
                if matches!(self.state, State::Running { .. }) {
                    self.fail(now);
                    self.stop(now, out);
                }
            }
            Event::Tick => self.tick(now, out),
        }
    }

    /// When [`Event::Tick`] is wanted at the latest; none: only news counts.
    pub fn deadline(&self) -> Option<Millis> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Running { ready_by, .. } => ready_by.filter(|by| *by != NEVER),
            State::Stopping { kill_at, .. } if self.alive => Some(kill_at),
            State::Stopping { kill_at, look_at } => Some(kill_at.min(look_at)),
            State::Killing { again_at, .. } => Some(again_at),
            State::Down | State::Done | State::Over | State::Launching => None,
        }
    }

    /// What can be seen from outside.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Down => Phase::Down,
            State::Done => Phase::Done,
            State::Over => Phase::Over,
            State::Waiting { .. } => Phase::Waiting,
            State::Running { ready: true, .. } => Phase::Up,
            State::Running { ready_by: None, .. } => Phase::Late,
            State::Launching | State::Running { .. } => Phase::Starting,
            State::Stopping { .. } | State::Killing { .. } => Phase::Stopping,
        }
    }

    /// What a later supervisor must know to go on.
    pub fn past(&self) -> Past {
        let wait_until = match (self.state, self.next) {
            (State::Waiting { until }, _) => until,
            (_, Some(Next::Retry { at })) => at,
            _ => 0,
        };
        Past {
            served: self.served,
            starts: self.starts,
            failures: self.failures,
            phase: self.phase(),
            since: self.since,
            alive: self.alive,
            clean: false,
            wait_until,
            // The loop knows how it ended.
            succeeded: false,
        }
    }

    /// Whether the service's process runs.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Brings what is wanted and what is together, as far as the present state allows.
    fn heed(&mut self, now: Millis, out: &mut Vec<Action>) {
        match self.state {
            State::Down | State::Done | State::Over | State::Waiting { .. } => self.rest(now, out),
            State::Running { .. } if self.wanted.aim != Aim::Up || self.wanted.generation > self.served => {
                self.next = None;
                self.stop(now, out);
            }
            State::Stopping { .. } if self.wanted.aim == Aim::LeaveNow => self.kill(now, out),
            // Once started it is looked at again; once ended `rest` looks.
            State::Launching | State::Running { .. } | State::Stopping { .. } | State::Killing { .. } => {}
        }
    }

    /// Nothing runs and nothing is left: what now?
    fn rest(&mut self, now: Millis, out: &mut Vec<Action>) {
        let is_new = self.wanted.generation > self.served;
        self.state = match self.wanted.aim {
            Aim::Down => {
                self.next = None;
                State::Down
            }
            Aim::Leave | Aim::LeaveNow => {
                self.next = None;
                out.push(Action::Leave);
                State::Down
            }
            Aim::Up if is_new => {
                self.failures = 0;
                self.start(now, out)
            }
            Aim::Up => match (self.next.take(), self.state) {
                (Some(Next::Done), _) => State::Done,
                (Some(Next::Over), _) => State::Over,
                (Some(Next::Retry { at }), _) if at > now => State::Waiting { until: at },
                (Some(Next::Retry { .. }), _) => self.start(now, out),
                (None, State::Waiting { until }) if until > now => State::Waiting { until },
                (None, state @ (State::Done | State::Over)) => state,
                (None, _) => self.start(now, out),
            },
        };
    }

    fn start(&mut self, now: Millis, out: &mut Vec<Action>) -> State {
        self.next = None;
        self.served = self.wanted.generation;
        self.since = now;
        out.push(Action::Start);
        State::Launching
    }

    fn started(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.alive = true;
        self.starts = self.starts.saturating_add(1);
        self.state = self.policy.begin(now);
        out.push(Action::Check);
        self.heed(now, out);
    }

    fn start_failed(&mut self, now: Millis, transient: bool) {
        let random = backoff::next_random(&mut self.random);
        let wait = if transient {
            backoff::retry(random)
        } else {
            self.failures = self.failures.saturating_add(1);
            // Never at once: what cannot be executed cannot be executed a microsecond later.
            backoff::delay(self.failures.max(2), random)
        };
        self.state = State::Waiting { until: now + wait };
    }

    /// The service ended by itself, or must be started anew: when?
    fn fail(&mut self, now: Millis) {
        if now.saturating_sub(self.since) >= STABLE {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let random = backoff::next_random(&mut self.random);
        self.next = Some(Next::Retry { at: now + backoff::delay(self.failures, random) });
    }

    /// The service ended by itself: what follows?
    fn conclude(&mut self, now: Millis, success: bool) {
        match success && self.policy.oneshot {
            true => self.next = Some(Next::Done),
            false if self.policy.essential => self.next = Some(Next::Over),
            false => self.fail(now),
        }
    }

    fn stop(&mut self, now: Millis, out: &mut Vec<Action>) {
        out.push(Action::EndChecks);
        if self.wanted.aim == Aim::LeaveNow {
            return self.kill(now, out);
        }
        out.push(Action::Stop);
        self.state = State::Stopping { kill_at: now + self.policy.grace, look_at: now };
    }

    fn kill(&mut self, now: Millis, out: &mut Vec<Action>) {
        out.push(Action::Kill);
        self.state = State::Killing { again_at: now + LOOK.0, pause: LOOK.0 };
    }

    fn ended(&mut self, now: Millis, success: bool, left: bool, out: &mut Vec<Action>) {
        self.alive = false;
        match &mut self.state {
            State::Running { .. } => {
                out.push(Action::EndChecks);
                self.conclude(now, success);
                if left { self.kill(now, out) } else { self.rest(now, out) }
            }
            State::Stopping { look_at, .. } if left => *look_at = now + LOOK_GENTLY,
            State::Killing { .. } if left => {}
            _ => self.rest(now, out),
        }
    }

    fn left(&mut self, now: Millis, left: bool, out: &mut Vec<Action>) {
        if !matches!(self.state, State::Stopping { .. } | State::Killing { .. }) {
            return;
        }
        if !left && !self.alive {
            return self.rest(now, out);
        }
        match &mut self.state {
            State::Stopping { look_at, .. } => *look_at = now + LOOK_GENTLY,
            State::Killing { again_at, pause } => {
                *again_at = now + *pause;
                *pause = (*pause * 2).min(LOOK.1);
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        match &mut self.state {
            State::Waiting { until } if *until <= now => self.rest(now, out),
            State::Running { ready: false, ready_by } if ready_by.is_some_and(|by| by <= now) => {
                *ready_by = None;
                out.push(Action::SayLate);
            }
            State::Stopping { kill_at, .. } if *kill_at <= now => self.kill(now, out),
            State::Stopping { look_at, .. } if !self.alive && *look_at <= now => out.push(Action::Look),
            State::Killing { again_at, .. } if *again_at <= now => out.push(Action::Kill),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
