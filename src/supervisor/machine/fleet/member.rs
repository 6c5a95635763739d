//! One service as init sees it.

use medic_sys::process::Exit;

use super::Id;
use crate::machine::Millis;
use crate::machine::service::Phase;
use crate::machine::wanted::{Aim, Wanted};

/// What a service's definition says, as far as init needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// `package/service`.
    pub name: String,
    /// Those that must be ready before it.
    pub after: Vec<Id>,
    /// From its stop signal to the kill.
    pub grace: Millis,
    /// The time limit of its readiness check, if it has one.
    pub ready_within: Option<Millis>,
    /// Whether it is marked as disabled.
    pub disabled: bool,
}

/// What a service's supervisor published last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The service's phase.
    pub phase: Phase,
    /// The generation that was last started.
    pub served: u32,
    /// Failures in a row.
    pub failures: u32,
    /// Whether its process runs.
    pub alive: bool,
    /// How it ended last.
    pub last_exit: Option<Exit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Watch {
    /// It has no supervisor and is to have none.
    #[default]
    None,
    /// One is being made.
    Forking,
    /// It has one.
    Alive { since: Millis },
    /// One is to be made then.
    Again { at: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Gate {
    /// It is started as soon as those it comes after are ready.
    Closed,
    /// It need not wait.
    #[default]
    Open,
}

/// One service.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// `package/service`.
    pub name: String,
    /// Those that must be ready before it.
    pub after: Vec<Id>,
    /// From its stop signal to the kill.
    pub grace: Millis,
    /// The time limit of its readiness check, if it has one.
    pub ready_within: Option<Millis>,
    /// Whether it is not to run until it is enabled.
    pub disabled: bool,
    pub(super) watch: Watch,
    pub(super) wanted: Wanted,
    pub(super) gate: Gate,
    pub(super) seen: Seen,
    pub(super) short_lives: u32,
    pub(super) removed: bool,
    pub(super) replaced: bool,
    told: bool,
}

impl Member {
    pub(super) fn new(setting: Setting) -> Self {
        let Setting { name, after, grace, ready_within, disabled } = setting;
        Self { name, after, grace, ready_within, disabled, ..Self::default() }
    }

    /// What is wanted of it now.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// What its supervisor published last.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Whether it has a supervisor, or is about to have one again.
    pub fn is_watched(&self) -> bool {
        self.watch != Watch::None
    }

    /// Whether it waits for others before it is started.
    pub fn is_gated(&self) -> bool {
        self.gate == Gate::Closed && self.is_watched()
    }

    /// Whether it is being removed.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// A new wish.
    pub(super) fn want(&mut self, aim: Aim) {
        self.wanted = Wanted { generation: self.wanted.generation + 1, aim };
    }

    /// It need not wait any longer, and is wanted up.
    pub(super) fn open(&mut self) {
        self.gate = Gate::Open;
        self.want(Aim::Up);
    }

    pub(super) fn fork_at(&self) -> Option<Millis> {
        match self.watch {
            Watch::Again { at } => Some(at),
            _ => None,
        }
    }

    /// Whether the supervisor has seen the last wish.
    pub(super) fn is_served(&self) -> bool {
        self.seen.served >= self.wanted.generation
    }

    /// Whether it is to run: supervised, and not held down.
    pub(super) fn is_expected(&self) -> bool {
        self.is_watched() && (self.gate == Gate::Closed || self.wanted.aim == Aim::Up)
    }

    /// Whether it is as wanted when it is wanted up.
    pub(super) fn is_well(&self) -> bool {
        self.gate == Gate::Open && self.is_served() && matches!(self.seen.phase, Phase::Up | Phase::Done)
    }

    /// Whether it has shown that it does not get up: late, over, or failed after it was started again.
    pub(super) fn has_failed(&self) -> bool {
        self.is_served()
            && (matches!(self.seen.phase, Phase::Late | Phase::Over) || self.seen.failures >= 2)
            && !self.is_well()
    }

    /// What is to be said of it, once for each time that it begins to fail.
    pub(super) fn new_failure(&mut self) -> Option<String> {
        let fails = self.has_failed() && self.seen.phase != Phase::Over;
        let is_new = fails && !self.told;
        // A service that fails over and over is up for a moment in between.
        self.told = fails || (self.told && self.seen.failures >= 2);
        is_new.then(|| match (self.seen.phase, self.seen.last_exit) {
            (Phase::Late, _) => "is not ready in time: it is asked on".to_owned(),
            (_, Some(exit)) => format!("does not stay up: it ended with {exit}, and is tried on"),
            (_, None) => "cannot be started, and is tried on".to_owned(),
        })
    }

    /// Whether it was told to end with its supervisor.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.wanted.aim, Aim::Leave | Aim::LeaveNow)
    }

    /// Whether its supervisor may end for good: that was wanted, and nothing of the service is left.
    pub(super) fn may_go(&self) -> bool {
        self.is_leaving() && !self.seen.alive && self.seen.phase == Phase::Down
    }
}
