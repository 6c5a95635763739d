//! Waiting for several descriptors at once (epoll(7)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{Timespec, epoll};

/// A set of descriptors, each with the caller's own number.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// What a descriptor is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It can be read, as long as it can.
    Readable,
    /// New bytes have come since it was last told.
    NewlyReadable,
    /// It can be written (a connection under way: it is decided).
    Writable,
}

/// One descriptor's news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The number it was added with.
    pub key: u64,
    /// The other end is gone, or the descriptor has failed.
    pub hung_up: bool,
}

/// How many descriptors' news one [`Epoll::wait`] brings at most.
pub const BATCH: usize = 32;

impl Epoll {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Watches `fd` from now on.
    pub fn add(&self, fd: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            Interest::NewlyReadable => epoll::EventFlags::IN | epoll::EventFlags::ET,
            Interest::Writable => epoll::EventFlags::OUT,
        };
        Ok(epoll::add(&self.0, fd, epoll::EventData::new_u64(key), flags)?)
    }

    /// Watches `fd` no longer. A descriptor that is closed everywhere leaves by itself.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.0, fd)?)
    }

    /// Waits until there is news, at most `timeout` milliseconds (none: for ever), and gives it to `each`.
    /// A signal that interrupts counts as no news.
    pub fn wait(&self, timeout: Option<u64>, mut each: impl FnMut(Ready)) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); BATCH];
        // Beyond a day the caller is simply asked again.
        let timeout = timeout.map(|millis| millis.min(86_400_000)).map(|millis| Timespec {
            tv_sec: (millis / 1000) as i64,
            tv_nsec: ((millis % 1000) * 1_000_000) as i64,
        });
        match epoll::wait(&self.0, &mut buffer, timeout.as_ref()) {
            Ok((events, _)) => {
                for event in events.iter() {
                    let gone = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                    // Copied out first: the structure is packed, so its fields may not be borrowed.
                    let (data, flags) = (event.data, event.flags);
                    each(Ready { key: data.u64(), hung_up: flags.intersects(gone) });
                }
                Ok(())
            }
            Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
