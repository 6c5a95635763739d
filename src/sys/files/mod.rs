//! Files that survive a power cut, and folders that nobody can lead us out of.
//!
//! [`Folder`] is an open folder: every operation on what is in it goes through its descriptor, never through a path
//! that somebody could change meanwhile, and no symbolic link is followed below it. [`write_durable`] and
//! [`switch_link`] replace a file or a link at once and for good. [`Lock`] makes programs take turns; [`Space`]
//! tells what a file system has left. Every error names the operation and the path.

mod durable;
mod error;
mod folder;
mod list;
mod lock;
mod make;
mod open;
mod space;

pub use durable::{stream_durable, switch_link, sync_path, write_durable};
pub use error::FileError;
pub use folder::{Folder, Kind, Node};
pub use list::list;
pub use lock::Lock;
pub use make::make_folders;
pub use space::Space;
