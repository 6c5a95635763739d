//! What is built twice under different conditions.

use super::*;
use crate::reproduce::{Reproduced, Scratch, What, reproduce_on};
use crate::sandbox::{Bubblewrap, RunnerKind};

fn twice(fixture: &Fixture) -> Reproduced {
    let parent = tempfile::tempdir().expect("a folder");
    let scratch = Scratch::new(parent.path()).expect("made");
    let plan =
        crate::reproduce::plan(&fixture.settings(), RunnerKind::Bubblewrap, &scratch).expect("planned");
    let root = std::path::Path::new("/");
    let side: (&dyn Runner, _) = (&Bubblewrap, Some(root));
    let names = ["hello".parse().expect("a name")];
    reproduce_on(&[side, side], &plan, &scratch, &names, fixture).expect("built twice")
}

/// `what` is run and its output is installed as the file `lib/leak`.
fn leaking(what: &str) -> Reproduced {
    let fixture = Fixture::new();
    fixture.recipe(
        "hello",
        "",
        &format!("{STEPS}\n      {{ echo same; {what}; }} > $DESTDIR$PREFIX/lib/leak"),
    );
    fixture.package("hello");
    twice(&fixture)
}

/// The offset of the only difference, which must be in the leaking file.
#[track_caller]
fn offset(found: &Reproduced) -> u64 {
    let [component] = &found.components[..] else { panic!("one component: {found:?}") };
    let [difference] = &component.differences[..] else { panic!("one difference: {found:?}") };
    assert_eq!(difference.path, "lib/leak");
    let What::Content(content) = &difference.what else { panic!("its bytes: {found:?}") };
    let [package] = &found.packages[..] else { panic!("one package: {found:?}") };
    assert_eq!(package.because_of, ["hello".parse().expect("a name")]);
    let of_package: Vec<_> = package.differences.iter().map(|one| (one.path.as_str(), &one.what)).collect();
    assert_eq!(of_package, [("srv/software/hello/v1/x64/lib/leak", &difference.what)]);
    content.offset
}

#[test]
fn the_same_comes_out_whatever_the_conditions() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe(
        "hello",
        "needs: [base]\n",
        &format!("{STEPS}\n      ln -s text $DESTDIR$PREFIX/lib/link"),
    );
    fixture.package("hello");
    let found = twice(&fixture);
    assert!(found.is_same(), "{found:?}");
    assert_eq!((found.components.len(), found.packages.len()), (2, 1));
    assert_eq!(found.packages[0].first, found.packages[0].second);
    assert!(found.second[0].fresh, "the second build takes nothing from the first");
    assert_ne!(found.first[0].archive, found.second[0].archive);
}

#[test]
fn what_leaks_into_a_result_is_found_with_file_and_offset() {
    for (what, expected) in [
        ("hostname || cat /proc/sys/kernel/hostname", 5),
        ("umask", 6),
        ("nproc", 5),
        ("echo $JOBS", 5),
        ("date +%:z", 5),
        ("echo $LC_ALL", 6),
        ("echo time $(date +%N)", 10),
        ("head -c 8 /dev/urandom", 5),
    ] {
        let found = leaking(what);
        assert!(!found.is_same(), "'{what}' was not found");
        let offset = offset(&found);
        assert!(offset >= expected, "'{what}' at {offset}");
    }
}

#[test]
fn a_need_that_differs_is_named_as_the_cause() {
    let fixture = Fixture::new();
    let random = format!("{STEPS}\n      head -c 8 /dev/urandom > $DESTDIR$PREFIX/lib/id");
    fixture.recipe("base", "", &random);
    let copy = format!("{STEPS}\n      cp $SYSROOT/base/lib/id $DESTDIR$PREFIX/lib/id");
    fixture.recipe("hello", "needs: [base]\n", &copy);
    fixture.package("hello");
    let found = twice(&fixture);
    let [base, hello] = &found.components[..] else { panic!("two components: {found:?}") };
    assert_eq!((base.because_of.len(), hello.because_of.len()), (0, 1));
    assert_eq!(hello.because_of, ["base".parse().expect("a name")]);
}

#[test]
fn a_file_and_a_mode_that_come_and_go_are_found() {
    let steps = "
      if [ \"$(umask)\" = 0022 ]; then touch $DESTDIR$PREFIX/lib/first; else touch $DESTDIR$PREFIX/lib/second; fi
      [ \"$(umask)\" = 0022 ] || chmod +x $DESTDIR$PREFIX/lib/text";
    let fixture = Fixture::new();
    fixture.recipe("hello", "", &format!("{STEPS}{steps}"));
    fixture.package("hello");
    let found = twice(&fixture);
    let shown: Vec<String> =
        found.components[0].differences.iter().map(|one| format!("{} {:?}", one.path, one.what)).collect();
    assert_eq!(
        shown,
        ["lib/first OnlyFirst", "lib/second OnlySecond", "lib/text Mode { first: 420, second: 493 }"]
    );
}
