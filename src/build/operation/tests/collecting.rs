//! Making room in a store that was really built in.

use std::path::Path;
use std::time::{Duration, SystemTime};

use medic_model::Arch;

use super::*;
use crate::operation::collect::survey_on;
use crate::store::Store;
use crate::store::gc::{Decision, Fate, Freed, Kind, Options, Plan, carry_out, plan};
use crate::store::verify::verify;

/// The plan of a collection that keeps what was used within this time.
fn planned(fixture: &Fixture, keep: Duration) -> (Survey, Plan) {
    let mut survey = survey_on(&fixture.machine(), &fixture.settings(), fixture).expect("read");
    let objects = std::mem::take(&mut survey.objects);
    let plan = plan(objects, Options { now: SystemTime::now(), keep, max_size: None });
    (survey, plan)
}

fn collect(fixture: &Fixture, keep: Duration) -> (Plan, Freed) {
    let (survey, plan) = planned(fixture, keep);
    let freed = survey.carry_out(&plan).expect("removed");
    (plan, freed)
}

fn gone(plan: &Plan) -> Vec<(Kind, Fate)> {
    let mut gone: Vec<_> =
        plan.decisions.iter().filter(|one| one.fate.goes()).map(|one| (one.object.kind, one.fate)).collect();
    gone.sort_by_key(|(kind, _)| *kind);
    gone
}

/// A component that needs another, and a package of it; then another version of all of them.
fn built_twice() -> Fixture {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe(
        "hello",
        "needs: [base]\n",
        &format!("{STEPS}\n      echo old >> \"$DESTDIR$PREFIX/lib/text\""),
    );
    fixture.package("hello");
    fixture.pack(&["hello"]).expect("packed");
    fixture.recipe("base", "", &format!("{STEPS}\n      echo new >> \"$DESTDIR$PREFIX/lib/text\""));
    fixture.recipe("hello", "needs: [base]\n", STEPS);
    fixture.pack(&["hello"]).expect("packed");
    fixture
}

#[test]
fn what_is_needed_now_stays_and_all_else_goes() {
    let fixture = built_twice();
    let (_, plan) = planned(&fixture, Duration::from_secs(3600));
    assert_eq!(gone(&plan), [], "everything was used within the hour");
    let (plan, freed) = collect(&fixture, Duration::ZERO);
    let log = (Kind::Log, Fate::Unheld);
    let (package, result) = ((Kind::Package, Fate::Old), (Kind::Result, Fate::Old));
    let tree = (Kind::Tree, Fate::Unheld);
    assert_eq!(gone(&plan), [log, log, package, result, result, tree, tree]);
    assert_eq!(freed, Freed { objects: 7, size: plan.sum(true).1 });
    assert!(plan.decisions.iter().all(|one| one.object.path.exists() != one.fate.goes()));
    let again = fixture.pack(&["hello"]).expect("found");
    assert!(!again[0].fresh, "the next build finds everything");
    assert_eq!(verify_store(&fixture.settings(), &fixture).expect("read").damaged, []);
}

#[test]
fn what_another_architecture_needs_stays() {
    let fixture = built_twice();
    let foreign = Arch::ALL.into_iter().find(|arch| Some(*arch) != Arch::host()).expect("one");
    let settings = Settings { arch: foreign, ..fixture.settings() };
    let names = ["hello".parse().expect("a name")];
    let pack =
        || build_packages_on(&fixture.machine(), &settings, &names, &fixture).expect("packed").remove(0);
    assert!(pack().fresh);
    collect(&fixture, Duration::ZERO);
    assert!(!pack().fresh && !fixture.pack(&["hello"]).expect("found")[0].fresh);
}

#[test]
fn what_cannot_be_known_without_building_stays() {
    let fixture = built_twice();
    let built = fixture.build(&["hello"]).expect("found");
    // What hello would be built from is not known, so neither is its key; and base comes out as before.
    fs_err::remove_file(fixture.store().join(format!("results/{}.json", built[0].action_key)))
        .expect("removed");
    let (survey, plan) = planned(&fixture, Duration::ZERO);
    assert_eq!(survey.packages.iter().map(|one| one.certain).collect::<Vec<_>>(), [false]);
    survey.carry_out(&plan).expect("removed");
    drop(survey);
    let packed = fixture.pack(&["hello"]).expect("packed").remove(0);
    let again = fixture.build(&["hello"]).expect("found");
    let name = "name: ComponentName(\"hello\")";
    assert_eq!((packed.fresh, again[1].digest), (false, built[1].digest));
    assert_eq!(
        fixture
            .events()
            .iter()
            .filter(|event| event.contains(name) && event.contains("progress: Finished"))
            .count(),
        2,
        "hello was built in the beginning only"
    );
}

#[test]
fn leftovers_and_orphans_go_whatever_their_age() {
    let fixture = built_twice();
    let store = fixture.store();
    let orphans = [
        "partial/client-x/half",
        "trees/0000000000000000000000000000000000000000000000000000000000000000/file",
        "packages/0000000000000000000000000000000000000000000000000000000000000000/x.pkg.tar.zst",
        "roots/0000000000000000000000000000000000000000000000000000000000000000/tree/file",
        "results/broken.json",
    ];
    let kept = [
        "partial/1111111111111111111111111111111111111111111111111111111111111111.0123456789abcdef",
        "volumes/data/precious",
    ];
    for path in orphans.iter().chain(&kept) {
        fs_err::create_dir_all(store.join(path).parent().expect("a folder")).expect("made");
        fs_err::write(store.join(path), "{").expect("written");
    }
    let (plan, freed) = collect(&fixture, Duration::from_secs(3600));
    assert_eq!(freed.objects, orphans.len(), "{:?}", gone(&plan));
    assert!(gone(&plan).iter().all(|(_, fate)| *fate == Fate::Orphan));
    assert!(orphans.iter().all(|path| !store.join(path).exists()));
    assert!(kept.iter().all(|path| store.join(path).exists()));
}

#[test]
fn a_broken_definition_removes_nothing() {
    let fixture = built_twice();
    fixture.write("packages/hello/package.yaml", "name: [");
    let error = survey_on(&fixture.machine(), &fixture.settings(), &fixture).expect_err("broken");
    assert_eq!(error.kind(), crate::ErrorKind::Definition);
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    assert!(status.success());
}

#[test]
fn after_any_part_of_it_the_store_is_sound() {
    let fixture = built_twice();
    let (survey, plan) = planned(&fixture, Duration::ZERO);
    drop(survey);
    let expected = fixture.pack(&["hello"]).expect("found").remove(0).sha256;
    // In the order in which they go: what stands for itself, then what that held.
    let mut going: Vec<Decision> = plan.decisions.iter().filter(|one| one.fate.goes()).cloned().collect();
    going.sort_by_key(|one| one.object.holders.is_some());
    for done in 0..=going.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let copied = folder.path().join("store");
        copy(fixture.store(), &copied);
        let moved = |one: &Decision| {
            let mut one = one.clone();
            one.object.path =
                copied.join(one.object.path.strip_prefix(fixture.store()).expect("of the store"));
            one
        };
        let part = Plan { decisions: going[..done].iter().map(moved).collect(), max_size: None };
        let store = Store::open(&copied, "test", &crate::report::Silent).expect("opened");
        carry_out(&part, &store).expect("removed");
        if let Some(next) = going.get(done).map(moved).filter(|next| next.object.path.is_dir()) {
            // Killed in the midst of a folder: it was moved aside, and half of it is gone.
            fs_err::rename(&next.object.path, store.layout().work().join("discarded-x")).expect("moved");
        }
        drop(store);
        let store = Store::open(&copied, "test", &crate::report::Silent).expect("opened again");
        assert_eq!(verify(&store).expect("read").damaged, [], "after {done} of {}", going.len());
        drop(store);
        let settings = Settings { store: copied, ..fixture.settings() };
        let names = ["hello".parse().expect("a name")];
        let packed = build_packages_on(&fixture.machine(), &settings, &names, &crate::report::Silent);
        let packed = packed.expect("found").remove(0);
        assert_eq!((packed.fresh, packed.sha256), (false, expected), "after {done} of {}", going.len());
    }
}
