//! A terminal of the sandbox's own, and the caller's joined to it: what runs inside never has the caller's terminal, so it
//! cannot type into it, and yet has job control.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, ExitStatus};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::sandbox::Terminal;

/// How often the caller's terminal is asked for its size, and whether it is to end.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Runs the command with a new terminal as its standard input, output and error, and carries what is typed and shown between
/// that and the caller's.
///
/// # Errors
/// The kernel gives no terminal; the command cannot be started.
pub(super) fn run(mut command: Command, terminal: &Terminal<'_>) -> io::Result<ExitStatus> {
    let (ours, theirs) = pair()?;
    fit(&ours, terminal)?;
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    let mut child = command.spawn()?;
    // It holds their end of the terminal, which must close with the sandbox.
    drop(command);
    let carried = carry(&ours, &mut child, terminal);
    if carried.is_err() || terminal.is_over() {
        // It may have ended just now.
        let _ = child.kill();
    }
    let status = child.wait()?;
    carried.map(|()| status)
}

/// The two ends of a new terminal.
fn pair() -> io::Result<(File, File)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap_or_default();
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    Ok((File::from(ours), theirs))
}

/// Gives the sandbox's terminal the size of the caller's.
fn fit(ours: &File, terminal: &Terminal<'_>) -> io::Result<()> {
    if let Some((columns, rows)) = terminal.size() {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(ours, size)?;
    }
    Ok(())
}

/// Carries keys in and words out until the sandbox has ended.
fn carry(ours: &File, child: &mut Child, terminal: &Terminal<'_>) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let mut size = terminal.size();
    let mut typing = true;
    let mut bytes = [0; 16 << 10];
    while !terminal.is_over() {
        // A standard input that has ended would be ready for ever.
        let keys = if typing { PollFlags::IN } else { PollFlags::empty() };
        let mut ready = [
            PollFd::new(ours, PollFlags::IN),
            PollFd::new(&ended, PollFlags::IN),
            PollFd::new(terminal.input(), keys),
        ];
        match poll(&mut ready, Some(&TICK)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [words, end, keys] = ready.map(|one| one.revents());
        if !words.is_empty() {
            match (&*ours).read(&mut bytes) {
                // EIO: nobody has the other end open.
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => (&mut terminal.output()).write_all(&bytes[..count])?,
            }
        } else if !end.is_empty() {
            return Ok(());
        }
        if typing && !keys.is_empty() {
            match (&mut terminal.input()).read(&mut bytes) {
                Ok(count @ 1..) => (&mut &*ours).write_all(&bytes[..count])?,
                _ => typing = false,
            }
        }
        if terminal.size() != size {
            size = terminal.size();
            fit(ours, terminal)?;
        }
    }
    Ok(())
}
