//! Many services at once: until they are up and down, what they cost when nothing happens, and when they fail all the time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::memory::Group;
use super::peer::{Kind, Register, Running, Services, start};
use super::{Bench, alone, beside, processes};

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let mut rows = up_and_down(bench)?;
    rows.extend(idle(bench)?);
    rows.extend(memory(bench)?);
    rows.extend(loops(bench)?);
    Ok(rows)
}

/// Starts services and waits for all of them; how long that took.
fn started(
    bench: &Bench<'_>,
    kind: Kind,
    count: usize,
    logged: bool,
    group: Option<&Group>,
) -> Result<(Running, Duration), BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = format!("{}; exec sleep 1000000", register.entry());
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

fn up_and_down(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (count, runs) = (bench.many(1000, 100), bench.many(3, 1));
    let (mut up, mut down, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut inspect = Vec::new();
    for _ in 0..runs {
        let (running, time) = started(bench, Kind::Medic, count, true, None)?;
        up.push(time);
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..bench.many(20, 3) {
            let begin = Instant::now();
            running.call("supervisor-inspect", &[])?;
            inspect.push(begin.elapsed());
        }
        let begin = Instant::now();
        running.stop()?;
        down.push(begin.elapsed());
        bare.push(bare_loop(bench, count)?);
    }
    Ok(vec![
        Row {
            case: format!("{count} services: all up"),
            ours: Figure::seconds(up),
            peer: Some(("fork and exec, nothing else".to_owned(), Figure::seconds(bare))),
            target: Target::Ratio(1.15),
        },
        alone(format!("{count} services: all stopped"), Figure::seconds(down), Target::Most(110e-3)),
        alone(
            format!("supervisor-inspect of {count} services"),
            Figure::median_seconds(inspect),
            Target::Most(10e-3),
        ),
    ])
}

/// The same scripts, started one after the other by this program.
fn bare_loop(bench: &Bench<'_>, count: usize) -> Result<Duration, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let path = bench.folder(Kind::Medic)?.join("run");
    let script = format!("#!/bin/sh\nexec 2>&1\n{}; exec sleep 1000000\n", register.entry());
    super::super::workspace::write(&path, script)?;
    let mut children = Vec::with_capacity(count);
    let begin = Instant::now();
    for _ in 0..count {
        let mut command = Command::new("/bin/sh");
        command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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

/// How often the supervision's processes get the processor when nothing happens.
fn idle(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let quiet = Duration::from_secs(if bench.quick { 3 } else { 30 });
    let wake_ups = |kind: Kind, count: usize| -> Result<Figure, BenchError> {
        let (running, _) = started(bench, kind, count, true, None)?;
        std::thread::sleep(Duration::from_secs(3));
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

/// The memory that a further service costs, its log included.
fn memory(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let charged = |kind: Kind| -> Result<Option<Figure>, BenchError> {
        let usage = |count: usize| -> Result<Option<u64>, BenchError> {
            let Some(group) = Group::new(kind.name()) else { return Ok(None) };
            let (running, _) = started(bench, kind, count, true, Some(&group))?;
            std::thread::sleep(Duration::from_secs(2));
            let family = processes::family(running.pid());
            let services: Vec<u32> =
                family.into_iter().filter(|pid| processes::name(*pid) == "sleep").collect();
            // What the services themselves have is not the supervisor's: they end, and are not started again meanwhile.
            let bytes = group.bytes();
            let theirs = services.len() as u64 * bare_service(bench)?.unwrap_or(0);
            running.stop()?;
            Ok(bytes.map(|bytes| bytes.saturating_sub(theirs)))
        };
        let (Some(few), Some(many)) = (usage(10)?, usage(110)?) else { return Ok(None) };
        Ok(Some(Figure::bytes([many.saturating_sub(few) / 100])))
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

/// What `sleep` itself is charged for: fifty more of them, started by a shell in the group in place of a supervisor.
fn bare_service(bench: &Bench<'_>) -> Result<Option<u64>, BenchError> {
    let Some(group) = Group::new("bare") else { return Ok(None) };
    let path = bench.scratch.join("bare");
    super::super::workspace::write(&path, "#!/bin/sh\nexec 2>&1\nexec sleep 1000000\n")?;
    let with = |count: usize| -> Result<u64, BenchError> {
        let script = format!(
            "echo $$ > {}; i=0; while [ $i -lt {count} ]; do /bin/sh {} & i=$((i+1)); done; wait",
            group.list().display(),
            path.display()
        );
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(BenchError::file(&path))?;
        std::thread::sleep(Duration::from_millis(1000));
        let bytes = group.bytes().unwrap_or(0);
        let family = processes::family(shell.id());
        let _ = shell.kill().and_then(|()| shell.wait());
        family.into_iter().for_each(|pid| super::signal(pid, rustix::process::Signal::KILL));
        std::thread::sleep(Duration::from_millis(300));
        Ok(bytes)
    };
    let (few, many) = (with(10)?, with(60)?);
    Ok(Some(many.saturating_sub(few) / 50))
}

/// Services that fail as soon as they are started.
fn loops(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = format!("{}; exit 1", register.entry());
    let services = Services { count: 1, script: &script, logged: true, definition: "" };
    let running = start(Kind::Medic, &bench.program, &bench.folder(Kind::Medic)?, services, None)?;
    std::thread::sleep(Duration::from_secs(30));
    let starts = Figure::count([register.waiting() as u64]);
    running.stop()?;
    let case = "a service that fails at once: starts in 30 s";
    let mut rows = vec![alone(case, starts, Target::Most(10.0))];
    let busy = |kind: Kind| -> Result<Figure, BenchError> {
        let services = Services { count: 100, script: "exit 1", logged: true, definition: "" };
        let running = start(kind, &bench.program, &bench.folder(kind)?, services, None)?;
        std::thread::sleep(Duration::from_secs(if bench.quick { 2 } else { 30 }));
        let ticks = || processes::family(running.pid()).into_iter().map(processes::ticks).sum::<u64>();
        let (before, begin) = (ticks(), Instant::now());
        std::thread::sleep(Duration::from_secs(if bench.quick { 2 } else { 20 }));
        let used = ticks().saturating_sub(before) as f64 / begin.elapsed().as_secs_f64();
        running.stop()?;
        Ok(Figure::percent([used]))
    };
    let case = "100 services that fail at once, after 30 s: share of a processor";
    let ours = busy(Kind::Medic)?;
    rows.push(alone(case, ours.clone(), Target::Most(5.0)));
    for kind in [Kind::S6, Kind::Runit] {
        rows.push(beside(case, &ours, kind, busy(kind)?));
    }
    Ok(rows)
}
