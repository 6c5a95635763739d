//! Fetching, against a real server on this machine that does everything wrong that servers do, and against the clients themselves.

mod clients;
mod places;
pub(crate) mod server;
mod troubles;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use medic_archive::digest;
use medic_model::recipe::{FileSource, Location};
use medic_model::{ByteSize, Sha256};
use tempfile::TempDir;

use super::{Access, Event, FetchError, Limits, Programs, Proxy, fetch_all, path_of};

/// Bytes that differ everywhere, so that a part put into the wrong place is noticed.
fn content(size: usize) -> Vec<u8> {
    (0..size as u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).take(size).collect()
}

fn sha256(bytes: &[u8]) -> Sha256 {
    digest::of_bytes(bytes).sha256
}

fn url(text: impl Into<String>) -> Location {
    Location::Url(text.into())
}

fn source(bytes: &[u8], locations: impl IntoIterator<Item = Location>) -> FileSource {
    FileSource {
        sha256: sha256(bytes),
        sha512: None,
        max_size: ByteSize(4 << 20),
        locations: locations.into_iter().collect(),
        into: None,
        unpack: false,
        strip: 0,
    }
}

/// A store, a workspace and all that fetching is told, in a folder of its own.
struct Bench {
    root: TempDir,
    access: Access,
    limits: Limits,
    cancel: AtomicBool,
    events: Mutex<Vec<Event>>,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let access = Access {
            workspace: root.path().join("workspace"),
            mirrors: Vec::new(),
            debian: Vec::new(),
            cargo_home: None,
            proxy: Proxy::None,
            programs: Programs::default(),
            offline: false,
            user_agent: "medic-os-test".to_owned(),
        };
        std::fs::create_dir(&access.workspace).expect("made");
        let limits = Limits {
            workers: NonZero::new(4).expect("not zero"),
            per_host: NonZero::new(2).expect("not zero"),
            attempts: 4,
            first_delay: Duration::from_millis(5),
            max_delay: Duration::from_millis(1500),
            connect: Duration::from_millis(500),
            stall: Duration::from_millis(300),
            client_stall: Duration::from_secs(120),
            redirects: 5,
        };
        Self { root, access, limits, cancel: AtomicBool::new(false), events: Mutex::default() }
    }

    fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    fn fetch(&self, sources: &[&FileSource]) -> Result<Vec<PathBuf>, FetchError> {
        let tell = |event| self.events.lock().expect("no panic").push(event);
        fetch_all(sources, &self.store(), &self.access, &self.limits, &tell, &self.cancel)
    }

    /// Fetches one file, which must arrive and be right, with nothing left half done.
    fn arrives(&self, source: &FileSource) -> Vec<u8> {
        let paths = self.fetch(&[source]).unwrap_or_else(|error| panic!("{error}\n{:?}", self.told()));
        assert_eq!(paths, [path_of(&self.store(), &source.sha256)]);
        let bytes = std::fs::read(&paths[0]).expect("read");
        assert_eq!(sha256(&bytes), source.sha256);
        bytes
    }

    /// Fetches one file, which must not arrive. The reasons at its locations, and the whole message.
    fn fails(&self, source: &FileSource) -> (Vec<super::Reason>, String) {
        let error = self.fetch(&[source]).expect_err("refused");
        let text = error.to_string();
        assert!(!path_of(&self.store(), &source.sha256).exists(), "something was promoted");
        match error {
            FetchError::Missing { mut failures, .. } => {
                assert_eq!(failures.len(), 1, "{text}");
                let failure = failures.remove(0);
                (failure.locations.into_iter().map(|(_, reason)| reason).collect(), text)
            }
            other => panic!("another error: {other}"),
        }
    }

    fn told(&self) -> Vec<Event> {
        self.events.lock().expect("no panic").clone()
    }

    /// The names in `partial`.
    fn partials(&self) -> Vec<String> {
        names(&self.store().join("partial"))
    }

    fn retries(&self) -> usize {
        self.told().iter().filter(|event| matches!(event, Event::Retry { .. })).count()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
