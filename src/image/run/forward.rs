//! The process between this machine and a sandbox: it lives in the sandbox's network, starts the sandbox, carries connections
//! into it, and stops it.
//!
//! It is this same program, started again by [`super::bubblewrap`] as a hidden command. The listening sockets are
//! this machine's (they were made before the network was left), the connections it makes are in the sandbox's network. So
//! ports are published without root, without a daemon, and without any change to this machine's network.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Deserialize;

use super::handover::{Handover, READY};

/// A thread here copies bytes and calls little.
const STACK: usize = 128 << 10;
/// How much is copied at a time.
const BUFFER: usize = 32 << 10;

/// How often it is looked at whether the sandbox's first process takes signals.
const TICK: Duration = Duration::from_millis(10);

/// What keeps connections from being carried.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The runner's message did not come.
    #[error("cannot take the sockets over: {0}")]
    Handover(io::Error),
    /// No program was named.
    #[error("no program to start was given: this command is a part of 'run'")]
    NoProgram,
    /// The sandbox cannot be started.
    #[error("cannot start '{}': {source}", program.display())]
    Start {
        /// The program.
        program: OsString,
        /// What the kernel said.
        source: io::Error,
    },
    /// The sandbox cannot be watched.
    #[error("cannot watch the sandbox: {0}")]
    Watch(io::Error),
}

/// What bubblewrap writes to `--info-fd` (bwrap(1)); it may say more.
#[derive(Debug, Deserialize)]
struct Info {
    #[serde(rename = "child-pid")]
    child: i32,
}

/// Takes the sockets from standard input, starts `command` (bubblewrap with its arguments), and carries connections until it
/// ends. Gives the sandbox's exit code: 128 and the signal's number when a signal ended it.
///
/// Standard output and error are the sandbox's. When standard input ends, the sandbox is asked to stop, and killed when it does not.
///
/// # Errors
/// [`ForwardError`].
pub fn run(command: &[OsString]) -> Result<u8, ForwardError> {
    let handover = Handover::receive(io::stdin()).map_err(ForwardError::Handover)?;
    let (program, arguments) = command.split_first().ok_or(ForwardError::NoProgram)?;
    let (mut child, init) = start(program, arguments)?;
    if let Some(init) = init {
        let (signal, grace) = (handover.signal, Duration::from_secs(handover.grace_seconds.into()));
        spawn(move || stop_when_told(&init, signal, grace)).map_err(ForwardError::Watch)?;
        for (listener, port) in handover.ports {
            spawn(move || accept(&listener, port)).map_err(ForwardError::Watch)?;
        }
        // The runner may be gone already; then the stop is on its way.
        let _ = rustix::io::write(io::stdin(), &[READY]);
    }
    child.wait().map(code).map_err(ForwardError::Watch)
}

/// Starts bubblewrap; gives it and a handle on the sandbox's first process, if it came to one.
fn start(program: &OsString, arguments: &[OsString]) -> Result<(Child, Option<Init>), ForwardError> {
    let (mut told, tell) = io::pipe().map_err(ForwardError::Watch)?;
    // The one descriptor that the sandbox's maker inherits; nothing else is started by this process.
    fcntl_setfd(&tell, FdFlags::empty()).map_err(|error| ForwardError::Watch(error.into()))?;
    let child = Command::new(program)
        .args(["--info-fd", &tell.as_raw_fd().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|source| ForwardError::Start { program: program.clone(), source })?;
    drop(tell);
    let mut text = Vec::new();
    told.read_to_end(&mut text).map_err(ForwardError::Watch)?;
    let info: Option<Info> = serde_json::from_slice(&text).ok();
    let pid = info.and_then(|info| Pid::from_raw(info.child));
    // A process that has ended already needs no handle: its end is seen in the exit code.
    let open = |pid| match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => Ok(Some(Init { pid, handle })),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(ForwardError::Watch(error.into())),
    };
    Ok((child, pid.map(open).transpose()?.flatten()))
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().stack_size(STACK).spawn(work).map(drop)
}

/// Waits until the runner closes its end; then asks the sandbox to stop, and kills it after the grace.
fn stop_when_told(init: &Init, signal: u8, grace: Duration) {
    let mut byte = [0];
    loop {
        match rustix::io::read(io::stdin(), &mut byte) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let deadline = Instant::now() + grace;
    while !init.listens_to(signal) && Instant::now() < deadline {
        std::thread::sleep(TICK);
    }
    let signal = Signal::from_named_raw(signal.into()).unwrap_or(Signal::TERM);
    // Failing means that it has ended, which is what is wanted; this process then ends too.
    let _ = pidfd_send_signal(&init.handle, signal);
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let _ = pidfd_send_signal(&init.handle, Signal::KILL);
}

/// The sandbox's first process.
struct Init {
    pid: Pid,
    handle: OwnedFd,
}

impl Init {
    /// Whether a signal is taken. The kernel drops signals to the first process of a namespace that neither handles nor blocks
    /// them (pid_namespaces(7)), so one that comes too early would be lost.
    fn listens_to(&self, signal: u8) -> bool {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        // It has ended: there is nothing to wait for.
        let Ok(status) = std::fs::read_to_string(path) else { return true };
        takes(&status, signal)
    }
}

/// Whether a process whose `/proc/PID/status` (proc(5)) this is blocks or handles a signal.
fn takes(status: &str, signal: u8) -> bool {
    let mask = |line: &str| {
        let digits = line.strip_prefix("SigBlk:").or_else(|| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(digits.trim(), 16).ok()
    };
    let bit = 1_u64.checked_shl(u32::from(signal.saturating_sub(1))).unwrap_or(0);
    status.lines().filter_map(mask).any(|mask| mask & bit != 0)
}

fn accept(listener: &TcpListener, port: u16) {
    loop {
        match listener.accept() {
            Ok((outer, _)) => drop(spawn(move || carry(&outer, port))),
            // A connection that was given up, or too many at once: the next may do.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Carries one connection both ways. A connection that nobody takes inside is closed, as it would be without us.
fn carry(outer: &TcpStream, port: u16) {
    let Ok(inner) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    // Each write is passed on as it comes; waiting for more would slow every small answer down.
    drop((outer.set_nodelay(true), inner.set_nodelay(true)));
    std::thread::scope(|scope| {
        let back = Builder::new().stack_size(STACK).spawn_scoped(scope, || copy(&inner, outer));
        if back.is_ok() {
            copy(outer, &inner);
        }
    });
}

/// Copies until the end, and passes the end on: the other direction may still have much to say. After an error neither has.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return drop(to.shutdown(Shutdown::Write)),
            Ok(count) => {
                if io::Write::write_all(&mut to, &buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_what_it_blocks_or_handles() {
        let status =
            "Name:\tinit\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000004000\nSigCgt:\t0000000000000002\n";
        assert!(!takes(status, 15) && takes(status, 2));
        assert!(takes(&status.replace("SigBlk:\t0000000000000000", "SigBlk:\t0000000000004000"), 15));
        assert!(!takes("", 15) && !takes(status, 0));
    }
}
