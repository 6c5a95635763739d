//! Package archives, `<name>-v<version>-<arch>.pkg.tar.zst`.
//!
//! One zstd frame (window at most 8 MiB) that holds a canonical tar: `manifest.json` (canonical JSON), then every entry of the manifest
//! in the manifest's order, then two blocks of zeros, and nothing else. So an archive is a function of its
//! manifest and its files, and a reader can predict every byte that is not content.

#[cfg(feature = "pack")]
mod entries;
mod error;
mod reader;
mod sink;
#[cfg(feature = "pack")]
mod text;
#[cfg(feature = "pack")]
mod writer;

#[cfg(feature = "pack")]
pub use entries::{EntriesError, entries};
pub use error::PackageError;
pub use reader::{Limits, PackageReader};
pub use sink::{DirectorySink, Sink};
#[cfg(feature = "pack")]
pub use writer::{PackError, write};

/// The logarithm of the largest window of a package: 8 MiB, so that a reader needs little memory.
pub const WINDOW_LOG: u32 = 23;
/// The mode that `manifest.json` has in an archive.
const MANIFEST_MODE: u32 = 0o644;
