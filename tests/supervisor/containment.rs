//! Nothing that a service started outlives it.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Image, processes, signal, unique_seconds};

/// Leaves its parent, session, group, environment and output behind, as a daemon does.
fn escapes(seconds: &str) -> String {
    format!(
        "(setsid env -i sh -c '(trap \"\" TERM HUP INT; exec sleep {seconds}) &' </dev/null >/dev/null 2>&1 &)"
    )
}

#[test]
fn escapees_do_not_survive_a_stop() {
    let seconds = unique_seconds();
    let script = format!("{}; {}; exec sleep 100000", escapes(&seconds), escapes(&seconds));
    let machine = Image::new().service("p", "s", &script, json!({"stop": {"grace": "300ms"}})).boot();
    machine
        .wait_for("both have escaped", |_| (processes(&format!("sleep {seconds}")).len() == 2).then_some(()));
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    assert_eq!(processes(&seconds), [0u32; 0]);
}

#[test]
fn escapees_of_an_adopted_service_do_not_survive_either() {
    let seconds = unique_seconds();
    let script = format!("{}; trap '' HUP; while :; do sleep 0.1; done", escapes(&seconds));
    let machine = Image::new().service("p", "s", &script, json!({"stop": {"grace": "300ms"}})).boot();
    machine.wait_for("it has escaped", |_| (processes(&format!("sleep {seconds}")).len() == 1).then_some(()));
    let before = machine.shown("p", "s");
    signal(before.supervisor, "KILL");
    machine.wait_for("it is replaced", |m| {
        Some(m.shown("p", "s")).filter(|s| s.supervisor != before.supervisor && s.supervisor != 0)
    });
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    assert_eq!(processes(&seconds), [0u32; 0]);
}

#[test]
fn a_hundred_escapees_go_with_the_container() {
    let seconds = unique_seconds();
    let script =
        format!("i=0; while [ $i -lt 100 ]; do {}; i=$((i+1)); done; exec sleep 100000", escapes(&seconds));
    let mut machine = Image::new().service("p", "s", &script, json!({"stop": {"grace": "200ms"}})).boot();
    machine.wait_for("all have escaped", |_| {
        (processes(&format!("sleep {seconds}")).len() == 100).then_some(())
    });
    let (time, status) = machine.stop();
    assert_eq!((status.code(), processes(&seconds)), (Some(0), vec![]));
    assert!(time < Duration::from_secs(4), "{time:?}");
}

/// A program that forks as fast as it can, bounded by the limit of processes of a user of its own.
#[test]
fn a_fork_bomb_is_put_out() {
    // Only root may use another user's limit, and without it a bomb is not to be lit.
    if !Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n") {
        return;
    }
    let seconds = unique_seconds();
    let image = Image::new();
    std::fs::create_dir_all(image.root().join("etc")).expect("made");
    std::fs::write(image.root().join("etc/passwd"), "bomber:x:61234:61234::/:/bin/sh\n").expect("written");
    let script = format!(
        "bomb() {{ (sleep 0.01; bomb) & (bomb) & sleep {seconds}; }}; bomb 2>/dev/null; exec sleep {seconds}"
    );
    let definition = json!({"user": "bomber", "limits": {"processes": 300}, "stop": {"grace": "100ms"}});
    let machine = image.service("p", "s", &script, definition).start();
    let count = || {
        Command::new("ps")
            .args(["-U", "61234", "-o", "pid="])
            .output()
            .expect("ps runs")
            .stdout
            .split(|b| *b == b'\n')
            .count()
            - 1
    };
    machine.wait_for("it has gone off", |_| (count() > 200).then_some(()));
    let begin = Instant::now();
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(count(), 0);
}

#[test]
fn services_run_as_their_user_with_their_limits() {
    if !Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n") {
        return;
    }
    let image = Image::new();
    std::fs::create_dir_all(image.root().join("etc")).expect("made");
    std::fs::write(image.root().join("etc/passwd"), "worker:x:61235:61236::/home/worker:/bin/sh\n")
        .expect("written");
    std::fs::write(image.root().join("etc/group"), "extra:x:61237:worker\n").expect("written");
    let script = "echo \"$(id -u) $(id -g) $(id -G) $(ulimit -n) $HOME $USER $(pwd)\"; echo again > /dev/stdout; exec sleep 100000";
    let machine =
        image.service("p", "s", script, json!({"user": "worker", "limits": {"open_files": 123}})).boot();
    let log =
        machine.wait_for("it has said it", |m| Some(m.log("p", "s")).filter(|log| log.contains("again")));
    assert!(log.contains("61235 61236 61236 61237 123 /home/worker worker /"), "{log}");
}
