//! A supervisor killed at every single system call of what it does; and calls that fail.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::time::Duration;

use medic_supervisor::machine::fleet::{Operation, Outcome};
use medic_supervisor::machine::service::Phase;
use serde_json::json;

use crate::harness::{Image, Machine, alive, processes, unique_seconds};
use crate::storm::whole_log;
use crate::traced::Traced;
use crate::trial::{ask, kill, record};

/// What a supervisor is killed at.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Start,
    Stop,
    Restart,
}

impl Deed {
    fn operation(self) -> Operation {
        match self {
            Self::Start => Operation::Up,
            Self::Stop => Operation::Down,
            Self::Restart => Operation::Restart,
        }
    }

    /// Brings the service to where this deed begins.
    fn prepare(self, machine: &Machine) {
        let is_up = record(machine).phase == Phase::Up;
        let operation = match self {
            Self::Start if is_up => Operation::Down,
            // Started by the supervisor that is watched, not by one before it.
            Self::Stop | Self::Restart if is_up && record(machine).adopted => Operation::Restart,
            Self::Stop | Self::Restart if !is_up => Operation::Up,
            _ => return,
        };
        assert_eq!(ask(machine, operation), Outcome::Done, "{self:?} is prepared");
    }
}

/// A deed, again and again.
struct Trial {
    deed: Deed,
    /// By which all processes of the service are found.
    seconds: String,
    /// How many they are while it runs.
    crowd: usize,
    machine: Machine,
}

impl Trial {
    fn new(deed: Deed, crowd: usize, script: fn(&str) -> String, definition: serde_json::Value) -> Self {
        let seconds = unique_seconds();
        let machine = Image::new().service("p", "s", &script(&seconds), definition).boot();
        Self { deed, seconds, crowd, machine }
    }

    /// Brings the service to where the deed begins.
    fn prepare(&self) {
        self.deed.prepare(&self.machine);
        let crowd = if matches!(self.deed, Deed::Start) { 0 } else { self.crowd };
        self.machine
            .wait_for("all of it is there", |_| (processes(&self.seconds).len() == crowd).then_some(()));
    }

    /// Does it, and looks at what has come of it; `what`: what the supervisor is under.
    fn round(&self, what: &str) {
        let Self { deed, seconds, machine, .. } = self;
        let before = record(machine);
        let outcome = ask(machine, deed.operation());
        assert_eq!(outcome, Outcome::Done, "{deed:?}, {what}: {before:?}");
        let now = record(machine);
        let crowd = if matches!(deed, Deed::Stop) { 0 } else { self.crowd };
        assert_eq!(now.service_pid.is_some(), crowd > 0, "{deed:?}, {what}: {now:?}");
        machine.wait_for(&format!("{now:?}, {what}: it runs"), |_| {
            let there = processes(seconds);
            (there.len() == crowd && now.service_pid.iter().all(|pid| there.contains(pid))).then_some(())
        });
        if matches!(deed, Deed::Restart) {
            assert_ne!(now.service_pid, before.service_pid, "{what}");
        }
        // What follows the answer counts as well.
        std::thread::sleep(Duration::from_millis(5));
    }

    /// The calls that the supervisor makes for it.
    fn calls(&self) -> BTreeSet<String> {
        self.prepare();
        let supervisor = record(&self.machine).supervisor_pid.expect("supervised");
        let traced = Traced::attach(&self.machine, supervisor, &[]);
        self.round("watched");
        let calls = traced.calls(None);
        drop(traced);
        calls
    }

    /// Kills the supervisor at a certain call; false: it does not make so many of these.
    fn kill_at(&self, call: &str, number: u32) -> bool {
        let machine = &self.machine;
        self.prepare();
        let supervisor = record(machine).supervisor_pid.expect("supervised");
        let traced = Traced::inject(machine, supervisor, &format!("{call}:signal=KILL:when={number}"));
        self.round(&format!("killed at {call} {number}"));
        drop(traced);
        let killed = !alive(supervisor);
        if killed {
            machine.wait_for("it is replaced", |m| {
                record(m).supervisor_pid.filter(|pid| *pid != supervisor && alive(*pid))
            });
        }
        killed
    }
}

/// A service that says each of its starts, in its log and elsewhere.
fn says(seconds: &str) -> String {
    format!("echo started as $$; echo $$ >>$PACKAGE_ROOT/starts; exec sleep {seconds}")
}

/// Kills the supervisor at the calls that it makes for the deed: of each kind at those with these numbers, as many as there are.
fn trial(trial: &Trial, numbers: impl Iterator<Item = u32> + Clone) {
    let deed = trial.deed;
    // The first time is another: the log's folder is made.
    trial.calls();
    let calls = trial.calls();
    assert!(calls.contains("epoll_pwait") || calls.contains("epoll_pwait2"), "is strace attached? {calls:?}");
    let mut all = 0;
    for call in &calls {
        let kills = numbers.clone().take_while(|number| trial.kill_at(call, *number)).count();
        let _ = writeln!(std::io::stderr(), "{deed:?}: killed at {kills} of {call}");
        all += kills;
    }
    assert!(all >= 10, "it was killed at {all} calls only");
    // Each start has said so, and it is in the log.
    let machine = &trial.machine;
    for pid in machine.read("srv/starts").lines() {
        let line = format!(" started as {pid}\n");
        machine.wait_for("no line is lost", |m| m.log("p", "s").contains(&line).then_some(()));
    }
}

#[test]
fn a_supervisor_killed_at_every_call_of_a_start_still_starts_once() {
    trial(&Trial::new(Deed::Start, 1, says, json!({})), 1..);
}

#[test]
fn a_supervisor_killed_at_every_call_of_a_stop_still_stops() {
    trial(&Trial::new(Deed::Stop, 1, says, json!({})), 1..);
}

#[test]
fn a_supervisor_killed_at_every_call_of_a_restart_still_restarts() {
    trial(&Trial::new(Deed::Restart, 1, says, json!({})), 1..);
}

/// One that does not end when it is asked to, with a descendant that has a session of its own.
fn resists(seconds: &str) -> String {
    format!(
        "echo started as $$; echo $$ >>$PACKAGE_ROOT/starts; trap '' TERM HUP; setsid sleep {seconds} </dev/null >/dev/null 2>&1 & exec sleep {seconds}"
    )
}

#[test]
fn a_supervisor_killed_at_calls_of_a_kill_of_everything_leaves_nobody() {
    let stubborn = Trial::new(Deed::Stop, 2, resists, json!({"stop": {"grace": "30ms"}}));
    // It looks at every process of the machine, so not each of these calls is tried.
    trial(&stubborn, [1, 2, 3, 5, 8, 13, 40, 100, 300].into_iter());
}

#[test]
fn a_supervisor_killed_while_it_gives_the_logs_other_names_loses_no_line() {
    let script = "while [ ! -e $PACKAGE_ROOT/go ]; do sleep 0.01; done; i=0; while [ $i -lt 50000 ]; do i=$((i+1)); echo \"line $i of the service\"; done; echo all; exec sleep 100000";
    for number in 1..=4 {
        let machine = Image::new().service("p", "s", script, json!({})).boot();
        let supervisor = record(&machine).supervisor_pid.expect("supervised");
        let inject = format!("rename,renameat,renameat2:signal=KILL:when={number}");
        let traced = Traced::inject(&machine, supervisor, &inject);
        fs::write(machine.root().join("srv/go"), "").expect("written");
        machine.wait_for("all is written", |m| m.log("p", "s").contains(" all\n").then_some(()));
        drop(traced);
        let mut next = 1;
        for line in whole_log(&machine).lines().filter(|line| line.ends_with(" of the service")) {
            let said: u32 = line.split(' ').nth(2).expect("a number").parse().expect("a number");
            assert!(said <= next, "lines {next} to {} are lost", said - 1);
            next = next.max(said + 1);
        }
        assert_eq!(next, 50_001);
        // The renames that there are: one, then two, at the second rotation; there may be no fourth.
        assert!(number > 3 || !alive(supervisor), "it was not killed at rename {number}");
    }
}

#[test]
fn a_service_comes_back_when_its_supervisor_could_not_make_processes_for_a_while() {
    let seconds = unique_seconds();
    let machine = Image::new().service("p", "s", &says(&seconds), json!({})).boot();
    let before = record(&machine);
    let inject = "clone,clone3,fork,vfork:error=EAGAIN:when=1..3";
    let traced = Traced::inject(&machine, before.supervisor_pid.expect("supervised"), inject);
    kill(before.service_pid.expect("runs"));
    let after = machine.wait_for("it is back", |m| {
        Some(record(m)).filter(|r| r.phase == Phase::Up && r.service_pid != before.service_pid)
    });
    drop(traced);
    assert_eq!(machine.log("p", "s").matches("cannot be started: ").count(), 3);
    machine.wait_for("one runs", |_| {
        (after.service_pid.map(|pid| vec![pid]) == Some(processes(&seconds))).then_some(())
    });
    assert_eq!((after.supervisor_pid, after.failures), (before.supervisor_pid, 1));
}

#[test]
fn a_supervisor_is_replaced_when_init_could_not_make_processes_for_a_while() {
    let seconds = unique_seconds();
    let machine = Image::new().service("p", "s", &says(&seconds), json!({})).boot();
    let before = record(&machine);
    let traced = Traced::inject(&machine, machine.pid(), "clone,clone3,fork,vfork:error=EAGAIN:when=1..3");
    kill(before.supervisor_pid.expect("supervised"));
    let after = machine.wait_for("it is replaced", |m| {
        Some(record(m)).filter(|r| r.supervisor_pid.is_some_and(|pid| Some(pid) != before.supervisor_pid))
    });
    drop(traced);
    assert_eq!(machine.stderr().matches("Cannot make a supervisor for 'p/s'").count(), 3);
    assert_eq!(after.service_pid, before.service_pid);
    assert_eq!(ask(&machine, Operation::Restart), Outcome::Done);
    machine.wait_for("one runs", |_| (processes(&seconds).len() == 1).then_some(()));
}

#[test]
fn a_service_killed_before_it_is_executed_is_started_again() {
    for call in ["setsid", "dup2", "chdir", "getpid", "execve"] {
        let seconds = unique_seconds();
        let machine = Image::new().service("p", "s", &says(&seconds), json!({})).boot();
        let before = record(&machine);
        let inject = format!("{call}:signal=KILL:when=1");
        let traced = Traced::inject_all(&machine, before.supervisor_pid.expect("supervised"), &inject);
        kill(before.service_pid.expect("runs"));
        machine.wait_for("it has failed", |m| (record(m).failures >= 3).then_some(()));
        drop(traced);
        machine.wait_for("it is back", |m| {
            let now = record(m);
            let runs: Vec<u32> = now.service_pid.into_iter().collect();
            (now.phase == Phase::Up && !runs.is_empty() && processes(&seconds) == runs).then_some(())
        });
        assert_eq!(record(&machine).supervisor_pid, before.supervisor_pid);
    }
}

#[test]
fn supervisors_killed_at_every_call_of_taking_over_leave_the_service_to_the_next_one() {
    let seconds = unique_seconds();
    let machine = Image::new().service("p", "s", &says(&seconds), json!({})).boot();
    let service = record(&machine).service_pid;
    let deaths = || machine.stderr().matches("The supervisor of 'p/s' died").count();
    let living = || machine.wait_for("one lives", |m| record(m).supervisor_pid.filter(|pid| alive(*pid)));
    // Which calls that are, and which of them init makes as well: those would be its own end.
    let traced = Traced::attach(&machine, machine.pid(), &["-ff"]);
    kill(living());
    let supervisor = machine.wait_for("it has taken over", |m| {
        Some(record(m)).filter(|record| record.adopted && deaths() == 1)?.supervisor_pid
    });
    let calls: BTreeSet<String> =
        traced.calls(Some(supervisor)).difference(&traced.calls(Some(machine.pid()))).cloned().collect();
    drop(traced);
    assert!(calls.contains("setsid") && calls.len() > 4, "{calls:?}");
    for call in &calls {
        let before = deaths();
        let traced = Traced::inject_all(&machine, machine.pid(), &format!("{call}:signal=KILL:when=1"));
        kill(living());
        machine.wait_for(&format!("several have died at {call}"), |_| (deaths() >= before + 5).then_some(()));
        drop(traced);
        living();
        let _ = writeln!(std::io::stderr(), "{} died at {call}", deaths() - before);
        let now = (record(&machine).service_pid, processes(&seconds).len());
        assert_eq!(now, (service, 1), "killed at {call}");
    }
    assert_eq!(ask(&machine, Operation::Down), Outcome::Done);
    assert_eq!(processes(&seconds), [0u32; 0]);
}
