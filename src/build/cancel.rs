//! Asking for an end from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Asks what is under way to end. Its clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    asked: AtomicBool,
    listening: AtomicUsize,
}

/// Says that something is under way that ends by itself soon after it is asked; dropped when it has ended.
#[derive(Debug)]
pub(crate) struct Listening<'a>(&'a State);

impl Cancel {
    /// Nobody has asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on everything under way is to end.
    pub fn ask(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Whether something is under way that ends by itself when it is asked, within a fraction of a second: a fetch does, and
    /// leaves a beginning that the next one continues. Build steps do not: they end with the process.
    pub fn is_heeded(&self) -> bool {
        self.0.listening.load(Ordering::SeqCst) > 0
    }

    /// The flag, for what ends when it is set.
    pub(crate) fn listen(&self) -> (Listening<'_>, &AtomicBool) {
        self.0.listening.fetch_add(1, Ordering::SeqCst);
        (Listening(&self.0), &self.0.asked)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_and_it_is_known_who_listens() {
        let (cancel, other) = (Cancel::new(), Cancel::new());
        let clone = cancel.clone();
        let (listening, flag) = clone.listen();
        assert!(cancel.is_heeded() && !other.is_heeded());
        cancel.ask();
        assert!(flag.load(Ordering::SeqCst) && clone.is_asked() && !other.is_asked());
        drop(listening);
        assert!(!cancel.is_heeded());
    }
}
