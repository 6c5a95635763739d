//! A program that is run for a limited time, and whose lines are passed on while it runs.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Longer lines are cut.
const LONGEST_LINE: u64 = 2000;
/// How long output is still awaited when the program itself has ended: something it left behind may hold the pipe.
const AFTER_END: Duration = Duration::from_millis(200);
/// How often it is asked whether it has ended, while it writes nothing.
const PATIENCE: Duration = Duration::from_millis(20);

/// Runs a program in a process group of its own. None: it took longer than `limit`, and the whole group was killed.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    mut take: impl FnMut(String),
) -> io::Result<Option<ExitStatus>> {
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || each_line(stream, |line| sender.send(line).is_ok()));
    }
    drop(sender);
    let deadline = Instant::now() + limit;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now() + AFTER_END));
        }
        let until = ended.map_or(deadline, |(_, until)| until);
        let left = until.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(PATIENCE)) {
            Ok(line) => take(line),
            // Both streams are closed: nothing more comes but the end.
            Err(RecvTimeoutError::Disconnected) => match ended {
                Some((status, _)) => return Ok(Some(status)),
                None => std::thread::sleep(Duration::from_millis(1)),
            },
            Err(RecvTimeoutError::Timeout) => {}
        }
        if left.is_zero() {
            return match ended {
                Some((status, _)) => Ok(Some(status)),
                None => kill(&mut child).map(|()| None),
            };
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

fn each_line(stream: impl Read, mut take: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if !take(String::from_utf8_lossy(&line).trim_end().to_owned()) => return,
            Ok(_) => {}
        }
    }
}
