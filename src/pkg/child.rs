//! A program that is run for a limited time, and whose lines are passed on while it runs.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longer lines are cut.
const LONGEST_LINE: usize = 2000;
/// How long output is still awaited when the program itself has ended: something it left behind may hold the pipe.
const AFTER_END: Duration = Duration::from_millis(200);
/// How often it is asked whether it has ended, while it writes nothing.
const PATIENCE: Duration = Duration::from_millis(20);

/// Runs a program in a process group of its own; both its streams are one pipe. None: it took longer than `limit`, and the whole group
/// was killed.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    take: &mut dyn FnMut(String),
) -> io::Result<Option<ExitStatus>> {
    let (reader, writer) = io::pipe()?;
    command.process_group(0).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command would keep the pipe open on this side.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child?;
    let mut lines = Lines { reader: Some(reader), partial: Vec::new() };
    let deadline = Instant::now() + limit;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now() + AFTER_END));
        }
        let until = ended.map_or(deadline, |(_, until)| until);
        let left = until.saturating_duration_since(Instant::now());
        lines.read(left.min(PATIENCE), take)?;
        match ended {
            // Both streams are closed: nothing more comes but the end.
            Some((status, _)) if lines.reader.is_none() || left.is_zero() => {
                lines.pass_on(true, take);
                return Ok(Some(status));
            }
            None if left.is_zero() => return kill(&mut child).map(|()| None),
            _ => {}
        }
    }
}

/// The group has the child's number; it is still ours, since the child has not been waited for.
fn kill(child: &mut Child) -> io::Result<()> {
    let group = rustix::process::Pid::from_child(child);
    // It may have ended just now: then there is nothing to kill.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    child.wait().map(drop)
}

/// What comes out of a pipe, line by line.
struct Lines {
    /// None when it is at its end.
    reader: Option<PipeReader>,
    partial: Vec<u8>,
}

impl Lines {
    /// Waits so long at most, and passes on what came.
    fn read(&mut self, patience: Duration, take: &mut dyn FnMut(String)) -> io::Result<()> {
        let Some(reader) = &mut self.reader else {
            std::thread::sleep(patience.min(Duration::from_millis(1)));
            return Ok(());
        };
        let timeout = Timespec { tv_sec: 0, tv_nsec: patience.subsec_nanos().into() };
        let ready = match poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => 0,
            ready => ready?,
        };
        if ready == 0 {
            return Ok(());
        }
        let mut buffer = [0; 4096];
        match reader.read(&mut buffer)? {
            0 => {
                self.reader = None;
                self.pass_on(true, take);
            }
            count => {
                self.partial.extend_from_slice(&buffer[..count]);
                self.pass_on(false, take);
            }
        }
        Ok(())
    }

    /// Passes on every whole line, and `last` the rest.
    fn pass_on(&mut self, last: bool, take: &mut dyn FnMut(String)) {
        loop {
            let seen = &self.partial[..self.partial.len().min(LONGEST_LINE)];
            let end = match seen.iter().position(|byte| *byte == b'\n') {
                Some(newline) => newline + 1,
                None if seen.len() == LONGEST_LINE || last && !seen.is_empty() => seen.len(),
                None => return,
            };
            let line: Vec<u8> = self.partial.drain(..end).collect();
            take(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str, limit: u64) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        let ended =
            run(command.args(["-c", script]), Duration::from_millis(limit), &mut |line| lines.push(line));
        (ended.expect("it runs").and_then(|status| status.code()), lines)
    }

    #[test]
    fn lines_of_both_streams_come_in_their_order() {
        assert_eq!(
            said("echo a; echo b >&2; echo; printf c; exit 3", 60_000),
            (Some(3), ["a", "b", "", "c"].map(String::from).to_vec())
        );
        let (code, lines) = said("head -c 4500 /dev/zero | tr '\\0' x", 60_000);
        assert_eq!(
            (code, lines.iter().map(String::len).collect::<Vec<_>>()),
            (Some(0), vec![2000, 2000, 500])
        );
    }

    #[test]
    fn one_that_takes_too_long_is_killed_and_what_it_leaves_behind_is_not_awaited() {
        assert_eq!(said("echo a; sleep 1000 & wait", 300), (None, vec!["a".to_owned()]));
        assert_eq!(said("exec >/dev/null 2>&1; sleep 0.1; exit 4", 60_000), (Some(4), Vec::new()));
        let late = "echo a; (sleep 5; echo late) & exit 0";
        assert_eq!(said(late, 60_000), (Some(0), vec!["a".to_owned()]));
    }
}
