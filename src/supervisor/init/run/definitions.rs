//! From what is installed to services: at boot, and again when packages have changed.

use std::collections::BTreeMap;

use medic_model::service::ServiceRef;
use medic_sys::signal::{number, send};

use super::steps::Then;
use super::{Held, Init};
use crate::definition::{Package, Prepared, installed};
use crate::init::boot::setup_steps;
use crate::init::exit_code;
use crate::machine::Millis;
use crate::machine::fleet::{Event, Id, Outcome, Setting, Ticket};
use crate::machine::order::sorted;
use crate::marks;

/// Why what is installed cannot be run.
type Fault = (u8, String);

impl Init<'_> {
    /// The first reading: any fault fails the boot.
    pub(super) fn read_first(&mut self, now: Millis) {
        if let Err((code, why)) = self.read_installed(now) {
            self.fail_boot(code, why);
        }
    }

    /// Reads again what is installed; `ticket` is answered when its setup is done and its services are begun.
    pub(super) fn reread(&mut self, now: Millis, ticket: Option<Ticket>) {
        if self.fleet.is_stopping() {
            ticket.into_iter().for_each(|ticket| self.clients.reply(ticket, Outcome::ShuttingDown));
            return;
        }
        self.rereading.extend(ticket);
        if self.boot.is_some() {
            // What is read at the moment may be too old already.
            self.reread_again = true;
            return;
        }
        if let Err((_, why)) = self.read_installed(now) {
            self.reread_failed(now, &why);
        }
    }

    pub(super) fn reread_failed(&mut self, now: Millis, why: &str) {
        self.reporter.say(&format!("Warning: What is installed was read again, but {why}"));
        for ticket in std::mem::take(&mut self.rereading) {
            self.clients.reply(ticket, Outcome::Failed(why.to_owned()));
        }
        self.read_once_more(now);
    }

    fn read_once_more(&mut self, now: Millis) {
        if std::mem::take(&mut self.reread_again) {
            self.reread(now, None);
        }
    }

    fn read_installed(&mut self, now: Millis) -> Result<(), Fault> {
        let packages =
            installed(&self.config.place).map_err(|error| (exit_code::DEFINITIONS, error.to_string()))?;
        let begin = self.reconcile(now, &packages)?;
        self.connect(&packages);
        let mut steps = Vec::new();
        for package in packages.iter().filter(|p| self.set_up.get(&p.name) != Some(&p.version)) {
            let found = setup_steps(&self.surroundings, package);
            steps.extend(found.map_err(|error| {
                (exit_code::SETUP, format!("the setup steps of '{}' cannot be read: {error}", package.name))
            })?);
        }
        self.set_up = packages.into_iter().map(|package| (package.name, package.version)).collect();
        self.run_steps(now, steps, Then::Begin(begin));
        Ok(())
    }

    /// Makes the services those of `packages`; gives the new ones.
    fn reconcile(&mut self, now: Millis, packages: &[Package]) -> Result<Vec<Id>, Fault> {
        let mut new = Vec::new();
        let mut kept = Vec::new();
        for package in packages {
            for (service, definition) in &package.services {
                let version = (&package.name, &package.version);
                let prepared = Prepared::new(
                    &self.surroundings,
                    version,
                    service,
                    definition,
                    self.world.user == 0,
                    self.world.files,
                )
                .map_err(|error| (exit_code::DEFINITIONS, error.to_string()))?;
                match self.find(&package.name, service.as_str()) {
                    Some(id) => {
                        self.redefine(now, id, prepared);
                        kept.push(id);
                    }
                    None => {
                        let id = self.take_in(prepared)?;
                        kept.push(id);
                        new.push(id);
                    }
                }
            }
        }
        for id in 0..self.held.len() {
            let is_there = self.fleet.member(id).is_some_and(|member| !member.is_removed());
            if is_there && !kept.contains(&id) {
                self.tell(now, Event::Remove(id));
            }
        }
        Ok(new)
    }

    fn take_in(&mut self, prepared: Prepared) -> Result<Id, Fault> {
        let policy = prepared.policy();
        let disabled = marks::is_disabled(&self.config.place, &prepared.package, &prepared.service);
        let id = self.fleet.add(Setting {
            name: prepared.name.clone(),
            after: Vec::new(),
            grace: policy.grace,
            ready_within: policy.ready_within,
            disabled,
        });
        let name = prepared.name.clone();
        let held = Held::new(&self.world, id, prepared)
            .map_err(|error| (exit_code::MACHINE, format!("the service '{name}' cannot be held: {error}")))?;
        if self.held.len() <= id {
            self.held.resize_with(id + 1, || None);
        }
        self.held[id] = Some(held);
        Ok(id)
    }

    /// A service with another definition than before gets a new supervisor, which adopts it.
    fn redefine(&mut self, now: Millis, id: Id, prepared: Prepared) {
        let Some(Some(held)) = self.held.get_mut(id) else { return };
        let same =
            held.prepared.definition == prepared.definition && held.prepared.version == prepared.version;
        if same {
            return;
        }
        let policy = prepared.policy();
        if let Some(member) = self.fleet.member_mut(id) {
            (member.grace, member.ready_within) = (policy.grace, policy.ready_within);
        }
        held.prepared = prepared;
        let supervisor = held.supervisor;
        if supervisor != 0 {
            self.tell(now, Event::Replace(id));
            let _ = send(supervisor, number::KILL);
        }
    }

    /// Sets which service comes after which.
    fn connect(&mut self, packages: &[Package]) {
        let ids: BTreeMap<String, Id> = (0..self.held.len())
            .filter_map(|id| Some((self.held[id].as_ref()?.prepared.name.clone(), id)))
            .collect();
        let mut after: Vec<Vec<Id>> = vec![Vec::new(); self.held.len()];
        for package in packages {
            for (service, definition) in &package.services {
                let Some(id) = ids.get(&format!("{}/{service}", package.name)) else { continue };
                for ServiceRef { package: other, service: wanted } in &definition.after {
                    let name = format!("{}/{wanted}", other.as_ref().unwrap_or(&package.name));
                    match ids.get(&name) {
                        Some(other) => after[*id].push(*other),
                        None => self.reporter.say(&format!(
                            "Warning: Service '{}/{service}' is to start after '{name}', which is not installed: it does not wait",
                            package.name
                        )),
                    }
                }
            }
        }
        let (_, circle) = sorted(&after);
        if !circle.is_empty() {
            let names: Vec<&str> = circle
                .iter()
                .filter_map(|id| self.fleet.member(*id))
                .map(|member| member.name.as_str())
                .collect();
            let names = names.join("', '");
            self.reporter
                .say(&format!("Warning: '{names}' wait for each other in a circle: they do not wait"));
            for id in &circle {
                after[*id].retain(|other| !circle.contains(other));
            }
        }
        for (id, after) in after.into_iter().enumerate() {
            if let Some(member) = self.fleet.member_mut(id) {
                member.after = after;
            }
        }
    }

    /// Setup is done.
    pub(super) fn let_start(&mut self, now: Millis, ids: Vec<Id>) {
        self.booted = true;
        self.tell(now, Event::Begin(ids));
        for ticket in std::mem::take(&mut self.rereading) {
            self.clients.reply(ticket, Outcome::Done);
        }
        self.read_once_more(now);
    }
}
