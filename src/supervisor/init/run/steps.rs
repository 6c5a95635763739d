//! The boot's steps, and those of packages that come later.

use medic_sys::process::Exit;

use super::Init;
use crate::init::boot::{Prepared, Running, sync_step};
use crate::init::exit_code;
use crate::machine::Millis;
use crate::machine::boot::{Action, Event, Sequence};
use crate::machine::fleet::Id;
use crate::table::Stage;
use crate::watch::sweep::Family;

/// A sequence of steps under way.
pub struct Boot {
    sequence: Sequence,
    steps: Vec<Prepared>,
    running: Option<Running>,
    then: Then,
}

/// What follows when all steps are done.
pub enum Then {
    /// Read what is installed, for the first time.
    Read,
    /// Let these services start.
    Begin(Vec<Id>),
}

impl Boot {
    pub fn deadline(&self) -> Option<Millis> {
        self.sequence.deadline()
    }
}

impl Init<'_> {
    pub(super) fn begin(&mut self, now: Millis) {
        self.world.table.set_stage(Stage::Booting);
        match sync_step(&self.surroundings) {
            Ok(step) => self.run_steps(now, step.into_iter().collect(), Then::Read),
            Err(error) => self.fail_boot(exit_code::SYNC, format!("pkg sync cannot be run: {error}")),
        }
    }

    /// Begins a sequence.
    pub(super) fn run_steps(&mut self, now: Millis, steps: Vec<Prepared>, then: Then) {
        let sequence = Sequence::new(steps.iter().map(|prepared| prepared.step.clone()).collect());
        self.boot = Some(Boot { sequence, steps, running: None, then });
        self.boot_event(now, Event::Begin);
    }

    fn boot_event(&mut self, now: Millis, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let Some(boot) = &mut self.boot else { return };
            match boot.sequence.step(now, event) {
                Some(Action::Run(index)) => match Running::start(&self.world, &boot.steps[index]) {
                    Ok(running) => boot.running = Some(running),
                    Err(error) => next = Some(Event::NotStarted(error.to_string())),
                },
                Some(Action::Kill) => self.kill_step(),
                Some(Action::Done) => self.steps_done(now),
                Some(Action::Failed(index, why)) => {
                    let name = boot.steps.get(index).map_or("", |prepared| &prepared.step.name).to_owned();
                    self.steps_failed(now, &name, &why);
                }
                None => {}
            }
        }
    }

    pub(super) fn boot_tick(&mut self, now: Millis) {
        if self.boot.as_ref().and_then(Boot::deadline).is_some_and(|at| at <= now) {
            self.boot_event(now, Event::Tick);
        }
    }

    pub(super) fn is_step(&self, pid: u32) -> bool {
        self.boot.as_ref().and_then(|boot| boot.running.as_ref()).is_some_and(|running| running.pid == pid)
    }

    /// Shows what the running step says.
    pub(super) fn step_said(&mut self, last: bool) {
        if let Some(running) = self.boot.as_mut().and_then(|boot| boot.running.as_mut()) {
            running.read(last, |line| self.reporter.say(line));
        }
    }

    pub(super) fn step_ended(&mut self, now: Millis, exit: Exit) {
        self.step_said(true);
        let running = self.boot.as_mut().and_then(|boot| boot.running.take());
        let said = running.as_ref().map_or("", Running::last_line);
        // The word stands before the whole reason once.
        let said = said.strip_prefix("Fatal: ").unwrap_or(said);
        let how = match (exit.is_success(), said) {
            (true, _) => None,
            (false, "") => Some(format!("ended with {exit}")),
            (false, said) => Some(format!("ended with {exit}: {said}")),
        };
        self.boot_event(now, Event::Ended(how));
    }

    /// Kills the running step with all it started.
    pub(super) fn kill_step(&mut self) {
        if let Some(running) = self.boot.as_ref().and_then(|boot| boot.running.as_ref()) {
            let family = Family { mark: running.mark, session: running.pid, myself: std::process::id() };
            family.kill();
        }
    }

    fn steps_done(&mut self, now: Millis) {
        match self.boot.take().map(|boot| boot.then) {
            Some(Then::Read) => self.read_first(now),
            Some(Then::Begin(ids)) => self.let_start(now, ids),
            None => {}
        }
    }

    fn steps_failed(&mut self, now: Millis, name: &str, why: &str) {
        let then = self.boot.take().map(|boot| boot.then);
        match then {
            Some(Then::Read) => self.fail_boot(exit_code::SYNC, format!("{name} {why}")),
            Some(Then::Begin(_)) if !self.booted => self.fail_boot(exit_code::SETUP, format!("{name} {why}")),
            _ => self.reread_failed(now, &format!("{name} {why}")),
        }
    }

    /// The boot has failed: nothing has been started yet, so there is nothing to stop.
    pub(super) fn fail_boot(&mut self, code: u8, why: String) {
        self.fatal = Some(why);
        self.exit = Some(code);
    }
}
