//! Commands, endings, escapes and endurance: what only ours has a target for.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::peer::{Kind, Register, Running, Services, start};
use super::{Bench, alone, processes, signal, wait_until};

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let mut rows = commands(bench)?;
    rows.extend(endings(bench)?);
    rows.push(escapees(bench)?);
    rows.extend(endurance(bench)?);
    Ok(rows)
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

fn commands(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (running, _register, _) = one(bench, "ENTER; exec sleep 1000000", "")?;
    std::thread::sleep(Duration::from_millis(300));
    let mut rows = Vec::new();
    let all: [(&str, &[&str]); 5] = [
        ("supervisor-list", &[]),
        ("supervisor-inspect", &[]),
        ("svc-down", &["bench", "s0"]),
        ("svc-up", &["bench", "s0"]),
        ("svc-restart", &["bench", "s0"]),
    ];
    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..bench.many(30, 3) {
        for ((command, arguments), times) in all.iter().zip(&mut times) {
            let begin = Instant::now();
            running.call(command, arguments)?;
            times.push(begin.elapsed());
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

/// Processes that left their session, group and parent: how long after the grace the last one is gone.
fn escapees(bench: &Bench<'_>) -> Result<Row, BenchError> {
    let (count, grace) = (bench.many(1000, 100), Duration::from_millis(500));
    let words = format!("{}", 200_000_000 + std::process::id());
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do (setsid sh -c 'trap \"\" TERM HUP; exec sleep {words}' </dev/null >/dev/null 2>&1 &); i=$((i+1)); done; ENTER; exec sleep 1000000"
    );
    let (running, _register, _) = one(bench, &script, "\"stop\":{\"grace\":\"500ms\"}")?;
    wait_until("all have escaped", || processes::running(&format!("sleep {words}")) == count)?;
    let begin = Instant::now();
    running.call("svc-down", &["bench", "s0"])?;
    let left = processes::running(&words);
    let time = begin.elapsed().saturating_sub(grace);
    running.stop()?;
    if left > 0 {
        let message = format!("{left} processes outlived their service");
        return Err(BenchError::Failed { what: "svc-down".to_owned(), message });
    }
    Ok(alone(
        format!("{count} escapees: all gone, after the grace"),
        Figure::seconds([time]),
        Target::Most(150e-3),
    ))
}

fn endurance(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let (running, register, _) = one(bench, "ENTER; exec sleep 1000000", "")?;
    std::thread::sleep(Duration::from_millis(500));
    let restart = |count: usize| -> Result<(), BenchError> {
        for _ in 0..count {
            running.call("svc-restart", &["bench", "s0"])?;
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
