//! Commands, endings and endurance: what only ours has a target for.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::peer::Running;
use super::{Bench, alone, one, processes, signal};

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let mut rows = commands(bench)?;
    rows.extend(endings(bench)?);
    rows.extend(endurance(bench)?);
    Ok(rows)
}

fn commands(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (running, _register, _) = one(bench, "ENTER; exec sleep 1000000", "")?;
    std::thread::sleep(Duration::from_millis(300));
    let mut rows = Vec::new();
    let service: &[&str] = &["bench", "s0"];
    let all = [
        ("supervisor-list", &[][..]),
        ("supervisor-inspect", &[]),
        ("svc-down", service),
        ("svc-up", service),
        ("svc-restart", service),
        ("svc-disable", service),
        ("svc-enable", service),
    ];
    let mut times = all.map(|_| Vec::new());
    for _ in 0..bench.many(30, 3) {
        for ((command, arguments), times) in all.iter().zip(&mut times) {
            let begin = Instant::now();
            running.succeed(command, arguments)?;
            times.push(begin.elapsed());
            // A shell that is on its way to become the service is none yet.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    for ((command, _), times) in all.iter().zip(times) {
        rows.push(alone(*command, Figure::median_seconds(times), Target::Most(3e-3)));
    }
    running.stop()?;
    Ok(rows)
}

fn endings(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let ended = |running: Running| -> Result<Duration, BenchError> {
        let begin = Instant::now();
        running.stop()?;
        Ok(begin.elapsed())
    };
    let (running, ..) = one(bench, "ENTER; exec sleep 1000000", "")?;
    let plain = ended(running)?;
    let (running, _register, pid) = one(bench, "ENTER; exec sleep 1000000", "")?;
    signal(pid, Signal::STOP);
    let stopped = ended(running)?;
    let (running, ..) =
        one(bench, "trap '' TERM; ENTER; while :; do sleep 1000; done", "\"stop\":{\"grace\":\"1h\"}")?;
    let stubborn = ended(running)?;
    Ok(vec![
        alone("the end, with a service that ignores TERM", Figure::seconds([stubborn]), Target::Most(8.2)),
        alone(
            "the end, with a stopped service: more than otherwise",
            Figure::seconds([stopped.saturating_sub(plain)]),
            Target::Most(50e-3),
        ),
    ])
}

fn endurance(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (running, register, _) = one(bench, "ENTER; exec sleep 1000000", "")?;
    std::thread::sleep(Duration::from_millis(500));
    let restart = |count: usize| -> Result<(), BenchError> {
        for _ in 0..count {
            running.succeed("svc-restart", &["bench", "s0"])?;
            register.next()?;
        }
        Ok(())
    };
    restart(50)?;
    let family: Vec<u32> =
        processes::family(running.pid()).into_iter().filter(|pid| processes::name(*pid) != "sleep").collect();
    let sum = |of: fn(u32) -> u64| family.iter().map(|pid| of(*pid)).sum::<u64>();
    let (files, memory) = (sum(processes::open_files), sum(processes::own_memory));
    let count = bench.many(10_000, 100);
    restart(count)?;
    let files = sum(processes::open_files).saturating_sub(files);
    let memory = sum(processes::own_memory).saturating_sub(memory);
    running.stop()?;
    Ok(vec![
        alone(format!("{count} restarts: open files gained"), Figure::count([files]), Target::Most(0.0)),
        alone(format!("{count} restarts: memory gained"), Figure::bytes([memory]), Target::Most(64e3)),
    ])
}
