//! How a container ends.

use std::time::Duration;

use medic_tests::command::call;
use medic_tests::xtask::nginx_image;
use medic_tests::{Container, wait_for};

#[test]
fn docker_stop_ends_in_two_seconds_with_exit_code_0_and_no_orphan() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let pids = call("docker", &["top", &container.name, "-eo", "pid"]).success();
    let pids: Vec<String> = pids.stdout.lines().skip(1).map(|pid| pid.trim().to_owned()).collect();
    assert!(pids.len() >= 4, "init, a supervisor, nginx and its worker: {pids:?}");
    let (time, code) = container.stop();
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert_eq!(code, "0", "{}", container.logs());
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is left");
    }
}

#[test]
fn orphans_are_reaped() {
    let container = Container::serving(&nginx_image().reference, &[]);
    container.shell("for i in $(seq 50); do (sleep 0.1 &) ; done").success();
    wait_for("no zombie is left", Duration::from_secs(5), || {
        let states = container.shell("cat /proc/[0-9]*/stat 2>/dev/null | cut -d' ' -f3 | grep -c Z");
        (states.text() == "0").then_some(())
    });
}

#[test]
fn a_command_given_to_docker_run_is_run_under_init() {
    let reference = &nginx_image().reference;
    let answer =
        call("docker", &["run", "--rm", reference, "sh", "-c", "echo from sh; exit 7"]).ended_with(7);
    assert!(answer.stdout.contains("from sh"), "{}", answer.stdout);
}

#[test]
fn a_failed_boot_ends_with_the_reason_last() {
    let container =
        Container::start(&nginx_image().reference, &["--env", "NGINX_TLS_NAMES=this/is:not a~name!"]);
    wait_for("the container ends", Duration::from_secs(20), || (!container.is_running()).then_some(()));
    assert_ne!(container.inspect("{{.State.ExitCode}}"), "0");
    let logs = call("docker", &["logs", &container.name]).stderr;
    let last = logs.lines().last().unwrap_or_default();
    assert!(
        last.contains("nginx") && last.contains("20-certificate"),
        "the last line is '{last}' of:\n{logs}"
    );
}
