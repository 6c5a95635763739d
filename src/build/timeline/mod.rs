//! When each component and each of its steps began and ended: a record of every build that built something.
//!
//! `builds/<milliseconds since 1970>.json` in the store, written when the build is over, whether it succeeded or not. A build
//! that is killed or interrupted leaves none.

mod critical;
mod recorder;

use std::path::{Path, PathBuf};

use medic_model::document::from_json;
use medic_model::{Arch, ComponentName, Sha256, Version};
use serde::{Deserialize, Serialize};

use crate::store::{Layout, Store, StoreError, make_folder, remove_all};

pub use recorder::Recorder;

/// The version of the record's form.
pub const FORMAT: u32 = 1;
/// So many of the newest records are kept.
const KEPT: usize = 50;

/// A build, from the moment when it was known what must be built. All times but `started` are milliseconds from then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// [`FORMAT`].
    pub format: u32,
    /// How the builder was called.
    pub command_line: String,
    /// What was built for.
    pub arch: Arch,
    /// When the command was started: milliseconds since 1970-01-01T00:00:00Z.
    pub started: u64,
    /// When the first component could begin: sources were fetched, the compiler was ready.
    pub prepared: u64,
    /// When the last component was over.
    pub milliseconds: u64,
    /// The budget of jobs.
    pub jobs: usize,
    /// The budget of memory, in bytes.
    pub memory: u64,
    /// Every component of the graph, each after what it needs.
    pub components: Vec<Timed>,
}

/// What became of a component in a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// The component.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// What became of it.
    pub state: State,
    /// The failed component for which it was skipped.
    pub because: Option<ComponentName>,
    /// Its action key, where it came so far that this was known.
    pub key: Option<Sha256>,
    /// What it needs directly.
    pub needs: Vec<ComponentName>,
    /// When it ran, where it did.
    pub run: Option<Run>,
}

/// What became of a component in a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was built.
    Built,
    /// Its result was in the store.
    Stored,
    /// It could not be built.
    Failed,
    /// It was not tried, as something that it needs could not be built.
    Skipped,
    /// It was not begun, as something else had failed.
    NotBegun,
}

/// When a component was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// From 0; no two components have the same at one time.
    pub lane: usize,
    /// When it began: its sources were unpacked from here on.
    pub start: u64,
    /// When it was over: its result was in the store.
    pub end: u64,
    /// Its steps, in order.
    pub steps: Vec<TimedStep>,
}

/// When a step ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedStep {
    /// Its name.
    pub name: String,
    /// How many programs it could run at once.
    pub jobs: usize,
    /// When it began.
    pub start: u64,
    /// When it was over.
    pub end: u64,
}

impl Timeline {
    /// The milliseconds of all components together: how long the build had taken one after another.
    pub fn work(&self) -> u64 {
        self.components.iter().filter_map(|one| one.run.as_ref()).map(Run::milliseconds).sum()
    }

    /// A component of it.
    pub fn component(&self, name: &ComponentName) -> Option<&Timed> {
        self.components.iter().find(|one| one.name == *name)
    }

    /// The components that the end of the build waited for: the last one to end, before it the need for which that one
    /// waited longest, and so on, in the order of time.
    pub fn critical_path(&self) -> Vec<ComponentName> {
        critical::path(self)
    }
}

impl Run {
    /// How long it took.
    pub fn milliseconds(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Writes the record of a build, and removes the oldest ones.
///
/// # Errors
/// The disk.
pub fn keep(store: &Store, timeline: &Timeline) -> Result<(), StoreError> {
    let folder = store.layout().builds();
    make_folder(&folder)?;
    // Thirteen digits reach to the year 2286; so the order of names is the order of time.
    store.keep_record(&folder.join(format!("{:013}.json", timeline.started)), timeline)?;
    let names = names(&folder);
    names[..names.len().saturating_sub(KEPT)].iter().try_for_each(|path| remove_all(path))
}

/// The newest record that `fits`, of the store in this folder, which another builder may be working in. One that cannot be
/// read is passed over: it is of no use but to be looked at.
pub fn newest(store: &Path, fits: impl Fn(&Timeline) -> bool) -> Option<Timeline> {
    let folder = Layout::new(store).builds();
    names(&folder).iter().rev().find_map(|path| {
        let text = std::fs::read(path).ok()?;
        let timeline: Timeline = from_json(&path.to_string_lossy(), &text).ok()?;
        (timeline.format == FORMAT && fits(&timeline)).then_some(timeline)
    })
}

/// The records in a folder, the oldest first; none when there is no folder yet.
fn names(folder: &Path) -> Vec<PathBuf> {
    let record = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && name.ends_with(".json")
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(record).collect();
    names.sort();
    names
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::Silent;

    /// A component that ran from `start` to `end`, or was in the store.
    pub(crate) fn timed(name: &str, needs: &[&str], run: Option<(u64, u64)>) -> Timed {
        Timed {
            name: name.parse().expect("a name"),
            version: "1".parse().expect("a version"),
            state: if run.is_some() { State::Built } else { State::Stored },
            because: None,
            key: None,
            needs: needs.iter().map(|need| need.parse().expect("a name")).collect(),
            run: run.map(|(start, end)| Run { lane: 0, start, end, steps: Vec::new() }),
        }
    }

    pub(crate) fn timeline(components: Vec<Timed>) -> Timeline {
        Timeline {
            format: FORMAT,
            command_line: "test".to_owned(),
            arch: Arch::X64,
            started: 1_700_000_000_000,
            prepared: 1,
            milliseconds: 9,
            jobs: 2,
            memory: 1 << 30,
            components,
        }
    }

    #[test]
    fn the_newest_that_fits_is_found_and_the_oldest_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(newest(folder.path(), |_| true), None);
        let store = Store::open(folder.path(), "test", &Silent).expect("opened");
        for number in 0..KEPT as u64 + 5 {
            let one = timeline(vec![timed("zlib", &[], Some((number, number + 2)))]);
            keep(&store, &Timeline { started: number, ..one }).expect("kept");
        }
        let builds = store.layout().builds();
        assert_eq!(names(&builds).len(), KEPT);
        assert_eq!(names(&builds)[0].file_name().expect("a name"), "0000000000005.json");
        let last = newest(folder.path(), |_| true).expect("one");
        assert_eq!((last.started, last.work()), (54, 2));
        fs_err::write(builds.join("0000000000054.json"), "{").expect("written");
        fs_err::write(builds.join(".0000000000060.json.1.new"), "{").expect("written");
        assert_eq!(newest(folder.path(), |_| true).expect("the one before").started, 53);
        assert_eq!(newest(folder.path(), |one| one.started < 10).expect("one").started, 9);
        assert_eq!(newest(folder.path(), |one| one.jobs == 9), None);
    }
}
