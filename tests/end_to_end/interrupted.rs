//! Builds that are cut off, and builds that meet.

use std::process::Stdio;
use std::time::Duration;

use medic_tests::command::{Outcome, call};
use medic_tests::fixture::Fixture;
use medic_tests::{run_mark, wait_for};

const RECIPE: &str = "recipes/hello/recipe.yaml";
const BUILD: [&str; 2] = ["build-package", "hello"];

/// A workspace whose build takes some seconds, started in the background; with the file that its output goes to.
fn slow(name: &str, seconds: u32) -> (Fixture, std::process::Child) {
    let fixture = Fixture::new(name);
    // The name makes the recipe another one in each run, so that no earlier result is found.
    let pause = format!("      sleep {seconds} # {name} {}\n      mkdir", run_mark());
    fixture.change(RECIPE, "      mkdir", &pause);
    let output = std::fs::File::create(fixture.join("output")).expect("writable");
    let child = fixture
        .command(&BUILD)
        .stdout(Stdio::null())
        .stderr(output)
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("the step runs", Duration::from_secs(120), || {
        output_of(&fixture).contains("compile").then_some(())
    });
    (fixture, child)
}

fn output_of(fixture: &Fixture) -> String {
    std::fs::read_to_string(fixture.join("output")).unwrap_or_default()
}

/// The processes whose command line holds `sleep` and this text.
fn sleeping(text: &str) -> Outcome {
    // The brackets keep the search from finding itself.
    call("sh", &["-c", &format!("grep -l -a -e 's[l]eep {text}' /proc/[0-9]*/cmdline 2>/dev/null || true")])
}

#[test]
fn ctrl_c_leaves_nothing_behind_and_the_next_run_goes_on() {
    let (fixture, mut child) = slow("interrupted", 4);
    std::thread::sleep(Duration::from_millis(500));
    call("kill", &["-INT", &child.id().to_string()]).success();
    let status = wait_for("the builder ends", Duration::from_secs(10), || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(130), "{}", output_of(&fixture));
    assert!(output_of(&fixture).contains("run it again"), "{}", output_of(&fixture));
    let step = format!("4 # interrupted {}", run_mark());
    wait_for("no process of the sandbox is left", Duration::from_secs(5), || {
        sleeping(&step).text().is_empty().then_some(())
    });
    fixture.xtask(&BUILD).success();
}

#[test]
fn a_killed_builder_leaves_a_usable_store() {
    let (fixture, mut child) = slow("killed", 3);
    std::thread::sleep(Duration::from_millis(300));
    child.kill().expect("it runs");
    child.wait().expect("a child");
    fixture.xtask(&BUILD).success();
}

#[test]
fn of_two_builds_at_once_one_waits_and_says_for_whom() {
    let (fixture, mut child) = slow("first-of-two", 4);
    let second = Fixture::new("second-of-two");
    let outcome = second.xtask(&BUILD).success();
    assert!(
        outcome.stderr.contains("waiting for") && outcome.stderr.contains(&child.id().to_string()),
        "{}",
        outcome.stderr
    );
    let status = child.wait().expect("a child");
    assert!(status.success(), "{}", output_of(&fixture));
}
