//! What this process is to the kernel: its name, session, terminal, and what becomes of its descendants.

use std::ffi::CStr;
use std::io;

/// Orphans among this process's descendants become its children, as those of PID 1 do (prctl(2), `PR_SET_CHILD_SUBREAPER`).
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: prctl with these arguments takes numbers only.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Leaves the terminal and every group: no signal of a keyboard reaches this process any more.
pub fn new_session() {
    // It only fails for the leader of a group, which a copy of a process never is.
    let _ = rustix::process::setsid();
}

/// The name that `ps` and `/proc/PID/comm` show; 15 bytes of it.
pub fn set_name(name: &CStr) {
    // It cannot fail for a valid string, and a name is not worth failing for.
    let _ = rustix::thread::set_name(name);
}

/// The parent's number; 0 when it is outside this process's namespace.
pub fn parent() -> u32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

/// The user that this process acts as.
pub fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
