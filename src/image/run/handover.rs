//! How the runner gives listening sockets to the forwarder: over the socket pair that is the forwarder's standard input.
//!
//! One message, runner to forwarder: the stop signal, the seconds of grace, the number of ports, each port inside (two bytes,
//! big endian), with the listening sockets as ancillary data (unix(7), `SCM_RIGHTS`), in the same order. Then the forwarder
//! writes one byte when the sandbox is there, and the runner closes its end when the sandbox is to stop. Since a
//! killed runner's end is closed by the kernel, nothing outlives it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// The most ports in a message; the kernel allows 253 descriptors.
pub(super) const MAX_PORTS: usize = 64;
/// What the forwarder writes when the sandbox is there.
pub(super) const READY: u8 = b'R';

/// What the forwarder is given.
#[derive(Debug)]
pub(super) struct Handover {
    /// The number of the signal that asks the container to end.
    pub signal: u8,
    /// How long it has to.
    pub grace_seconds: u8,
    /// Listening sockets, each with the port inside that it stands for.
    pub ports: Vec<(TcpListener, u16)>,
}

impl Handover {
    /// Sends it.
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let count = u8::try_from(self.ports.len()).map_err(io::Error::other)?;
        let mut bytes = vec![self.signal, self.grace_seconds, count];
        bytes.extend(self.ports.iter().flat_map(|(_, port)| port.to_be_bytes()));
        let sockets: Vec<BorrowedFd<'_>> = self.ports.iter().map(|(listener, _)| listener.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_PORTS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
            return Err(io::Error::other("too many ports for one message"));
        }
        // The other end may be gone: that is an error, not a signal.
        sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives it.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Self> {
        let mut bytes = [0; 3 + 2 * MAX_PORTS];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_PORTS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let sockets: Vec<OwnedFd> = control
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(sockets) => sockets.collect(),
                _ => Vec::new(),
            })
            .collect();
        Self::parse(&bytes[..received], sockets).ok_or_else(|| {
            let message = "standard input is not what the runner gives: this command is a part of 'run'";
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    fn parse(bytes: &[u8], sockets: Vec<OwnedFd>) -> Option<Self> {
        let (&[signal, grace_seconds, count], ports) = bytes.split_first_chunk::<3>()?;
        let (ports, rest) = ports.as_chunks::<2>();
        let whole = rest.is_empty() && ports.len() == usize::from(count) && sockets.len() == ports.len();
        let ports = sockets
            .into_iter()
            .map(TcpListener::from)
            .zip(ports.iter().map(|port| u16::from_be_bytes(*port)));
        whole.then(|| Self { signal, grace_seconds, ports: ports.collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn listening_sockets_arrive_in_order() {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let ports = vec![(listen(), 80), (listen(), 443)];
        let addresses: Vec<_> =
            ports.iter().map(|(listener, _)| listener.local_addr().expect("bound")).collect();
        let (here, there) = UnixStream::pair().expect("a pair");
        Handover { signal: 15, grace_seconds: 10, ports }.send(&here).expect("sent");
        let received = Handover::receive(&there).expect("received");
        assert_eq!((received.signal, received.grace_seconds), (15, 10));
        let found: Vec<_> = received
            .ports
            .iter()
            .map(|(listener, port)| (listener.local_addr().expect("bound"), *port))
            .collect();
        assert_eq!(found, [(addresses[0], 80), (addresses[1], 443)]);
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b""[..], b"x", b"\x0f\x0a\x01", b"\x0f\x0a\x01\x00\x50", b"\x0f\x0a\x00\x00"] {
            let (here, there) = UnixStream::pair().expect("a pair");
            io::Write::write_all(&mut &here, bytes).expect("written");
            drop(here);
            let error = Handover::receive(&there).expect_err("refused").to_string();
            assert!(error.contains("a part of 'run'"), "{bytes:?}: {error}");
        }
    }
}
