//! What people type.

use serde_json::{Value, json};

use crate::harness::{Answer, Image, Machine, NAMES, SLEEPS, alive};

fn two() -> Machine {
    Image::new()
        .service("p", "one", SLEEPS, json!({}))
        .service("p", "two", SLEEPS, json!({}))
        .package("empty", &[])
        .boot()
}

#[test]
fn inspect_looks_as_it_always_did() {
    let machine = two();
    let (one, two) = (machine.shown("p", "one"), machine.shown("p", "two"));
    let answer = machine.call("supervisor-inspect", &["p", "empty"]).ends_with(0);
    let text = answer.out.lines().map(|line| if line.contains("Up: ") { "    Up: ..." } else { line });
    let expected = format!(
        "\nPackage 'empty':\n  <No services found in this package>\n\nPackage 'p':\n  Service 'one':\n    Status: Up\n    Up: ...\n    \
         Attributes: watched, running, expected\n    Service PID: {}, Supervisor PID: {}\n  Service 'two':\n    Status: Up\n    \
         Up: ...\n    Attributes: watched, running, expected\n    Service PID: {}, Supervisor PID: {}\n\n",
        one.pid, one.supervisor, two.pid, two.supervisor
    );
    assert_eq!(text.collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    assert!(answer.out.contains(" seconds, Restarts: 0\n"), "{}", answer.out);
    machine
        .call("supervisor-inspect", &["nothing"])
        .ends_with(1)
        .says("Fatal: Package 'nothing' doesn't appear to be installed");
    machine.call("svc-down", &["p", "one"]).ends_with(0);
    let out = machine.call("supervisor-inspect", &["p"]).out;
    assert!(out.contains("    Status: Down\n    Up: 0 seconds, Restarts: 0\n    Attributes: watched, down\n    Service PID: None, Supervisor PID: "), "{out}");
}

#[test]
fn a_restart_changes_the_process_and_keeps_the_supervisor() {
    let machine = two();
    let before = machine.shown("p", "one");
    machine
        .call("svc-restart", &["p", "one"])
        .ends_with(0)
        .says("Info: Service 'p/one' restarted successfully\nSuccess: Finished restarting services in package 'p'\n");
    let after = machine.shown("p", "one");
    assert_ne!(before.pid, after.pid);
    assert_eq!((before.supervisor, after.restarts), (after.supervisor, 1));
    assert!(!alive(before.pid));
    machine.call("svc-restart", &["p"]).ends_with(0).says("'p/one' restarted").says("'p/two' restarted");
}

#[test]
fn down_and_up_again() {
    let machine = two();
    let before = machine.shown("p", "one");
    machine
        .call("svc-down", &["p", "one"])
        .ends_with(0)
        .says("Info: Service 'p/one' was stopped successfully\nSuccess: Finished stopping services in package 'p'\n");
    assert!(!alive(before.pid) && alive(before.supervisor));
    machine.call("svc-stop", &["p", "one"]).ends_with(1).says(
        "Warning: Service 'p/one' is already down\nFatal: Failed to shut down service 'p/one'\nFatal: Failed to stop one or more services in package 'p'\n",
    );
    machine
        .call("svc-restart", &["p"])
        .ends_with(0)
        .says("Warning: Service 'p/one' is stopped; skipping")
        .says("Info: Service 'p/two' restarted successfully");
    machine
        .call("svc-up", &["p"])
        .ends_with(0)
        .says("Info: Service 'p/one' was started successfully")
        .says("Warning: Service 'p/two' is already up; skipping");
    machine.call("svc-up", &["p", "one"]).ends_with(1).says("Fatal: Failed to start service 'p/one'");
    machine.call("svc-start", &["--force", "p", "one"]).ends_with(0).says("Success: ");
    machine.call("svc-up", &["-f", "p", "one", "two"]).ends_with(0);
    let after = machine.shown("p", "one");
    assert_eq!((after.supervisor, after.status.as_str()), (before.supervisor, "Up"));
}

#[test]
fn one_that_fails_does_not_keep_the_others_and_counts() {
    let machine = two();
    let before = machine.shown("p", "two");
    machine
        .call("svc-restart", &["p", "none", "two"])
        .ends_with(1)
        .says("Warning: Service 'p/none' doesn't exist")
        .says("Info: Service 'p/two' restarted successfully")
        .says("Fatal: Failed to restart one or more services in package 'p'");
    assert_ne!(machine.shown("p", "two").pid, before.pid);
}

#[test]
fn a_service_that_does_not_come_up_fails_the_command() {
    let machine = Image::new()
        .service(
            "p",
            "s",
            "test -e $PACKAGE_ROOT/good || exit 5; echo >&5; exec sleep 100000",
            json!({"readiness": {"fd": 5}}),
        )
        .start();
    machine.wait_for("it fails", |m| m.log("p", "s").contains("ended with exit code 5").then_some(()));
    machine
        .call("svc-restart", &["p", "s"])
        .ends_with(1)
        .says("Service 'p/s': it ended with exit code 5, and is tried again");
    machine.wait_for("it is shown", |m| (m.shown("p", "s").status == "Failure").then_some(()));
    machine.call("supervisor-inspect", &["--health"]).ends_with(1);
    std::fs::write(machine.root().join("srv/good"), "").expect("written");
    machine.call("svc-up", &["p", "s"]).ends_with(0);
    assert_eq!(machine.shown("p", "s").status, "Up");
}

#[test]
fn a_supervisor_is_stopped_and_started() {
    let machine = two();
    let before = machine.shown("p", "one");
    machine
        .call("supervisor-stop", &["p", "one"])
        .ends_with(0)
        .says("Success: Supervisor stopped for all specified services in package 'p'");
    assert!(!alive(before.pid) && !alive(before.supervisor));
    let shown = machine.shown("p", "one");
    assert_eq!((shown.status.as_str(), shown.pid, shown.supervisor), ("Unsupervised", 0, 0));
    machine.call("supervisor-stop", &["p", "one"]).ends_with(1).says("is already unsupervised");
    for command in ["svc-up", "svc-down", "svc-restart", "svc-reload"] {
        machine.call(command, &["p", "one"]).ends_with(1).says("Supervisor is not running for 'p/one'");
    }
    machine
        .call("supervisor-start", &["p"])
        .ends_with(0)
        .says("Supervisor started for service 'p/one'")
        .says("'p/two' is already supervised; skipping");
    assert_ne!(machine.shown("p", "one").supervisor, before.supervisor);
    for command in ["supervisor-start", "supervisor-stop"] {
        machine.call(command, &["nothing"]).ends_with(255);
        machine.call(command, &["empty"]).ends_with(253);
        machine.call(command, &["p", "one", "none"]).ends_with(252).says("doesn't exist");
    }
    assert_eq!(machine.call("supervisor-start", &["p", "one", "two"]).code, 2);
    // Nothing was done by the one with a wrong name in it.
    assert_eq!(machine.shown("p", "one").status, "Up");
}

#[test]
fn a_disabled_service_stays_down_over_a_restart() {
    let mut machine = two();
    let before = machine.shown("p", "one");
    machine
        .call("svc-disable", &["p", "one"])
        .ends_with(0)
        .says("Info: Service 'p/one' was disabled successfully\nSuccess: Finished disabling services in package 'p'\n");
    assert!(!alive(before.pid) && !alive(before.supervisor));
    assert!(machine.root().join("srv/system/supervisor/p/one.disabled").is_file());
    machine.stop();
    let machine = machine.boot_again();
    assert_eq!(machine.shown("p", "one").status, "Disabled");
    assert_eq!(machine.shown("p", "two").status, "Up");
    machine.call("supervisor-inspect", &["--health"]).ends_with(0);
    machine.call("svc-up", &["p", "one"]).ends_with(1).says("Service 'p/one' is currently disabled");
    machine.call("svc-up", &["p"]).ends_with(0).says("Service 'p/one' is disabled; skipping");
    machine.call("supervisor-start", &["p", "one"]).ends_with(1);
    machine.call("svc-disable", &["p", "one"]).ends_with(1).says("is already disabled");
    machine.call("svc-enable", &["p", "one"]).ends_with(0).says("Service 'p/one' was enabled successfully");
    assert_eq!(machine.shown("p", "one").status, "Up");
    machine.call("svc-enable", &["p", "one"]).ends_with(1).says("is not currently disabled");
    machine.call("svc-disable", &["p", "one"]).ends_with(0);
    machine.call("svc-up", &["-f", "p", "one"]).ends_with(0);
    assert!(!machine.root().join("srv/system/supervisor/p/one.disabled").exists());
}

#[test]
fn a_legacy_mark_is_honoured_and_removed() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    let mark = image.root().join("srv/system/storage/supervisor/p/status/persistent/s.disabled");
    std::fs::create_dir_all(mark.parent().expect("has one")).expect("made");
    std::fs::write(&mark, "").expect("written");
    let machine = image.boot();
    assert_eq!(machine.shown("p", "s").status, "Disabled");
    machine.call("svc-enable", &["p", "s"]).ends_with(0);
    assert!(!mark.exists());
}

const RELOADS: &str =
    "trap 'echo reloaded' HUP; trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done";

#[test]
fn a_reload_keeps_the_process() {
    let machine = Image::new().service("p", "s", RELOADS, json!({})).boot();
    machine.wait_for("it has set its traps", |m| m.log("p", "s").contains("ready").then_some(()));
    let before = machine.shown("p", "s");
    machine.call("svc-reload", &["p", "s"]).ends_with(0).says(
        "Info: Service 'p/s' reloaded successfully\nSuccess: Finished reloading services in package 'p'\n",
    );
    machine.wait_for("it has reloaded", |m| m.log("p", "s").contains("reloaded").then_some(()));
    assert_eq!(machine.shown("p", "s"), before);
    machine.call("svc-reload", &["p"]).ends_with(111);
    machine.call("svc-down", &["p", "s"]).ends_with(0);
    machine
        .call("svc-reload", &["p", "s"])
        .ends_with(1)
        .says("Service 'p/s' is not currently running")
        .says("Failed to reload configuration for 'p/s'");
}

#[test]
fn a_reload_whose_check_fails_says_why_and_changes_nothing() {
    let image = Image::new();
    image.script(
        "srv/scripts/p/check",
        "test ! -e $PACKAGE_ROOT/broken || { echo 'p.conf:3: unknown word' >&2; exit 1; }",
    );
    let check = image.root().join("srv/scripts/p/check").display().to_string();
    let machine = image.service("p", "s", RELOADS, json!({"reload": {"check": [check]}})).boot();
    machine.wait_for("it has set its traps", |m| m.log("p", "s").contains("ready").then_some(()));
    machine.call("svc-reload", &["p", "s"]).ends_with(0);
    machine.wait_for("it has reloaded", |m| m.log("p", "s").contains("reloaded").then_some(()));
    std::fs::write(machine.root().join("srv/broken"), "").expect("written");
    machine
        .call("svc-reload", &["p", "s"])
        .ends_with(1)
        .says("its check ended with exit code 1:\np.conf:3: unknown word");
    assert_eq!(machine.log("p", "s").matches("Z reloaded").count(), 1);
    assert_eq!(machine.shown("p", "s").status, "Up");
}

#[test]
fn a_reload_may_be_a_command() {
    let image = Image::new();
    image.script("srv/scripts/p/again", "echo \"again: $PACKAGE_NAME\" > $PACKAGE_ROOT/said");
    let command = image.root().join("srv/scripts/p/again").display().to_string();
    let machine = image.service("p", "s", SLEEPS, json!({"reload": {"command": [command]}})).boot();
    let before = machine.shown("p", "s");
    machine.call("svc-reload", &["p", "s"]).ends_with(0);
    assert_eq!((machine.read("srv/said").as_str(), machine.shown("p", "s")), ("again: p\n", before));
}

#[test]
fn list_names_packages_and_services() {
    let machine = two();
    let list = |arguments: &[&str]| machine.call("supervisor-list", arguments).ends_with(0).out;
    assert_eq!((list(&[]), list(&["all"])), ("p\n".to_owned(), "p\n".to_owned()));
    assert_eq!((list(&["p"]), list(&["p", "running"])), ("one\ntwo\n".to_owned(), "one\ntwo\n".to_owned()));
    assert_eq!(list(&["empty"]), "");
    machine.call("svc-down", &["p", "one"]).ends_with(0);
    machine.call("supervisor-stop", &["p", "two"]).ends_with(0);
    assert_eq!(
        (list(&["p"]), list(&["p", "running"]), list(&["p", "down"])),
        ("one\n".to_owned(), String::new(), "one\n".to_owned())
    );
    assert_eq!(
        (list(&["p", "unexpected"]), list(&["all", "expected"])),
        ("one\n".to_owned(), "p/two\n".to_owned())
    );
    assert_eq!(list(&["--json", "p", "enabled"]), "{\"format\":1,\"names\":[\"one\",\"two\"]}\n");
    machine
        .call("supervisor-list", &["p", "happy"])
        .ends_with(1)
        .says("Service attribute 'happy' does not exist");
    machine
        .call("supervisor-list", &["nothing"])
        .ends_with(1)
        .says("Package 'nothing' is not currently installed");
}

#[test]
fn json_says_the_same_and_nothing_else() {
    let machine = two();
    let read = |answer: Answer| -> Value {
        assert_eq!(answer.err, "");
        serde_json::from_str(&answer.out).expect("JSON")
    };
    let done = read(machine.call("svc-restart", &["--json", "p", "one", "none"]).ends_with(1));
    assert_eq!(done["format"], 1);
    assert_eq!(
        (&done["command"], &done["package"], &done["exit_code"]),
        (&json!("svc-restart"), &json!("p"), &json!(1))
    );
    let services = done["services"].as_array().expect("a list");
    assert!(services.contains(&json!({"service": "one", "outcome": "done", "message": null})), "{done}");
    assert!(services.iter().any(|s| s["service"] == "none" && s["outcome"] == "failed"), "{done}");
    let refused = read(machine.call("supervisor-start", &["--json", "nothing"]).ends_with(255));
    assert!(refused["error"].as_str().expect("a text").contains("doesn't appear to be installed"));
    let shown = machine.inspect();
    assert_eq!(
        (&shown["format"], &shown["stage"], &shown["healthy"]),
        (&json!(1), &json!("running"), &json!(true))
    );
}

#[test]
fn every_command_explains_itself_and_refuses_nonsense() {
    let image = Image::new();
    for name in NAMES {
        let help = image.call(name, &["--help"]).ends_with(0);
        assert!(help.out.contains("Usage: ") && help.out.lines().count() > 4, "{name}: {}", help.out);
        assert_eq!(help.err, "");
        image.call(name, &["--no-such-option"]).ends_with(111);
    }
    for name in ["svc-up", "svc-down", "svc-restart", "supervisor-start", "supervisor-stop"] {
        image.call::<&str>(name, &[]).ends_with(111).says("Usage: ");
    }
    let overview = std::process::Command::new(crate::harness::PROGRAM).arg("--help").output().expect("runs");
    let overview = String::from_utf8_lossy(&overview.stdout).into_owned();
    assert!(overview.contains("svc-restart") && overview.contains("init"), "{overview}");
    let through = std::process::Command::new(crate::harness::PROGRAM)
        .args(["svc-up", "--help"])
        .output()
        .expect("runs");
    assert!(String::from_utf8_lossy(&through.stdout).starts_with("Usage: svc-up"));
}

#[test]
fn without_an_init_commands_say_so() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    for (name, arguments) in [
        ("supervisor-inspect", &[][..]),
        ("supervisor-list", &[]),
        ("svc-up", &["p"]),
        ("supervisor-reread", &[]),
    ] {
        image.call(name, arguments).ends_with(1).says("nothing is supervised here");
    }
}

#[test]
fn what_is_installed_is_read_again() {
    let mut machine = two();
    let two = machine.shown("p", "two");
    let image = machine.packages();
    std::fs::remove_file(image.root().join("srv/system/receipts/p.json")).expect("removed");
    let fresh = Image::new();
    let replaced = std::mem::replace(image, fresh);
    *machine.packages() = replaced.service("q", "new", SLEEPS, json!({})).setup(
        "q",
        "10-x",
        "echo set up > $PACKAGE_ROOT/q-set-up",
    );
    std::fs::remove_file(machine.root().join("srv/system/receipts/p.json")).ok();
    machine.call::<&str>("supervisor-reread", &[]).ends_with(0).says("Success: Read again what is installed");
    machine.wait_for("the new one is up", |m| (m.shown("q", "new").status == "Up").then_some(()));
    machine.wait_for("the old one is gone", |m| (!m.inspect().to_string().contains("\"two\"")).then_some(()));
    assert!(!alive(two.pid));
    assert_eq!(machine.read("srv/q-set-up"), "set up\n");

    // By signal, with a changed definition: the service goes on under a new supervisor.
    let before = machine.shown("q", "new");
    let image = std::mem::replace(machine.packages(), Image::new());
    *machine.packages() = image.service("q", "new", SLEEPS, json!({"stop": {"grace": "2s"}}));
    crate::harness::signal(machine.pid(), "HUP");
    let after = machine.wait_for("it has a new supervisor", |m| {
        Some(m.shown("q", "new")).filter(|s| s.supervisor != before.supervisor && s.supervisor != 0)
    });
    assert_eq!(after.pid, before.pid);
    assert!(!machine.stderr().contains("died"), "{}", machine.stderr());
    // A setup step that fails is told, and harms nobody else.
    let image = std::mem::replace(machine.packages(), Image::new());
    *machine.packages() =
        image.service("r", "s", SLEEPS, json!({})).setup("r", "10-x", "echo broken; exit 1");
    machine
        .call::<&str>("supervisor-reread", &[])
        .ends_with(1)
        .says("r/setup/10-x ended with exit code 1: broken");
    assert_eq!(machine.shown("q", "new").status, "Up");
}
