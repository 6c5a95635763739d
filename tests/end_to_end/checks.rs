//! Checks on what was built by the real toolchain, and lint.

use medic_tests::fixture::Fixture;
use medic_tests::xtask::xtask;

/// The exit codes of `docs/exit-codes.md`.
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const STEP: i32 = 5;

const RECIPE: &str = "recipes/hello/recipe.yaml";
const BUILD: [&str; 2] = ["build-package", "hello"];

#[test]
fn what_was_built_badly_is_told_at_once_and_may_be_declared() {
    let fixture = Fixture::new("badly-built");
    let compile = "\"$CC\" $CFLAGS $LDFLAGS -pie -o \"$DESTDIR$PREFIX/bin/hello\" hello.c\n";
    let badly = "\"$CC\" -c -g hello.c\n      \"$CC\" -static -o \"$DESTDIR$PREFIX/bin/hello\" hello.o\n      cp hello.o \"$DESTDIR$PREFIX/bin/\"\n      echo \"prefix=$DESTDIR\" > \"$DESTDIR$PREFIX/bin/hello.pc\"\n";
    fixture.change(RECIPE, compile, badly);
    let outcome = fixture.xtask(&BUILD).ended_with(STEP);
    for says in [
        "no-pie: ",
        "debug-info: ",
        "build-path: ",
        "bin/hello.pc: /build/out",
        "exceptions: [{check: no-pie, path: 'bin/hello'",
    ] {
        assert!(outcome.stderr.contains(says), "no {says} in:\n{}", outcome.stderr);
    }
    let exceptions = "exceptions:
  - {check: no-pie, path: bin/hello, reason: a test of exceptions}
  - {check: debug-info, path: bin/hello.o, reason: a test of exceptions}
  - {check: build-path, path: 'bin/*', reason: a test of exceptions}
steps:";
    fixture.change(RECIPE, "steps:", exceptions);
    fixture.xtask(&BUILD).success();
    // Nothing is compiled for it: the component and its package are in the store.
    fixture.change(RECIPE, "check: no-pie, path: bin/hello,", "check: no-pie, path: bin/other,");
    let outcome = fixture.xtask(&BUILD).ended_with(STEP).says("no-pie: ").says("stale-exception: ");
    assert!(!outcome.stderr.contains("compile ("), "{}", outcome.stderr);
}

#[test]
fn the_recipes_of_this_workspace_have_no_fault() {
    let outcome = xtask(&["lint"]).success();
    assert!(outcome.stdout.contains("0 errors"), "{}", outcome.stdout);
}

#[test]
fn lint_names_file_and_line_and_fails_on_errors_only() {
    let fixture = Fixture::new("lint");
    fixture.xtask(&["lint"]).success();
    fixture.change(RECIPE, "summary: Says hello once a second", "summary: says hello once a second.");
    let warned = fixture.xtask(&["lint"]).success();
    assert!(
        warned.stdout.contains("recipes/hello/recipe.yaml:4:1: warning: summary-style: "),
        "{}",
        warned.stdout
    );
    fixture.change(RECIPE, "      mkdir", "      curl -O https://example.org/x\n      mkdir");
    let outcome = fixture.xtask(&["lint", "hello", "--json"]).ended_with(INPUT);
    let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((&answer["format"], &answer["errors"]), (&1.into(), &1.into()));
    let error =
        answer["remarks"].as_array().expect("a list").iter().find(|remark| remark["level"] == "error");
    let error = error.expect("an error");
    assert_eq!(
        (&error["check"], &error["file"], &error["line"]),
        (&"step-network".into(), &RECIPE.into(), &15.into())
    );
}

#[test]
fn every_check_is_explained() {
    let explained = xtask(&["lint", "--explain", "no-pie"]).success();
    assert!(
        explained.stdout.contains("Why it matters")
            && explained.stdout.contains("exceptions: [{check: no-pie")
    );
    xtask(&["lint", "--explain", "no-pei"]).ended_with(USAGE).says("did you mean 'no-pie'?");
    let list = xtask(&["lint", "--list", "--json"]).success();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("JSON");
    let checks = list["checks"].as_array().expect("a list");
    let page = std::fs::read_to_string(medic_tests::workspace().join("docs/checks.md")).expect("there");
    for check in checks {
        let id = check["id"].as_str().expect("a name");
        assert!(page.contains(&format!("\n### {id}\n")), "{id} is not in docs/checks.md");
    }
}
