//! The order of a build by measured time, its shares, and its record.

use super::*;
use crate::timeline::{State, Timeline, newest};

fn last(fixture: &Fixture) -> Timeline {
    newest(fixture.store(), |_| true).expect("a record")
}

fn state(timeline: &Timeline, name: &str) -> State {
    timeline.component(&name.parse().expect("a name")).expect("it is of the graph").state
}

#[test]
fn a_build_is_recorded_with_its_steps() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", &format!("\n      sleep 0.1{STEPS}"));
    fixture.recipe("top", "needs: [base]\n", STEPS);
    let built = fixture.build(&["top"]).expect("built");
    let record = last(&fixture);
    assert_eq!((record.jobs, record.command_line.as_str(), record.components.len()), (2, "the test", 2));
    let [base, top] = record.components.as_slice() else { panic!("{record:?}") };
    let (base_run, top_run) = (base.run.as_ref().expect("it ran"), top.run.as_ref().expect("it ran"));
    assert_eq!((base.state, base.key), (State::Built, Some(built[0].action_key)));
    assert!(base_run.milliseconds() >= 100 && base_run.end <= top_run.start, "{record:?}");
    assert!(record.prepared <= base_run.start && top_run.end <= record.milliseconds, "{record:?}");
    let [step] = base_run.steps.as_slice() else { panic!("{base_run:?}") };
    assert_eq!((step.name.as_str(), step.jobs), ("make it", 2), "alone, it has all jobs");
    assert!(base_run.start <= step.start && step.start + 100 <= step.end && step.end <= base_run.end);
    assert_eq!(record.critical_path(), ["base", "top"].map(|name| name.parse().expect("a name")));
    fixture.build(&["top"]).expect("found");
    assert_eq!(last(&fixture), record, "a build that builds nothing leaves no record");
    fixture.change("recipes/top/recipe.yaml", "make it", "make it so");
    fixture.build(&["top"]).expect("built");
    assert_eq!(
        (state(&last(&fixture), "base"), state(&last(&fixture), "top")),
        (State::Stored, State::Built)
    );
}

#[test]
fn a_failed_build_is_recorded_too() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", "\n      sleep 0.05; exit 1");
    fixture.recipe("top", "needs: [base]\n", STEPS);
    fixture.build(&["top"]).expect_err("it fails");
    let record = last(&fixture);
    assert_eq!((state(&record, "base"), state(&record, "top")), (State::Failed, State::Skipped));
    let base = record.components[0].run.as_ref().expect("it ran");
    assert!(base.steps[0].end >= base.steps[0].start + 50, "{base:?}");
}

#[test]
fn what_took_longest_the_last_time_is_begun_first() {
    let fixture = Fixture::new();
    let recipes = |more: &str| {
        fixture.recipe("a-quick", "", &format!("{STEPS}{more}"));
        fixture.recipe("b-quick", "", &format!("{STEPS}{more}"));
        fixture.recipe("c-slow", "", &format!("\n      sleep 0.7{STEPS}{more}"));
    };
    let started = || {
        let events = fixture.events();
        let names = events.iter().filter(|event| event.contains("Started { log")).map(|event| {
            let name = ["a-quick", "b-quick", "c-slow"].iter().position(|name| event.contains(name));
            name.expect("one of them")
        });
        names.collect::<Vec<_>>()
    };
    let names = ["a-quick", "b-quick", "c-slow"];
    recipes("");
    fixture.build(&names).expect("built");
    assert_eq!(started()[2], 2, "nothing is known: by name");
    recipes(" # again");
    fixture.build(&names).expect("built");
    // Two are begun at once, and either may say so first.
    assert!(started()[3..5].contains(&2), "{:?}", started());
}
