//! A reader that another thread reads ahead of its user: a few chunks, no more.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Bytes that are handed over at once.
const CHUNK: usize = 128 << 10;
/// Chunks that are read and not yet taken.
const AHEAD: usize = 4;

/// Gives the bytes and the errors of the reader beneath.
pub(super) enum Flow<'scope, T> {
    /// Where no thread is to be had.
    Here(T),
    /// Read by another thread.
    Ahead(Ahead<'scope, T>),
}

pub(super) struct Ahead<'scope, T> {
    /// Gives the reader back; nothing where it was never given one.
    thread: ScopedJoinHandle<'scope, Option<T>>,
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    taken: usize,
}

impl<'scope, T: Read + Send + 'scope> Flow<'scope, T> {
    /// Begins to read.
    pub(super) fn new(scope: &'scope Scope<'scope, '_>, reader: T) -> Self {
        let (filled, full) = sync_channel(AHEAD);
        let (empty, emptied) = channel();
        // The reader follows once the thread is there: one that cannot be had would take it with it.
        let (give, take) = channel::<T>();
        let run = move || {
            let mut reader = take.recv().ok()?;
            read_ahead(&mut reader, &filled, &emptied);
            Some(reader)
        };
        let Ok(thread) = Builder::new().spawn_scoped(scope, run) else { return Self::Here(reader) };
        match give.send(reader) {
            Ok(()) => Self::Ahead(Ahead { thread, full, empty, chunk: Vec::new(), taken: 0 }),
            Err(back) => Self::Here(back.0),
        }
    }

    /// The reader beneath, once everything is read.
    ///
    /// # Errors
    /// Its thread has panicked.
    pub(super) fn finish(self) -> io::Result<T> {
        match self {
            Self::Here(reader) => Ok(reader),
            Self::Ahead(Ahead { thread, full, .. }) => {
                drop(full);
                let reader = thread.join().ok().flatten();
                reader.ok_or_else(|| io::Error::other("the thread that decompresses has ended"))
            }
        }
    }
}

fn read_ahead(reader: &mut impl Read, full: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        chunk.clear();
        let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        let ended = chunk.is_empty();
        // Whatever came before an error is given before it.
        let sent = if ended { Ok(()) } else { full.send(Ok(chunk)) };
        match read {
            // Nobody listens any more when a sink has failed.
            Err(error) => return drop(full.send(Err(error))),
            Ok(_) if ended || sent.is_err() => return,
            Ok(_) => {}
        }
    }
}

impl<T: Read> Read for Flow<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = match self {
            Self::Here(reader) => return reader.read(buffer),
            Self::Ahead(ahead) => ahead,
        };
        if ahead.taken == ahead.chunk.len() {
            let Ok(next) = ahead.full.recv() else { return Ok(0) };
            let emptied = std::mem::replace(&mut ahead.chunk, next?);
            ahead.taken = 0;
            // It may have ended by now.
            let _ = ahead.empty.send(emptied);
        }
        let left = &ahead.chunk[ahead.taken..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        ahead.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in parts of odd sizes, then an error or the end.
    struct Source {
        bytes: Vec<u8>,
        at: usize,
        fails: bool,
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.bytes.len() - self.at).min(77_777);
            if count == 0 && self.fails && !buffer.is_empty() {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            buffer[..count].copy_from_slice(&self.bytes[self.at..][..count]);
            self.at += count;
            Ok(count)
        }
    }

    fn source(size: usize, fails: bool) -> Source {
        Source { bytes: (0..size).map(|at| (at * 7 / 3) as u8).collect(), at: 0, fails }
    }

    #[test]
    fn all_bytes_come_in_order_and_the_reader_comes_back() {
        for size in [0, 1, CHUNK, CHUNK + 1, 20 * CHUNK + 5] {
            std::thread::scope(|scope| {
                let mut flow = Flow::new(scope, source(size, false));
                let mut read = Vec::new();
                flow.read_to_end(&mut read).expect("read");
                let back = flow.finish().expect("given back");
                assert!(read == back.bytes && back.at == size, "{size}");
            });
        }
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        std::thread::scope(|scope| {
            let mut flow = Flow::new(scope, source(3 * CHUNK + 9, true));
            let mut read = Vec::new();
            let error = flow.read_to_end(&mut read).expect_err("fails");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            assert_eq!(read.len(), 3 * CHUNK + 9);
        });
    }

    #[test]
    fn whoever_stops_early_is_not_waited_for() {
        std::thread::scope(|scope| {
            let mut flow = Flow::new(scope, source(1000 * CHUNK, false));
            flow.read_exact(&mut [0; 9]).expect("read");
        });
    }
}
