//! More processes than anybody should have: those that escape, that multiply, that nobody waits for, and those that cannot be made.

use std::fs::OpenOptions;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::group::{Controller, Group};
use super::peer::{Kind, Register, Services, start, start_command};
use super::{Bench, alone, one, processes, signal, wait_until};

/// The measurements.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let mut rows = vec![escapees(bench)?];
    rows.extend(bomb(bench)?);
    rows.push(orphans(bench)?);
    rows.extend(starved(bench)?);
    Ok(rows)
}

fn failed(what: &str, message: String) -> BenchError {
    BenchError::Failed { what: what.to_owned(), message }
}

/// Processes that left their session, group and parent: how long after the grace the last one is gone.
fn escapees(bench: &Bench<'_>) -> Result<Row, BenchError> {
    let (count, grace) = (bench.many(1000, 100), Duration::from_millis(500));
    let words = format!("{}", 200_000_000 + std::process::id());
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do (setsid sh -c 'trap \"\" TERM HUP; exec sleep {words}' </dev/null >/dev/null 2>&1 &); i=$((i+1)); done; ENTER; exec sleep 1000000"
    );
    let mut times = Vec::new();
    for _ in 0..bench.many(3, 1) {
        let (running, _register, _) = one(bench, &script, "\"stop\":{\"grace\":\"500ms\"}")?;
        wait_until("the escape of all", || processes::running(&format!("sleep {words}")) == count)?;
        let begin = Instant::now();
        running.succeed("svc-down", &["bench", "s0"])?;
        let left = processes::running(&words);
        times.push(begin.elapsed().saturating_sub(grace));
        running.stop()?;
        if left > 0 {
            return Err(failed("svc-down", format!("{left} processes outlived their service")));
        }
    }
    let case = format!("{count} escapees: all gone, after the grace");
    Ok(alone(case, Figure::median_seconds(times), Target::Most(150e-3)))
}

/// Processes that multiply up to the bound of their control group: how long after the grace none is left.
fn bomb(bench: &Bench<'_>) -> Result<Option<Row>, BenchError> {
    let (most, grace) = (400, Duration::from_millis(100));
    let words = format!("{}", 300_000_000 + std::process::id());
    let script = format!(
        "trap '' TERM; ENTER; bomb() {{ (sleep 0.01; bomb) & (bomb) & sleep {words}; }}; bomb 2>/dev/null; exec sleep {words}"
    );
    let mut times = Vec::new();
    for _ in 0..bench.many(5, 1) {
        let Some(group) = Group::new(Controller::Processes, "bomb") else { return Ok(None) };
        let register = Register::new(bench.scratch.join("register"))?;
        let script = script.replace("ENTER", &register.entry());
        let definition = "\"stop\":{\"grace\":\"100ms\"},\"log\":{\"container\":false}";
        let services = Services { count: 1, script: &script, logged: true, definition };
        let folder = bench.folder(Kind::Medic)?;
        // Refused before there is somebody to be stopped.
        group.bound(Some(most)).map_err(BenchError::file(&group.list()))?;
        let running = start(Kind::Medic, &bench.program, &folder, services, Some(&group.list()))?;
        register.next()?;
        wait_until("the bomb", || group.members() as u32 >= most - 5)?;
        let begin = Instant::now();
        running.succeed("svc-down", &["bench", "s0"])?;
        let left = group.members().saturating_sub(2);
        times.push(begin.elapsed().saturating_sub(grace));
        running.stop()?;
        if left > 0 {
            return Err(failed("svc-down", format!("{left} processes of the fork bomb are left")));
        }
    }
    let case = format!("a fork bomb bounded to {most} processes: none left, after the grace");
    Ok(Some(alone(case, Figure::median_seconds(times), Target::Most(500e-3))))
}

/// Processes that have ended and that nobody waited for, handed to init all at once.
fn orphans(bench: &Bench<'_>) -> Result<Row, BenchError> {
    let count = bench.many(2000, 200);
    let (register, gate) = (Register::new(bench.scratch.join("register"))?, bench.scratch.join("gate"));
    let _ = std::fs::remove_file(&gate);
    let made = Command::new("mkfifo").arg(&gate).status().map_err(BenchError::file(&gate))?;
    if !made.success() {
        return Err(failed("mkfifo", made.to_string()));
    }
    // The inner shell becomes somebody who waits for none of its children.
    let inner = format!(
        "i=0; while [ $i -lt {count} ]; do i=$((i+1)); read -r _ <{} & done; {}; exec sleep 1000000",
        gate.display(),
        register.entry()
    );
    let outer = format!("sh -c '{inner}' & exec sleep 1000000");
    let running = start_command(&bench.program, &bench.folder(Kind::Medic)?, &outer)?;
    let (parent, _) = register.next()?;
    wait_until("its parent", || processes::name(parent) == "sleep")?;
    drop(OpenOptions::new().write(true).open(&gate).map_err(BenchError::file(&gate))?);
    wait_until("the end of all", || processes::zombies(parent) == count)?;
    signal(parent, Signal::KILL);
    std::thread::sleep(Duration::from_millis(100));
    let left = processes::zombies(running.pid());
    running.stop()?;
    let case = format!("{count} orphans handed over at once: zombies after 100 ms");
    Ok(alone(case, Figure::count([left as u64]), Target::Most(0.0)))
}

/// Services and supervisors that were killed while no process could be made: how long after that they are all back.
fn starved(bench: &Bench<'_>) -> Result<Option<Row>, BenchError> {
    let (count, starved) = (bench.many(50, 10), Duration::from_secs(bench.many(10, 2) as u64));
    let mut times = Vec::new();
    for _ in 0..bench.many(3, 1) {
        let Some(group) = Group::new(Controller::Processes, "starved") else { return Ok(None) };
        let register = Register::new(bench.scratch.join("register"))?;
        let script = format!("{}; exec sleep 1000000", register.entry());
        let services = Services { count, script: &script, logged: true, definition: "" };
        let folder = bench.folder(Kind::Medic)?;
        let running = start(Kind::Medic, &bench.program, &folder, services, Some(&group.list()))?;
        let mut killed = Vec::new();
        for _ in 0..count {
            killed.push(register.next()?.0);
        }
        std::thread::sleep(Duration::from_millis(500));
        group.bound(Some(1)).map_err(BenchError::file(&group.list()))?;
        // Every service, and the supervisors of half of them.
        let supervisors: Vec<u32> = killed.iter().filter_map(|pid| processes::parent(*pid)).collect();
        killed.extend(supervisors.iter().step_by(2));
        killed.iter().for_each(|pid| signal(*pid, Signal::KILL));
        std::thread::sleep(starved);
        if register.waiting() > 0 {
            return Err(failed("a control group", "processes can be made beyond its bound".to_owned()));
        }
        let begin = Instant::now();
        group.bound(None).map_err(BenchError::file(&group.list()))?;
        for _ in 0..count {
            register.next()?;
        }
        times.push(begin.elapsed());
        running.stop()?;
    }
    let case = format!("no process could be made for {} s: all {count} services back", starved.as_secs());
    let longest = times.into_iter().max();
    Ok(Some(alone(case, Figure::seconds(longest), Target::Most(1.0))))
}
