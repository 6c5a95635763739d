//! An output that several processes write to, and that must hold up none of them: a container's standard output.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

/// So many bytes written at once stay together in a pipe (pipe(7), `PIPE_BUF`).
pub const WHOLE: usize = 4096;

/// The output.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    never_blocks: bool,
}

impl Output {
    /// The output behind `fd`, opened anew so that it does not block: the description behind `fd` is shared with others,
    /// who may count on its blocking. What cannot be opened anew (a socket, a pipe of another user) is asked before each
    /// write whether it has room; between several writers that is almost always right.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let shared = File::from(fd.try_clone_to_owned()?);
        let kind = shared.metadata()?.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            if let Ok(fd) = rustix::fs::open(path, flags, Mode::empty()) {
                return Ok(Self { fd, never_blocks: true });
            }
        }
        Ok(Self { fd: shared.into(), never_blocks: kind.is_file() })
    }

    /// Writes what there is room for. `WouldBlock` when there is none.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if !self.never_blocks {
            let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
            if poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        Ok(rustix::io::write(&self.fd, &bytes[..bytes.len().min(WHOLE)])?)
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reads what waits in `fd`, at most `buffer`. `None`: nothing waits.
pub fn read_waiting(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::io::read(fd, buffer) {
        Ok(count) => Ok(Some(count)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::Pipe;

    #[test]
    fn a_full_pipe_is_told_and_does_not_hold_up() {
        let pipe = Pipe::new().expect("pipe");
        let output = Output::of(pipe.writer.as_fd()).expect("opened");
        let mut written = 0;
        let error = loop {
            match output.write(&[b'x'; 5000]) {
                Ok(count) => written += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(written >= WHOLE && written % WHOLE == 0, "{written}");
        let mut buffer = [0; 70_000];
        assert_eq!(read_waiting(&pipe.reader, &mut buffer).expect("read"), Some(written));
        assert_eq!(read_waiting(&pipe.reader, &mut buffer).expect("read"), None);
        assert_eq!(output.write(b"again").expect("room"), 5);
    }

    #[test]
    fn a_socket_is_asked_first() {
        let (ours, theirs) = crate::socket::pair().expect("pair");
        let output = Output::of(ours.as_fd()).expect("opened");
        while output.write(&[b'x'; 4096]).is_ok() {}
        drop(theirs);
    }
}
