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

/// Set for the test below when it is one of several builders at once: a text that is part of everything that it builds.
const MANY: &str = "MEDIC_BUILD_TEST_TEXT";

/// What one of several builders builds: three components, one after another, and a package of the last.
fn build_many(fixture: &Fixture, text: &str) -> Sha256 {
    let mut last = None;
    for (name, more) in [("one", ""), ("two", "needs: [one]\n"), ("three", "needs: [one, two]\n")] {
        let steps = format!("{STEPS}\n      echo {text} >> \"$DESTDIR$PREFIX/lib/text\"\n      sleep 0.1");
        fixture.recipe(name, more, &steps);
        last = fixture.build(&[name]).expect("built").pop();
    }
    fixture.package("three");
    let packed = fixture.pack(&["three"]).expect("packed").remove(0);
    let entry = |entry: &&medic_model::manifest::Entry| entry.path().as_str().ends_with("lib/text");
    assert!(packed.manifest.entries.iter().any(|e| entry(&e)));
    assert!(last.is_some_and(|last| last.name.as_str() == "three"));
    packed.sha256
}

/// Not a test by itself: one of the builders of [`builders_and_a_collection_at_once_are_all_right`].
#[test]
fn one_of_several_builders() {
    let (Ok(store), Ok(text)) = (std::env::var(CHILD), std::env::var(MANY)) else { return };
    let fixture = Fixture::new().with_store(store.as_ref());
    let packed = build_many(&fixture, &text);
    fs_err::write(format!("{store}.{text}"), packed.to_string()).expect("written");
}

fn child(test: &str, store: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("known"));
    command.args(["--exact", &format!("operation::tests::sharing::{test}")]);
    command.env(CHILD, store).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn builders_and_a_collection_at_once_are_all_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let texts = ["first", "second"];
    let mut children = texts
        .map(|text| child("one_of_several_builders", &store).env(MANY, text).spawn().expect("it starts"));
    // Another workspace, that needs nothing of what they build, removes all that it can for as long as they run.
    let other = Fixture::new().with_store(&store);
    let mut removed = 0;
    wait_for("both end", || {
        let mut survey = collect::survey_on(&other.machine(), &other.settings(), &other).expect("read");
        let options = crate::store::gc::Options {
            now: std::time::SystemTime::now(),
            keep: Duration::ZERO,
            max_size: None,
        };
        let plan = crate::store::gc::plan(std::mem::take(&mut survey.objects), options);
        removed += survey.carry_out(&plan).expect("removed").objects;
        drop(survey);
        children.iter_mut().all(|child| child.try_wait().expect("a child").is_some())
    });
    assert!(removed > 0, "they met");
    for (text, mut child) in texts.into_iter().zip(children) {
        assert!(child.wait().expect("a child").success(), "{text}");
        let packed =
            fs_err::read_to_string(folder.path().join(format!("store.{text}"))).expect("it was built");
        assert_eq!(packed, build_many(&Fixture::new(), text).to_string(), "as in a store of its own");
    }
    assert_eq!(verify_store(&other.settings(), &other).expect("read").damaged, []);
}

#[test]
fn who_waits_goes_on_when_the_first_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let mut first = child("the_builder_to_be_killed", &store).spawn().expect("it starts");
    wait_for("the step runs", || store.join("work/slow/build").is_dir());
    let second = Fixture::new().with_store(&store);
    second.recipe("good", "", STEPS);
    second.recipe("slow", "needs: [good]\n", STEPS);
    let built = std::thread::scope(|scope| {
        let building = scope.spawn(|| second.build(&["slow"]).expect("built"));
        wait_for("the second waits", || second.events().iter().any(|event| event.contains("Waiting")));
        first.kill().expect("it runs");
        first.wait().expect("a child");
        building.join().expect("no panic")
    });
    assert_eq!((built[0].fresh, built[1].fresh), (false, true), "what was done is kept");
    assert_eq!(fs_err::read_to_string(built[1].tree.join("lib/text")).expect("there"), "hello, slow\n");
    assert_eq!(verify_store(&second.settings(), &second).expect("read").damaged, []);
}

#[test]
fn who_only_looks_does_not_wait() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.build(&["hello"]).expect("built");
    let _builder = crate::store::Store::open(fixture.store(), "a long build", &fixture).expect("free");
    let why = fixture.why(&["hello"]).expect("read");
    assert!(matches!(why[0].reason, Reason::Stored { .. }), "{why:?}");
    assert!(!fixture.events().iter().any(|event| event.contains("Waiting")));
}
