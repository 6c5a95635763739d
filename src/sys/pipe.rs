//! Pipes that are looked into before they are emptied (tee(2), splice(2)), so that a reader that is killed loses nothing.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice, tee};

/// A pipe: the end that is read, the end that is written. Both are closed on exec and never block.
#[derive(Debug)]
pub struct Pipe {
    /// What was written comes out here.
    pub reader: OwnedFd,
    /// The other end.
    pub writer: OwnedFd,
}

impl Pipe {
    /// A new pipe. Only the reader never blocks: programs do not expect that of their output.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        Ok(Self { reader, writer })
    }
}

/// Copies at most `most` bytes that wait in the pipe `from` into the pipe `to`, and leaves them in `from`. 0: nothing waits.
pub fn peek_into(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    match tee(from, to, most, SpliceFlags::NONBLOCK) {
        Ok(count) => Ok(count),
        Err(rustix::io::Errno::AGAIN) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Takes exactly `count` bytes, which wait in the pipe `from`, out of it, to `sink`: `/dev/null`.
pub fn discard(from: impl AsFd, sink: impl AsFd, mut count: usize) -> io::Result<()> {
    while count > 0 {
        match splice(&from, None, &sink, None, count, SpliceFlags::NONBLOCK) {
            Ok(0) => return Ok(()),
            Ok(gone) => count -= gone.min(count),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_until_they_are_discarded() {
        let (pipe, copy) = (Pipe::new().expect("pipe"), Pipe::new().expect("pipe"));
        let null = std::fs::File::options().write(true).open("/dev/null").expect("there");
        assert_eq!(peek_into(&pipe.reader, &copy.writer, 100).expect("peek"), 0);
        rustix::io::write(&pipe.writer, b"hello\nhalf").expect("write");
        let mut buffer = [0; 32];
        for _ in 0..2 {
            assert_eq!(peek_into(&pipe.reader, &copy.writer, 100).expect("peek"), 10);
            assert_eq!(rustix::io::read(&copy.reader, &mut buffer).expect("read"), 10);
        }
        discard(&pipe.reader, &null, 6).expect("discard");
        assert_eq!(rustix::io::read(&pipe.reader, &mut buffer).expect("read"), 4);
        assert_eq!(&buffer[..4], b"half");
    }
}
