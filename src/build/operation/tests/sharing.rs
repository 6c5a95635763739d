//! Builders that are killed, and builders that meet.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// Set for the test below when it is a builder to be killed: where its workspace is.
const CHILD: &str = "MEDIC_BUILD_TEST_STORE";
const SLOW: &str = "
      echo begun
      sleep 30";

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}: it never happened");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Not a test by itself: what [`a_killed_builder_leaves_a_usable_store`] kills.
#[test]
fn the_builder_to_be_killed() {
    let Ok(store) = std::env::var(CHILD) else { return };
    let fixture = Fixture::new().with_store(store.as_ref());
    fixture.recipe("good", "", STEPS);
    fixture.recipe("slow", "needs: [good]\n", SLOW);
    let _ = fixture.build(&["slow"]);
}

#[test]
fn a_killed_builder_leaves_a_usable_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let mut child = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", "operation::tests::sharing::the_builder_to_be_killed"])
        .env(CHILD, &store)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = || {
        let logs = std::fs::read_dir(store.join("logs/slow")).into_iter().flatten().flatten();
        logs.map(|log| std::fs::read_to_string(log.path()).unwrap_or_default())
            .any(|log| log.contains("begun"))
    };
    wait_for("the step runs", begun);
    child.kill().expect("it runs");
    child.wait().expect("a child");
    let fixture = Fixture::new().with_store(&store);
    fixture.recipe("good", "", STEPS);
    fixture.recipe("slow", "needs: [good]\n", STEPS);
    let built = fixture.build(&["slow"]).expect("built");
    assert_eq!((built[0].fresh, built[1].fresh), (false, true), "what was done is kept");
    assert_eq!(
        fs_err::read_dir(store.join("work"))
            .expect("there")
            .flatten()
            .filter(|e| e.file_name() == "slow")
            .count(),
        0
    );
}

#[test]
fn of_two_builders_one_waits_and_says_for_whom() {
    let (first, folder) = (Fixture::new(), tempfile::tempdir().expect("a folder"));
    let second = Fixture::new().with_store(first.store());
    first.recipe("slow", "", &format!("\n      sleep 1{STEPS}"));
    second.recipe("slow", "", &format!("\n      sleep 1{STEPS}"));
    drop(folder);
    std::thread::scope(|scope| {
        let building = scope.spawn(|| first.build(&["slow"]).expect("built"));
        wait_for("the first builds", || first.events().iter().any(|event| event.contains("Step {")));
        let found = second.build(&["slow"]).expect("found");
        assert!(building.join().expect("no panic")[0].fresh);
        assert!(!found[0].fresh, "what the first built is found");
    });
    let events = second.events();
    let waiting = events.iter().find(|event| event.contains("Waiting")).expect("it waited");
    assert!(waiting.contains(&format!("{}: the test", std::process::id())), "{waiting}");
}
