//! Listens to a build's events and remembers when they came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use medic_model::{ComponentName, Sha256};

use super::{FORMAT, Run, State, Timed, TimedStep, Timeline};
use crate::graph::Graph;
use crate::report::{Event, Progress, Reporter};
use crate::settings::Settings;

/// Passes events on, and remembers when they came.
pub struct Recorder<'a> {
    inner: &'a dyn Reporter,
    start: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    prepared: u64,
    components: BTreeMap<ComponentName, One>,
}

#[derive(Debug)]
struct One {
    state: State,
    because: Option<ComponentName>,
    key: Option<Sha256>,
    run: Option<Run>,
    running: bool,
    /// Whether its last step is over.
    collected: bool,
}

impl One {
    fn new(state: State) -> Self {
        Self { state, because: None, key: None, run: None, running: false, collected: false }
    }
}

impl<'a> Recorder<'a> {
    /// Time begins now.
    pub fn new(inner: &'a dyn Reporter) -> Self {
        Self { inner, start: Instant::now(), seen: Mutex::default() }
    }

    /// From now on components can begin.
    pub fn prepared(&self) {
        let now = self.now();
        self.seen().prepared = now;
    }

    /// The record, of all components of the graph. The build is over now.
    pub fn finish(self, graph: &Graph, settings: &Settings) -> Timeline {
        let milliseconds = self.now();
        let mut seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let started = settings.started.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let timed = |name: &ComponentName| {
            let one = seen.components.remove(name).unwrap_or_else(|| One::new(State::NotBegun));
            let recipe = graph.recipe(name);
            Timed {
                name: name.clone(),
                version: recipe.version.clone(),
                state: one.state,
                because: one.because,
                key: one.key,
                needs: recipe.needs.clone(),
                run: one.run,
            }
        };
        Timeline {
            format: FORMAT,
            command_line: settings.command_line.clone(),
            arch: settings.arch,
            started: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
            prepared: seen.prepared,
            milliseconds,
            jobs: settings.jobs,
            memory: settings.memory,
            components: graph.order().iter().map(timed).collect(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// The first lane in which nothing runs.
    fn free_lane(&self) -> usize {
        let mut used: Vec<usize> = self
            .components
            .values()
            .filter(|one| one.running)
            .filter_map(|one| one.run.as_ref().map(|run| run.lane))
            .collect();
        used.sort_unstable();
        used.iter().enumerate().find(|(index, lane)| index != *lane).map_or(used.len(), |(index, _)| index)
    }

    fn note(&mut self, name: &ComponentName, progress: &Progress, now: u64) {
        match progress {
            Progress::Stored | Progress::Cached { .. } => {
                drop(self.components.insert(name.clone(), One::new(State::Stored)))
            }
            Progress::Started { key, .. } => {
                let run = Run { lane: self.free_lane(), start: now, end: now, steps: Vec::new() };
                // Until it is told how it ended, it has not ended well.
                let one = One { key: Some(*key), run: Some(run), running: true, ..One::new(State::Failed) };
                self.components.insert(name.clone(), one);
            }
            Progress::Step { name: step, jobs, .. } => {
                if let Some(run) = self.components.get_mut(name).and_then(|one| one.run.as_mut()) {
                    run.end_step(now);
                    run.steps.push(TimedStep { name: step.clone(), jobs: *jobs, start: now, end: now });
                }
            }
            Progress::Collecting => {
                if let Some(one) = self.components.get_mut(name) {
                    one.run.iter_mut().for_each(|run| run.end_step(now));
                    one.collected = true;
                }
            }
            // Of a shell, whose preparation is not recorded.
            Progress::Prepared { .. } => {}
            Progress::Finished => self.end(name, State::Built, now),
            Progress::Failed => self.end(name, State::Failed, now),
            Progress::Skipped { because } => {
                let one = One { because: Some(because.clone()), ..One::new(State::Skipped) };
                self.components.insert(name.clone(), one);
            }
        }
    }

    fn end(&mut self, name: &ComponentName, state: State, now: u64) {
        let one = self.components.entry(name.clone()).or_insert_with(|| One::new(state));
        one.state = state;
        one.running = false;
        if let Some(run) = &mut one.run {
            if !one.collected {
                run.end_step(now);
            }
            run.end = now;
        }
    }
}

impl Run {
    fn end_step(&mut self, now: u64) {
        if let Some(step) = self.steps.last_mut() {
            step.end = now;
        }
    }
}

impl Reporter for Recorder<'_> {
    fn report(&self, event: Event) {
        if let Event::Component { name, progress, .. } = &event {
            let now = self.now();
            self.seen().note(name, progress, now);
        }
        self.inner.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ComponentName {
        text.parse().expect("a name")
    }

    fn started() -> Progress {
        Progress::Started { log: "/log".into(), key: Sha256::from_bytes([1; 32]) }
    }

    fn step(number: usize) -> Progress {
        Progress::Step { number, of: 2, name: format!("step {number}"), jobs: 3 }
    }

    #[test]
    fn steps_and_lanes_are_those_that_were_reported() {
        let mut seen = Seen::default();
        let (a, b, c) = (name("a"), name("b"), name("c"));
        seen.note(&a, &started(), 10);
        seen.note(&b, &started(), 11);
        seen.note(&a, &step(1), 20);
        seen.note(&a, &step(2), 30);
        seen.note(&a, &Progress::Collecting, 45);
        seen.note(&a, &Progress::Finished, 50);
        seen.note(&c, &started(), 60);
        seen.note(&b, &step(1), 61);
        seen.note(&b, &Progress::Failed, 70);
        let run = |name: &ComponentName| seen.components[name].run.clone().expect("it ran");
        let steps = |name| run(name).steps.iter().map(|step| (step.start, step.end)).collect::<Vec<_>>();
        assert_eq!((run(&a).lane, run(&b).lane, run(&c).lane), (0, 1, 0), "c has the lane that a left");
        assert_eq!((run(&a).start, run(&a).end), (10, 50));
        assert_eq!(steps(&a), [(20, 30), (30, 45)]);
        assert_eq!(steps(&b), [(61, 70)], "a failed step ended with the component");
        assert_eq!(seen.components[&a].state, State::Built);
        assert_eq!(seen.components[&b].state, State::Failed);
        assert!(seen.components[&c].running);
    }

    #[test]
    fn what_never_ran_is_told_apart() {
        let mut seen = Seen::default();
        seen.note(&name("a"), &Progress::Stored, 1);
        seen.note(&name("b"), &Progress::Skipped { because: name("x") }, 2);
        seen.note(&name("c"), &Progress::Failed, 3);
        let one = |text: &str| &seen.components[&name(text)];
        assert_eq!((one("a").state, one("b").state), (State::Stored, State::Skipped));
        assert_eq!(one("b").because, Some(name("x")));
        assert!(one("c").run.is_none(), "it failed before anything was begun");
    }
}
