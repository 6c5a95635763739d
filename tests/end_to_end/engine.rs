//! What CouchDB's engine stands on, in an image: Erlang on dynamic musl, a native function, TLS, and ICU's collation.

use std::time::Duration;

use medic_tests::xtask::xtask;
use medic_tests::{Container, wait_for};
use serde_json::Value;

/// The image, built or found to be up to date, and loaded.
fn image() -> String {
    let outcome = xtask(&["build-image", "engine-check", "--json"]).success();
    let answer: Value = serde_json::from_str(outcome.text()).expect("JSON");
    format!("medic-os/engine-check:{}", answer["version"].as_str().expect("a version"))
}

/// A container whose service is ready.
fn ready() -> Container {
    let container = Container::start(&image(), &[]);
    wait_for("the service is ready", Duration::from_secs(60), || {
        (container.exec(&["supervisor-inspect", "--health"]).code == 0).then_some(())
    });
    container
}

/// What the service answers, by the first word of each line.
fn findings(container: &Container) -> Vec<(String, String)> {
    let answer = container.exec(&["nc", "127.0.0.1", "9400"]).success();
    let line = |line: &str| {
        let (about, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no finding: {line}"));
        (about.to_owned(), rest.to_owned())
    };
    answer.stdout.lines().map(line).collect()
}

fn service(container: &Container) -> Value {
    let outcome = container.exec(&["supervisor-inspect", "--json"]).success();
    let all: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    all["packages"][0]["services"][0].clone()
}

#[test]
fn erlang_with_a_native_function_tls_and_collation_runs_supervised() {
    let container = ready();
    let expected = [
        ("otp", "27"),
        ("emulator", "jit"),
        ("icu", "76.1"),
        ("sorted", "a A aB äa b B ça cb é ß2 Zoë ω"),
        ("tls", "tlsv1.3 TLS_AES_256_GCM_SHA384"),
    ];
    let expected = expected.map(|(about, finding)| (about.to_owned(), finding.to_owned()));
    assert_eq!(findings(&container), expected);
    let service = service(&container);
    assert_eq!(
        (service["status"].as_str(), service["restarts"].as_u64()),
        (Some("Up"), Some(0)),
        "{service}"
    );
}

#[test]
fn a_killed_emulator_is_started_again_and_a_stop_is_in_time() {
    let container = ready();
    let before = service(&container)["service_pid"].as_u64().expect("a number");
    container.exec(&["kill", "-9", &before.to_string()]).success();
    wait_for("another emulator", Duration::from_secs(30), || {
        let now = service(&container);
        (now["status"] == "Up" && now["service_pid"].as_u64() != Some(before)).then_some(())
    });
    assert_eq!(findings(&container).len(), 5);
}
