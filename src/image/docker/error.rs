//! What can go wrong with a Docker daemon.

use std::io;
use std::path::PathBuf;

use bollard::errors::Error as Bollard;

/// What can go wrong with a Docker daemon.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// An address that this program cannot talk to.
    #[error("the Docker daemon's address '{address}' ({said_by}) cannot be used: {why}")]
    Address {
        /// The address.
        address: String,
        /// Where it was read, in words.
        said_by: String,
        /// Why, and what to write in its place.
        why: &'static str,
    },
    /// A file that says where the daemon is, or how it is reached, cannot be used.
    #[error("cannot tell where the Docker daemon is: '{}': {why}", path.display())]
    Context {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// The daemon is too old.
    #[error(
        "the Docker daemon at {host} speaks API {found}, and 1.41 (Docker 20.10) is the oldest that will do: upgrade it"
    )]
    TooOld {
        /// The daemon.
        host: String,
        /// What it speaks.
        found: String,
    },
    /// The daemon ended, or the connection to it broke.
    #[error(
        "the Docker daemon at {host} went away while {doing} ({why}): see its log, start it, and run this again"
    )]
    Lost {
        /// The daemon.
        host: String,
        /// What was going on, in words.
        doing: String,
        /// What was noticed.
        why: String,
    },
    /// The daemon said no.
    #[error("the Docker daemon at {host} failed while {doing}: {message}")]
    Refused {
        /// The daemon.
        host: String,
        /// What was going on, in words.
        doing: String,
        /// Its words.
        message: String,
    },
    /// A published port is taken.
    #[error(
        "the port {address} is in use by another program: publish the image's port elsewhere (--publish PORT:{inside}), or stop that program ({message})"
    )]
    Port {
        /// Where it was to be published.
        address: String,
        /// The port inside.
        inside: u16,
        /// The daemon's words.
        message: String,
    },
    /// The archive that was to be loaded cannot be read, or the one that was to be saved cannot be written.
    #[error("cannot read or write the image's archive '{}': {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon is too old for the image's layers.
    #[error(
        "the Docker daemon at {host} cannot read layers compressed with zstd (Docker 23 and newer can): build the image with \
         gzip, or upgrade Docker"
    )]
    Zstd {
        /// The daemon.
        host: String,
    },
    /// The daemon took the archive, and has not got the image.
    #[error(
        "the Docker daemon at {host} took the image's archive, but '{tag}' is not the image that was sent: see the daemon's log"
    )]
    NotLoaded {
        /// The daemon.
        host: String,
        /// The tag.
        tag: String,
    },
    /// A container ended before it served.
    #[error(
        "the container {container} ended with code {code} before it was ready: see 'docker logs {container}'"
    )]
    Ended {
        /// The container.
        container: String,
        /// Its exit code.
        code: i64,
    },
    /// A container did not become ready.
    #[error(
        "the container {container} was not ready after {seconds} s: see 'docker logs {container}'; it still runs"
    )]
    NotReady {
        /// The container.
        container: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The runtime for the connection cannot be made.
    #[error("cannot prepare the connection to the Docker daemon: {0}")]
    Runtime(io::Error),
}

impl DockerError {
    /// The error of a request.
    pub(super) fn new(host: &str, doing: &str, error: Bollard) -> Self {
        let (host, doing) = (host.to_owned(), doing.to_owned());
        match error {
            Bollard::DockerResponseServerError { message, .. } => Self::Refused { host, doing, message },
            Bollard::DockerStreamError { error } => Self::Refused { host, doing, message: error },
            Bollard::RequestTimeoutError => {
                Self::Lost { host, doing, why: "it did not answer in time".to_owned() }
            }
            other => Self::Lost { host, doing, why: chain(&other) },
        }
    }
}

/// An error's words with those of its causes, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}
