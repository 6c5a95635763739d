//! The build's events on a screen.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use medic_build::report::{Event, Preparation, Progress, Reporter};
use medic_model::{ByteSize, ComponentName, Version};

use super::{Screen, fetch};

/// Shows a build's events.
pub struct BuildProgress<'a> {
    screen: &'a dyn Screen,
    started: Mutex<BTreeMap<String, Instant>>,
}

impl<'a> BuildProgress<'a> {
    /// On this screen.
    pub fn new(screen: &'a dyn Screen) -> Self {
        Self { screen, started: Mutex::default() }
    }

    fn start(&self, key: &str, text: &str) {
        if let Ok(mut started) = self.started.lock() {
            started.insert(key.to_owned(), Instant::now());
        }
        self.screen.task(key, text);
    }

    /// `12.3 s` since the task with this key was started; empty when it was not.
    fn seconds(&self, key: &str) -> String {
        let since = self.started.lock().ok().and_then(|mut started| started.remove(key));
        since.map_or_else(String::new, |since| format!(" in {:.1} s", since.elapsed().as_secs_f32()))
    }

    fn component(&self, name: &ComponentName, version: &Version, progress: Progress) {
        let key = format!("component {name}");
        let done = |line: &str| self.screen.done(&key, Some(line));
        match progress {
            Progress::Stored => {}
            Progress::Cached { from } => done(&format!("{name} {version}: from the cache {from}")),
            Progress::Started { .. } => self.start(&key, &format!("{name} {version}: preparing")),
            Progress::Step { number, of, name: step } => {
                self.screen.task(&key, &format!("{name} {version}: {step} ({number} of {of})"));
            }
            Progress::Finished => done(&format!("{name} {version}: built{}", self.seconds(&key))),
            Progress::Failed => done(&format!("{name} {version}: FAILED{}", self.seconds(&key))),
            Progress::Skipped { because } => {
                done(&format!("{name} {version}: not tried, as it needs {because}"));
            }
        }
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
                self.screen.line(&format!("{open} components to build, {stored} in the store"));
            }
            Event::Component { name, version, progress } => self.component(&name, &version, progress),
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
