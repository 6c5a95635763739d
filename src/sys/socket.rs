//! Local sockets that keep messages apart (unix(7), `SOCK_SEQPACKET`), and the credentials of who is at the other end.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect,
    listen, recv, send, socket_with, socketpair, sockopt,
};

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its process, at the time of the connection.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message of so many bytes. Longer than the buffer: it was cut.
    Message(usize),
    /// Nothing has come.
    Nothing,
    /// The other end is gone.
    Closed,
}

/// A socket that waits for connections at `path`, which must not exist. Neither it nor its connections ever block.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, FLAGS, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, 64)?;
    Ok(socket)
}

/// A connection that waits at a listening socket; none when none does.
pub fn accept(listener: impl AsFd) -> io::Result<Option<(OwnedFd, Peer)>> {
    let connection = match accept_with(listener, FLAGS) {
        Ok(connection) => connection,
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let peer = sockopt::socket_peercred(&connection)?;
    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0);
    Ok(Some((connection, Peer { pid, uid: peer.uid.as_raw() })))
}

/// A connection to whoever listens at `path`; reads and writes of it wait.
pub fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A TCP connection under way: when it can be written, [`is_connected`] tells how it went. It never blocks.
pub fn begin_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// How a connection under way went.
pub fn is_connected(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::socket_error(socket)??)
}

/// Two ends of a connection, which never block.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, FLAGS, None)?)
}

/// Sends one message, whole or not at all. `WouldBlock` when the other end does not keep up.
pub fn send_message(socket: impl AsFd, message: &[u8]) -> io::Result<()> {
    send(socket, message, SendFlags::NOSIGNAL).map(|_| ()).map_err(Into::into)
}

/// Takes one message.
pub fn receive_message(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    match recv(socket, buffer, RecvFlags::empty()) {
        Ok((0, _)) | Err(rustix::io::Errno::CONNRESET) => Ok(Received::Closed),
        Ok((count, _)) => Ok(Received::Message(count)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(Received::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Waits until `socket` can be read, at most so many milliseconds; whether it can.
pub fn wait_readable(socket: impl AsFd, millis: u64) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let timeout = Timespec { tv_sec: (millis / 1000) as i64, tv_nsec: ((millis % 1000) * 1_000_000) as i64 };
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_kept_apart_and_the_peer_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = listen_at(&path).expect("listens");
        assert!(accept(&listener).expect("asked").is_none());
        let client = connect_to(&path).expect("connected");
        let (server, peer) = accept(&listener).expect("asked").expect("there is one");
        assert_eq!(peer, Peer { pid: std::process::id(), uid: rustix::process::geteuid().as_raw() });
        send_message(&client, b"one").expect("sent");
        send_message(&client, b"two!").expect("sent");
        let mut buffer = [0; 16];
        assert_eq!(receive_message(&server, &mut buffer).expect("read"), Received::Message(3));
        assert_eq!(receive_message(&server, &mut buffer).expect("read"), Received::Message(4));
        assert_eq!(receive_message(&server, &mut buffer).expect("read"), Received::Nothing);
        drop(client);
        assert_eq!(receive_message(&server, &mut buffer).expect("read"), Received::Closed);
    }

    #[test]
    fn a_second_listener_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _first = listen_at(&path).expect("listens");
        assert!(listen_at(&path).is_err());
    }
}
