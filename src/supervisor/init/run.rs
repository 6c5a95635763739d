//! init's loop: news in, events to the machines, their actions carried out.

mod definitions;
mod ending;
mod foreground;
mod steps;

use std::collections::BTreeMap;

use medic_model::{PackageName, Version};
use medic_sys::clock::monotonic_millis;
use medic_sys::process::{Children, Exit, next_ended, reap};
use medic_sys::signal::number;
use medic_sys::socket::{Received, receive_message};

use super::clients::Clients;
use super::services::{Held, owner};
use super::world::{World, key};
use super::{Config, Reporter};
use crate::channel::{MAX_MESSAGE, News, Order};
use crate::control::frame::{Ask, What};
use crate::definition::Surroundings;
use crate::machine::Millis;
use crate::machine::fleet::{Action, Event, Fleet, Id, Outcome, Request, Ticket};
use crate::marks;
use crate::table::{Flags, Stage};
use steps::Boot;

/// init.
pub struct Init<'r> {
    config: Config,
    world: World,
    reporter: &'r mut dyn Reporter,
    surroundings: Surroundings,
    fleet: Fleet,
    held: Vec<Option<Held>>,
    clients: Clients,
    boot: Option<Boot>,
    /// The packages whose setup is done, with the version it was done for.
    set_up: BTreeMap<PackageName, Version>,
    /// Those who wait until what is installed has been read again.
    rereading: Vec<Ticket>,
    reread_again: bool,
    booted: bool,
    foreground: u32,
    actions: Vec<Action>,
    exit: Option<u8>,
    /// Why the boot failed; said last.
    fatal: Option<String>,
}

impl<'r> Init<'r> {
    pub fn new(config: Config, world: World, reporter: &'r mut dyn Reporter) -> Self {
        let surroundings =
            Surroundings { place: config.place.clone(), environment: config.environment.clone() };
        Self {
            fleet: Fleet::new(config.stop_budget),
            surroundings,
            config,
            world,
            reporter,
            held: Vec::new(),
            clients: Clients::default(),
            boot: None,
            set_up: BTreeMap::new(),
            rereading: Vec::new(),
            reread_again: false,
            booted: false,
            foreground: 0,
            actions: Vec::new(),
            exit: None,
            fatal: None,
        }
    }

    /// Boots, runs, ends; the exit code.
    pub fn run(mut self) -> u8 {
        self.begin(monotonic_millis());
        let mut news: Vec<u64> = Vec::with_capacity(medic_sys::event::BATCH);
        while self.exit.is_none() {
            let now = monotonic_millis();
            let timeout = self.deadline().map(|at| at.saturating_sub(now));
            news.clear();
            if let Err(error) = self.world.epoll.wait(timeout, |ready| news.push(ready.key)) {
                self.fatal = Some(format!("cannot wait for events: {error}"));
                self.exit = Some(super::exit_code::MACHINE);
            }
            let now = monotonic_millis();
            for key in &news {
                self.heard(now, *key);
            }
            self.tick(now);
        }
        self.finish()
    }

    fn deadline(&self) -> Option<Millis> {
        let boot = self.boot.as_ref().and_then(Boot::deadline);
        boot.into_iter().chain(self.fleet.deadline()).min()
    }

    fn heard(&mut self, now: Millis, key: u64) {
        match key {
            key::SIGNALS => self.signals(now),
            key::LISTENER => self.clients.accept(&self.world.listener, &self.world.epoll, self.world.user),
            key::STEP => self.step_said(false),
            key if key >= key::CLIENTS => self.client(now, key & 0xffff_ffff),
            key if key >= key::CHANNELS => self.channel(now, (key & 0xffff_ffff) as Id),
            _ => {}
        }
    }

    fn tick(&mut self, now: Millis) {
        self.boot_tick(now);
        if self.fleet.deadline().is_some_and(|at| at <= now) {
            self.tell(now, Event::Tick);
        }
    }

    fn signals(&mut self, now: Millis) {
        while let Some(signal) = self.world.signals.next() {
            match signal {
                number::CHLD => self.children(now),
                number::TERM | number::INT | number::QUIT => self.stop(now, 0),
                number::HUP => self.reread(now, None),
                number::USR1 => self.show_state(),
                _ => {}
            }
        }
    }

    /// Waits for every child that has ended, known or not.
    fn children(&mut self, now: Millis) {
        while let Children::Ended(pid, exit) = next_ended() {
            let supervised =
                self.held.iter().position(|held| held.as_ref().is_some_and(|h| h.supervisor == pid));
            if let Some(id) = supervised {
                reap(pid);
                self.supervisor_ended(now, id, exit);
            } else if pid == self.foreground {
                reap(pid);
                self.foreground = 0;
                self.tell(now, Event::CommandEnded(exit));
            } else if self.is_step(pid) {
                reap(pid);
                self.step_ended(now, exit);
            } else {
                self.orphan_ended(now, pid, exit);
            }
        }
    }

    /// A child that nobody here started: an orphan, or a service whose supervisor died. The latter is struck out
    /// before its number is given up, so that the number in the table never is another process's.
    fn orphan_ended(&mut self, now: Millis, pid: u32, exit: Exit) {
        let found = owner(&self.world, 0..self.held.len(), pid);
        let was_service = found.filter(|(_, slot)| slot.strike_out(pid, exit)).map(|(id, _)| id);
        reap(pid);
        if let Some(id) = was_service {
            if let Some(Some(held)) = self.held.get(id) {
                held.tell(Order::Ended);
            }
            self.look(now, id);
        }
    }

    fn supervisor_ended(&mut self, now: Millis, id: Id, exit: Exit) {
        self.look(now, id);
        if let Some(Some(held)) = self.held.get_mut(id) {
            held.supervisor_ended();
        }
        self.tell(now, Event::SupervisorEnded(id, exit));
    }

    /// A supervisor has published something.
    fn look(&mut self, now: Millis, id: Id) {
        if let Some(slot) = self.world.table.slot(id) {
            let seen = slot.seen();
            self.tell(now, Event::Seen(id, seen));
        }
    }

    fn channel(&mut self, now: Millis, id: Id) {
        let mut buffer = [0; MAX_MESSAGE];
        let mut changed = false;
        while let Some(channel) = self.held.get(id).and_then(Option::as_ref).and_then(Held::channel) {
            let count = match receive_message(channel, &mut buffer) {
                Ok(Received::Message(count)) => count,
                Ok(Received::Nothing) => break,
                // It is dying, which may take a while: until then this would be told over and over.
                Ok(Received::Closed) | Err(_) => {
                    self.held.get_mut(id).into_iter().flatten().for_each(Held::hang_up);
                    break;
                }
            };
            match News::decode(&buffer[..count]) {
                Some(News::Changed) => changed = true,
                Some(News::Reloaded(ticket, result)) => self.tell(now, Event::Reloaded(ticket, result)),
                None => {}
            }
        }
        if changed {
            self.look(now, id);
        }
    }

    fn client(&mut self, now: Millis, serial: u64) {
        for (ticket, Ask { what, within, .. }) in self.clients.read(serial) {
            match what {
                What::Reread => self.reread(now, Some(ticket)),
                What::Service { operation, package, service, force } => {
                    match self.find(&package, service.as_str()) {
                        Some(id) => {
                            let request = Request { operation, id, force, within };
                            self.tell(now, Event::Command(ticket, request));
                        }
                        None => self.clients.reply(ticket, Outcome::NoSuchService),
                    }
                }
            }
        }
    }

    fn find(&self, package: &PackageName, service: &str) -> Option<Id> {
        let is_it =
            |held: &Held| held.prepared.package == *package && held.prepared.service.as_str() == service;
        let is_removed = |id: Id| self.fleet.member(id).is_none_or(|member| member.is_removed());
        (0..self.held.len()).find(|id| self.held[*id].as_ref().is_some_and(is_it) && !is_removed(*id))
    }

    /// Tells the fleet, and carries out what it wants.
    fn tell(&mut self, now: Millis, event: Event) {
        let outer = !self.actions.is_empty();
        self.fleet.step(now, event, &mut self.actions);
        if outer {
            // Told while an action is carried out: what follows is carried out after it.
            return;
        }
        let mut at = 0;
        while let Some(action) = self.actions.get(at).cloned() {
            at += 1;
            self.act(now, action);
        }
        self.actions.clear();
    }

    fn act(&mut self, now: Millis, action: Action) {
        match action {
            Action::Fork(id) => {
                let worked = self.fork(id);
                self.tell(now, Event::Forked(id, worked));
            }
            Action::Publish(id) => self.publish(now, id),
            Action::Mark(ticket, id, disabled) => {
                let result = self.mark(id, disabled);
                self.tell(now, Event::Marked(ticket, result));
            }
            Action::Reload(ticket, id) => {
                // One that hears nothing any more is replaced, and the next one is asked.
                if let Some(Some(held)) = self.held.get(id) {
                    held.tell(Order::Reload(ticket));
                }
            }
            Action::Reply(ticket, outcome) => self.clients.reply(ticket, outcome),
            Action::Settled(unwell) => self.settled(now, &unwell),
            Action::Say(line) => self.reporter.say(&line),
            Action::Free(id) => self.free(id),
            Action::StopCommand => self.stop_command(),
            Action::Exit(code) => self.exit = Some(code),
        }
    }

    fn fork(&mut self, id: Id) -> bool {
        let Some(Some(held)) = self.held.get_mut(id) else { return false };
        match held.fork(&self.world, id) {
            Ok(()) => {
                let now = monotonic_millis();
                self.publish(now, id);
                true
            }
            Err(error) => {
                let name = self.fleet.member(id).map_or("", |member| &member.name);
                self.reporter
                    .say(&format!("Warning: Cannot make a supervisor for '{name}', trying again: {error}"));
                false
            }
        }
    }

    /// Shows a service's supervisor, and everybody, what is wanted.
    fn publish(&mut self, now: Millis, id: Id) {
        let (Some(Some(held)), Some(member), Some(slot)) =
            (self.held.get(id), self.fleet.member(id), self.world.table.slot(id))
        else {
            return;
        };
        let flags = Flags { used: true, disabled: member.disabled, gated: member.is_gated() };
        slot.set_order(member.wanted(), flags, held.supervisor, now);
        held.tell(Order::Look);
    }

    fn free(&mut self, id: Id) {
        if let (Some(held), Some(slot)) = (self.held.get_mut(id), self.world.table.slot(id)) {
            slot.set_order(Default::default(), Flags::default(), 0, 0);
            *held = None;
        }
    }

    fn mark(&mut self, id: Id, disabled: bool) -> Result<(), String> {
        let Some(Some(held)) = self.held.get(id) else { return Ok(()) };
        let (package, service) = (&held.prepared.package, &held.prepared.service);
        marks::set_disabled(&self.config.place, package, service, disabled).map_err(|error| error.to_string())
    }

    /// Everything has been started, as far as it can be.
    fn settled(&mut self, now: Millis, unwell: &[Id]) {
        self.world.table.set_stage(Stage::Running);
        let waiting =
            unwell.iter().filter_map(|id| self.fleet.member(*id)).filter(|member| member.is_gated());
        // Why those fail that they wait for was told when they did.
        for member in waiting {
            self.reporter
                .say(&format!("Warning: Service '{}' waits for a service that is not ready", member.name));
        }
        if unwell.is_empty() {
            self.reporter.say("Success: System started successfully");
        } else {
            self.reporter.say("Warning: System started, but not every service is up");
        }
        self.begin_foreground(now);
    }

    /// For SIGUSR1: one line a service.
    fn show_state(&mut self) {
        for (id, member) in self.fleet.members() {
            let (seen, wanted) = (member.seen(), member.wanted());
            let supervisor = self.held.get(id).and_then(Option::as_ref).map_or(0, |held| held.supervisor);
            let pid = self.world.table.slot(id).map_or(0, |slot| slot.service_pid());
            self.reporter.say(&format!(
                "Info: {}: {:?}, wanted {:?} (generation {}, served {}), process {pid}, supervisor {supervisor}, failures {}",
                member.name, seen.phase, wanted.aim, wanted.generation, seen.served, seen.failures
            ));
        }
    }
}
