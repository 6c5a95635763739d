//! Many services at once: until they are up, and until they are down.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::group::Group;
use super::peer::{Kind, Register, Running, Services, start};
use super::{Bench, alone, beside, processes, wait_until};

/// What the services become: by it they are found.
const SLEEP: &str = "sleep 1000000";

/// Starts services and waits for all of them; how long that took.
pub fn started(
    bench: &Bench<'_>,
    kind: Kind,
    count: usize,
    logged: bool,
    group: Option<&Group>,
) -> Result<(Running, Duration), BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = format!("{}; exec {SLEEP}", register.entry());
    let services = Services { count, script: &script, logged, definition: "" };
    let folder = bench.folder(kind)?;
    let begin = Instant::now();
    let list = group.map(Group::list);
    let running = start(kind, &bench.program, &folder, services, list.as_deref())?;
    let written = begin.elapsed();
    for _ in 0..count {
        register.next()?;
    }
    // What writing the scripts took is not the supervisor's.
    let all = begin.elapsed();
    Ok((running, all.saturating_sub(written)))
}

/// The times of one kind.
#[derive(Debug, Default)]
struct Times {
    up: Vec<Duration>,
    down: Vec<Duration>,
}

impl Times {
    /// Starts so many services, does something with them, and stops them.
    fn add(
        &mut self,
        bench: &Bench<'_>,
        kind: Kind,
        count: usize,
        meanwhile: impl FnOnce(&Running) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        let (running, time) = started(bench, kind, count, true, None)?;
        self.up.push(time);
        std::thread::sleep(Duration::from_millis(500));
        meanwhile(&running)?;
        // runsvdir ends before what it has started.
        let (services, begin) = (processes::below(running.pid(), "sleep"), Instant::now());
        running.stop()?;
        if kind != Kind::Medic {
            wait_until("the end of all services", || !services.iter().any(|pid| processes::is_alive(*pid)))?;
        }
        self.down.push(begin.elapsed());
        let left = services.iter().filter(|pid| processes::is_alive(**pid)).count();
        if left == 0 {
            return Ok(());
        }
        let message = format!("{left} services outlived it");
        Err(BenchError::Failed { what: kind.name().to_owned(), message })
    }
}

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (count, runs) = (bench.many(1000, 100), bench.many(5, 1));
    let (mut ours, mut bare, mut inspect) = (Times::default(), Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.add(bench, Kind::Medic, count, |running| {
            for _ in 0..bench.many(20, 3) {
                let begin = Instant::now();
                running.succeed("supervisor-inspect", &[])?;
                inspect.push(begin.elapsed());
            }
            Ok(())
        })?;
        bare.push(bare_loop(bench, count)?);
    }
    let (up, down) = (Figure::seconds(ours.up), Figure::seconds(ours.down));
    let (all_up, all_down) = (format!("{count} services: all up"), format!("{count} services: all stopped"));
    let mut starts = vec![Row {
        case: all_up.clone(),
        ours: up.clone(),
        peer: Some(("fork and exec, nothing else".to_owned(), Figure::seconds(bare))),
        target: Target::Ratio(1.15),
    }];
    let mut ends = vec![alone(&*all_down, down.clone(), Target::Most(110e-3))];
    for kind in Kind::PEERS {
        let mut theirs = Times::default();
        theirs.add(bench, kind, count, |_| Ok(()))?;
        starts.push(beside(&*all_up, &up, kind, Figure::seconds(theirs.up)));
        // supervisord ends one after the other: a thousand would take it ten minutes. It is killed.
        if kind != Kind::Supervisord {
            ends.push(beside(&*all_down, &down, kind, Figure::seconds(theirs.down)));
        }
    }
    let case = format!("supervisor-inspect of {count} services");
    ends.push(alone(case, Figure::median_seconds(inspect), Target::Most(10e-3)));
    starts.extend(ends);
    Ok(starts)
}

/// The same scripts, started one after the other by this program.
fn bare_loop(bench: &Bench<'_>, count: usize) -> Result<Duration, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let path = bench.folder(Kind::Medic)?.join("run");
    let script = format!("#!/bin/sh\nexec 2>&1\n{}; exec sleep 1000000\n", register.entry());
    super::super::workspace::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(BenchError::file(&path))?;
    let mut children = Vec::with_capacity(count);
    let begin = Instant::now();
    for _ in 0..count {
        let mut command = Command::new(&path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        children.push(command.spawn().map_err(BenchError::file(&path))?);
    }
    for _ in 0..count {
        register.next()?;
    }
    let time = begin.elapsed();
    for mut child in children {
        let _ = child.kill().and_then(|()| child.wait());
    }
    Ok(time)
}
