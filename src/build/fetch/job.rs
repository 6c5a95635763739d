//! What every part of a fetch has at hand.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::clients::Clients;
use super::hosts::Hosts;
use super::http::Http;
use super::partial::Partial;
use super::plan::Want;
use super::shelf::Shelf;
use super::{Access, Event, FetchError, Limits};

/// What every part of a fetch has at hand; one for all workers.
pub(super) struct Job<'a> {
    pub access: &'a Access,
    pub limits: &'a Limits,
    pub shelf: Shelf,
    pub http: Http,
    pub hosts: Hosts,
    pub clients: Clients,
    events: &'a (dyn Fn(Event) + Sync),
    cancel: &'a AtomicBool,
    /// Set when one worker failed in a way that no other can do better.
    over: AtomicBool,
}

/// Why everything stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The caller asked, or another worker failed for good.
    Asked,
    /// This worker failed for good.
    Failed(FetchError),
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Job<'a> {
    pub(super) fn new(
        shelf: Shelf,
        access: &'a Access,
        limits: &'a Limits,
        events: &'a (dyn Fn(Event) + Sync),
        cancel: &'a AtomicBool,
    ) -> Self {
        Self {
            access,
            limits,
            shelf,
            http: Http::new(access, limits),
            hosts: Hosts::new(limits.per_host.get()),
            clients: Clients::default(),
            events,
            cancel,
            over: AtomicBool::new(false),
        }
    }

    /// Tells what happened.
    pub(super) fn tell(&self, event: Event) {
        (self.events)(event);
    }

    /// Whether the work should stop.
    pub(super) fn stopped(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.cancel.load(Ordering::Relaxed)
    }

    /// Makes the other workers stop.
    pub(super) fn give_up(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Waits, unless asked to stop.
    pub(super) fn pause(&self, duration: Duration) -> Result<(), Stop> {
        let since = Instant::now();
        loop {
            if self.stopped() {
                return Err(Stop::Asked);
            }
            let left = duration.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Throws away what a partial file has.
    pub(super) fn restart(&self, partial: &mut Partial) -> Result<(), Stop> {
        partial.restart().map_err(|source| Stop::Failed(self.shelf.disk(partial.path(), source)))
    }

    /// The store's disk failed while a file was written.
    pub(super) fn disk(&self, want: &Want, source: io::Error) -> Stop {
        Stop::Failed(self.shelf.disk(&self.shelf.path_of(&want.sha256), source))
    }
}
