//! One wanted file: its places one after the other, until one gives the right bytes.

use super::clients::{self, Given};
use super::http::{Outcome, download};
use super::job::{Job, Stop};
use super::partial::Partial;
use super::plan::{Candidate, Want};
use super::shelf::Stored;
use super::{Event, Failure, Reason};

/// Nothing when a file is in the store, or why no place has it.
pub(super) type Obtained = Result<Option<Failure>, Stop>;

/// Sees to it that a file is in the store.
pub(super) fn obtain(job: &Job<'_>, want: &Want) -> Obtained {
    match job.shelf.verified(want)? {
        Stored::Right(bytes) => {
            finished(job, want, bytes, None);
            return Ok(None);
        }
        Stored::Damaged(path) => job.tell(Event::Damaged { id: want.sha256, path }),
        Stored::Absent => {}
    }
    let mut failed: Vec<(String, Reason)> = Vec::new();
    for candidate in &want.candidates {
        if job.stopped() {
            return Err(Stop::Asked);
        }
        match try_one(job, want, candidate)? {
            Ok(bytes) => {
                finished(job, want, bytes, Some(candidate.location()));
                return Ok(None);
            }
            Err(reason) => {
                tell_failure(job, want, candidate, &reason);
                failed.push((candidate.location(), reason));
            }
        }
    }
    Ok(Some(Failure { sha256: want.sha256, label: want.label.clone(), locations: failed }))
}

fn finished(job: &Job<'_>, want: &Want, bytes: u64, location: Option<String>) {
    job.tell(Event::Finished { id: want.sha256, label: want.label.clone(), bytes, location });
}

fn tell_failure(job: &Job<'_>, want: &Want, candidate: &Candidate, reason: &Reason) {
    let (id, location) = (want.sha256, candidate.location());
    // A mirror is asked for everything, so what it does not have is nothing to tell.
    let expected = matches!(reason, Reason::Absent) && candidate.is_local();
    if let Reason::WrongDigest { algorithm: "sha256", found } = reason
        && let Ok(found) = found.parse()
    {
        job.tell(Event::WrongDigest { id, location, found });
    } else if !expected {
        job.tell(Event::LocationFailed { id, location, reason: reason.to_string() });
    }
}

/// Tries one place. The size of the file, when it is in the store now.
fn try_one(job: &Job<'_>, want: &Want, candidate: &Candidate) -> Result<Result<u64, Reason>, Stop> {
    if let Candidate::File { path, .. } = candidate
        && !path.exists()
    {
        return Ok(Err(Reason::Absent));
    }
    let mut partial = job.shelf.partial(want, &candidate.location())?;
    job.tell(Event::Started {
        id: want.sha256,
        label: want.label.clone(),
        location: candidate.location(),
        total: None,
    });
    // Stopped after the last byte and before the renaming: nothing is left to fetch.
    let given =
        if partial.check(want).is_ok() { Ok(Ok(())) } else { give(job, want, candidate, &mut partial) };
    match given {
        Ok(Ok(())) => promote(job, want, partial),
        Ok(Err(reason)) => {
            if matches!(reason, Reason::TooLarge { .. } | Reason::WrongDigest { .. }) {
                partial.discard();
            } else {
                partial.leave();
            }
            Ok(Err(reason))
        }
        Err(stop) => {
            partial.leave();
            Err(stop)
        }
    }
}

fn promote(job: &Job<'_>, want: &Want, partial: Partial) -> Result<Result<u64, Reason>, Stop> {
    let size = partial.size();
    match partial.check(want) {
        Ok(()) => {
            job.shelf.promote(partial, want)?;
            Ok(Ok(size))
        }
        Err(reason) => {
            partial.discard();
            Ok(Err(reason))
        }
    }
}

pub(super) fn give(job: &Job<'_>, want: &Want, candidate: &Candidate, partial: &mut Partial) -> Given {
    match candidate {
        Candidate::File { path, .. } => clients::copy(job, want, path, partial),
        Candidate::Web { url } => from_web(job, want, url, partial),
        Candidate::NoDebian => Ok(Err(Reason::NotConfigured(
            "this machine's apt has no Debian mirror; set MEDIC_OS_DEBIAN_MIRROR to the address of one",
        ))),
        Candidate::Pypi(file) => clients::pypi(job, want, file, partial),
        Candidate::Npm(package) => clients::npm(job, want, package, partial),
        Candidate::Crate(package) => clients::krate(job, want, package, partial),
        Candidate::Git(tree) => clients::git(job, want, tree, partial),
    }
}

/// Downloads a whole file from an address; whether it is right is for the caller to check.
pub(super) fn from_web(job: &Job<'_>, want: &Want, url: &str, partial: &mut Partial) -> Given {
    loop {
        match download(job, want, url, partial)? {
            // The beginning may be of another file than the end: once more, all of it.
            Outcome::Whole { resumed: true } if partial.check(want).is_err() => job.restart(partial)?,
            Outcome::Whole { .. } => return Ok(Ok(())),
            Outcome::Failed(reason) => return Ok(Err(reason)),
        }
    }
}
