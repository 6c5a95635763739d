//! The side that asks.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use medic_sys::socket::{Received, connect_to, receive_message, send_message, wait_readable};

use super::SOCKET_NAME;
use super::frame::{Ask, FrameError, MAX_FRAME, Reply};

/// So many requests are under way at once: answers never pile up at init.
const WINDOW: usize = 64;
/// After so long without any answer at all, init is taken for dead: every request has a time limit below it.
const SILENCE: u64 = 600_000;

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no init to ask.
    #[error("nothing is supervised here: {} is not there, so /boot/init does not run", path.display())]
    NotThere {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is another user's.
    #[error("You must be root to use this command")]
    Denied,
    /// It cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// init ended before it had answered.
    #[error("init ended the connection before it had answered: the container may be ending")]
    Closed,
    /// An answer that is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A connection to init.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    path: PathBuf,
}

impl Client {
    /// Connects to the init whose volatile state is in `folder`.
    ///
    /// # Errors
    /// There is none, or it is another user's.
    pub fn connect(folder: &Path) -> Result<Self, ClientError> {
        let path = folder.join(SOCKET_NAME);
        // Under /proc, since the path of a socket may have 108 bytes only.
        let open = std::fs::File::open(folder);
        let near = open.as_ref().map(|folder| {
            use std::os::fd::AsRawFd;
            PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_NAME}", folder.as_raw_fd()))
        });
        let result = match &near {
            Ok(near) if path.as_os_str().len() > 100 => connect_to(near),
            _ => connect_to(&path),
        };
        match result {
            Ok(socket) => Ok(Self { socket, path }),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotThere { path },
                io::ErrorKind::PermissionDenied => ClientError::Denied,
                _ => ClientError::Socket { path, source: error },
            }),
        }
    }

    /// Asks everything, several at once; the answers in the order of the requests, whose tags are 0, 1, 2…
    /// `answered` is told each answer as soon as all before it are there.
    ///
    /// # Errors
    /// init goes away, or says what is not understood.
    pub fn ask(&self, asks: &[Ask], mut answered: impl FnMut(usize, Reply)) -> Result<(), ClientError> {
        let mut answers: Vec<Option<Reply>> = vec![None; asks.len()];
        let (mut sent, mut told, mut received) = (0, 0, 0);
        while received < asks.len() {
            while sent < asks.len() && sent - received < WINDOW {
                send_message(&self.socket, &asks[sent].encode()).map_err(|error| self.fault(error))?;
                sent += 1;
            }
            let reply = self.receive()?;
            received += 1;
            if let Some(place) = usize::try_from(reply.tag).ok().and_then(|tag| answers.get_mut(tag)) {
                *place = Some(reply);
            }
            while let Some(reply) = answers.get_mut(told).and_then(Option::take) {
                answered(told, reply);
                told += 1;
            }
        }
        Ok(())
    }

    fn receive(&self) -> Result<Reply, ClientError> {
        if !wait_readable(&self.socket, SILENCE).map_err(|error| self.fault(error))? {
            return Err(ClientError::Closed);
        }
        let mut buffer = [0; MAX_FRAME];
        match receive_message(&self.socket, &mut buffer).map_err(|error| self.fault(error))? {
            Received::Message(count) => Ok(Reply::decode(&buffer[..count])?),
            Received::Nothing => self.receive(),
            Received::Closed => Err(ClientError::Closed),
        }
    }

    fn fault(&self, source: io::Error) -> ClientError {
        match source.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ClientError::Closed,
            _ => ClientError::Socket { path: self.path.clone(), source },
        }
    }
}
