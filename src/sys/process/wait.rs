//! Waiting for children (waitid(2)), in two steps: first who has ended is seen, then the number is given up.
//!
//! Until [`reap`] the number of an ended child cannot be another process's. So whoever writes down which
//! process is alive can strike it out before the number means somebody else.

use std::io;
use std::mem::MaybeUninit;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

impl Exit {
    /// Whether it ended with exit code 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// The exit code that a shell would give: 128 and the signal's number for a signal.
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// How things stand with this process's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// This one has ended, and is to be [`reap`]ed.
    Ended(u32, Exit),
    /// There are some, all alive.
    Alive,
    /// There are none.
    None,
}

fn wait_id(kind: libc::idtype_t, id: u32, extra: i32) -> io::Result<Option<(u32, Exit)>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: `info` is a place for the answer.
        if unsafe { libc::waitid(kind, id, info.as_mut_ptr(), libc::WEXITED | extra) } == 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: zeroed memory is a valid siginfo_t, and the kernel filled what it knows of a child.
    let (pid, status, code) = unsafe {
        let info = info.assume_init();
        (info.si_pid(), info.si_status(), info.si_code)
    };
    if pid == 0 {
        return Ok(None);
    }
    let number = u8::try_from(status & 0xff).unwrap_or(u8::MAX);
    let exit = if code == libc::CLD_EXITED { Exit::Code(number) } else { Exit::Signal(number & 0x7f) };
    Ok(Some((pid.unsigned_abs(), exit)))
}

/// A child that has ended, if there is one. The same one is given until it is reaped.
pub fn next_ended() -> Children {
    match wait_id(libc::P_ALL, 0, libc::WNOHANG | libc::WNOWAIT) {
        Ok(Some((pid, exit))) => Children::Ended(pid, exit),
        Ok(None) => Children::Alive,
        // The only error left is that there is no child.
        Err(_) => Children::None,
    }
}

/// How this child ended; none while it lives, or when it is not a child.
pub fn child_ended(pid: u32) -> Option<Exit> {
    wait_id(libc::P_PID, pid, libc::WNOHANG | libc::WNOWAIT).ok().flatten().map(|(_, exit)| exit)
}

/// Gives up the number of a child that has ended; waits for one that has not.
pub fn reap(pid: u32) {
    // The only error is that it is not a child: then there is nothing to give up.
    let _ = wait_id(libc::P_PID, pid, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_seen_before_it_is_reaped() {
        for (code, exit) in [(0, Exit::Code(0)), (7, Exit::Code(7)), (255, Exit::Code(255))] {
            let pid = super::super::fork(|| code).expect("forked");
            let seen = loop {
                if let Some(seen) = child_ended(pid) {
                    break seen;
                }
                std::thread::yield_now();
            };
            assert_eq!((seen, child_ended(pid)), (exit, Some(exit)));
            reap(pid);
            assert_eq!(child_ended(pid), None);
        }
    }

    #[test]
    fn a_signal_is_told_from_a_code() {
        let pid = super::super::fork(|| {
            loop {
                std::hint::spin_loop()
            }
        })
        .expect("forked");
        assert_eq!(child_ended(pid), None);
        crate::signal::send(pid, crate::signal::number::KILL).expect("sent");
        let seen = loop {
            if let Some(seen) = child_ended(pid) {
                break seen;
            }
            std::thread::yield_now();
        };
        assert_eq!((seen, seen.shell_code(), seen.is_success()), (Exit::Signal(9), 137, false));
        reap(pid);
    }
}
