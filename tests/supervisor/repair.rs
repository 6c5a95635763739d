//! What is killed comes back, and never twice.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Image, SLEEPS, alive, processes, signal, unique_seconds};

#[test]
fn a_killed_service_is_started_again_at_once() {
    let machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    let before = machine.shown("p", "s");
    let begin = Instant::now();
    signal(before.pid, "KILL");
    let after = machine.wait_up("p", "s", before.pid);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!((after.supervisor, after.restarts), (before.supervisor, 1));
    assert!(machine.log("p", "s").contains("[supervisor] ended with signal 9"));
}

#[test]
fn a_killed_supervisor_is_replaced_and_the_service_goes_on() {
    let seconds = unique_seconds();
    let machine = Image::new().service("p", "s", &format!("exec sleep {seconds}"), json!({})).boot();
    let before = machine.shown("p", "s");
    let mut supervisor = before.supervisor;
    for _ in 0..5 {
        signal(supervisor, "KILL");
        let after = machine.wait_for("it is replaced", |m| {
            Some(m.shown("p", "s")).filter(|s| s.supervisor != supervisor && s.supervisor != 0)
        });
        assert_eq!((after.pid, after.status.as_str(), after.restarts), (before.pid, "Up", 0));
        supervisor = after.supervisor;
    }
    machine.wait_for("one runs", |_| (processes(&seconds) == [before.pid]).then_some(()));
    assert!(machine.stderr().contains("Warning: The supervisor of 'p/s' died and is replaced"));
    // The adopted service obeys, and is repaired.
    signal(before.pid, "KILL");
    let after = machine.wait_up("p", "s", before.pid);
    machine.call("svc-restart", &["p", "s"]).ends_with(0);
    assert!(!alive(after.pid));
    machine.wait_for("one runs", |_| (processes(&seconds).len() == 1).then_some(()));
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    assert_eq!(processes(&seconds), [0u32; 0]);
}

#[test]
fn supervisor_and_service_killed_together_come_back_once() {
    let seconds = unique_seconds();
    let machine = Image::new().service("p", "s", &format!("exec sleep {seconds}"), json!({})).boot();
    for _ in 0..10 {
        let before = machine.shown("p", "s");
        let both = [before.supervisor.to_string(), before.pid.to_string()];
        let killed = std::process::Command::new("kill").arg("-KILL").args(both).status().expect("kill runs");
        assert!(killed.success());
        machine.wait_for("both are replaced", |m| {
            Some(m.shown("p", "s"))
                .filter(|s| s.status == "Up" && s.pid != before.pid && s.supervisor != before.supervisor)
        });
        machine.wait_for("one runs", |_| (processes(&seconds).len() == 1).then_some(()));
        // A minute of good service would do the same.
        machine.call("svc-restart", &["p", "s"]).ends_with(0);
    }
}

#[test]
fn a_wish_survives_the_supervisor_that_was_told() {
    let stubborn = "trap 'sleep 0.5; exit 0' TERM; while :; do sleep 0.02; done";
    let machine = Image::new().service("p", "s", stubborn, json!({})).boot();
    std::thread::sleep(Duration::from_millis(100));
    let before = machine.shown("p", "s");
    std::thread::scope(|scope| {
        let down = scope.spawn(|| machine.call("svc-down", &["p", "s"]));
        std::thread::sleep(Duration::from_millis(150));
        signal(before.supervisor, "KILL");
        down.join().expect("joined").ends_with(0);
    });
    assert_eq!(machine.shown("p", "s").status, "Down");
    assert!(!alive(before.pid));
}

#[test]
fn what_a_crash_leaves_is_killed_before_the_next_start() {
    let seconds = unique_seconds();
    let script = format!("sleep {seconds} & setsid sleep {seconds} & wait");
    let machine = Image::new().service("p", "s", &script, json!({})).boot();
    machine.wait_for("both run", |_| (processes(&seconds).len() == 2).then_some(()));
    let before = processes(&seconds);
    signal(machine.shown("p", "s").pid, "KILL");
    machine.wait_for("two others run", |_| {
        let now = processes(&seconds);
        (now.len() == 2 && now.iter().all(|pid| !before.contains(pid))).then_some(())
    });
    assert!(before.iter().all(|pid| !alive(*pid)));
}

#[test]
fn a_service_that_keeps_failing_is_a_failure_and_still_tried() {
    let machine = Image::new().service("p", "s", "echo attempt; exit 1", json!({})).start();
    machine.wait_for("it fails", |m| (m.shown("p", "s").status == "Failure").then_some(()));
    machine.wait_for("it is tried on", |m| (m.log("p", "s").matches("attempt").count() >= 5).then_some(()));
    machine.call("supervisor-inspect", &["--health"]).ends_with(1);
    assert_eq!(
        machine
            .stderr()
            .matches("Warning: Service 'p/s' does not stay up: it ended with exit code 1")
            .count(),
        1
    );
}

#[test]
fn a_run_script_that_is_not_there_is_told_and_tried_on() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    let script = image.root().join("srv/scripts/p/run/s");
    std::fs::remove_file(&script).expect("removed");
    let machine = image.start();
    machine.wait_for("it is told", |m| m.log("p", "s").contains("cannot be started: ").then_some(()));
    machine.script("srv/scripts/p/run/s", SLEEPS);
    machine.wait_up("p", "s", 0);
}

#[test]
fn orphans_are_reaped() {
    let mut machine = Image::new()
        .service(
            "p",
            "s",
            "for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.05 &); done; exec sleep 100000",
            json!({}),
        )
        .start();
    machine.wait_up("p", "s", 0);
    let (supervisor, init) = (machine.shown("p", "s").supervisor, machine.pid());
    std::thread::sleep(Duration::from_millis(200));
    machine.wait_for("no zombie is left", |_| {
        let zombies = std::fs::read_dir("/proc").expect("there").filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
            let rest = stat.rsplit_once(") ")?.1.to_owned();
            let mut fields = rest.split(' ');
            let is_zombie = fields.next() == Some("Z");
            let parent: u32 = fields.next()?.parse().ok()?;
            (is_zombie && [supervisor, init].contains(&parent)).then_some(())
        });
        (zombies.count() == 0).then_some(())
    });
    machine.stop();
}

#[test]
fn a_oneshot_is_up_when_it_is_done() {
    let machine = Image::new()
        .service("p", "once", "sleep 0.3; echo done >> $PACKAGE_ROOT/once", json!({"oneshot": true}))
        .service("p", "then", "cat $PACKAGE_ROOT/once; exec sleep 100000", json!({"after": ["once"]}))
        .boot();
    assert_eq!(machine.read("srv/once"), "done\n");
    assert_eq!(machine.shown("p", "once").status, "Up");
    machine.wait_for("the other has seen it", |m| m.log("p", "then").contains("done").then_some(()));
    machine.call("svc-restart", &["p", "once"]).ends_with(0);
    assert_eq!(machine.read("srv/once"), "done\ndone\n");
}

#[test]
fn an_init_that_is_killed_takes_everything_with_it() {
    let seconds = unique_seconds();
    let mut machine = Image::new().service("p", "s", &format!("exec sleep {seconds}"), json!({})).boot();
    let supervisor = machine.shown("p", "s").supervisor;
    signal(machine.pid(), "KILL");
    machine.ended();
    machine.wait_for("nothing is left", |_| {
        (processes(&seconds).is_empty() && !alive(supervisor)).then_some(())
    });
}
