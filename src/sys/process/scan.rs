//! Finding processes in `/proc` (proc(5)). Nothing here allocates.

use std::io;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};

use super::limits::{Resource, prlimit};

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// `R`, `S`, `T` (stopped), `Z` (ended, not yet waited for), …
    pub state: u8,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
}

/// Gives every process's number to `each`.
pub fn pids(mut each: impl FnMut(u32)) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc: OwnedFd = openat(CWD, c"/proc", flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(proc, &mut buffer);
    while let Some(entry) = entries.next() {
        if let Some(pid) = number(entry?.file_name().to_bytes()) {
            each(pid);
        }
    }
    Ok(())
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok().filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))?.parse().ok()
}

fn read<'a>(pid: u32, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut path = [0u8; 40];
    write!(&mut path[..39], "/proc/{pid}/{name}").ok()?;
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let count = rustix::io::read(&file, &mut *buffer).ok()?;
    Some(&buffer[..count])
}

/// What is known of a process; none when there is none of this number.
pub fn process(pid: u32) -> Option<Process> {
    let mut buffer = [0; 512];
    parse_stat(pid, read(pid, "stat", &mut buffer)?)
}

/// The name, in brackets, may hold brackets and spaces itself: what counts comes after the last one.
fn parse_stat(pid: u32, stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat[end + 1..].split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let state = *fields.next()?.first()?;
    // A parent outside the namespace is 0, a kernel thread's group as well.
    let mut next = || fields.next().and_then(number);
    Some(Process { pid, state, parent: next()?, group: next()?, session: next()? })
}

/// The value of the limit that carries marks, of a process; none when there is no such process.
pub fn mark_of(pid: u32) -> Option<u64> {
    match prlimit(pid, Resource::Mark, None) {
        Ok(limit) => Some(limit.soft),
        // Another user's process, and no CAP_SYS_RESOURCE: anybody may read the file.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            let mut buffer = [0; 2048];
            parse_limits(read(pid, "limits", &mut buffer)?)
        }
        Err(_) => None,
    }
}

fn parse_limits(text: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Max file locks"))?;
    let soft = line.split(|byte| *byte == b' ').find(|field| !field.is_empty())?;
    if soft == b"unlimited" { Some(u64::MAX) } else { std::str::from_utf8(soft).ok()?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let found = parse_stat(7, b"7 (a) Z 1 (b) S 2 3 4 0 -1 4194560 1").expect("well formed");
        assert_eq!(found, Process { pid: 7, state: b'S', parent: 2, group: 3, session: 4 });
        for bad in [&b""[..], b"7 (x", b"7 (x) ", b"7 (x) S 1", b"7 (x) S a b c"] {
            assert_eq!(parse_stat(7, bad), None);
        }
    }

    #[test]
    fn this_process_is_found_and_known() {
        let me = std::process::id();
        let mut found = false;
        pids(|pid| found |= pid == me).expect("proc is mounted");
        assert!(found);
        let known = process(me).expect("alive");
        assert_eq!(known.parent, super::super::parent());
        assert!(mark_of(me).is_some());
        assert!(process(u32::MAX >> 1).is_none() && mark_of(u32::MAX >> 1).is_none());
    }

    #[test]
    fn limits_are_read_from_the_file_too() {
        let text = b"Limit  Soft Limit  Hard Limit  Units\nMax cpu time   unlimited  unlimited  seconds\nMax file locks            4611123068473966592  4611123068473966592  locks\n";
        assert_eq!(parse_limits(text), Some(4_611_123_068_473_966_592));
        assert_eq!(
            parse_limits(b"Max file locks            unlimited            unlimited            locks"),
            Some(u64::MAX)
        );
        assert_eq!(parse_limits(b"nothing"), None);
    }
}
