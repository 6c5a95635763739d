//! What was built is checked: after the steps, and when it is packed.

use super::*;
use crate::ErrorKind;

/// A component in which everything is wrong that a shell can do.
const WRONG: &str = "
      root=$DESTDIR$PREFIX
      mkdir -p $root/bin $DESTDIR/etc
      echo x > $DESTDIR/etc/hello.conf
      echo 'prefix=/build/out' > $root/hello.pc
      ln -s /usr/lib $root/absolute
      ln -s nothing $root/broken
      mkfifo $root/pipe
      touch $root/Name $root/name $root/open $root/setuid
      chmod 666 $root/open
      chmod 4755 $root/setuid
      printf '\\177ELF' > $root/bin/hello";

#[test]
fn everything_that_is_wrong_is_told_at_once_and_the_work_is_kept() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", WRONG);
    let error = fixture.build(&["hello"]).expect_err("nothing of it is right");
    assert_eq!(error.kind(), ErrorKind::Step);
    let text = error.to_string();
    for check in [
        "outside-prefix",
        "build-path",
        "link-leaves-tree",
        "broken-link",
        "special-file",
        "case-collision",
        "world-writable",
        "setuid",
        "damaged-binary",
    ] {
        assert!(text.contains(&format!("\n{check}: ")), "{check} is not in:\n{text}");
    }
    assert!(text.starts_with("hello: the checks on what was built have 9 findings"), "{text}");
    assert!(fixture.store().join("work/hello/build/out/etc/hello.conf").is_file(), "the work folder is kept");
    assert!(text.contains("its build folder, kept until the next run: "), "{text}");
    assert_eq!(fs_err::read_dir(fixture.store().join("trees")).expect("there").count(), 0, "nothing is kept");
}

#[test]
fn an_exception_that_is_taken_back_is_noticed_without_a_build() {
    let fixture = Fixture::new();
    let steps = format!("{STEPS}\n      echo /build/src > $DESTDIR$PREFIX/lib/path");
    let exception = "exceptions: [{check: build-path, path: lib/path, reason: it is an example}]\n";
    fixture.recipe("hello", exception, &steps);
    fixture.package("hello");
    let first = fixture.pack(&["hello"]).expect("it is meant").remove(0);
    let again = fixture.pack(&["hello"]).expect("it is meant").remove(0);
    assert!(!again.fresh);
    let recipe = "recipes/hello/recipe.yaml";
    fixture.change(recipe, exception, "");
    let before = fixture.events().len();
    let error = fixture.pack(&["hello"]).expect_err("it is meant no longer");
    assert_eq!(error.kind(), ErrorKind::Step);
    assert!(error.to_string().contains("lib/path: /build/src"), "{error}");
    assert!(!fixture.events()[before..].iter().any(|event| event.contains("Step {")), "nothing was built");
    fixture.change(recipe, "licence: Zlib\n", &format!("licence: Zlib\n{exception}"));
    let back = fixture.pack(&["hello"]).expect("it is meant again").remove(0);
    assert_eq!((back.sha256, back.fresh), (first.sha256, false));
}

#[test]
fn a_package_checked_by_another_builder_is_checked_again() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    let archive = fixture.pack(&["hello"]).expect("packed").remove(0).archive;
    let record = archive.parent().expect("a folder").join("checks.json");
    let written = fs_err::read(&record).expect("there");
    for other in [format!("{{\"with\": \"{}\"}}", "0".repeat(64)), "damaged".to_owned()] {
        fs_err::write(&record, other).expect("written");
        assert!(!fixture.pack(&["hello"]).expect("found").remove(0).fresh);
        assert_eq!(fs_err::read(&record).expect("there"), written);
    }
}

#[test]
fn the_licence_of_what_is_linked_goes_with_it() {
    let fixture = Fixture::new();
    fixture.recipe("base", "licence_files: [hello.txt]\n", STEPS);
    fixture.recipe("hello", "needs: [base]\nlicence_files: [hello.txt]\n", STEPS);
    fixture.package("hello");
    let built = fixture.pack(&["hello"]).expect("packed").remove(0);
    for component in ["hello", "base"] {
        let path = format!("share/licenses/{component}/hello.txt");
        let holds = built.manifest.entries.iter().any(|entry| entry.path().as_str().ends_with(&path));
        assert!(holds, "{path} is missing");
    }
    fixture.recipe("base", "", STEPS);
    let error = fixture.pack(&["hello"]).expect_err("the text is missing").to_string();
    assert!(error.contains("licence-missing") && error.contains("share/licenses/base"), "{error}");
}
