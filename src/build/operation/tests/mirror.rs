//! Sources without a build.

use super::super::{Fetched, Vendored};
use super::STEPS;
use super::fixture::Fixture;
use crate::fetch::Mirror;

fn two() -> Fixture {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("top", "needs: [base]\n", STEPS);
    fixture.recipe("other", "", STEPS);
    fixture
}

fn components(fetched: &[Fetched]) -> Vec<String> {
    let mut all: Vec<String> =
        fetched.iter().flat_map(|one| &one.components).map(ToString::to_string).collect();
    all.sort();
    all
}

#[test]
fn sources_are_fetched_of_all_that_is_needed_or_of_everything() {
    let fixture = two();
    let some = fixture.fetch(&["top"]).expect("fetched");
    assert_eq!(components(&some), ["base", "top"]);
    // And the compiler, which is no component's.
    assert_eq!(some.iter().filter(|one| one.components.is_empty()).count(), 1);
    assert!(some.iter().all(|one| one.path.is_file() && one.size > 0));
    assert_eq!(components(&fixture.fetch(&[]).expect("fetched")), ["base", "other", "top"]);
}

#[test]
fn one_error_names_everything_that_is_missing() {
    let fixture = two();
    for name in ["base", "top"] {
        fs_err::remove_file(fixture.workspace().join(format!("recipes/{name}/hello.txt"))).expect("removed");
    }
    let error = fixture.fetch(&["top"]).expect_err("missing").to_string();
    assert!(error.contains("recipes/base/hello.txt") && error.contains("recipes/top/hello.txt"), "{error}");
}

#[test]
fn a_vendored_folder_is_all_that_another_machine_needs() {
    let fixture = two();
    let folder = fixture.workspace().join("vendored");
    let first = fixture.vendor(&["top"], &folder).expect("filled");
    assert_eq!((first.len(), first.iter().all(|one| one.fresh)), (3, true));
    // One was damaged since: it alone is written again.
    fs_err::remove_file(&first[0].path).expect("removed");
    fs_err::write(&first[0].path, "other bytes").expect("written");
    let second = fixture.vendor(&["top"], &folder).expect("filled");
    let fresh: Vec<&Vendored> = second.iter().filter(|one| one.fresh).collect();
    assert_eq!(fresh.iter().map(|one| one.sha256).collect::<Vec<_>>(), [first[0].sha256]);
    let left: Vec<_> = fs_err::read_dir(folder.join("sha256")).expect("read").collect();
    assert_eq!(left.len(), 3, "nothing else is left there: {left:?}");

    for name in ["base", "top"] {
        fs_err::remove_file(fixture.workspace().join(format!("recipes/{name}/hello.txt"))).expect("removed");
    }
    let store = fixture.workspace().join("another-store");
    let elsewhere = fixture.with_store(&store).with_mirror(Mirror::Directory(folder));
    let built = elsewhere.build(&["top"]).expect("built from the mirror alone");
    assert!(built.iter().all(|one| one.fresh));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let fixture = two();
    fixture.write("workspace/taken", "a file");
    let error =
        fixture.vendor(&["top"], &fixture.workspace().join("taken")).expect_err("no folder").to_string();
    assert!(error.contains("taken/sha256"), "{error}");
}
