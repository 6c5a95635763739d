//! What may be started now, and with how much: a state machine without threads or a clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use medic_model::ComponentName;

use super::rank::{Milliseconds, ranks};
use crate::graph::Graph;

/// What all components that are built at one time may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Programs at once. At least 1.
    pub jobs: usize,
    /// Bytes of memory. A component that wants more than all of it is built alone.
    pub memory: u64,
}

/// What is known of the components before they are built.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// How long each takes, as far as known.
    pub milliseconds: Milliseconds,
    /// Bytes of memory that each wants; none where nothing is known.
    pub memory: BTreeMap<ComponentName, u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    /// What its present step may run at once; 0 before its first one.
    jobs: usize,
    memory: u64,
}

/// Every component of a graph, each where it is now: waiting for needs, ready, running, or over.
///
/// - Started is what has the longest way to go, by the time it takes; nothing that is ready overtakes it because it wants
///   less memory.
/// - At most as many run as there are jobs, since each needs one.
/// - A running component asks for its share of the jobs before each of its steps: all that run have the same, and what
///   does not divide goes to those with the longest way to go. A share is never more than what the others leave, so that
///   the sum of all stays within the budget; only that a component has always one.
#[derive(Debug)]
pub struct Plan<'a> {
    graph: &'a Graph,
    budget: Budget,
    keep_going: bool,
    ranks: Milliseconds,
    memory: BTreeMap<ComponentName, u64>,
    /// Not ready, with how many of its needs are not done.
    waiting: BTreeMap<ComponentName, usize>,
    /// All needs met; the one with the longest way to go last.
    ready: BTreeSet<(u64, Reverse<ComponentName>)>,
    running: BTreeMap<ComponentName, Running>,
    /// Given up, with the failed one that each depends on.
    skipped: BTreeMap<ComponentName, ComponentName>,
    /// Whether nothing is started any more.
    closed: bool,
}

impl<'a> Plan<'a> {
    /// The plan for all components but those that are `done`, whose needs are done as well. With `keep_going` a failure
    /// stops only what depends on it; else nothing is started after it.
    pub fn new(
        graph: &'a Graph,
        done: &BTreeSet<ComponentName>,
        expected: Expected,
        budget: Budget,
        keep_going: bool,
    ) -> Self {
        let mut plan = Self {
            graph,
            budget: Budget { jobs: budget.jobs.max(1), ..budget },
            keep_going,
            ranks: ranks(graph, &expected.milliseconds),
            memory: expected.memory,
            waiting: BTreeMap::new(),
            ready: BTreeSet::new(),
            running: BTreeMap::new(),
            skipped: BTreeMap::new(),
            closed: false,
        };
        for name in graph.order().iter().filter(|name| !done.contains(*name)) {
            let needs: BTreeSet<_> = graph.recipe(name).needs.iter().collect();
            match needs.iter().filter(|need| !done.contains(**need)).count() {
                0 => plan.make_ready(name),
                open => drop(plan.waiting.insert(name.clone(), open)),
            }
        }
        plan
    }

    /// The component to start now, which runs from here on; none when none may be started before another is over.
    pub fn start(&mut self) -> Option<ComponentName> {
        if self.closed || self.running.len() >= self.budget.jobs {
            return None;
        }
        let (_, Reverse(name)) = self.ready.last()?;
        let memory = self.memory.get(name).copied().unwrap_or(0);
        let used = self.running.values().fold(0u64, |sum, one| sum.saturating_add(one.memory));
        if !self.running.is_empty() && used.saturating_add(memory) > self.budget.memory {
            return None;
        }
        let (_, Reverse(name)) = self.ready.pop_last()?;
        self.running.insert(name.clone(), Running { jobs: 0, memory });
        Some(name)
    }

    /// How many programs the next step of a running component may run at once: at least 1.
    pub fn share(&mut self, name: &ComponentName) -> usize {
        let jobs = self.budget.jobs;
        let running = self.running.len().max(1);
        let rank = |name: &ComponentName| (Reverse(self.ranks.get(name).copied().unwrap_or(0)), name.clone());
        let before = self.running.keys().filter(|other| rank(other) < rank(name)).count();
        let fair = jobs / running + usize::from(before < jobs % running);
        let others: usize =
            self.running.iter().filter(|(other, _)| *other != name).map(|(_, one)| one.jobs).sum();
        let share = fair.min(jobs.saturating_sub(others)).max(1);
        if let Some(one) = self.running.get_mut(name) {
            one.jobs = share;
        }
        share
    }

    /// A running component is over. What can never be built because it failed is given up: those, now.
    pub fn finished(&mut self, name: &ComponentName, success: bool) -> Vec<ComponentName> {
        self.running.remove(name);
        let mut given_up = Vec::new();
        if !success {
            self.closed |= !self.keep_going;
            self.skip_what_needs(name, name, &mut given_up);
            return given_up;
        }
        for other in self.needing(name) {
            if let Some(open) = self.waiting.get_mut(&other) {
                *open -= 1;
                if *open == 0 {
                    self.waiting.remove(&other);
                    self.make_ready(&other);
                }
            }
        }
        given_up
    }

    /// Nothing is started any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether nothing will be started any more, whatever those that run come to.
    pub fn has_nothing_left(&self) -> bool {
        self.closed || (self.running.is_empty() && self.ready.is_empty())
    }

    /// Whether nothing runs, and nothing will.
    pub fn is_over(&self) -> bool {
        self.running.is_empty() && self.has_nothing_left()
    }

    /// The most components that can ever run at one time.
    pub fn width(&self) -> usize {
        self.budget.jobs.min(self.waiting.len() + self.ready.len())
    }

    /// What was given up, each with the failed component that it depends on, directly or not.
    pub fn skipped(&self) -> &BTreeMap<ComponentName, ComponentName> {
        &self.skipped
    }

    /// What could have been started, or become ready, but was not, in the graph's order.
    pub fn not_begun(&self) -> Vec<ComponentName> {
        let open = |name: &&ComponentName| {
            self.waiting.contains_key(*name) || self.ready.iter().any(|(_, Reverse(ready))| ready == *name)
        };
        self.graph.order().iter().filter(open).cloned().collect()
    }

    fn make_ready(&mut self, name: &ComponentName) {
        self.ready.insert((self.ranks.get(name).copied().unwrap_or(0), Reverse(name.clone())));
    }

    fn needing(&self, name: &ComponentName) -> Vec<ComponentName> {
        let needs = |other: &&ComponentName| self.graph.recipe(other).needs.contains(name);
        self.graph.order().iter().filter(needs).cloned().collect()
    }

    fn skip_what_needs(
        &mut self,
        name: &ComponentName,
        because: &ComponentName,
        given_up: &mut Vec<ComponentName>,
    ) {
        for other in self.needing(name) {
            if self.waiting.remove(&other).is_some() {
                self.skipped.insert(other.clone(), because.clone());
                given_up.push(other.clone());
                self.skip_what_needs(&other, because, given_up);
            }
        }
    }
}

#[cfg(test)]
mod tests;
