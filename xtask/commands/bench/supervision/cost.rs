//! What supervision costs when nothing goes wrong, and when everything does.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::crowd::started;
use super::group::{Controller, Group};
use super::peer::{Kind, Register, Services, start};
use super::{Bench, alone, beside, processes, signal};

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let mut rows = idle(bench)?;
    rows.extend(memory(bench)?);
    rows.push(crash_loop(bench)?);
    rows.extend(crash_loops(bench)?);
    Ok(rows)
}

/// How often the supervision's processes get the processor when nothing happens.
fn idle(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let quiet = Duration::from_secs(bench.many(30, 1) as u64);
    let wake_ups = |kind: Kind, count: usize| -> Result<Figure, BenchError> {
        let (running, _) = started(bench, kind, count, true, None)?;
        std::thread::sleep(Duration::from_secs(bench.many(3, 1) as u64));
        let family = processes::family(running.pid());
        let own: Vec<u32> = family.into_iter().filter(|pid| processes::name(*pid) != "sleep").collect();
        let sum = || own.iter().map(|pid| processes::switches(*pid)).sum::<u64>();
        let before = sum();
        std::thread::sleep(quiet);
        let found = sum().saturating_sub(before);
        running.stop()?;
        Ok(Figure::count([found]))
    };
    let case = |count: usize| format!("{count} services that do nothing: wake-ups in {} s", quiet.as_secs());
    let mut rows = Vec::new();
    for count in [10, 100, bench.many(1000, 200)] {
        let ours = wake_ups(Kind::Medic, count)?;
        rows.push(alone(case(count), ours.clone(), Target::Most(0.0)));
        if count == 100 {
            for kind in Kind::PEERS {
                rows.push(beside(case(count), &ours, kind, wake_ups(kind, count)?));
            }
        }
    }
    Ok(rows)
}

/// The memory that a further service costs, its log included, without what the service itself takes.
fn memory(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let Some(service) = bare_service(bench)? else { return Ok(Vec::new()) };
    let charged = |kind: Kind| -> Result<Option<Figure>, BenchError> {
        let usage = |count: usize| -> Result<Option<u64>, BenchError> {
            let Some(group) = Group::new(Controller::Memory, kind.name()) else { return Ok(None) };
            let (running, _) = started(bench, kind, count, true, Some(&group))?;
            std::thread::sleep(Duration::from_secs(bench.many(3, 1) as u64));
            let bytes = group.bytes();
            running.stop()?;
            Ok(bytes)
        };
        let (Some(few), Some(many)) = (usage(10)?, usage(110)?) else { return Ok(None) };
        Ok(Some(Figure::bytes([(many.saturating_sub(few) / 100).saturating_sub(service)])))
    };
    let case = "memory charged for a service with its log";
    let Some(ours) = charged(Kind::Medic)? else { return Ok(Vec::new()) };
    let mut rows = vec![alone(case, ours.clone(), Target::Most(120e3))];
    for kind in [Kind::S6, Kind::Runit] {
        if let Some(theirs) = charged(kind)? {
            rows.push(beside(case, &ours, kind, theirs));
        }
    }
    Ok(rows)
}

/// What `sleep` itself and the script that becomes it are charged for: a hundred more of them, started by a shell in the
/// group in place of a supervisor.
fn bare_service(bench: &Bench<'_>) -> Result<Option<u64>, BenchError> {
    let folder = bench.scratch.fresh("bare")?;
    let with = |count: usize| -> Result<Option<u64>, BenchError> {
        let Some(group) = Group::new(Controller::Memory, "bare") else { return Ok(None) };
        for number in 0..count {
            let path = folder.join(format!("{count}-{number}"));
            super::super::workspace::write(&path, "#!/bin/sh\nexec 2>&1\nexec sleep 1000000\n")?;
        }
        let script = format!(
            "echo $$ > {}; for script in {}/{count}-*; do /bin/sh $script & done; wait",
            group.list().display(),
            folder.display()
        );
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(BenchError::file(&folder))?;
        std::thread::sleep(Duration::from_millis(1000));
        let bytes = group.bytes();
        let family = processes::family(shell.id());
        let _ = shell.kill().and_then(|()| shell.wait());
        family.into_iter().for_each(|pid| signal(pid, Signal::KILL));
        Ok(bytes)
    };
    let (few, many) = (with(10)?, with(110)?);
    Ok(few.zip(many).map(|(few, many)| many.saturating_sub(few) / 100))
}

/// A service that fails as soon as it is started.
fn crash_loop(bench: &Bench<'_>) -> Result<Row, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = format!("{}; exit 1", register.entry());
    let services = Services { count: 1, script: &script, logged: true, definition: "" };
    let running = start(Kind::Medic, &bench.program, &bench.folder(Kind::Medic)?, services, None)?;
    let seconds = bench.many(30, 5) as u64;
    std::thread::sleep(Duration::from_secs(seconds));
    let starts = Figure::count([register.waiting() as u64]);
    running.stop()?;
    Ok(alone(format!("a service that fails at once: starts in {seconds} s"), starts, Target::Most(10.0)))
}

/// Many of them: the time of processors for them and all that looks after them.
fn crash_loops(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (settled, watched) = (bench.many(30, 1) as u64, bench.many(30, 1) as u64);
    let busy = |kind: Kind| -> Result<Option<Figure>, BenchError> {
        let Some(group) = Group::new(Controller::Processor, kind.name()) else { return Ok(None) };
        let services = Services { count: 100, script: "exit 1", logged: true, definition: "" };
        let folder = bench.folder(kind)?;
        let running = start(kind, &bench.program, &folder, services, Some(&group.list()))?;
        std::thread::sleep(Duration::from_secs(settled));
        let (before, begin) = (group.time().unwrap_or_default(), Instant::now());
        std::thread::sleep(Duration::from_secs(watched));
        let used = group.time().unwrap_or_default().saturating_sub(before);
        let share = 100.0 * used.as_secs_f64() / begin.elapsed().as_secs_f64();
        running.stop()?;
        Ok(Some(Figure::percent([share])))
    };
    let case = format!("100 services that fail at once, after {settled} s: share of a processor");
    let Some(ours) = busy(Kind::Medic)? else { return Ok(Vec::new()) };
    let mut rows = vec![alone(&*case, ours.clone(), Target::Most(5.0))];
    for kind in [Kind::S6, Kind::Runit] {
        if let Some(theirs) = busy(kind)? {
            rows.push(beside(&*case, &ours, kind, theirs));
        }
    }
    Ok(rows)
}
