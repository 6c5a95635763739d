//! What happens during a build, as data. The library shows nothing itself.

use std::path::PathBuf;
use std::time::SystemTime;

use medic_model::{ComponentName, PackageName, Sha256, Version};

use crate::fetch;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another builder has the store; this one waits for it.
    Waiting {
        /// The other's process number and command line, such as `4711: cargo xtask build-image nginx`.
        holder: String,
        /// When it took the store, where that is known.
        since: Option<SystemTime>,
    },
    /// Something is made that all components need: a build root, the toolchain. It takes a minute, once.
    Preparing(Preparation),
    /// It is there now.
    Prepared(Preparation),
    /// What the store has, and what must be built or may have to be.
    Planned {
        /// Components whose results are in the store.
        stored: usize,
        /// The others.
        open: usize,
    },
    /// Something of a source that is fetched.
    Fetch(fetch::Event),
    /// Something of a component.
    Component {
        /// The component.
        name: ComponentName,
        /// Its version.
        version: Version,
        /// What happened.
        progress: Progress,
    },
    /// A package is being packed.
    Packing(PackageName),
    /// A package is there.
    Packed {
        /// The package.
        name: PackageName,
        /// Its version.
        version: Version,
        /// Bytes of the archive.
        size: u64,
        /// Whether it was made now; else it was in the store.
        fresh: bool,
    },
    /// Something odd that did not stop the build.
    Warning(String),
}

/// What is made once for many components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// A build root, by its name.
    Root(String),
    /// The compiler.
    Toolchain,
}

/// How far a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its result is in the store: nothing to do.
    Stored,
    /// Its result came from the cache and is in the store now.
    Cached {
        /// The cache.
        from: String,
    },
    /// It is being built; what its steps write goes to the log.
    Started {
        /// The log.
        log: PathBuf,
        /// Its action key.
        key: Sha256,
    },
    /// A step of it begins.
    Step {
        /// The step, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Its name.
        name: String,
        /// How many programs it may run at once.
        jobs: usize,
    },
    /// Its steps are over; what they made is checked and put into the store.
    Collecting,
    /// Everything before this step is done, and no more is wanted.
    Prepared {
        /// The step's name.
        step: String,
    },
    /// It is built.
    Finished,
    /// It could not be built.
    Failed,
    /// It was not tried, as this component that it needs could not be built.
    Skipped {
        /// The one that failed.
        because: ComponentName,
    },
}

/// Is told what happens; from several threads at once.
pub trait Reporter: Sync {
    /// Something happened.
    fn report(&self, event: Event);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}
