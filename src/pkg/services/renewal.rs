//! After a change: the services that it concerns restart in their order, and are awaited.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use medic_model::{PackageName, Receipt};

use super::{LIMIT, ServiceId, State, Supervisor, affected, in_order};
use crate::depends::Together;
use crate::installed;
use crate::plan::Plan;
use crate::reporter::{Event, Reporter};

/// What is ready as soon as it is started is looked at again after so long: a program that cannot run ends at once.
const SETTLING: Duration = Duration::from_secs(1);

/// A service that did not get ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unready {
    /// The service; none when the supervisor could not take the change over at all, as when a setup step failed.
    pub service: Option<ServiceId>,
    /// What happened.
    pub why: String,
    /// The last lines that it wrote.
    pub log: Vec<String>,
}

/// A change's services before it, and what was done with them since.
pub struct Renewal<'a> {
    supervisor: &'a Supervisor<'a>,
    /// How long each service has to get ready.
    limit: Duration,
    reporter: &'a dyn Reporter,
    /// What was installed.
    before: BTreeMap<PackageName, Receipt>,
    /// How the services were; none when nobody could tell.
    states: Option<Vec<State>>,
    /// Those that were restarted.
    restarted: Vec<ServiceId>,
}

impl<'a> Renewal<'a> {
    /// Takes down how everything is, before the change.
    ///
    /// # Errors
    /// A receipt cannot be read.
    pub fn prepare(
        supervisor: &'a Supervisor<'a>,
        limit: Duration,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, crate::Error> {
        let before = installed::all(supervisor.root)?;
        let (states, restarted) = (supervisor.states(), Vec::new());
        Ok(Self { supervisor, limit, reporter, before, states, restarted })
    }

    /// What was installed before the change.
    pub fn before(&self) -> &BTreeMap<PackageName, Receipt> {
        &self.before
    }

    /// After the change: definitions are read anew, and the services that it concerns restart one after the other. The first that was
    /// ready before, or is new, and does not get ready is given; the others are left alone then. One that was not ready before is
    /// told of. What was disabled or held down stays so.
    pub fn forward(&mut self, plan: &Plan) -> Option<Unready> {
        let Ok(after) = installed::all(self.supervisor.root) else {
            // The next command tells of it.
            self.supervisor.told("supervisor-reread", &[], self.reporter);
            return None;
        };
        let (before, after) = (together(&self.before), together(&after));
        let concerned = affected(&before, &after, plan);
        if let Err(why) = self.supervisor.run("supervisor-reread", &[], LIMIT) {
            let is_new = plan.changes.iter().any(|change| change.to.is_some() && change.services);
            if is_new && self.states.is_some() {
                return Some(Unready { service: None, why, log: Vec::new() });
            }
            self.reporter.event(&Event::Warning { text: &why });
        }
        let order = in_order(&[&concerned.changed[..], &concerned.new].concat(), &after);
        if let Some(unready) = self.renew(&order, &concerned.new) {
            return Some(unready);
        }
        let quick = |id: &&ServiceId| {
            let definition = after.get(&id.package).and_then(|manifest| manifest.services.get(&id.service));
            let is_quick = definition.is_some_and(|it| it.readiness.is_none() && !it.oneshot);
            is_quick && (self.restarted.contains(id) || concerned.new.contains(id))
        };
        self.settle(&order.iter().filter(quick).collect::<Vec<_>>())
    }

    /// After the way back: those that were restarted are restarted on what was there before, and all that were ready are awaited.
    /// Those that do not get ready are given.
    pub fn back(&self) -> Vec<ServiceId> {
        self.supervisor.told("supervisor-reread", &[], self.reporter);
        let states = self.states.as_deref().unwrap_or_default();
        let mut all = self.restarted.clone();
        all.extend(states.iter().filter(|state| state.ready && state.wanted).map(|state| state.id.clone()));
        let mut unready = Vec::new();
        for id in in_order(&all, &together(&self.before)) {
            let got = if self.restarted.contains(&id) {
                self.restart(&id)
            } else {
                self.wait(&id, Instant::now() + self.limit)
            };
            if got.is_err() {
                unready.push(id);
            }
        }
        unready
    }

    fn renew(&mut self, order: &[ServiceId], new: &[ServiceId]) -> Option<Unready> {
        // New services were begun by reading anew: how they are is known only now.
        let now = if new.is_empty() { None } else { self.supervisor.states() };
        for id in order {
            let is_new = new.contains(id);
            let states = if is_new { &now } else { &self.states };
            let state = states.as_ref().map(|states| states.iter().find(|state| state.id == *id));
            // Nobody could tell: then it is restarted, and is not held against the change.
            let (is_wanted, was_ready) = match state {
                None => (!is_new, false),
                Some(state) => {
                    (state.is_some_and(|state| state.wanted), state.is_some_and(|state| state.ready))
                }
            };
            if !is_wanted {
                continue;
            }
            let got = if is_new {
                self.wait(id, Instant::now() + self.limit)
            } else {
                self.restarted.push(id.clone());
                self.restart(id)
            };
            let Err(why) = got else { continue };
            if was_ready || is_new && !self.waits(id) {
                return Some(self.unready(id, why));
            }
            self.reporter.event(&Event::Warning { text: &why });
        }
        None
    }

    /// Services that count as ready when they are started are given a moment to show that they can run.
    fn settle(&self, quick: &[&ServiceId]) -> Option<Unready> {
        if quick.is_empty() {
            return None;
        }
        let earlier = self.supervisor.states()?;
        std::thread::sleep(SETTLING);
        let later = self.supervisor.states()?;
        let find = |states: &[State], id: &ServiceId| states.iter().find(|state| state.id == *id).cloned();
        for id in quick {
            let (Some(earlier), Some(later)) = (find(&earlier, id), find(&later, id)) else { continue };
            let old = self.states.as_ref().and_then(|states| find(states, id));
            let counts = old.is_none_or(|old| old.ready && old.wanted);
            if counts && later.wanted && (later.restarts > earlier.restarts || !later.ready && !later.waits) {
                return Some(self.unready(id, format!("'{id}' does not stay up")));
            }
        }
        None
    }

    fn unready(&self, id: &ServiceId, why: String) -> Unready {
        Unready { service: Some(id.clone()), why, log: self.supervisor.last_words(id) }
    }

    fn waits(&self, id: &ServiceId) -> bool {
        let states = self.supervisor.states().unwrap_or_default();
        states.iter().any(|state| state.id == *id && state.waits)
    }

    fn restart(&self, id: &ServiceId) -> Result<(), String> {
        let shown = id.to_string();
        self.reporter.event(&Event::Restarted { service: &shown });
        let until = Instant::now() + self.limit;
        let limit = format!("{}s", self.limit.as_secs());
        let words = ["--timeout", &limit, id.package.as_str(), id.service.as_str()];
        match self.supervisor.run("svc-restart", &words, self.limit + LIMIT) {
            Ok(()) => Ok(()),
            // It may have failed once only: it has its time, and then these words tell how it is.
            Err(_) => self.wait(id, until),
        }
    }

    fn wait(&self, id: &ServiceId, until: Instant) -> Result<(), String> {
        let left = until.saturating_duration_since(Instant::now());
        let left = format!("{}ms", left.as_secs() * 1000 + u64::from(left.subsec_millis()).max(1));
        let words = ["--timeout", &left, id.package.as_str(), id.service.as_str()];
        let result = self.supervisor.run("svc-wait", &words, self.limit + LIMIT);
        result.map_err(|why| why.split_once("Fatal: ").map_or(why.clone(), |(_, last)| last.to_owned()))
    }
}

fn together(receipts: &BTreeMap<PackageName, Receipt>) -> Together<'_> {
    receipts.iter().map(|(name, receipt)| (name, &receipt.manifest)).collect()
}
