//! Waiting for a child no longer than it may take.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Waits for the child's end, at most until `limit` is over; none: it still runs.
///
/// # Errors
/// The kernel has no process descriptors (before Linux 5.3), or the child cannot be waited for.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Ok(None),
            Ok(_) => return child.wait().map(Some),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_is_waited_for_but_not_for_ever() {
        let mut child = Command::new("/bin/sh").args(["-c", "exit 7"]).spawn().expect("starts");
        let status = wait(&mut child, Duration::from_secs(60)).expect("waited");
        assert_eq!(status.and_then(|status| status.code()), Some(7));
        let mut child = Command::new("sleep").arg("60").spawn().expect("starts");
        assert_eq!(wait(&mut child, Duration::from_millis(20)).expect("waited"), None);
        child.kill().expect("killed");
        assert!(wait(&mut child, Duration::from_secs(60)).expect("waited").is_some());
    }
}
