//! Starting an image: in Docker ([`docker`]), or with bubblewrap where there is no daemon ([`bubblewrap`]).

pub mod bubblewrap;
pub mod docker;
pub mod emulation;
mod error;
pub mod forward;
mod handover;
mod ports;
mod root;
mod sandbox;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

pub use error::RunError;
pub use ports::{Publish, default_ports};

/// How an image is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSettings {
    /// Ports that are published.
    pub publish: Vec<Publish>,
    /// Where `/srv` is kept.
    pub volume: Volume,
    /// Environment variables beside the image's own.
    pub environment: Vec<(String, String)>,
}

/// Where `/srv` is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Volume {
    /// It ends with the run.
    #[default]
    Temporary,
    /// In a volume with this name: Docker's, or a folder of the store.
    Named(String),
    /// In this folder, which is made when it is not there.
    Folder(PathBuf),
}

/// Which of its two outputs a container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Takes what the container writes, piece by piece; a piece may end within a line.
pub type Log<'a> = dyn FnMut(Stream, &[u8]) + 'a;

/// A flag that another thread or a signal handler sets when the run is to end.
pub type StopFlag = AtomicBool;

/// How long a container has to end after its stop signal. Its own budget is 8 s.
pub(crate) const GRACE_SECONDS: u8 = 10;

/// Of the image's volumes, the one that [`RunSettings::volume`] is for.
pub(crate) const SRV: &str = "/srv";
