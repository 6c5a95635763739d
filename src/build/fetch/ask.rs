//! Asking what there is, and fetching what is not known by its digest yet: for whoever looks for new versions of sources. The
//! same client, patience and share of each host as for fetching.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fs_err as fs;
use medic_archive::digest;
use medic_model::recipe::{FileSource, Location};
use medic_model::{ByteSize, Sha256, Sha512};

use super::access::is_web;
use super::clients::{self, Task};
use super::http;
use super::job::{Job, Stop};
use super::locate::give;
use super::plan::{Candidate, Want, candidates, label};
use super::shelf::{Shelf, Stored};
use super::{Access, Event, FetchError, Limits, Reason};

/// Asks servers and client programs. One for all threads.
pub struct Asker<'a> {
    job: Job<'a>,
}

/// A page, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it came from, after redirects.
    pub url: String,
    /// What is in it.
    pub body: Vec<u8>,
}

/// A file that was fetched on first trust: whatever a location gave is what it is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    /// The place, for people.
    pub place: String,
    /// Its digest.
    pub sha256: Sha256,
    /// Its other digest.
    pub sha512: Sha512,
    /// Bytes.
    pub size: u64,
    /// Its file in the store.
    pub path: PathBuf,
}

const OFFLINE: Reason = Reason::NotConfigured("the network may not be used (--offline)");

impl<'a> Asker<'a> {
    /// What is fetched, and what client programs write for a moment, goes to the store below `store_dir`.
    ///
    /// # Errors
    /// The store's folders cannot be made.
    pub fn new(
        store_dir: &Path,
        access: &'a Access,
        limits: &'a Limits,
        events: &'a (dyn Fn(Event) + Sync),
        cancel: &'a AtomicBool,
    ) -> Result<Self, FetchError> {
        Ok(Self { job: Job::new(Shelf::open(store_dir)?, access, limits, events, cancel) })
    }

    /// Where the machine's sources may be had.
    pub fn access(&self) -> &Access {
        self.job.access
    }

    /// How many questions may be asked at once.
    pub fn workers(&self) -> usize {
        self.job.limits.workers.get()
    }

    /// A page of at most `limit` bytes.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn page(&self, url: &str, accept: &'static str, limit: usize) -> Result<Page, Reason> {
        let _slot = self.enter(url)?;
        let (url, body) = http::page(&self.job, url, accept, limit).map_err(stopped)??;
        Ok(Page { url, body })
    }

    /// What a server answers when it is asked for a file: the status. Nothing of the file is read.
    ///
    /// # Errors
    /// There is no answer.
    pub fn status(&self, url: &str) -> Result<u16, Reason> {
        let _slot = self.enter(url)?;
        http::status(&self.job, url).map_err(stopped)?
    }

    fn enter(&self, url: &str) -> Result<super::hosts::Slot<'_>, Reason> {
        if self.job.access.offline {
            return Err(OFFLINE);
        }
        if !is_web(url) {
            return Err(Reason::Address(url.to_owned()));
        }
        let host = http::host(url);
        if self.job.hosts.is_unreachable(&host) {
            return Err(Reason::Connect(format!("'{host}' could not be reached a moment ago")));
        }
        self.job.hosts.enter(&host, || self.job.stopped()).ok_or_else(interrupted)
    }

    /// Remembers that a server did not answer, so that the next question does not wait for it.
    pub fn give_up_host(&self, url: &str) {
        self.job.hosts.set_unreachable(&http::host(url));
    }

    /// The package indexes that pip is configured for: addresses and folders.
    ///
    /// # Errors
    /// Python or pip is not there or fails.
    pub fn pypi_indexes(&self) -> Result<Vec<String>, Reason> {
        clients::pypi_indexes(&self.job, &want("pip", ByteSize(1 << 20))).map_err(stopped)?
    }

    /// A folder for a client program to work in, removed when dropped.
    ///
    /// # Errors
    /// The store's disk.
    pub fn scratch(&self) -> Result<super::shelf::Scratch, FetchError> {
        self.job.shelf.scratch()
    }

    /// Runs a client program in `scratch`; what it wrote to its standard output. It is ended when nothing grows, or more than
    /// 64 MiB do.
    ///
    /// # Errors
    /// It is not installed, or fails.
    pub fn run(
        &self,
        program: &std::ffi::OsStr,
        args: Vec<std::ffi::OsString>,
        env: Vec<(&'static str, std::ffi::OsString)>,
        scratch: &Path,
    ) -> Result<Vec<u8>, Reason> {
        if self.job.access.offline {
            return Err(OFFLINE);
        }
        let alone = program.to_string_lossy().into_owned();
        // Client programs lock their caches anyway.
        let _slot = self.job.hosts.enter_alone(&alone, || self.job.stopped()).ok_or_else(interrupted)?;
        let task = Task { program, args, env, scratch };
        clients::run(&self.job, &want(&alone, ByteSize(64 << 20)), &task).map_err(stopped)?
    }

    /// Fetches a file whose digest nobody knows yet, from this location, and puts it into the store under the digest that it turns
    /// out to have. Inside: why the location does not give it.
    ///
    /// # Errors
    /// The store cannot be written; interrupted.
    pub fn first(
        &self,
        location: &Location,
        max_size: ByteSize,
    ) -> Result<Result<First, Reason>, FetchError> {
        let access = self.job.access;
        let local = |candidate: &Candidate| !access.offline || candidate.is_local();
        let mut reason = OFFLINE;
        for candidate in candidates(location, access).into_iter().filter(local) {
            match self.first_of(location, &candidate, max_size).map_err(fatal)? {
                Ok(first) => return Ok(Ok(first)),
                Err(failed) => reason = failed,
            }
        }
        Ok(Err(reason))
    }

    fn first_of(
        &self,
        location: &Location,
        candidate: &Candidate,
        max_size: ByteSize,
    ) -> Result<Result<First, Reason>, Stop> {
        let place = candidate.location();
        let want = Want { label: named(location, max_size), ..want(&place, max_size) };
        let mut partial = self.job.shelf.partial(&want, &place)?;
        // The rest of another day's file may be another's.
        self.job.restart(&mut partial)?;
        let (id, label) = (want.sha256, want.label.clone());
        self.job.tell(Event::Started { id, label: label.clone(), location: place.clone(), total: None });
        if let Err(reason) = give(&self.job, &want, candidate, &mut partial)? {
            self.job.tell(Event::LocationFailed { id, location: place, reason: reason.to_string() });
            partial.discard();
            return Ok(Err(reason));
        }
        let (sha256, size) = (partial.found(), partial.size());
        let Some(sha512) = partial.found_sha512() else { return Ok(Err(Reason::Absent)) };
        let found = Want { sha256, sha512: Some(sha512), ..want };
        match self.job.shelf.verified(&found)? {
            Stored::Right(_) => partial.discard(),
            Stored::Damaged(_) | Stored::Absent => self.job.shelf.promote(partial, &found)?,
        }
        self.job.tell(Event::Finished { id, label, bytes: size, location: Some(place.clone()) });
        let path = self.job.shelf.path_of(&sha256);
        Ok(Ok(First { place, sha256, sha512, size, path }))
    }

    /// The addresses, and the paths on this machine, at which a location is looked for.
    pub fn places(&self, location: &Location) -> Vec<Place> {
        let place = |candidate| match candidate {
            Candidate::File { path, .. } => Some(Place::File(path)),
            Candidate::Web { url } => Some(Place::Web(url)),
            _ => None,
        };
        candidates(location, self.job.access).into_iter().filter_map(place).collect()
    }

    /// The files of a folder on this machine.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn names(&self, folder: &Path) -> Result<Vec<String>, Reason> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.map(|e| e.file_name().to_string_lossy().into_owned())
        };
        fs::read_dir(folder).and_then(|entries| entries.map(name).collect()).map_err(Reason::File)
    }
}

/// Where a location is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// An address.
    Web(String),
}

/// Something without a digest yet: it goes by the digest of what it is called.
fn want(what: &str, max_size: ByteSize) -> Want {
    Want {
        sha256: digest::of_bytes(what.as_bytes()).sha256,
        sha512: Some(Sha512::from_bytes([0; 64])),
        max_size,
        label: what.to_owned(),
        candidates: Vec::new(),
    }
}

fn named(location: &Location, max_size: ByteSize) -> String {
    label(&FileSource {
        sha256: Sha256::from_bytes([0; 32]),
        sha512: None,
        max_size,
        locations: vec![location.clone()],
        into: None,
        unpack: true,
        strip: 1,
    })
}

fn interrupted() -> Reason {
    Reason::Broken("it was stopped".to_owned())
}

fn stopped(stop: Stop) -> Reason {
    match stop {
        Stop::Asked => interrupted(),
        Stop::Failed(error) => Reason::Broken(error.to_string()),
    }
}

fn fatal(stop: Stop) -> FetchError {
    match stop {
        Stop::Asked => FetchError::Cancelled,
        Stop::Failed(error) => error,
    }
}
