//! How many connections each host gets, which hosts do not answer, and which want to be left alone for a while.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts connections by host, over all workers.
#[derive(Debug)]
pub(super) struct Hosts {
    limit: usize,
    hosts: Mutex<HashMap<String, Host>>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Host {
    busy: usize,
    unreachable: bool,
    /// It asked to be left alone until then.
    rests: Option<Instant>,
}

/// A connection's place at a host; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    hosts: &'a Hosts,
    host: String,
}

impl Hosts {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, hosts: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for a place at a host; none when `stopped` says to stop first.
    pub(super) fn enter(&self, host: &str, stopped: impl Fn() -> bool) -> Option<Slot<'_>> {
        self.enter_limited(host, self.limit, stopped)
    }

    /// Waits until nobody else is there.
    pub(super) fn enter_alone(&self, host: &str, stopped: impl Fn() -> bool) -> Option<Slot<'_>> {
        self.enter_limited(host, 1, stopped)
    }

    fn enter_limited(&self, host: &str, limit: usize, stopped: impl Fn() -> bool) -> Option<Slot<'_>> {
        let mut hosts = self.lock();
        loop {
            if stopped() {
                return None;
            }
            let state = hosts.entry(host.to_owned()).or_default();
            let rests = state.rests.is_some_and(|until| Instant::now() < until);
            if state.busy < limit && !rests {
                state.busy += 1;
                return Some(Slot { hosts: self, host: host.to_owned() });
            }
            let waited = self.freed.wait_timeout(hosts, Duration::from_millis(50));
            hosts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Leaves a host alone for so long: it asked one download to wait, and others would only be told the same.
    pub(super) fn rest(&self, host: &str, duration: Duration) {
        let mut hosts = self.lock();
        let state = hosts.entry(host.to_owned()).or_default();
        state.rests = state.rests.max(Instant::now().checked_add(duration));
    }

    /// Remembers that a host cannot be reached, so that the next file does not wait for it as long.
    pub(super) fn set_unreachable(&self, host: &str) {
        self.lock().entry(host.to_owned()).or_default().unreachable = true;
    }

    pub(super) fn is_unreachable(&self, host: &str) -> bool {
        self.lock().get(host).is_some_and(|state| state.unreachable)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        // Nothing panics while the lock is held, and counts stay right if something did.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.hosts.lock().get_mut(&self.host) {
            state.busy -= 1;
        }
        self.hosts.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_host_gets_more_than_its_share() {
        let hosts = Hosts::new(2);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let _slot = hosts.enter("h", || false).expect("not stopped");
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(10));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        hosts.rest("g", Duration::from_millis(120));
        hosts.rest("g", Duration::from_millis(1));
        let since = Instant::now();
        drop(hosts.enter("g", || false));
        assert!(since.elapsed() >= Duration::from_millis(120), "the longer rest counts");
        let _one = hosts.enter("h", || false).expect("free");
        let _two = hosts.enter("h", || false).expect("free");
        assert!(hosts.enter("h", || true).is_none(), "one who waits can be stopped");
    }
}
