//! Small files of a place that are known by name, not by digest. Whoever reads them must know why to trust them.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::job::{Job, Stop};
use super::shelf::Shelf;
use super::{Access, Event, FetchError, Limits, Mirror, Reason, http};

/// Nobody stops it: the limits of time do.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Reads small files of a place, with one connection's client for all.
pub struct Documents<'a> {
    place: &'a Mirror,
    job: Job<'a>,
}

impl<'a> Documents<'a> {
    /// Those of this place. Nothing is asked yet.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn new(
        place: &'a Mirror,
        store: &Path,
        access: &'a Access,
        limits: &'a Limits,
    ) -> Result<Self, FetchError> {
        let nobody: &'static (dyn Fn(Event) + Sync) = &|_| {};
        Ok(Self { place, job: Job::new(Shelf::open(store)?, access, limits, nobody, &NEVER) })
    }

    /// The bytes of the file `name`, a plain path; none when the place does not have it.
    ///
    /// # Errors
    /// The place cannot be read, does not answer in time, or has more than `limit` bytes.
    pub fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Reason> {
        match self.place {
            Mirror::Directory(folder) => read_file(&folder.join(name), limit),
            Mirror::Url(base) => match http::page(&self.job, &format!("{base}/{name}"), "*/*", limit) {
                Ok(Ok((_, bytes))) => Ok(Some(bytes)),
                Ok(Err(Reason::Status(404 | 410))) => Ok(None),
                Ok(Err(reason)) => Err(reason),
                Err(Stop::Failed(error)) => Err(Reason::Broken(error.to_string())),
                Err(Stop::Asked) => Err(Reason::Broken("it was stopped".to_owned())),
            },
        }
    }
}

fn read_file(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Reason> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(size) if size > limit => Err(Reason::Broken("the file is too large".to_owned())),
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Reason::File(error)),
    }
}
