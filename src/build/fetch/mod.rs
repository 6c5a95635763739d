//! Fetching sources: known by digest, looked for in many places, trusted in none.
//!
//! On disk, below the store:
//!
//! ```text
//! sources/sha256/<digits>            a whole file, right when it was put there; read-only
//! partial/<digits>.<location>        the beginning of one, continued next time
//! partial/client-*/                  the scratch folder of a client program
//! ```
//!
//! Places are tried in this order: the store; the mirrors (`MEDIC_OS_MIRRORS`), first to last; then the source's own locations
//! (`path`, `urls`, `debian`, `pypi`, `npm`, `crate`, `git`). The first that gives the right bytes wins. Every file in the store that is asked for is
//! read and compared with its digest, each time: sources are read only when something is built, and then that is little.
//!
//! Never: trusts a name, a size or a header; puts a file into `sources` that was not digested whole; runs anything that
//! it has fetched.

mod access;
pub mod apt;
pub mod ask;
pub mod cargo_lock;
mod clients;
mod document;
mod error;
mod event;
mod hosts;
mod http;
mod job;
mod locate;
mod partial;
mod plan;
mod shelf;
pub mod workspace;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use medic_model::recipe::FileSource;

pub use access::{Access, Limits, Mirror, Programs, Proxy};
pub(crate) use clients::is_plain;
pub use document::Documents;
pub use error::{Failure, FetchError, Reason};
pub use event::Event;
pub(crate) use plan::shown;
pub use shelf::path_of;

use job::{Job, Stop};
use locate::{Obtained, obtain};
use plan::Want;
use shelf::Shelf;

/// Sees to it that all `sources` are in the store below `store_dir`, and gives their files, in the order of `sources`.
///
/// Several are fetched at once. A file that cannot be had does not stop the others, so one error names everything that is missing.
/// Setting `cancel` ends it within a fraction of a second; what was begun is continued by the next call.
///
/// # Errors
/// [`FetchError`].
pub fn fetch_all(
    sources: &[&FileSource],
    store_dir: &Path,
    access: &Access,
    limits: &Limits,
    events: &(dyn Fn(Event) + Sync),
    cancel: &AtomicBool,
) -> Result<Vec<PathBuf>, FetchError> {
    let shelf = Shelf::open(store_dir)?;
    let wants = plan::wants(sources, access);
    let job = Job::new(shelf, access, limits, events, cancel);
    let failures = work(&job, &wants)?;
    if !failures.is_empty() {
        return Err(FetchError::Missing { failures, offline: access.offline });
    }
    Ok(sources.iter().map(|source| job.shelf.path_of(&source.sha256)).collect())
}

/// Which of `sources` are not in the store below `store_dir`: by name only, not read.
pub fn absent<'a>(sources: &[&'a FileSource], store_dir: &Path) -> Vec<&'a FileSource> {
    sources.iter().copied().filter(|source| !path_of(store_dir, &source.sha256).is_file()).collect()
}

/// Shares the files out among workers. The failures are in the order of `wants`.
fn work(job: &Job<'_>, wants: &[Want]) -> Result<Vec<Failure>, FetchError> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Obtained)>> = Mutex::default();
    let worker = || {
        while let Some((index, want)) = take(&next, wants) {
            let result = obtain(job, want);
            let stop = result.is_err();
            if stop {
                job.give_up();
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
            if stop {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..job.limits.workers.get().min(wants.len()) {
            scope.spawn(worker);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    collect(results.into_iter().map(|(_, result)| result))
}

fn take<'a>(next: &AtomicUsize, wants: &'a [Want]) -> Option<(usize, &'a Want)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    wants.get(index).map(|want| (index, want))
}

/// A failure for good says more than that the others were stopped because of it.
fn collect(results: impl Iterator<Item = Obtained>) -> Result<Vec<Failure>, FetchError> {
    let (mut failures, mut asked, mut fatal) = (Vec::new(), false, None);
    for result in results {
        match result {
            Ok(failure) => failures.extend(failure),
            Err(Stop::Asked) => asked = true,
            Err(Stop::Failed(error)) => fatal = fatal.or(Some(error)),
        }
    }
    match fatal {
        Some(error) => Err(error),
        None if asked => Err(FetchError::Cancelled),
        None => Ok(failures),
    }
}
