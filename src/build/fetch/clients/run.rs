//! Running a client program: watched, bounded, and ended with everything it started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::fetch::job::{Job, Stop};
use crate::fetch::plan::Want;
use crate::fetch::{Event, Reason};

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often what it writes is counted.
const LOOK: Duration = Duration::from_millis(300);
/// How much of what it says is shown.
const TAIL: usize = 2000;

/// A program to run in a scratch folder.
pub(in crate::fetch) struct Task<'a> {
    pub program: &'a OsStr,
    pub args: Vec<OsString>,
    pub env: Vec<(&'static str, OsString)>,
    /// Where it runs; its temporary files go there, and what it says to the files `stdout` and `stderr` there.
    pub scratch: &'a Path,
}

/// Runs a task to its end; what it wrote to its standard output.
pub(in crate::fetch) fn run(
    job: &Job<'_>,
    want: &Want,
    task: &Task<'_>,
) -> Result<Result<Vec<u8>, Reason>, Stop> {
    let program = || task.program.to_string_lossy().into_owned();
    let mut child = match spawn(task) {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(Reason::NoProgram(program())));
        }
        Err(error) => return Ok(Err(Reason::Client { program: program(), message: error.to_string() })),
    };
    let ended = watch(job, want, task, &mut child);
    if !matches!(ended, Ok(Ok(_))) {
        end(&mut child);
    }
    let status = match ended? {
        Ok(status) => status,
        Err(reason) => return Ok(Err(reason)),
    };
    let said = |name: &str| fs::read(task.scratch.join(name)).unwrap_or_default();
    if status.success() {
        return Ok(Ok(said("stdout")));
    }
    let message = format!("{status}: {}", tail(&said("stderr")));
    Ok(Err(Reason::Client { program: program(), message }))
}

fn spawn(task: &Task<'_>) -> io::Result<Child> {
    let file = |name: &str| fs::File::create(task.scratch.join(name)).map(fs::File::into_file);
    Command::new(task.program)
        .args(&task.args)
        .envs(task.env.iter().map(|(name, value)| (name, value)))
        .env("TMPDIR", task.scratch)
        .current_dir(task.scratch)
        .stdin(Stdio::null())
        .stdout(file("stdout")?)
        .stderr(file("stderr")?)
        .process_group(0)
        .spawn()
}

/// Waits for the end, tells how much is on disk, and stops waiting when it is too much or does not grow.
fn watch(
    job: &Job<'_>,
    want: &Want,
    task: &Task<'_>,
    child: &mut Child,
) -> Result<Result<ExitStatus, Reason>, Stop> {
    // A client may keep the file twice for a moment, and its index beside it.
    let most = want.max_size.0.saturating_mul(3).saturating_add(256 << 20);
    let (mut size, mut grown, mut looked) = (0, Instant::now(), Instant::now());
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Ok(status)),
            Ok(None) if job.stopped() => return Err(Stop::Asked),
            Ok(None) => std::thread::sleep(TICK),
            Err(error) => return Ok(Err(Reason::File(error))),
        }
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        let now = size_below(task.scratch, 6);
        if now > most {
            return Ok(Err(Reason::TooLarge { limit: want.max_size }));
        }
        if now != size {
            (size, grown) = (now, Instant::now());
            job.tell(Event::Progress { id: want.sha256, bytes: size.min(want.max_size.0), total: None });
        }
        if grown.elapsed() > job.limits.client_stall {
            return Ok(Err(Reason::Stalled(job.limits.client_stall)));
        }
    }
}

/// Ends the program and everything in its process group.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn size_below(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() && depth > 0 => size_below(&entry.path(), depth - 1),
        Ok(meta) if meta.is_file() => meta.len(),
        _ => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}

/// The last of what a program said, on one line.
fn tail(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[said.len().saturating_sub(TAIL)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}
