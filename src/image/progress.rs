//! What this crate says while it works. It prints nothing itself.

use medic_model::{ByteSize, PackageName, Version};

/// Takes events, as they happen; may be called from any thread.
pub trait Reporter: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Keeps silent.
impl Reporter for () {
    fn event(&self, _: Event<'_>) {}
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A package's layer is being made.
    LayerStarted {
        /// The package.
        package: &'a PackageName,
        /// Its version.
        version: &'a Version,
        /// Bytes of its files, before compression.
        size: ByteSize,
    },
    /// A package's layer is made.
    LayerDone {
        /// The package.
        package: &'a PackageName,
        /// Its version.
        version: &'a Version,
        /// Bytes, compressed.
        size: ByteSize,
    },
    /// A package's layer was in the store.
    LayerReused {
        /// The package.
        package: &'a PackageName,
        /// Its version.
        version: &'a Version,
    },
    /// Bytes of an image have gone to the Docker daemon.
    Sent {
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// All bytes of an image have gone to the Docker daemon, which now unpacks them; in its own words.
    Loading {
        /// The daemon's words, such as `Loading layer`.
        message: &'a str,
    },
    /// The image is being unpacked, for the bubblewrap runner.
    Unpacking {
        /// Layers so far.
        done: usize,
        /// Layers in all.
        total: usize,
    },
    /// A container or sandbox runs.
    Started {
        /// The container's id, or words.
        name: &'a str,
    },
    /// Something that the user should know.
    Warning {
        /// One line.
        message: &'a str,
    },
}
