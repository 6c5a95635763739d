//! Services and supervisors that are killed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::peer::{Kind, Register, Services, start};
use super::{Bench, alone, beside, processes, signal, storm};

/// From the death of a service to its next process, and of a supervisor to its successor.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let count = bench.many(25, 3);
    let long = Duration::from_millis(1200);
    let short = Duration::from_millis(10);
    let ours = restarts(bench, Kind::Medic, count, long)?;
    let case = "restart after kill -9, up for 1.2 s";
    let mut rows = vec![alone(case, ours.clone(), Target::Most(3e-3))];
    for kind in Kind::PEERS {
        rows.push(beside(case, &ours, kind, restarts(bench, kind, bench.many(25, 1), long)?));
    }
    let ours = restarts(bench, Kind::Medic, count, short)?;
    let case = "restart after kill -9, up for 10 ms";
    rows.push(alone(case, ours.clone(), Target::Most(3e-3)));
    for kind in Kind::PEERS {
        rows.push(beside(case, &ours, kind, restarts(bench, kind, bench.many(5, 1), short)?));
    }
    let (storm, copies) = storm::rows(bench)?;
    rows.extend(storm);
    let case = "kill -9 of a supervisor: services that ran twice";
    for kind in [Kind::S6, Kind::Runit] {
        rows.push(beside(case, &copies, kind, orphaned(bench, kind, bench.many(20, 1))?));
    }
    Ok(rows)
}

/// How long after its death a service runs again.
fn restarts(bench: &Bench<'_>, kind: Kind, count: usize, up: Duration) -> Result<Figure, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let script = format!("{}; exec sleep 1000000", register.entry());
    let services = Services { count: 1, script: &script, logged: false, definition: "" };
    let running = start(kind, &bench.program, &bench.folder(kind)?, services, None)?;
    let (mut pid, _) = register.next()?;
    let mut times = Vec::new();
    for _ in 0..count {
        std::thread::sleep(up);
        let killed = Instant::now();
        signal(pid, Signal::KILL);
        let (next, at) = register.next()?;
        times.push(at.duration_since(killed));
        pid = next;
        if kind == Kind::Medic {
            // A first failure each time: later ones wait, so that a loop costs nothing.
            running.succeed("svc-restart", &["bench", "s0"])?;
            pid = register.next()?.0;
        }
    }
    running.stop()?;
    Ok(Figure::median_seconds(times))
}

/// How often a peer had a second copy of a service running after its supervisor was killed.
fn orphaned(bench: &Bench<'_>, kind: Kind, count: usize) -> Result<Figure, BenchError> {
    let mut twice = 0;
    for _ in 0..count {
        let register = Register::new(bench.scratch.join("register"))?;
        let script = format!("{}; exec sleep 1000000", register.entry());
        let services = Services { count: 1, script: &script, logged: false, definition: "" };
        let running = start(kind, &bench.program, &bench.folder(kind)?, services, None)?;
        let (service, _) = register.next()?;
        let supervisor = processes::parent(service).unwrap_or(0);
        signal(supervisor, Signal::KILL);
        std::thread::sleep(Duration::from_millis(2500));
        let mut copies = BTreeSet::from([service]);
        while let Ok((pid, _)) = register.try_next() {
            copies.insert(pid);
        }
        copies.retain(|pid| processes::is_alive(*pid));
        twice += u64::from(copies.len() > 1);
        running.stop()?;
        copies.into_iter().for_each(|pid| signal(pid, Signal::KILL));
    }
    Ok(Figure::count([twice]))
}
