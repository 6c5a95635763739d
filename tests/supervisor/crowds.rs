//! Crowds: thousands of processes that escape, are orphaned, or keep anybody else from being made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use medic_supervisor::machine::fleet::{Operation, Outcome};
use medic_supervisor::machine::service::Phase;
use serde_json::json;

use crate::harness::{Image, Machine, PATIENCE, processes, unique_seconds};
use crate::trial::{ask, is_root, kill, named, record, records, table};

/// A control group that bounds how many processes there are in it.
struct Bound(PathBuf);

impl Bound {
    /// None where only somebody else may make one.
    fn new(most: &str) -> Option<Self> {
        let name = format!("medic-trial-{}-{}", std::process::id(), unique_seconds());
        // Linux has them in one of two ways.
        for top in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            if top == "/sys/fs/cgroup" {
                let _ = fs::write(Path::new(top).join("cgroup.subtree_control"), "+pids");
            }
            let bound = Self(Path::new(top).join(&name));
            if fs::create_dir(&bound.0).is_ok() && fs::write(bound.0.join("pids.max"), most).is_ok() {
                return Some(bound);
            }
        }
        None
    }

    fn set(&self, most: &str) {
        fs::write(self.0.join("pids.max"), most).expect("written");
    }

    fn members(&self) -> usize {
        fs::read_to_string(self.0.join("cgroup.procs")).expect("read").lines().count()
    }

    /// Boots inside of it.
    fn boot(&self, image: Image) -> Machine {
        let init = image.init(&[]);
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ >\"$0\" && exec \"$@\""]).arg(self.0.join("cgroup.procs"));
        command.arg(init.get_program()).args(init.get_args()).stdin(Stdio::null());
        let file = |name: &str| {
            fs::File::options().append(true).create(true).open(image.root().join(name)).expect("opened")
        };
        command.stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().expect("it starts");
        let machine = Machine::of(image, child);
        machine.wait_for("it has booted", |m| m.stderr().contains("System started").then_some(()));
        machine
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let begin = std::time::Instant::now();
        // Whoever has just ended may still be counted.
        while fs::remove_dir(&self.0).is_err() && begin.elapsed() < PATIENCE {
            for pid in fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
                kill(pid.parse().expect("a number"));
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// A service with a thousand descendants that each have a session of their own and ignore every polite signal.
fn thousand_escapees(seconds: &str) -> Machine {
    let script = format!(
        "trap '' TERM HUP INT; i=0; while [ $i -lt 1000 ]; do i=$((i+1)); setsid sleep {seconds} </dev/null >/dev/null 2>&1 & done; trap 'exit 0' TERM; while :; do sleep 0.1; done"
    );
    let machine = Image::new().service("p", "s", &script, json!({"stop": {"grace": "200ms"}})).boot();
    machine.wait_for("all have escaped", |_| {
        (processes(&format!("sleep {seconds}")).len() == 1000).then_some(())
    });
    machine
}

#[test]
fn of_a_thousand_escapees_none_is_left_after_a_stop() {
    let seconds = unique_seconds();
    let machine = thousand_escapees(&seconds);
    assert_eq!(ask(&machine, Operation::Down), Outcome::Done);
    assert_eq!(processes(&seconds), [0u32; 0]);
}

#[test]
fn of_a_thousand_escapees_none_is_left_after_the_end() {
    let seconds = unique_seconds();
    let mut machine = thousand_escapees(&seconds);
    // Also when their supervisor is not the one that knew them.
    kill(record(&machine).supervisor_pid.expect("supervised"));
    let (_, status) = machine.stop();
    assert_eq!((status.code(), processes(&seconds)), (Some(0), vec![]));
}

#[test]
fn a_fork_bomb_that_fills_its_control_group_is_put_out() {
    if !is_root() {
        return;
    }
    let Some(bound) = Bound::new("400") else { return };
    let seconds = unique_seconds();
    let script = format!(
        "bomb() {{ (sleep 0.01; bomb) & (bomb) & sleep {seconds}; }}; bomb 2>/dev/null; exec sleep {seconds}"
    );
    let machine = bound.boot(Image::new().service("p", "s", &script, json!({"stop": {"grace": "100ms"}})));
    machine.wait_for("it has gone off", |_| (bound.members() >= 395).then_some(()));
    assert_eq!(ask(&machine, Operation::Down), Outcome::Done);
    assert_eq!((processes(&seconds), bound.members()), (vec![], 2), "init and the supervisor are left");
    // And the supervisor, which had no room either, is all there.
    assert_eq!(ask(&machine, Operation::Up), Outcome::Done);
    machine.wait_for("it has gone off again", |_| (bound.members() >= 395).then_some(()));
    kill(record(&machine).supervisor_pid.expect("supervised"));
    assert_eq!(ask(&machine, Operation::Down), Outcome::Done);
    assert_eq!((processes(&seconds), bound.members()), (vec![], 2));
}

#[test]
fn every_service_is_back_when_processes_can_be_made_again() {
    if !is_root() {
        return;
    }
    let Some(bound) = Bound::new("max") else { return };
    let seconds = unique_seconds();
    let names: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
    let image = names.iter().fold(Image::new(), |image, name| {
        image.service("p", name, &format!("exec sleep {seconds}"), json!({}))
    });
    let machine = bound.boot(image);
    machine.wait_for("all are up", |m| records(m).iter().all(|r| r.phase == Phase::Up).then_some(()));
    bound.set("1");
    let before: Vec<_> = names.iter().map(|name| named(&machine, name)).collect();
    for (number, record) in before.iter().enumerate() {
        // Of some the service, of some the supervisor, of some both.
        if number % 3 != 1 {
            kill(record.service_pid.expect("runs"));
        }
        if number % 3 != 0 {
            kill(record.supervisor_pid.expect("supervised"));
        }
    }
    machine.wait_for("nobody can be made", |m| {
        let starts = names.iter().filter(|name| m.log("p", name).contains("cannot be started: ")).count();
        (starts == 4 && m.stderr().matches("Cannot make a supervisor").count() >= 12).then_some(())
    });
    bound.set("max");
    machine.wait_for("all are up", |m| {
        let all = records(m);
        all.iter().all(|r| r.phase == Phase::Up && r.service_pid.is_some()).then_some(())
    });
    machine.wait_for("one of each runs", |_| (processes(&seconds).len() == 10).then_some(()));
    for (number, (name, before)) in names.iter().zip(&before).enumerate() {
        let now = named(&machine, name);
        assert_eq!(now.service_pid == before.service_pid, number % 3 == 1, "{before:?} {now:?}");
    }
}

/// The children of a process: those that live, and those that nobody has waited for.
fn children(pid: u32) -> (usize, usize) {
    let all: Vec<_> = table().into_iter().filter(|process| process.parent == pid).collect();
    let zombies = all.iter().filter(|process| process.state == 'Z').count();
    (all.len() - zombies, zombies)
}

#[test]
fn of_two_thousand_orphans_that_end_at_once_no_zombie_is_left() {
    let image = Image::new().service("p", "s", crate::harness::SLEEPS, json!({}));
    let fifo = image.root().join("run/gate");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    // They are no service's, so they are init's as soon as their parent is gone.
    let gate = fifo.display();
    let script =
        format!("( i=0; while [ $i -lt 2000 ]; do i=$((i+1)); read -r _ <{gate} & done ); exec sleep 100000");
    let child = image.init(&["sh", "-c", &script]).spawn().expect("init starts");
    let machine = Machine::of(image, child);
    let init = machine.pid();
    machine.wait_for("there are two thousand", |_| (children(init).0 >= 2000).then_some(()));
    drop(fs::File::options().write(true).open(&fifo).expect("opened"));
    machine.wait_for("they have ended, and are waited for", |_| {
        let (alive, zombies) = children(init);
        // The supervisor and the command.
        (alive == 2 && zombies == 0).then_some(())
    });
}

#[test]
fn two_thousand_orphans_of_a_service_that_died_with_its_supervisor_are_put_out() {
    let seconds = unique_seconds();
    let script = format!(
        "[ ! -e $PACKAGE_ROOT/again ] || exec sleep 100000; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); sleep {seconds} & done; wait"
    );
    let machine = Image::new().service("p", "s", &script, json!({})).boot();
    machine.wait_for("there are two thousand", |_| (processes(&seconds).len() == 2000).then_some(()));
    fs::write(machine.root().join("srv/again"), "").expect("written");
    let before = record(&machine);
    [before.supervisor_pid, before.service_pid].into_iter().flatten().for_each(kill);
    machine.wait_up("p", "s", before.service_pid.expect("runs"));
    assert_eq!(processes(&seconds), [0u32; 0]);
    let supervisor = record(&machine).supervisor_pid.expect("supervised");
    machine.wait_for("nobody waits to be waited for", |m| {
        (children(m.pid()) == (1, 0) && children(supervisor) == (1, 0)).then_some(())
    });
}
