//! The build's events on a screen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use medic_build::report::{Event, Preparation, Progress, Reporter};
use medic_model::{ByteSize, ComponentName, Version};

use super::{Screen, clock, fetch};

/// Shows a build's events.
pub struct BuildProgress<'a> {
    screen: &'a dyn Screen,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    started: BTreeMap<String, Instant>,
    tally: Tally,
}

/// How far a build is, in components.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    /// To be built, or found in the store when what they need is there.
    open: usize,
    running: usize,
    built: usize,
    failed: usize,
    /// Of the open ones: given up, or found in the store after all.
    settled: usize,
    /// Of those in the store from the beginning: not yet told of.
    stored: usize,
}

impl Tally {
    fn note(&mut self, progress: &Progress) {
        match progress {
            Progress::Started { .. } => self.running += 1,
            Progress::Prepared { .. } => self.running = self.running.saturating_sub(1),
            Progress::Finished => {
                self.running = self.running.saturating_sub(1);
                self.built += 1;
            }
            Progress::Failed => {
                self.running = self.running.saturating_sub(1);
                self.failed += 1;
            }
            Progress::Skipped { .. } => self.settled += 1,
            Progress::Stored if self.stored > 0 => self.stored -= 1,
            Progress::Stored | Progress::Cached { .. } => self.settled += 1,
            Progress::Step { .. } | Progress::Collecting => {}
        }
    }

    /// How many of the open ones are over.
    fn over(&self) -> usize {
        self.built + self.failed + self.settled
    }

    /// `3 of 8 done, 2 running`
    fn in_words(&self) -> String {
        let failed = if self.failed > 0 { format!(", {} FAILED", self.failed) } else { String::new() };
        format!("{} of {} done, {} running{failed}", self.over(), self.open, self.running)
    }
}

impl<'a> BuildProgress<'a> {
    /// On this screen.
    pub fn new(screen: &'a dyn Screen) -> Self {
        Self { screen, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, key: &str, text: &str) {
        self.state().started.insert(key.to_owned(), Instant::now());
        self.screen.task(key, text);
    }

    /// ` in 12.3 s` since the task with this key was started; empty when it was not.
    fn seconds(&self, key: &str) -> String {
        let since = self.state().started.remove(key);
        since.map_or_else(String::new, |since| format!(" in {}", clock::took(since.elapsed())))
    }

    fn component(&self, name: &ComponentName, version: &Version, progress: &Progress) {
        let key = format!("component {name}");
        let tally = {
            let mut state = self.state();
            state.tally.note(progress);
            state.tally
        };
        let done = |line: &str| self.screen.done(&key, Some(line));
        let count = format!("({} of {})", tally.over(), tally.open);
        match progress {
            Progress::Stored => {}
            Progress::Cached { from } => done(&format!("{name} {version}: from the cache {from}")),
            Progress::Started { .. } => self.start(&key, &format!("{name} {version}: preparing")),
            Progress::Step { number, of, name: step, .. } => {
                self.screen.task(&key, &format!("{name} {version}: {step} ({number}/{of})"));
            }
            Progress::Collecting => self.screen.task(&key, &format!("{name} {version}: keeping the result")),
            Progress::Finished => done(&format!("{name} {version}: built{} {count}", self.seconds(&key))),
            Progress::Prepared { step } => {
                done(&format!("{name} {version}: prepared for {step}{}", self.seconds(&key)));
            }
            Progress::Failed => done(&format!("{name} {version}: FAILED{}", self.seconds(&key))),
            Progress::Skipped { because } => {
                done(&format!("{name} {version}: not tried, as it needs {because}"));
            }
        }
        self.screen.summary(Some(&tally.in_words()).filter(|_| tally.running > 0).map(String::as_str));
    }
}

fn describe(preparation: &Preparation) -> String {
    match preparation {
        Preparation::Root(name) => format!("build root '{name}'"),
        Preparation::Toolchain => "toolchain".to_owned(),
    }
}

impl Reporter for BuildProgress<'_> {
    fn report(&self, event: Event) {
        match event {
            Event::Waiting { holder, .. } => {
                self.screen.line(&format!("waiting for the store, which is used by {holder}"))
            }
            Event::Preparing(what) => {
                let what = describe(&what);
                self.start(&what, &format!("{what}: preparing"));
            }
            Event::Prepared(what) => {
                let what = describe(&what);
                self.screen.done(&what, Some(&format!("{what}: prepared{}", self.seconds(&what))));
            }
            Event::Planned { open: 0, .. } => {}
            Event::Planned { stored, open } => {
                self.state().tally = Tally { open, stored, ..Tally::default() };
                self.screen.line(&format!("{open} components to build, {stored} in the store"));
            }
            Event::Component { name, version, progress } => self.component(&name, &version, &progress),
            Event::Packing(name) => self.start(&format!("package {name}"), &format!("{name}: packing")),
            Event::Packed { fresh: false, .. } => {}
            Event::Packed { name, version, size, .. } => {
                let key = format!("package {name}");
                let line = format!("{name} {version}: packed, {}{}", ByteSize(size), self.seconds(&key));
                self.screen.done(&key, Some(&line));
            }
            Event::Fetch(event) => fetch::show(self.screen, &event),
            Event::Warning(text) => self.screen.line(&format!("warning: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Recorder {
        fn note(&self, text: String) {
            self.0.lock().expect("not poisoned").push(text);
        }
    }

    impl Screen for Recorder {
        fn line(&self, text: &str) {
            self.note(text.to_owned());
        }
        fn task(&self, _: &str, text: &str) {
            self.note(format!("> {text}"));
        }
        fn bytes(&self, _: &str, _: u64, _: u64) {}
        fn done(&self, _: &str, line: Option<&str>) {
            // The time that it took is another one each time.
            let line = line.unwrap_or_default();
            self.note(line.replace("0.0 s", "T"));
        }
        fn summary(&self, text: Option<&str>) {
            self.note(format!("= {}", text.unwrap_or("nothing")));
        }
    }

    #[test]
    fn a_build_is_told_with_its_steps_and_how_far_it_is() {
        let screen = Recorder::default();
        let progress = BuildProgress::new(&screen);
        let tell = |name: &str, progress_: Progress| {
            let (name, version) = (name.parse().expect("a name"), "1.3".parse().expect("a version"));
            progress.report(Event::Component { name, version, progress: progress_ });
        };
        let key = medic_model::Sha256::from_bytes([0; 32]);
        let started = || Progress::Started { log: "/log".into(), key };
        progress.report(Event::Planned { stored: 1, open: 3 });
        tell("busybox", Progress::Stored);
        tell("zlib", started());
        tell("zlib", Progress::Step { number: 2, of: 4, name: "compile".to_owned(), jobs: 2 });
        tell("zlib", Progress::Finished);
        tell("openssl", started());
        tell("openssl", Progress::Failed);
        tell("nginx", Progress::Skipped { because: "openssl".parse().expect("a name") });
        let said = screen.0.into_inner().expect("not poisoned");
        assert_eq!(
            said,
            [
                "3 components to build, 1 in the store",
                "= nothing",
                "> zlib 1.3: preparing",
                "= 0 of 3 done, 1 running",
                "> zlib 1.3: compile (2/4)",
                "= 0 of 3 done, 1 running",
                "zlib 1.3: built in T (1 of 3)",
                "= nothing",
                "> openssl 1.3: preparing",
                "= 1 of 3 done, 1 running",
                "openssl 1.3: FAILED in T",
                "= nothing",
                "nginx 1.3: not tried, as it needs openssl",
                "= nothing",
            ]
        );
    }
}
