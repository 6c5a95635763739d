//! The service commands, in a running container.

use std::time::Duration;

use medic_tests::http::get;
use medic_tests::xtask::nginx_image;
use medic_tests::{Container, wait_for};

/// What `supervisor-inspect` shows of nginx.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    status: String,
    restarts: u32,
    service_pid: String,
    supervisor_pid: String,
}

/// Reads the text form, as an operator does.
fn inspect(container: &Container) -> Shown {
    let text = container.exec(&["supervisor-inspect", "nginx"]).success().stdout;
    let after = |label: &str| {
        let start = text.find(label).unwrap_or_else(|| panic!("no '{label}' in:\n{text}")) + label.len();
        text[start..].split([',', '\n']).next().unwrap_or_default().trim().to_owned()
    };
    assert!(text.contains("Package 'nginx':") && text.contains("Service 'nginx':"), "{text}");
    assert!(text.contains("Up: ") && text.contains("Attributes: "), "{text}");
    Shown {
        status: after("Status: "),
        restarts: after("Restarts: ").parse().expect("a number"),
        service_pid: after("Service PID: "),
        supervisor_pid: after("Supervisor PID: "),
    }
}

fn wait_until_up(container: &Container) -> Shown {
    wait_for("nginx is up", Duration::from_secs(15), || {
        Some(inspect(container)).filter(|shown| shown.status == "Up")
    })
}

#[test]
fn inspect_shows_status_restarts_and_both_processes() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let shown = inspect(&container);
    assert_eq!((shown.status.as_str(), shown.restarts), ("Up", 0));
    for (pid, name) in [(&shown.service_pid, "nginx"), (&shown.supervisor_pid, "supervisor")] {
        let line = container.shell(&format!("cat /proc/{pid}/comm")).success();
        assert!(line.text().starts_with(name), "process {pid} is {}", line.text());
    }
    let json = container.exec(&["supervisor-inspect", "--json"]).success();
    assert!(serde_json::from_str::<serde_json::Value>(&json.stdout).is_ok(), "{}", json.stdout);
    container
        .exec(&["supervisor-inspect", "nothing"])
        .ended_with(1)
        .says("Package 'nothing' doesn't appear to be installed");
}

#[test]
fn a_restart_gives_a_new_process_under_the_same_supervisor() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let before = inspect(&container);
    let said = container.exec(&["svc-restart", "nginx", "nginx"]).success();
    let said = said.stdout + &said.stderr;
    assert!(said.contains("Info: Service 'nginx/nginx' restarted successfully"), "{said}");
    assert!(said.contains("Success: Finished restarting services in package 'nginx'"), "{said}");
    let after = wait_until_up(&container);
    assert_ne!(before.service_pid, after.service_pid);
    assert_eq!(before.supervisor_pid, after.supervisor_pid);
    container.wait_until_serving();
}

#[test]
fn a_killed_nginx_is_repaired() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let before = inspect(&container);
    container.exec(&["kill", "-9", &before.service_pid]).success();
    let after = wait_for("another nginx", Duration::from_secs(10), || {
        Some(inspect(&container))
            .filter(|shown| shown.status == "Up" && shown.service_pid != before.service_pid)
    });
    assert_eq!((after.supervisor_pid, after.restarts), (before.supervisor_pid, before.restarts + 1));
    container.wait_until_serving();
}

#[test]
fn down_and_up_leave_the_supervisor_alone() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let before = inspect(&container);
    container.exec(&["svc-down", "nginx", "nginx"]).success();
    let down = inspect(&container);
    assert_eq!((down.status.as_str(), down.service_pid.as_str()), ("Down", "None"));
    assert_eq!(down.supervisor_pid, before.supervisor_pid);
    assert_eq!(get(&format!("http://{}/", container.address(80))).status, 0);
    container.exec(&["svc-up", "nginx", "nginx"]).success();
    container.wait_until_serving();
    container.exec(&["svc-up", "nginx", "nginx"]).ended_with(1);
    container.exec(&["svc-up", "--force", "nginx", "nginx"]).success();
}

#[test]
fn stopping_the_supervisor_ends_both_processes_and_starting_brings_both_back() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let before = inspect(&container);
    assert!(container.exec(&["supervisor-list"]).success().stdout.contains("nginx"));
    container.exec(&["supervisor-stop", "nginx", "nginx"]).success();
    let stopped = inspect(&container);
    assert_eq!((stopped.service_pid.as_str(), stopped.supervisor_pid.as_str()), ("None", "None"));
    assert_eq!(stopped.status, "Unsupervised");
    container.exec(&["supervisor-start", "nginx", "nginx"]).success();
    assert_ne!(wait_until_up(&container).supervisor_pid, before.supervisor_pid);
    assert!(container.exec(&["supervisor-list", "nginx", "running"]).success().stdout.contains("nginx"));
    container.exec(&["supervisor-start", "nginx", "nothing"]).ended_with(252);
    container.exec(&["supervisor-start", "nothing"]).ended_with(255);
}

#[test]
fn a_disabled_service_stays_down_over_a_restart_of_the_container() {
    let container = Container::serving(&nginx_image().reference, &[]);
    container.exec(&["svc-disable", "nginx", "nginx"]).success();
    container.stop();
    container.start_again();
    let shown = wait_for("the container is up", Duration::from_secs(15), || {
        Some(container.exec(&["supervisor-inspect", "nginx"])).filter(|outcome| outcome.code == 0)
    });
    assert!(shown.stdout.contains("Status: Disabled"), "{}", shown.stdout);
    assert_eq!(get(&format!("http://{}/", container.address(80))).status, 0);
    container.exec(&["svc-enable", "nginx", "nginx"]).success();
    container.wait_until_serving();
}

#[test]
fn a_reload_keeps_the_process_and_takes_the_new_settings() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let before = inspect(&container);
    let site = "/srv/settings/nginx/nginx/sites/default.conf";
    container
        .shell(&format!(
            "sed -i 's|location / {{|location = /new {{ return 200 new; }}\\n location / {{|' {site}"
        ))
        .success();
    container.exec(&["svc-reload", "nginx", "nginx"]).success();
    let url = format!("http://{}/new", container.address(80));
    wait_for("the new page", Duration::from_secs(10), || (get(&url).body == "new").then_some(()));
    assert_eq!(inspect(&container).service_pid, before.service_pid);

    // A broken configuration fails the command, says where, and leaves the service as it was.
    container.shell(&format!("echo 'no_such_directive;' >> {site}")).success();
    container.exec(&["svc-reload", "nginx", "nginx"]).ended_with(1).says("no_such_directive");
    assert_eq!(get(&url).body, "new");
}

#[test]
fn waiting_logs_and_usage_are_of_the_real_nginx() {
    let container = Container::serving(&nginx_image().reference, &[]);
    container.exec(&["svc-wait", "--timeout", "10s", "nginx"]).success();
    assert_eq!(get(&format!("http://{}/for-the-log", container.address(80))).status, 404);
    wait_for("the request is in the log", Duration::from_secs(10), || {
        let log = container.exec(&["svc-log", "-n", "20", "nginx"]).success().stdout;
        log.contains("GET /for-the-log").then_some(())
    });
    let json = container.exec(&["svc-stats", "--json", "nginx"]).success().stdout;
    let shown: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let nginx = &shown["services"][0];
    assert_eq!((&shown["format"], &nginx["service"]), (&1.into(), &"nginx".into()), "{shown}");
    assert!(
        nginx["processes"].as_u64() >= Some(2) && nginx["memory_bytes"].as_u64() > Some(1_000_000),
        "{shown}"
    );
    container.exec(&["svc-down", "nginx"]).success();
    container.exec(&["svc-wait", "--down", "nginx"]).success();
    container.exec(&["svc-wait", "--timeout", "100ms", "nginx"]).ended_with(1);
}

#[test]
fn bash_completes_names_in_the_image() {
    let bash = "/bin/bash-static:/bash:ro";
    let container = Container::serving(&nginx_image().reference, &["--volume", bash]);
    let complete_by = |function: &str, words: &str| {
        let script = format!(
            ". /etc/bash_completion.d/medic-os; COMP_WORDS=({words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             {function} \"${{COMP_WORDS[0]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        container.exec(&["/bash", "-c", &script]).success().stdout.trim().to_owned()
    };
    let complete = |words: &str| complete_by("_medic_os", words);
    assert_eq!(complete("svc-restart"), "nginx");
    assert_eq!(complete("svc-restart nginx"), "nginx");
    assert!(complete("supervisor-list nginx").contains("running"));
    assert_eq!(complete_by("_medic_os_pkg", "pkg files"), "busybox ca-certificates medic-os nginx");
}

#[test]
fn a_stopped_nginx_does_not_hold_up_the_end() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let shown = inspect(&container);
    container.exec(&["kill", "-STOP", &shown.service_pid]).success();
    let (_, code) = container.stop();
    assert_eq!(code, "0", "it was asked to end, and nothing was left to Docker's KILL");
}

#[test]
fn every_command_answers_help_and_refuses_nonsense() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let commands = [
        "supervisor-inspect",
        "supervisor-start",
        "supervisor-stop",
        "supervisor-list",
        "svc-up",
        "svc-down",
        "svc-restart",
        "svc-reload",
        "svc-enable",
        "svc-disable",
        "svc-wait",
        "svc-log",
        "svc-stats",
        "pkg",
    ];
    for command in commands {
        let help = container.exec(&[command, "--help"]).success();
        assert!(
            help.stdout.contains(command) && help.stdout.lines().count() > 4,
            "{command}:\n{}",
            help.stdout
        );
        assert_ne!(container.exec(&[command, "--no-such-option"]).code, 0, "{command}");
    }
    container.exec(&["svc-restart"]).ended_with(111);
    container.exec(&["--help"]);
    let unprivileged = medic_tests::command::call(
        "docker",
        &["exec", "--user", "nobody", &container.name, "svc-down", "nginx"],
    );
    unprivileged.ended_with(1).says("Fatal: You must be root to use this command");
}
