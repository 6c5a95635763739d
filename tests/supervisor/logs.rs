//! What services write.

use serde_json::json;

use crate::harness::{Image, signal};

#[test]
fn lines_go_to_the_log_with_the_time_and_to_the_container_with_the_name() {
    let machine = Image::new()
        .service("p", "s", "echo out; echo err >&2; printf 'no end'; exec sleep 100000", json!({}))
        .boot();
    let log =
        machine.wait_for("all is written", |m| Some(m.log("p", "s")).filter(|log| log.contains("no end")));
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    for (line, text) in lines.iter().zip(["out", "err", "no end"]) {
        let (time, said) = line.split_once(' ').expect("a time");
        assert_eq!((said, time.len(), &time[26..]), (text, 27, "Z"), "{line}");
    }
    machine.wait_for("it is shown", |m| (m.stdout() == "p/s: out\np/s: err\np/s: no end\n").then_some(()));
}

#[test]
fn logs_are_bounded() {
    let script = "i=0; while [ $i -lt 300 ]; do head -c 20000 /dev/zero | tr '\\0' x | fold -w 999; echo \"number $i\"; i=$((i+1)); done; echo all; exec sleep 100000";
    let machine = Image::new().service("p", "s", script, json!({})).boot();
    machine.wait_for("all is written", |m| m.log("p", "s").ends_with(" all\n").then_some(()));
    let logs = machine.root().join("srv/storage/p/s/logs");
    let mut names: Vec<String> = std::fs::read_dir(&logs)
        .expect("there")
        .map(|entry| {
            let entry = entry.expect("read");
            assert!(entry.metadata().expect("read").len() <= 1_000_000);
            entry.file_name().to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["1", "2", "3", "4", "current"]);
}

#[test]
fn a_definition_bounds_its_log_and_may_keep_it_from_the_container() {
    let script = "i=0; while [ $i -lt 40 ]; do head -c 9990 /dev/zero | tr '\\0' x | fold -w 999; echo; i=$((i+1)); done; echo all; exec sleep 100000";
    let definition = json!({"log": {"size": "100 kB", "files": 1, "container": false}});
    let machine = Image::new()
        .service("p", "quiet", script, definition)
        .service("p", "loud", "echo heard; exec sleep 100000", json!({}))
        .boot();
    machine.wait_for("all is written", |m| m.log("p", "quiet").ends_with(" all\n").then_some(()));
    let names = std::fs::read_dir(machine.root().join("srv/storage/p/quiet/logs")).expect("there");
    let mut files: Vec<(String, bool)> = names
        .map(|entry| {
            let entry = entry.expect("read");
            let small = entry.metadata().expect("read").len() <= 100_000;
            (entry.file_name().to_string_lossy().into_owned(), small)
        })
        .collect();
    files.sort();
    assert_eq!(files, [("1".to_owned(), true), ("current".to_owned(), true)]);
    machine.wait_for("the other is shown", |m| (m.stdout() == "p/loud: heard\n").then_some(()));
}

#[test]
fn no_line_is_lost_when_the_supervisor_is_killed() {
    let script =
        "i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i+1)); done; echo all; exec sleep 100000";
    let machine = Image::new().service("p", "s", script, json!({})).boot();
    let mut kills = 0;
    let log = machine.wait_for("all is written", |m| {
        let log = m.log("p", "s");
        if log.contains(" all\n") {
            return Some(log);
        }
        let supervisor = m.shown("p", "s").supervisor;
        if supervisor != 0 && kills < 30 && crate::harness::alive(supervisor) {
            signal(supervisor, "KILL");
            kills += 1;
        }
        None
    });
    assert!(kills > 0);
    let lines: std::collections::BTreeSet<&str> =
        log.lines().filter_map(|line| line.split_once(' ').map(|(_, said)| said)).collect();
    for number in 0..20_000 {
        assert!(
            lines.contains(format!("line {number}").as_str()),
            "line {number} is lost after {kills} kills"
        );
    }
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_service() {
    let image = Image::new();
    std::fs::create_dir_all(image.root().join("srv/storage/p/s")).expect("made");
    std::fs::write(image.root().join("srv/storage/p/s/logs"), "in the way").expect("written");
    let script = "i=0; while [ $i -lt 3000 ]; do echo \"a line of the log with the number $i\"; i=$((i+1)); done; touch $PACKAGE_ROOT/through; exec sleep 100000";
    let machine = image.service("p", "s", script, json!({})).boot();
    machine.wait_for("it is through", |m| m.root().join("srv/through").exists().then_some(()));
    let counted =
        |m: &crate::harness::Machine| m.inspect()["packages"][0]["services"][0]["log_lines_dropped"].as_u64();
    machine.wait_for("it is counted", |m| counted(m).filter(|dropped| *dropped > 1000));
    std::fs::remove_file(machine.root().join("srv/storage/p/s/logs")).expect("removed");
    let log = machine
        .wait_for("it is told", |m| Some(m.log("p", "s")).filter(|log| log.contains("lines were dropped")));
    let dropped = counted(&machine).expect("a number");
    assert!(log.contains(&format!("[supervisor] {dropped} lines were dropped")), "{log}");
    assert_eq!(log.matches("a line of the log").count() as u64 + dropped, 3000);
}
