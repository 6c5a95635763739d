//! Signals: taken as events from a descriptor (signalfd(2)), sent to processes and groups.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A signal's number, as in signal(7).
pub type Signal = i32;

/// The signals that the programs here name; numbers are those of x86-64 and ARM64.
pub mod number {
    /// Hang-up: read the settings again.
    pub const HUP: i32 = libc::SIGHUP;
    /// From the keyboard.
    pub const INT: i32 = libc::SIGINT;
    /// From the keyboard.
    pub const QUIT: i32 = libc::SIGQUIT;
    /// Ends a process whatever it does.
    pub const KILL: i32 = libc::SIGKILL;
    /// For a program's own use.
    pub const USR1: i32 = libc::SIGUSR1;
    /// For a program's own use.
    pub const USR2: i32 = libc::SIGUSR2;
    /// A write to a pipe that nobody reads.
    pub const PIPE: i32 = libc::SIGPIPE;
    /// Asks a process to end.
    pub const TERM: i32 = libc::SIGTERM;
    /// A child has ended.
    pub const CHLD: i32 = libc::SIGCHLD;
    /// Lets a stopped process go on.
    pub const CONT: i32 = libc::SIGCONT;
    /// Stops a process whatever it does.
    pub const STOP: i32 = libc::SIGSTOP;
    /// A background process reads from the terminal.
    pub const TTIN: i32 = libc::SIGTTIN;
    /// A background process writes to the terminal.
    pub const TTOU: i32 = libc::SIGTTOU;
}

fn set_of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, sigaddset changes an initialised set; numbers out of range are refused by it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Signals as a descriptor that becomes readable.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks `signals` for this process and takes them from the descriptor in place of handlers.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let set = set_of(signals);
        // SAFETY: `set` is initialised; the old mask is not asked for.
        if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal that has come; none when there is none.
    pub fn next(&self) -> Option<Signal> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as long as is said.
        let count = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(count) != Ok(size) {
            return None;
        }
        // SAFETY: the kernel filled the whole structure, which is plain numbers.
        let info = unsafe { info.assume_init() };
        i32::try_from(info.ssi_signo).ok()
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ignores these signals from now on. A program that is executed would inherit that: [`crate::process::spawn`] undoes it.
pub fn ignore(signals: &[Signal]) {
    for signal in signals {
        // SAFETY: SIG_IGN is a valid disposition, and no handler of ours is replaced: there are none.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
}

/// Sends a signal to one process. `NotFound` when there is none.
pub fn send(pid: u32, signal: Signal) -> io::Result<()> {
    kill(i64::from(pid), signal)
}

/// Sends a signal to every process of a group.
pub fn send_group(group: u32, signal: Signal) -> io::Result<()> {
    // Group 1 or 0 would be kill(-1) or our own group.
    if group < 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    kill(-i64::from(group), signal)
}

/// Sends a signal to every process that may be signalled, but for this one and PID 1: what a container's PID 1 does last.
pub fn send_everybody(signal: Signal) -> io::Result<()> {
    kill(-1, signal)
}

fn kill(target: i64, signal: Signal) -> io::Result<()> {
    let target = i32::try_from(target).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // 0 would be the caller's own group.
    if target == 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: kill takes numbers only.
    if unsafe { libc::kill(target, signal) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Err(io::ErrorKind::NotFound.into()),
        error => Err(error),
    }
}
