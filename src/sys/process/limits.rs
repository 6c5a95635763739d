//! Resource limits (getrlimit(2)).

use std::io;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Open files.
    OpenFiles,
    /// Processes of the user.
    Processes,
    /// Size of a core dump in bytes.
    Core,
    /// Unused by the kernel: carries a [`super::Mark`].
    Mark,
}

impl Resource {
    pub(super) fn number(self) -> u32 {
        let number = match self {
            Self::OpenFiles => libc::RLIMIT_NOFILE,
            Self::Processes => libc::RLIMIT_NPROC,
            Self::Core => libc::RLIMIT_CORE,
            Self::Mark => libc::RLIMIT_LOCKS,
        };
        // The type is unsigned in glibc and signed in musl.
        #[allow(clippy::unnecessary_cast, reason = "needed for one of the two C libraries")]
        let number = number as u32;
        number
    }
}

/// One limit of a process that is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub resource: Resource,
    /// What the process may use; it may raise this itself up to `hard`.
    pub soft: u64,
    /// The most it may ever use.
    pub hard: u64,
}

/// The kernel's form of a limit, the same on every 64-bit machine (`struct rlimit64`).
#[repr(C)]
pub(super) struct Rlimit64 {
    pub(super) soft: u64,
    pub(super) hard: u64,
}

/// Asks for, and sets, a limit of a process (prlimit(2)); `pid` 0 is this one. Allocates nothing.
pub(super) fn prlimit(pid: u32, resource: Resource, new: Option<&Rlimit64>) -> io::Result<Rlimit64> {
    let mut old = Rlimit64 { soft: 0, hard: 0 };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `new` is null or a valid limit, `old` is a place for the answer.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource.number(), new, &raw mut old) };
    if result == 0 { Ok(old) } else { Err(io::Error::last_os_error()) }
}

/// Raises this process's limit of open files to the most it may have, and gives the limit that was: for children.
pub fn raise_open_files() -> io::Result<Limit> {
    let old = prlimit(0, Resource::OpenFiles, None)?;
    prlimit(0, Resource::OpenFiles, Some(&Rlimit64 { soft: old.hard, hard: old.hard }))?;
    Ok(Limit { resource: Resource::OpenFiles, soft: old.soft, hard: old.hard })
}
