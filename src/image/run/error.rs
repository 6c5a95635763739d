//! What can go wrong while an image runs.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use medic_model::Arch;

use crate::docker::DockerError;
use crate::error::ImageError;

/// What can go wrong while an image runs. That the container ends with an error is not one of them: that is its exit code.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Docker's part.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// The image cannot be unpacked.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// bubblewrap is not installed.
    #[error(
        "'bwrap' is not installed, and no Docker daemon answers: install bubblewrap (apt-get install bubblewrap), or start Docker"
    )]
    NoBubblewrap,
    /// A program cannot be started.
    #[error("cannot start '{}': {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel, or what stands before it, does not allow a sandbox.
    #[error(
        "bubblewrap cannot make the sandbox (it ended with code {code}): {words}\nIn a container it needs --privileged; on a host, user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces), or run this as root"
    )]
    Sandbox {
        /// Its exit code.
        code: i32,
        /// Its words.
        words: String,
    },
    /// A published port cannot be had.
    #[error(
        "cannot publish port {inside} at {address}: {source}; publish it elsewhere with --publish PORT:{inside}"
    )]
    Port {
        /// Where it was to be published.
        address: SocketAddr,
        /// The port inside.
        inside: u16,
        /// What the kernel said.
        source: io::Error,
    },
    /// Too many ports.
    #[error("{0} ports are to be published, and the bubblewrap runner takes at most 64")]
    TooManyPorts(usize),
    /// An image for another processor.
    #[error(
        "the image is for {0}, which this machine's processor cannot run, and its kernel knows no emulator for it. On Debian or \
         Ubuntu: sudo apt-get install qemu-user-static binfmt-support. Or build it for this machine, without --arch"
    )]
    Arch(Arch),
    /// A name that is none for a volume.
    #[error(
        "'{0}' cannot name a volume: use letters, digits, '.', '_' and '-', or a path with a slash for a folder"
    )]
    VolumeName(String),
    /// The process in the sandbox's network cannot be talked to.
    #[error("cannot talk to the process that carries connections into the sandbox: {0}")]
    Forwarder(io::Error),
}
