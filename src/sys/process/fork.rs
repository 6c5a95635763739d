//! Copies of this process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Runs `child` in a copy of this process, which ends with the exit code that it returns; gives the copy's number.
///
/// For programs with one thread only: a lock that another thread holds would stay locked in the copy for ever.
/// The copy shares every page that neither writes to.
pub fn fork(child: impl FnOnce() -> i32) -> io::Result<u32> {
    // SAFETY: the program has one thread (see above), so the copy is in no worse state than the original.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => exit_now(child()),
        pid => Ok(pid.unsigned_abs()),
    }
}

/// Ends this process at once: no destructors, no flushing of what the parent had begun to write.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Closes every descriptor from 3 on that is not in `keep`: what a copy of a process has no business with.
///
/// The caller must not use, nor drop, a value that owns one of the descriptors closed: it leaves them to [`exit_now`].
pub fn close_all_but(keep: &[BorrowedFd<'_>]) {
    // Sorted in place in a small array: nothing is allocated in a fresh copy.
    let mut numbers = [u32::MAX; 16];
    for (place, fd) in numbers.iter_mut().zip(keep) {
        *place = fd.as_raw_fd().unsigned_abs();
    }
    numbers.sort_unstable();
    let mut from = 3;
    for number in numbers {
        if number > from {
            close_range(from, number - 1);
        }
        from = number.saturating_add(1).max(from);
    }
}

fn close_range(first: u32, last: u32) {
    // SAFETY: closing descriptors touches no memory; the caller gives up whatever owned them.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // Before Linux 5.9: one by one, up to the highest that can be open.
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a place for the answer.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let end = u32::try_from(limit.rlim_cur).unwrap_or(u32::MAX).min(1 << 20);
    for fd in first..=last.min(end) {
        // SAFETY: as above.
        unsafe { libc::close(fd.cast_signed()) };
    }
}
