//! Archives: canonical tar, zstd and gzip writing, and the reading of hostile ones.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`tree`] | a tree of folders, files and links as a value: scanned, put together, digested, written |
//! | [`writer`] | one canonical tar: same members, same bytes |
//! | [`digest`] | SHA-256 and size while bytes flow by |
//! | `compress` (feature `pack`) | gzip and zstd, deterministic, with both digests of a layer |
//! | [`package`] | package archives: reading always, writing with the feature `pack` |
//! | `upstream` (feature `upstream`) | unpacking what others made: `.tar[.gz\|.bz2\|.xz\|.zst]`, `.zip`, `.whl`, `.crate` |
//! | [`json`] | canonical JSON |
//!
//! On disk it reads and writes only what the caller names, and below folders that the caller names.
//!
//! Never: follows a symbolic link while unpacking, trusts a size, name or mode of an archive, leaves a file it failed
//! to write, looks at the clock, the environment or the umask.

mod beneath;
#[cfg(feature = "pack")]
pub mod compress;
pub mod digest;
mod header;
pub mod json;
pub mod package;
pub mod tree;
#[cfg(feature = "upstream")]
pub mod upstream;
pub mod writer;

#[cfg(feature = "pack")]
pub use compress::{Compressed, Compression};
pub use digest::Digested;
pub use package::{DirectorySink, PackageError, PackageReader, Sink};
pub use tree::{Content, Node, Tree, TreeError};
