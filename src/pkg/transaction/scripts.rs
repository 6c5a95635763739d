//! Running a package's `install` or `remove` script: own process group, documented environment, limited time.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use medic_model::layout::{SCRIPTS, SETTINGS, STORAGE};
use medic_sys::files::FileError;

use super::Context;
use crate::error::Error;
use crate::paths;
use crate::plan::Script;
use crate::reporter::Event;

/// So many of the last lines are part of the error.
const LAST_LINES: usize = 30;
/// Longer lines are cut.
const LONGEST_LINE: usize = 2000;
/// How long a script's output is still awaited when the script itself has ended.
const AFTER_END: Duration = Duration::from_millis(200);

/// Runs a script, if it is there.
pub(super) fn run(context: Context<'_>, script: &Script) -> Result<(), Error> {
    let Script { package, script: name, .. } = script;
    let path = context.root.path_of(&paths::path(format!("{SCRIPTS}/{package}/{name}")));
    context.reporter.event(&Event::Script { package, script: name });
    let mut child = command(context, script, &path)
        .spawn()
        .map_err(|error| FileError::new("run the script", &path, error))?;
    let mut lines = Vec::new();
    let ended = attend(&mut child, context.script_limit, |line| {
        context.reporter.event(&Event::ScriptLine { package, line: &line });
        if lines.len() == LAST_LINES {
            lines.remove(0);
        }
        lines.push(line);
    });
    let ended = ended.map_err(|error| FileError::new("run the script", &path, error))?;
    let why = match ended {
        Some(status) if status.success() => return Ok(()),
        Some(status) => describe(status),
        None => format!("took longer than {} s and was killed", context.script_limit.as_secs()),
    };
    Err(Error::Script { package: package.clone(), script: name.clone(), why, lines })
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "ended in an unknown way".to_owned(),
    }
}

/// The documented environment and nothing else, except PATH.
fn command(context: Context<'_>, script: &Script, path: &std::path::Path) -> Command {
    let package = &script.package;
    let below = |folder: &str| context.root.path_of(&paths::path(format!("{folder}/{package}")));
    let version = |version: &Option<medic_model::Version>| {
        version.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let mut command = Command::new(path);
    command.current_dir(context.root.path()).process_group(0).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .env("PATH", "/boot:/bin:/usr/bin:/sbin:/usr/sbin")
        .env("PACKAGE_ROOT", context.root.path().join("srv"))
        .env("PACKAGE_NAME", package.as_str())
        .env("PACKAGE_VERSION", version(if script.to.is_some() { &script.to } else { &script.from }))
        .env("PACKAGE_OLD_VERSION", version(&script.from))
        .env("PACKAGE_NEW_VERSION", version(&script.to))
        .env("PACKAGE_SCRIPTS", below(SCRIPTS))
        .env("PACKAGE_SETTINGS", below(SETTINGS))
        .env("PACKAGE_STORAGE", below(STORAGE))
        .env("PACKAGE_SOFTWARE", context.root.path_of(&script.software));
    command
}

/// Passes on what the child writes until it ends; none: it took too long, and its whole group was killed.
fn attend(
    child: &mut Child,
    limit: Duration,
    mut take: impl FnMut(String),
) -> std::io::Result<Option<ExitStatus>> {
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
        match receiver.recv_timeout(left.min(Duration::from_millis(20))) {
            Ok(line) => take(line),
            // Both streams are closed: nothing more comes but the end.
            Err(RecvTimeoutError::Disconnected) if ended.is_none() => {
                std::thread::sleep(Duration::from_millis(1))
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(ended.map(|(status, _)| status)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if left.is_zero() {
            return match ended {
                Some((status, _)) => Ok(Some(status)),
                None => kill(child).map(|()| None),
            };
        }
    }
}

fn kill(child: &mut Child) -> std::io::Result<()> {
    // The group has the child's number; it is still ours, since the child has not been waited for.
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
        match reader.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if !take(text) {
                    return;
                }
            }
        }
    }
}
