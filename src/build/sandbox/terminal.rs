//! The caller's terminal, lent to a program in a sandbox: keys go in as they are, and the program's terminal has its size.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// How often a thread that waits for keys looks whether it is still wanted.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A terminal. Keys are not interpreted while this lives: Ctrl-C is the sandbox's.
#[derive(Debug)]
pub struct Terminal<'a> {
    input: File,
    output: File,
    before: Termios,
    stop: &'a AtomicBool,
}

impl<'a> Terminal<'a> {
    /// Takes the caller's terminal until this is dropped; `stop` ends what runs in it.
    ///
    /// # Errors
    /// `input` is none.
    pub fn take(input: File, output: File, stop: &'a AtomicBool) -> io::Result<Self> {
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        Ok(Self { input, output, before, stop })
    }

    /// Columns and rows, where they are known.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        let size = tcgetwinsize(&self.input).ok()?;
        (size.ws_col > 0).then_some((size.ws_col, size.ws_row))
    }

    /// Where it is typed.
    pub(super) fn input(&self) -> &File {
        &self.input
    }

    /// Where it is shown.
    pub(super) fn output(&self) -> &File {
        &self.output
    }

    /// Whether the caller wants it to end.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What is typed, read by a thread of its own.
    ///
    /// # Errors
    /// The kernel gives no second descriptor.
    pub(super) fn keys(&self) -> io::Result<Keys> {
        let input = self.input.try_clone()?;
        let (sender, channel) = tokio::sync::mpsc::unbounded_channel();
        let wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&wanted);
        std::thread::spawn(move || read_keys(input, &still, &sender));
        Ok(Keys { channel, _wanted: Wanted(wanted) })
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // Nothing can be done for a user whose terminal is gone.
        let _ = tcsetattr(&self.input, OptionalActions::Flush, &self.before);
    }
}

/// What is typed.
pub(super) struct Keys {
    pub channel: tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>,
    _wanted: Wanted,
}

/// The thread that reads ends when this is dropped.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn read_keys(mut input: File, wanted: &AtomicBool, to: &tokio::sync::mpsc::UnboundedSender<Vec<u8>>) {
    let mut keys = [0; 4096];
    while wanted.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&TICK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match input.read(&mut keys) {
            Ok(count @ 1..) if to.send(keys[..count].to_vec()).is_ok() => {}
            _ => return,
        }
    }
}
