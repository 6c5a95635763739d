//! What is asked of services and changes nothing: waiting, logs, what they use.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Image, Machine, SLEEPS, signal};

/// A service that is ready when the file `good` is there.
const READY_LATER: &str =
    "while ! test -e $PACKAGE_ROOT/good; do sleep 0.02; done; echo >&5; exec sleep 100000";

fn later() -> Machine {
    Image::new()
        .service("p", "s", READY_LATER, json!({"readiness": {"fd": 5}}))
        .service("p", "t", SLEEPS, json!({}))
        .start()
}

/// A command of the image in the background.
fn begin(machine: &Machine, name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(machine.root().join("boot").join(name));
    command.arg("--root").arg(machine.root()).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs")
}

#[test]
fn waiting_ends_when_services_are_ready() {
    let machine = later();
    machine
        .call("svc-wait", &["--timeout", "100ms", "p"])
        .ends_with(1)
        .says("Fatal: The time is over; not ready: p/s (Starting)");
    let mut waiting = begin(&machine, "svc-wait", &["--json", "p"]);
    std::thread::sleep(Duration::from_millis(50));
    assert!(waiting.try_wait().expect("asked").is_none(), "it still waits");
    std::fs::write(machine.root().join("srv/good"), "").expect("written");
    let output = waiting.wait_with_output().expect("ended");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &report["goal"], &report["error"]),
        (Some(0), &json!("ready"), &Value::Null)
    );
    assert_eq!(report["services"][0], json!({"service": "s", "status": "Up", "reached": true}));
    machine
        .call("svc-wait", &["p", "s"])
        .ends_with(0)
        .says("Success: All specified services in package 'p' are ready");
}

#[test]
fn waiting_for_down_is_for_what_is_meant_to_be_down() {
    let machine = Image::new()
        .service("p", "s", "trap '' TERM; while :; do sleep 0.05; done", json!({"stop": {"grace": "300ms"}}))
        .service("p", "t", SLEEPS, json!({}))
        .boot();
    // Killed, so started again: that is not down.
    signal(machine.shown("p", "t").pid, "KILL");
    machine.call("svc-wait", &["--down", "--timeout", "50ms", "p", "t"]).ends_with(1).says("not down: p/t");
    let waiting = begin(&machine, "svc-wait", &["--down", "p", "s"]);
    let begun = Instant::now();
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    let output = waiting.wait_with_output().expect("ended");
    assert!(output.status.success(), "{output:?}");
    assert!(begun.elapsed() >= Duration::from_millis(200), "its grace was waited for");
    assert_eq!(machine.shown("p", "s").pid, 0);
    // A disabled service is down, and is not waited for when it is not named.
    machine.call("svc-disable", &["p", "s"]).ends_with(0);
    machine.call("svc-wait", &["--timeout", "5s", "p"]).ends_with(0);
    machine.call("svc-wait", &["--down", "p", "s"]).ends_with(0);
    machine.call("svc-wait", &["--timeout", "10ms", "p", "s"]).ends_with(1).says("not ready: p/s (Disabled)");
}

#[test]
fn waiting_ends_with_everything_else() {
    let mut machine = later();
    let waiting = begin(&machine, "svc-wait", &["p"]);
    std::thread::sleep(Duration::from_millis(50));
    machine.stop();
    let output = waiting.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let reasons = ["Everything is being ended", "doesn't exist", "nothing is supervised here"];
    assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
}

#[test]
fn what_there_is_none_of_is_named() {
    let machine = later();
    for command in ["svc-wait", "svc-log"] {
        machine.call(command, &["q"]).ends_with(1).says("Fatal: Package 'q' doesn't appear to be installed");
        machine.call(command, &["p", "q"]).ends_with(1).says("Fatal: Service 'p/q' doesn't exist");
        machine.call(command, &[] as &[&str]).ends_with(111);
    }
    machine.call("svc-stats", &["q"]).ends_with(1).says("Fatal: Package 'q' doesn't appear to be installed");
    machine.call("svc-wait", &["--ready", "--down", "p"]).ends_with(111).says("exclude each other");
    machine.call("svc-log", &["-n", "few", "p"]).ends_with(111).says("'few' is no number of lines");
    machine.call("svc-log", &["--since", "noon", "p"]).ends_with(1).says("'noon' is no time");
}

#[test]
fn logs_are_shown_in_the_order_of_their_time() {
    let machine = Image::new()
        .service("p", "s", "echo first; sleep 0.3; echo third; exec sleep 100000", json!({}))
        .service("p", "t", "sleep 0.1; echo second; exec sleep 100000", json!({}))
        .boot();
    machine.wait_for("all is written", |m| m.log("p", "s").contains("third").then_some(()));
    let shown = machine.call("svc-log", &["p"]).ends_with(0).out;
    let said: Vec<&str> = shown.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    assert_eq!(said, ["s: first", "t: second", "s: third"]);
    let one = machine.call("svc-log", &["p", "s"]).ends_with(0).out;
    assert_eq!(one, machine.log("p", "s"), "of one service the lines are as they are in the file");
    let last = machine.call("svc-log", &["-n", "1", "--json", "p"]).ends_with(0).out;
    let last: Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!((&last["service"], &last["text"]), (&json!("s"), &json!("third")));
    let time = last["time"].as_str().expect("a time");
    let since = machine.call("svc-log", &["--since", time, "p"]).ends_with(0).out;
    assert_eq!(since.lines().count(), 1, "{since}");
    assert_eq!(machine.call("svc-log", &["--since", "1h", "p"]).ends_with(0).out, shown);
    assert_eq!(machine.call("svc-log", &["--since", "2999", "p"]).ends_with(0).out, "");
}

#[test]
fn a_log_is_followed_through_its_files_and_no_line_twice() {
    // Five files' worth, slowly enough that a file is looked at before it goes.
    let script = "while ! test -e $PACKAGE_ROOT/go; do sleep 0.02; done; i=0; while [ $i -lt 300 ]; do \
                  head -c 10000 /dev/zero | tr '\\0' x | fold -w 999; echo; echo \"number $i\"; i=$((i+1)); done; echo all; exec sleep 100000";
    let machine = Image::new().service("p", "s", script, json!({})).boot();
    let mut following = begin(&machine, "svc-log", &["-f", "p"]);
    std::fs::write(machine.root().join("srv/go"), "").expect("written");
    let output = BufReader::new(following.stdout.take().expect("piped"));
    let mut numbers = Vec::new();
    for line in output.lines() {
        let line = line.expect("read");
        let said = line.split_once(' ').map_or("", |(_, said)| said);
        if said == "all" {
            break;
        }
        numbers.extend(said.strip_prefix("number ").and_then(|number| number.parse::<u32>().ok()));
    }
    // Nobody reads any longer: it ends with the next line that it would print, or is ended.
    signal(following.id(), "TERM");
    following.wait().expect("ended");
    assert_eq!(numbers, (0..300).collect::<Vec<u32>>());
}

#[test]
fn what_services_use_is_added_up_over_all_that_they_left_behind() {
    let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; setsid sleep 100000 & \
                  echo spun; exec sleep 100000";
    let machine =
        Image::new().service("p", "s", script, json!({})).service("q", "t", SLEEPS, json!({})).boot();
    machine.wait_for("it has spun", |m| m.log("p", "s").contains("spun").then_some(()));
    let number = |value: &Value| value.as_u64().expect("a number");
    let stats = machine.wait_for("two processes are seen, and one of the other", |m| {
        let stats = m.call("svc-stats", &["--json"]).ends_with(0).out;
        let stats: Value = serde_json::from_str(&stats).expect("JSON");
        let (spun, sleeps) = (&stats["services"][0], &stats["services"][1]);
        // A process that was just made has little memory and no time yet, and one that is about to be made has none.
        let is_more = spun["memory_bytes"].as_u64() > sleeps["memory_bytes"].as_u64();
        (spun["processes"] == 2 && sleeps["processes"] == 1 && is_more).then_some(stats)
    });
    let (spun, sleeps) = (&stats["services"][0], &stats["services"][1]);
    assert_eq!(
        (&spun["package"], &spun["restarts"], &sleeps["processes"]),
        (&json!("p"), &json!(0), &json!(1))
    );
    assert!(number(&spun["cpu_milliseconds"]) > 0, "{stats}");
    assert!(number(&spun["supervisor_memory_bytes"]) > 0, "{stats}");
    let text = machine.call("svc-stats", &["p"]).ends_with(0).out;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        (lines.len(), &lines[0][..2], &lines[1][..3]),
        (2, &["Service", "Status"][..], &["p/s", "Up", "2"][..])
    );
}

#[test]
fn health_tells_what_packages_warn_of_when_it_is_asked_for() {
    let machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    let verbose = || machine.call("supervisor-inspect", &["--health", "--verbose"]).ends_with(0).out;
    assert_eq!(verbose(), "Healthy: 1 service\n");
    assert_eq!(machine.inspect()["packages"][0]["warnings"], Value::Null);
    let folder = machine.root().join("run/p");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join("warnings"), "Warning: the disk is full to 91 %\n").expect("written");
    assert_eq!(verbose(), "Healthy: 1 service\nWarning: the disk is full to 91 %\n");
    assert_eq!(machine.call("supervisor-inspect", &["--health"]).ends_with(0).out, "Healthy: 1 service\n");
    assert_eq!(machine.inspect()["packages"][0]["warnings"], "Warning: the disk is full to 91 %\n");
}
