//! A supervisor that is killed over and over while its service writes lines: who is in control when, and what is lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::generator::Random;
use super::super::measure::BenchError;
use super::peer::{Kind, Register, Running, Services, start};
use super::{Bench, alone, processes, signal, wait_until};

/// Writes numbered lines as fast as a shell can, by fours; the last one says how many there were.
const WRITES: &str = "ENTER; trap : HUP; trap 'echo \"all $i\"; exit 0' TERM
i=0; while :; do i=$((i+1)); echo \"line $i\"; [ $((i % 4)) != 0 ] || sleep 0.002; done";

/// The rows, and how many copies of the service were seen beyond the one.
pub fn rows(bench: &Bench<'_>) -> Result<(Vec<Row>, Figure), BenchError> {
    let kills = bench.many(1000, 50);
    let register = Register::new(bench.scratch.join("register"))?;
    let script = WRITES.replace("ENTER", &register.entry());
    let definition = r#""log":{"size":"1 GB","container":false},"reload":{"signal":"HUP"}"#;
    let services = Services { count: 1, script: &script, logged: true, definition };
    let running = start(Kind::Medic, &bench.program, &bench.folder(Kind::Medic)?, services, None)?;
    let (service, _) = register.next()?;
    let mut random = Random::new(1);
    let mut times = Vec::with_capacity(kills);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_micros(random.below(5000)));
        let supervisor = supervisor(&running, service)?;
        let killed = Instant::now();
        signal(supervisor, Signal::KILL);
        // What it is told is done by the next one: a signal to the service that it has never started.
        running.succeed("svc-reload", &["bench", "s0"])?;
        times.push(killed.elapsed());
    }
    let copies = register.waiting() as u64 + u64::from(!processes::is_alive(service));
    let folder = running.root.join("srv/storage/bench/s0/logs");
    running.stop()?;
    let lost = lost(&std::fs::read_to_string(folder.join("current")).map_err(BenchError::file(&folder))?)?;
    times.sort();
    let (longest, copies) = (times.last().copied(), Figure::count([copies]));
    let case = |what: &str| format!("kill -9 of a supervisor, {kills} times: {what}");
    let rows = vec![
        alone(case("control back"), Figure::median_seconds(times), Target::Most(50e-3)),
        alone(case("control back, the longest"), Figure::seconds(longest), Target::Most(50e-3)),
        alone(case("lines of the log lost"), Figure::count([lost]), Target::Most(0.0)),
        alone(case("services that ran twice"), copies.clone(), Target::Most(0.0)),
    ];
    Ok((rows, copies))
}

/// init's child that is not the service.
fn supervisor(running: &Running, service: u32) -> Result<u32, BenchError> {
    let mut found = 0;
    wait_until("a supervisor", || {
        let children = processes::children(running.pid());
        found = children.into_iter().find(|pid| *pid != service && processes::is_alive(*pid)).unwrap_or(0);
        found != 0
    })?;
    Ok(found)
}

/// How many lines are not in the log.
fn lost(log: &str) -> Result<u64, BenchError> {
    let said = log.lines().filter_map(|line| line.split_once(' ').map(|(_, said)| said));
    let (mut numbers, mut all) = (BTreeSet::new(), None);
    for line in said {
        if let Some(number) = line.strip_prefix("line ").and_then(|number| number.parse::<u64>().ok()) {
            numbers.insert(number);
        } else if let Some(number) = line.strip_prefix("all ") {
            all = number.parse::<u64>().ok();
        }
    }
    let message = "it does not say how many lines there were".to_owned();
    let all = all.ok_or_else(|| BenchError::Failed { what: "reading the log".to_owned(), message })?;
    Ok((1..=all).filter(|number| !numbers.contains(number)).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_missing_or_mangled_are_lost_and_those_that_came_twice_are_not() {
        assert_eq!(lost("t line 1\nt line 2\nt line 2\nt line 3\nt all 3\n").ok(), Some(0));
        assert_eq!(lost("t line 1\nt line\nt  3\nt line 4\nt [supervisor] x\nt all 5\n").ok(), Some(3));
        assert!(lost("t line 1\n").is_err());
    }
}
