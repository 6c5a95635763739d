//! Real builds of small recipes: in the real sandbox, with this machine's own programs as the build root and a compiler that
//! is none.

mod caching;
mod checked;
mod collecting;
mod damage;
mod documents;
mod failing;
mod fixture;
mod hostile;
mod mirror;
mod reasons;
mod sharing;
mod shells;
mod sources;
mod timing;
mod twice;

use super::*;
use fixture::Fixture;

/// Installs its source; says what it sees.
const STEPS: &str = "
      mkdir -p \"$DESTDIR$PREFIX/lib\"
      cat hello.txt > \"$DESTDIR$PREFIX/lib/text\"";

#[test]
fn a_component_is_built_once_and_then_found() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    let built = fixture.build(&["hello"]).expect("built");
    assert!(built[0].fresh);
    assert_eq!(fs_err::read_to_string(built[0].tree.join("lib/text")).expect("there"), "hello, hello\n");
    let again = fixture.build(&["hello"]).expect("found");
    assert!(!again[0].fresh);
    assert_eq!((again[0].action_key, again[0].digest), (built[0].action_key, built[0].digest));
    let events = fixture.events();
    let steps = events.iter().filter(|event| event.contains("Step {")).count();
    assert_eq!(steps, 1, "the second run ran no step: {events:?}");
    assert!(events.iter().any(|event| event.contains("Stored")), "{events:?}");
}

#[test]
fn an_unchanged_build_does_nothing() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    fixture.pack(&["hello"]).expect("packed");
    let before = fixture.events().len();
    let again = fixture.pack(&["hello"]).expect("found");
    assert!(!again[0].fresh);
    let events = &fixture.events()[before..];
    assert!(!events.iter().any(|event| event.contains("Step {") || event.contains("Fetch")), "{events:?}");
}

#[test]
fn every_need_is_seen_and_none_can_be_changed() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("middle", "needs: [base]\n", STEPS);
    let steps = "
      cat $SYSROOT/base/lib/text $SYSROOT/middle/lib/text > seen
      if echo x > $SYSROOT/base/lib/text; then exit 9; fi
      if echo x > $SYSROOT/base/more; then exit 9; fi
      if echo x > /build/files/note; then exit 9; fi
      mkdir -p $DESTDIR$PREFIX
      cat seen /build/files/note > $DESTDIR$PREFIX/seen
      echo $PREFIX $ARCH $VERSION $SOURCE_DATE_EPOCH $JOBS $HOME $TZ $LC_ALL $PWD $EXTRA >> $DESTDIR$PREFIX/seen";
    let more = "needs: [middle]\nfiles: [note]\nenvironment: {EXTRA: '$(id) \"x\"'}\n\
                exceptions: [{check: build-path, path: seen, reason: it is what is tested}]\n";
    fixture.recipe("top", more, steps);
    fixture.write("recipes/top/note", "a note\n");
    let built = fixture.build(&["top"]).expect("built");
    let top = built.last().expect("three");
    let seen = fs_err::read_to_string(top.tree.join("seen")).expect("there");
    assert_eq!(
        seen,
        "hello, base\nhello, middle\na note\n\
         /srv/software/top/current/default x64 1 1767225600 2 /build UTC C.UTF-8 /build/src $(id) \"x\"\n"
    );
}

#[test]
fn an_input_rebuilt_to_the_same_bytes_rebuilds_nothing() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("top", "needs: [base]\n", STEPS);
    let first = fixture.build(&["top"]).expect("built");
    fixture.recipe("base", "", &format!("{STEPS} # another way to the same"));
    let second = fixture.build(&["top"]).expect("built");
    assert_eq!((second[0].fresh, second[1].fresh), (true, false));
    assert_ne!(second[0].action_key, first[0].action_key);
    assert_eq!(second[0].digest, first[0].digest);
    fixture.recipe("base", "", &format!("{STEPS}\n      echo more >> $DESTDIR$PREFIX/lib/text"));
    let third = fixture.build(&["top"]).expect("built");
    assert_eq!((third[0].fresh, third[1].fresh), (true, true));
}

#[test]
fn a_summary_or_a_location_rebuilds_nothing() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.build(&["hello"]).expect("built");
    fixture.change("recipes/hello/recipe.yaml", "summary: x", "summary: said better");
    fixture.change(
        "recipes/hello/recipe.yaml",
        "    path:",
        "    urls: ['https://example.org/hello.txt']\n    path:",
    );
    assert!(!fixture.build(&["hello"]).expect("found")[0].fresh);
}

#[test]
fn patches_apply_exactly_or_not_at_all() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "patches: [better.patch]\n", STEPS);
    let patch = "--- a/hello.txt\n+++ b/hello.txt\n@@ -1 +1 @@\n-hello, hello\n+hello, world\n";
    fixture.write("recipes/hello/better.patch", patch);
    let built = fixture.build(&["hello"]).expect("built");
    assert_eq!(fs_err::read_to_string(built[0].tree.join("lib/text")).expect("there"), "hello, world\n");
    fixture.change("recipes/hello/better.patch", "-hello, hello", "-hello, other");
    let error = fixture.build(&["hello"]).expect_err("it does not apply");
    assert!(error.to_string().contains("'patch better.patch'"), "{error}");
    fixture.change("recipes/hello/recipe.yaml", "[better.patch]", "[absent.patch]");
    let error = fixture.build(&["hello"]).expect_err("it is not there").to_string();
    assert!(error.contains("recipes/hello/recipe.yaml:7:11: 'patches' names 'absent.patch'"), "{error}");
}

#[test]
fn the_test_looks_at_the_result_and_cannot_change_it() {
    let fixture = Fixture::new();
    let test = |text: &str| format!("test: |\n  {text}\n");
    fixture.recipe("hello", &test("grep -q hello $DESTDIR$PREFIX/lib/text"), STEPS);
    fixture.build(&["hello"]).expect("built");
    fixture.recipe("hello", &test("echo x > $DESTDIR$PREFIX/lib/text"), STEPS);
    let error = fixture.build(&["hello"]).expect_err("read-only").to_string();
    assert!(error.contains("the step 'test' ended with status"), "{error}");
}

#[test]
fn two_stores_give_the_same_bytes() {
    let package = |fixture: &Fixture| {
        fixture.recipe("hello", "licence_files: [hello.txt]\n", STEPS);
        fixture.package("hello");
        fixture.pack(&["hello"]).expect("packed").remove(0)
    };
    let (first, second) = (Fixture::new(), Fixture::new());
    let (one, two) = (package(&first), package(&second));
    assert_eq!((one.sha256, &one.manifest), (two.sha256, &two.manifest));
    assert_ne!(one.archive, two.archive);
    let licence =
        |entry: &medic_model::manifest::Entry| entry.path().as_str().ends_with("licenses/hello/hello.txt");
    assert!(one.manifest.entries.iter().any(licence));
}
