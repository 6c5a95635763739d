//! The supervisor as it is shipped, and s6, runit and supervisord with the same services.

mod cost;
mod crowd;
mod excess;
mod group;
mod logging;
mod peer;
mod processes;
mod repair;
mod rest;
mod storm;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::figure::{Figure, Row, Target};
use super::measure::BenchError;
use super::workspace::Scratch;
use crate::commands::context::Context;
use crate::failure::Failure;
use peer::{Kind, Register, Running, Services, start};

/// What all measurements have.
pub struct Bench<'a> {
    program: PathBuf,
    scratch: &'a Scratch,
    quick: bool,
}

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    for program in ["s6-svscan", "runsvdir", "supervisord"] {
        require(program)?;
    }
    let component = "medic-os".parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let built = context.components(&[component])?;
    let runtime = built.iter().find(|component| component.name.as_str() == "medic-os");
    let tree = runtime.map(|component| component.tree.clone()).unwrap_or_default();
    let scratch = Scratch::short()?;
    let bench = Bench { program: tree.join("bin/supervisor"), scratch: &scratch, quick };
    let mut rows = vec![bench.size()?];
    rows.extend(repair::rows(&bench)?);
    rows.extend(crowd::rows(&bench)?);
    rows.extend(cost::rows(&bench)?);
    rows.extend(excess::rows(&bench)?);
    rows.extend(rest::rows(&bench)?);
    rows.extend(logging::rows(&bench)?);
    Ok(rows)
}

fn require(program: &str) -> Result<(), BenchError> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    let package = match program {
        "s6-svscan" => "s6",
        "runsvdir" => "runit",
        _ => "supervisor",
    };
    if there { Ok(()) } else { Err(BenchError::Missing { program: program.to_owned(), package }) }
}

impl Bench<'_> {
    fn size(&self) -> Result<Row, BenchError> {
        let size = std::fs::metadata(&self.program).map_err(BenchError::file(&self.program))?.len();
        Ok(Row {
            case: "size of the program".to_owned(),
            ours: Figure::bytes([size]),
            peer: None,
            target: Target::Most(400e3),
        })
    }

    /// As many of something as a full run has, or a few.
    fn many(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    fn folder(&self, kind: Kind) -> Result<PathBuf, BenchError> {
        self.scratch.fresh(kind.name())
    }
}

/// One service, which has been started.
fn one(bench: &Bench<'_>, script: &str, definition: &str) -> Result<(Running, Register, u32), BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = script.replace("ENTER", &register.entry());
    let services = Services { count: 1, script: &script, logged: true, definition };
    let running = start(Kind::Medic, &bench.program, &bench.folder(Kind::Medic)?, services, None)?;
    let (pid, _) = register.next()?;
    Ok((running, register, pid))
}

/// Asks until the answer is yes.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<Duration, BenchError> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > Duration::from_secs(60) {
            let message = "it did not happen within 60 s".to_owned();
            return Err(BenchError::Failed { what: what.to_owned(), message });
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(start.elapsed())
}

/// Sends a signal; whoever has gone meanwhile need not have it.
fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// A row without a peer.
fn alone(case: impl Into<String>, ours: Figure, target: Target) -> Row {
    Row { case: case.into(), ours, peer: None, target }
}

/// What a peer has, beside ours; no target is aimed at in relation to it.
fn beside(case: impl Into<String>, ours: &Figure, kind: Kind, theirs: Figure) -> Row {
    let peer = Some((kind.name().to_owned(), theirs));
    Row { case: case.into(), ours: ours.clone(), peer, target: Target::None }
}
