//! The reasons that are given for a build are those for which it is then made.

use super::super::{Reason, Rebuild};
use super::STEPS;
use super::fixture::Fixture;

#[track_caller]
fn reasons(fixture: &Fixture) -> [Reason; 2] {
    let all = fixture.why(&["top"]).expect("said");
    let [base, top]: [Rebuild; 2] = all.try_into().expect("two");
    assert_eq!((base.name.as_str(), top.name.as_str()), ("base", "top"));
    [base.reason, top.reason]
}

fn two() -> Fixture {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("top", "needs: [base]\n", STEPS);
    fixture
}

#[test]
fn never_built_then_stored() {
    let fixture = two();
    assert_eq!(reasons(&fixture), [Reason::Never, Reason::Never]);
    let built = fixture.build(&["top"]).expect("built");
    let key = |index: usize| Reason::Stored { key: built[index].action_key };
    assert_eq!(reasons(&fixture), [key(0), key(1)]);
}

#[test]
fn the_changed_input_is_named_and_what_needs_it_waits() {
    let fixture = two();
    let first = fixture.build(&["top"]).expect("built");
    fixture.recipe("base", "", &format!("{STEPS}\n      echo more >> \"$DESTDIR$PREFIX/lib/text\""));
    let [base, top] = reasons(&fixture);
    let Reason::Changed { old, new, changes } = base else { panic!("{base:?}") };
    assert_eq!(old, first[0].action_key);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].input.as_str(), changes[0].old.as_deref()), ("step make it, line 3", None));
    assert_eq!(changes[0].new.as_deref(), Some("echo more >> \"$DESTDIR$PREFIX/lib/text\""));
    assert_eq!(top, Reason::Waits { needs: vec!["base".parse().expect("a name")] });
    let second = fixture.build(&["base"]).expect("built");
    assert_eq!(second[0].action_key, new);
    let [_, top] = reasons(&fixture);
    let Reason::Changed { changes, .. } = top else { panic!("{top:?}") };
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].input, "need base");
    assert_eq!(changes[0].old, Some(first[0].digest.to_string()));
    assert_eq!(changes[0].new, Some(second[0].digest.to_string()));
}

#[test]
fn a_result_whose_tree_is_gone_is_lost() {
    let fixture = two();
    let built = fixture.build(&["top"]).expect("built");
    crate::store::remove_all(&built[1].tree).expect("removed");
    let [base, top] = reasons(&fixture);
    assert_eq!(base, Reason::Stored { key: built[0].action_key });
    assert_eq!(top, Reason::Lost { key: built[1].action_key });
}
