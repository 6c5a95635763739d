//! How it begins and how it ends.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Image, SLEEPS, processes, signal, unique_seconds};

#[test]
fn setup_runs_in_order_before_services_and_with_the_packages_environment() {
    let step =
        |name: &str| format!("echo {name} $PACKAGE_NAME $PACKAGE_VERSION >> {}", "$PACKAGE_ROOT/order");
    let image = Image::new()
        .package("a", &["z"])
        .package("z", &[])
        .setup("a", "10-first", &step("a-first"))
        .setup("a", "20-second", &step("a-second"))
        .setup("z", "50-only", &step("z-only"))
        .setup("z", ".hidden", "exit 1")
        .service(
            "a",
            "s",
            "echo service >> $PACKAGE_ROOT/order; env > $PACKAGE_ROOT/env; exec sleep 100000",
            json!({"environment": {"EXTRA": "set"}}),
        )
        .environment("FROM_DOCKER", "kept");
    let machine = image.boot();
    let order = machine.wait_for("the service has run", |m| {
        Some(m.read("srv/env")).filter(|text| text.contains("PATH=")).map(|_| m.read("srv/order"))
    });
    assert_eq!(order, "z-only z 1.0\na-first a 1.0\na-second a 1.0\nservice\n");
    let root = machine.root().display().to_string();
    let env = machine.read("srv/env");
    for line in [
        "EXTRA=set".to_owned(),
        "FROM_DOCKER=kept".to_owned(),
        format!("PACKAGE_ROOT={root}/srv"),
        "PACKAGE_NAME=a".to_owned(),
        "PACKAGE_VERSION=1.0".to_owned(),
        format!("PACKAGE_SCRIPTS={root}/srv/scripts/a"),
        format!("PACKAGE_STORAGE={root}/srv/storage/a"),
        format!("PACKAGE_SOFTWARE={root}/srv/software/a/current/default"),
        format!("PACKAGE_SETTINGS={root}/srv/settings/a"),
    ] {
        assert!(env.lines().any(|found| found == line), "'{line}' is not in:\n{env}");
    }
    assert!(env.contains(&format!("PATH={root}/boot:{root}/srv/software/a/current/default/bin:")), "{env}");
}

#[test]
fn a_failing_setup_step_ends_the_boot_and_is_named_last() {
    let image = Image::new()
        .service("p", "s", SLEEPS, json!({}))
        .setup("p", "10-good", "echo all is well")
        .setup("p", "20-bad", "echo looking; echo 'no such certificate' >&2; exit 3")
        .setup("p", "30-never", "touch $PACKAGE_ROOT/reached");
    let status = image.run_to_end(&[]);
    assert_eq!(status.code(), Some(101));
    let stderr = image.stderr();
    assert!(stderr.contains("p/setup: all is well\n"), "{stderr}");
    assert_eq!(
        stderr.lines().last(),
        Some("Fatal: p/setup/20-bad ended with exit code 3: no such certificate"),
        "{stderr}"
    );
    assert!(!image.root().join("srv/reached").exists());
    assert!(!image.root().join("run/supervisor/control").exists());
}

#[test]
fn a_setup_step_that_cannot_be_executed_ends_the_boot() {
    let image = Image::new().package("p", &[]).setup("p", "10-x", "true");
    let step = image.root().join("srv/scripts/p/setup/10-x");
    std::fs::write(&step, "#!/no/such/shell\n").expect("written");
    assert_eq!(image.run_to_end(&[]).code(), Some(101));
    let stderr = image.stderr();
    assert!(
        stderr
            .lines()
            .last()
            .is_some_and(|line| line.contains("p/setup/10-x") && line.contains("cannot be executed")),
        "{stderr}"
    );
}

#[test]
fn a_failing_sync_and_a_broken_receipt_end_the_boot() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    image.script(
        "boot/pkg",
        "echo \"$@\" > \"${0%/*}/called\"; echo 'Fatal: the volume is read-only' >&2; exit 4",
    );
    assert_eq!(image.run_to_end(&[]).code(), Some(100));
    let stderr = image.stderr();
    assert_eq!(
        stderr.lines().collect::<Vec<_>>(),
        ["Fatal: the volume is read-only", "Fatal: pkg sync ended with exit code 4: the volume is read-only"]
    );
    assert!(image.read("boot/called").starts_with("sync"));

    let image = Image::new();
    std::fs::write(image.root().join("srv/system/receipts/p.json"), "{").expect("written");
    assert_eq!(image.run_to_end(&[]).code(), Some(102));
    assert!(image.stderr().lines().last().is_some_and(|line| line.contains("receipts/p.json:1:")));

    let image = Image::new().service("p", "s", SLEEPS, json!({"user": "nobody-of-that-name"}));
    std::fs::create_dir_all(image.root().join("etc")).expect("made");
    std::fs::write(image.root().join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").expect("written");
    assert_eq!(image.run_to_end(&[]).code(), Some(102));
    assert!(image.stderr().contains("'nobody-of-that-name' is not in"));
}

#[test]
fn what_sync_writes_is_what_is_run() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    let receipt = image.root().join("srv/system/receipts/p.json");
    let text = std::fs::read_to_string(&receipt).expect("read");
    std::fs::remove_file(&receipt).expect("removed");
    std::fs::write(image.root().join("bundled.json"), text).expect("written");
    image.script("boot/pkg", "cp \"$3/bundled.json\" \"$3/srv/system/receipts/p.json\"");
    assert_eq!(image.boot().shown("p", "s").status, "Up");
}

#[test]
fn term_ends_everything_quickly_and_leaves_nothing() {
    let seconds = unique_seconds();
    let service = |extra: &str| format!("{extra}sleep {seconds} & exec sleep {seconds}");
    let mut machine = Image::new()
        .service("p", "one", &service(""), json!({}))
        .service("p", "two", &service("setsid sleep 0 & "), json!({}))
        .boot();
    machine.wait_for("all run", |_| (processes(&format!("sleep {seconds}")).len() == 4).then_some(()));
    let (time, status) = machine.stop();
    assert_eq!(status.code(), Some(0), "{}", machine.stderr());
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert_eq!(processes(&seconds), [0u32; 0]);
    assert!(!machine.root().join("run/supervisor/status").exists());
}

#[test]
fn services_end_in_the_reverse_order_of_their_start() {
    let script = "trap 'echo end $NAME >> $PACKAGE_ROOT/order; exit 0' TERM; echo start $NAME >> $PACKAGE_ROOT/order; \
                  echo >&5; while :; do sleep 0.01; done";
    let definition = |name: &str, after: &[&str]| json!({"after": after, "environment": {"NAME": name}, "readiness": {"fd": 5}});
    let mut machine = Image::new()
        .service("p", "web", script, definition("web", &["app"]))
        .service("p", "app", script, definition("app", &["q/db"]))
        .service("q", "db", script, definition("db", &[]))
        .boot();
    let (_, status) = machine.stop();
    assert_eq!(status.code(), Some(0));
    assert_eq!(machine.read("srv/order"), "start db\nstart app\nstart web\nend web\nend app\nend db\n");
}

#[test]
fn a_service_that_ignores_term_is_killed_after_its_grace_and_a_stopped_one_is_woken() {
    let stubborn = "trap '' TERM; while :; do sleep 0.05; done";
    let mut machine = Image::new().service("p", "s", stubborn, json!({"stop": {"grace": "700ms"}})).boot();
    std::thread::sleep(Duration::from_millis(200));
    let (time, status) = machine.stop();
    assert_eq!(status.code(), Some(0));
    assert!(time >= Duration::from_millis(700) && time < Duration::from_secs(4), "{time:?}");

    let mut machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    signal(machine.shown("p", "s").pid, "STOP");
    let (time, status) = machine.stop();
    assert_eq!(status.code(), Some(0));
    assert!(time < Duration::from_secs(2), "{time:?}");
}

#[test]
fn everything_ends_within_the_budget_whatever_the_graces_are() {
    let stubborn = "trap '' TERM; while :; do sleep 0.05; done";
    let image = Image::new().service("p", "one", stubborn, json!({"stop": {"grace": "1h"}})).service(
        "p",
        "two",
        stubborn,
        json!({"stop": {"grace": "1h"}, "after": ["one"]}),
    );
    let mut child = image.init(&["--stop-timeout", "1500ms"]).spawn().expect("started");
    let begin = Instant::now();
    while !image.stderr().contains("System started") {
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", image.stderr());
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    signal(child.id(), "TERM");
    let status = child.wait().expect("waited");
    assert_eq!(status.code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[test]
fn a_command_runs_under_it_and_gives_the_exit_code() {
    let image = Image::new().service("p", "s", "echo service; exec sleep 100000", json!({}));
    let status = image.run_to_end(&["sh", "-c", "sleep 1; echo from the command; exit 7"]);
    assert_eq!(status.code(), Some(7));
    assert_eq!(image.stdout(), "from the command\n");
    assert!(image.stderr().contains("p/s: service"), "{}", image.stderr());
    assert_eq!(image.run_to_end(&["/no/such/program"]).code(), Some(127));
    assert!(image.stderr().lines().last().is_some_and(|line| line.contains("/no/such/program")));
    assert_eq!(image.run_to_end(&["sh", "-c", "kill -KILL $$"]).code(), Some(137));
}

#[test]
fn an_essential_service_ends_the_container_with_its_code() {
    let image = Image::new().service("p", "main", "sleep 0.3; exit 9", json!({"essential": true})).service(
        "p",
        "other",
        SLEEPS,
        json!({}),
    );
    assert_eq!(image.run_to_end(&[]).code(), Some(9));
    assert!(image.stderr().contains("'p/main' is essential"), "{}", image.stderr());
}

#[test]
fn a_second_init_in_the_same_place_is_refused() {
    let machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    let before = machine.shown("p", "s");
    assert_eq!(machine.run_to_end(&[]).code(), Some(103));
    assert!(machine.stderr().contains("another init runs already"));
    assert_eq!(machine.shown("p", "s"), before);
}
