//! One file from one address, resumed where it broke off.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::stream::{Failed, Head, Message, start};
use super::wait::{asked, backoff, chance};
use crate::fetch::job::{Job, Stop};
use crate::fetch::partial::{Partial, Refused};
use crate::fetch::plan::{Want, shown};
use crate::fetch::{Event, Reason};

/// How often a wait looks whether it should stop.
const TICK: Duration = Duration::from_millis(50);
/// A connection that cannot be made is tried so often: there is usually no network, or no such host.
const CONNECT_ATTEMPTS: u32 = 2;
/// Progress is told after so many bytes.
const TELL: u64 = 256 << 10;

/// How a download ended.
#[derive(Debug)]
pub(in crate::fetch) enum Outcome {
    /// All bytes that the address has are in the partial file; whether they are right is not known.
    Whole {
        /// Whether some of them were there before.
        resumed: bool,
    },
    /// The address does not give the file.
    Failed(Reason),
}

/// Why a try ended.
enum Ended {
    Whole,
    /// It may work next time; after this long, if the server says so.
    Again(Reason, Option<Duration>),
    Never(Reason),
}

/// Downloads into `partial`, in several tries.
///
/// # Errors
/// [`Stop`]: the caller wants to stop, or the disk is full.
pub(in crate::fetch) fn download(
    job: &Job<'_>,
    want: &Want,
    url: &str,
    partial: &mut Partial,
) -> Result<Outcome, Stop> {
    let host = host(url);
    let resumed = partial.size() > 0;
    let mut attempt = 1;
    loop {
        let before = partial.size();
        let Some(slot) = job.hosts.enter(&host, || job.stopped()) else { return Err(Stop::Asked) };
        let ended = one_try(job, want, url, partial)?;
        // Before another takes the place: it would only be told the same.
        if let Ended::Again(_, Some(after)) = &ended
            && *after <= job.limits.max_delay
        {
            job.hosts.rest(&host, *after);
        }
        drop(slot);
        let (reason, after) = match ended {
            Ended::Whole => return Ok(Outcome::Whole { resumed }),
            Ended::Never(reason) => return Ok(Outcome::Failed(reason)),
            Ended::Again(reason, after) => (reason, after),
        };
        // A slow or shaky line that gets somewhere is not given up.
        if partial.size() >= before + (1 << 20) {
            attempt = 1;
        }
        if attempt >= allowed(job, &host, &reason) {
            if matches!(reason, Reason::Connect(_)) {
                job.hosts.set_unreachable(&host);
            }
            return Ok(Outcome::Failed(reason));
        }
        if let Some(long) = after.filter(|after| *after > job.limits.max_delay) {
            return Ok(Outcome::Failed(Reason::Busy(long)));
        }
        let delay = backoff(job.limits, attempt, chance()).max(after.unwrap_or_default());
        let (location, reason) = (shown(url), reason.to_string());
        job.tell(Event::Retry { id: want.sha256, location, reason, attempt, delay });
        job.pause(delay)?;
        attempt += 1;
    }
}

fn allowed(job: &Job<'_>, host: &str, reason: &Reason) -> u32 {
    match reason {
        Reason::Connect(_) if job.hosts.is_unreachable(host) => 1,
        Reason::Connect(_) => CONNECT_ATTEMPTS.min(job.limits.attempts),
        _ => job.limits.attempts,
    }
}

/// What connections are counted by: host and port.
pub(in crate::fetch) fn host(url: &str) -> String {
    let url = shown(url);
    url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned()
}

fn one_try(job: &Job<'_>, want: &Want, url: &str, partial: &mut Partial) -> Result<Ended, Stop> {
    let messages = start(job.http.client()?, url, partial.size(), None);
    let head = match next(job, &messages, job.limits.connect + job.limits.stall)? {
        Ok(Message::Head(head)) => head,
        Ok(Message::Failed(failed)) => return Ok(ended(failed, url)),
        Ok(Message::Part(_) | Message::End) => {
            return Ok(Ended::Again(Reason::Broken("an answer without a head".to_owned()), None));
        }
        Err(reason) => return Ok(Ended::Again(reason, None)),
    };
    if let Some(ended) = refused(job, &head, partial)? {
        return Ok(ended);
    }
    let total = head.length.map(|length| partial.size() + length);
    if total.is_some_and(|total| total > want.max_size.0) {
        return Ok(Ended::Never(Reason::TooLarge { limit: want.max_size }));
    }
    take_body(job, want, &messages, partial, total)
}

/// Looks at the status, and throws away what is there unless the answer continues it.
fn refused(job: &Job<'_>, head: &Head, partial: &mut Partial) -> Result<Option<Ended>, Stop> {
    let reason = || Reason::Status(head.status);
    match head.status {
        206 if head.starts_at == Some(partial.size()) => Ok(None),
        200 => {
            job.restart(partial)?;
            Ok(None)
        }
        // Another part than was asked for, or none: what is there does not fit what the server has.
        206 | 416 => {
            job.restart(partial)?;
            Ok(Some(Ended::Again(reason(), None)))
        }
        408 | 425 | 429 | 500..=599 => Ok(Some(Ended::Again(reason(), head.retry_after.and_then(asked)))),
        _ => Ok(Some(Ended::Never(reason()))),
    }
}

fn take_body(
    job: &Job<'_>,
    want: &Want,
    messages: &Receiver<Message>,
    partial: &mut Partial,
    total: Option<u64>,
) -> Result<Ended, Stop> {
    let tell = |bytes| job.tell(Event::Progress { id: want.sha256, bytes, total });
    tell(partial.size());
    let mut told = partial.size();
    loop {
        let part = match next(job, messages, job.limits.stall)? {
            Ok(Message::Part(part)) => part,
            Ok(Message::End) => {
                tell(partial.size());
                return Ok(Ended::Whole);
            }
            Ok(Message::Failed(Failed::Broken(message))) => {
                return Ok(Ended::Again(Reason::Broken(message), None));
            }
            Ok(Message::Failed(_) | Message::Head(_)) => {
                return Ok(Ended::Again(Reason::Broken("a second head".to_owned()), None));
            }
            Err(reason) => return Ok(Ended::Again(reason, None)),
        };
        match partial.append(&part, want) {
            Ok(()) => {}
            Err(Refused::TooLarge) => return Ok(Ended::Never(Reason::TooLarge { limit: want.max_size })),
            Err(Refused::Disk(source)) => return Err(job.disk(want, source)),
        }
        if partial.size() >= told + TELL {
            told = partial.size();
            tell(told);
        }
    }
}

fn ended(failed: Failed, url: &str) -> Ended {
    match failed {
        Failed::Connect(message) => Ended::Again(Reason::Connect(message), None),
        Failed::Broken(message) => Ended::Again(Reason::Broken(message), None),
        Failed::Redirects => Ended::Never(Reason::Redirects),
        Failed::Address => Ended::Never(Reason::Address(shown(url))),
    }
}

/// The next message, waited for no longer than `patience`.
fn next(
    job: &Job<'_>,
    messages: &Receiver<Message>,
    patience: Duration,
) -> Result<Result<Message, Reason>, Stop> {
    let since = Instant::now();
    loop {
        match messages.recv_timeout(TICK.min(patience)) {
            Ok(message) => return Ok(Ok(message)),
            Err(_) if job.stopped() => return Err(Stop::Asked),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(Reason::Broken("the download's thread ended".to_owned())));
            }
            Err(RecvTimeoutError::Timeout) if since.elapsed() >= patience => {
                return Ok(Err(Reason::Stalled(job.limits.stall)));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// A small page, such as a package index, whole, with the address it came from after redirects. Tried twice.
///
/// # Errors
/// [`Stop`] as [`download`]; the reason inside when the page cannot be had or is larger than `limit`.
pub(in crate::fetch) fn page(
    job: &Job<'_>,
    url: &str,
    accept: &'static str,
    limit: usize,
) -> Result<Result<(String, Vec<u8>), Reason>, Stop> {
    let first = one_page(job, url, accept, limit)?;
    match first {
        Err(Reason::Status(status)) if (400..500).contains(&status) => Ok(first),
        Err(_) => {
            job.pause(backoff(job.limits, 1, chance()))?;
            one_page(job, url, accept, limit)
        }
        Ok(_) => Ok(first),
    }
}

/// What a server answers when it is asked for a file, of which nothing is read.
///
/// # Errors
/// As [`page`].
pub(in crate::fetch) fn status(job: &Job<'_>, url: &str) -> Result<Result<u16, Reason>, Stop> {
    let messages = start(job.http.client()?, url, 0, None);
    Ok(match next(job, &messages, job.limits.connect + job.limits.stall)? {
        Ok(Message::Head(head)) => Ok(head.status),
        Ok(Message::Failed(failed)) => match ended(failed, url) {
            Ended::Again(reason, _) | Ended::Never(reason) => Err(reason),
            Ended::Whole => Err(Reason::Absent),
        },
        Ok(Message::Part(_) | Message::End) => Err(Reason::Broken("an answer without a head".to_owned())),
        Err(reason) => Err(reason),
    })
}

fn one_page(
    job: &Job<'_>,
    url: &str,
    accept: &'static str,
    limit: usize,
) -> Result<Result<(String, Vec<u8>), Reason>, Stop> {
    let messages = start(job.http.client()?, url, 0, Some(accept));
    let (mut from, mut body) = (url.to_owned(), Vec::new());
    loop {
        match next(job, &messages, job.limits.connect + job.limits.stall)? {
            Ok(Message::Head(head)) if head.status == 200 => from = head.url,
            Ok(Message::Head(head)) => return Ok(Err(Reason::Status(head.status))),
            Ok(Message::Part(part)) if body.len() + part.len() > limit => {
                return Ok(Err(Reason::Broken("the page is too large".to_owned())));
            }
            Ok(Message::Part(part)) => body.extend(part),
            Ok(Message::End) => return Ok(Ok((from, body))),
            Ok(Message::Failed(failed)) => match ended(failed, url) {
                Ended::Again(reason, _) | Ended::Never(reason) => return Ok(Err(reason)),
                Ended::Whole => {}
            },
            Err(reason) => return Ok(Err(reason)),
        }
    }
}
