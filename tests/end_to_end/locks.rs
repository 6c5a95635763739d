//! Locks, and images that extend others, through the program.

use medic_tests::fixture::Fixture;
use medic_tests::{run, run_mark};
use serde_json::Value;

const IMAGE: &str = "name: hello
title: Hello
version_of: hello
packages: ['hello >=1.0, <2']
links:
  /app: {package: hello, path: bin}
entrypoint: [/app/hello]
";
const BUILD: [&str; 3] = ["build-image", "hello", "--output=archive:out.tar"];
const STALE: i32 = 15;

fn workspace(what: &str) -> Fixture {
    let fixture = Fixture::new(what);
    let mark = format!("      # {what} {}\n      mkdir", run_mark());
    fixture.change("recipes/hello/recipe.yaml", "      mkdir", &mark);
    fixture.write("images/hello.yaml", IMAGE);
    fixture
}

#[test]
fn a_stale_lock_is_refused_in_ci_package_by_package_and_told_otherwise() {
    let fixture = workspace("locks");
    let in_ci = |ci: &str, arguments: &[&str]| run(fixture.command(arguments).env("CI", ci));
    // Without a lock nothing can be as locked.
    in_ci("true", &BUILD)
        .ended_with(STALE)
        .says("images/hello.lock does not say")
        .says("cargo xtask lock hello");
    in_ci("false", &BUILD).success();
    in_ci("", &BUILD).success();

    let written = fixture.xtask(&["lock", "hello", "--arch", "x64"]).success();
    assert!(written.stdout.contains("hello (x64): hello 1.0: not in the lock"), "{}", written.stdout);
    in_ci("true", &BUILD).success();
    fixture.xtask(&["lock", "--check", "--arch", "x64"]).success();
    // Locked for one architecture is not locked for another, and that is told before anything is built.
    let other = [&BUILD[..], &["--locked", "--arch", "arm64"]].concat();
    fixture.xtask(&other).ended_with(STALE).says("for arm64");

    // Another licence text is another archive of the same version.
    fixture.change("packages/hello/package.yaml", "Says hello", "Says hello louder");
    let refused = in_ci("1", &BUILD).ended_with(STALE);
    assert!(refused.stderr.contains("  hello 1.0: other bytes: "), "{}", refused.stderr);
    in_ci("1", &[&BUILD[..], &["--locked=false"]].concat()).success();
    let told = fixture.xtask(&BUILD).success();
    assert!(told.stdout.contains("not as locked: hello 1.0: other bytes"), "{}", told.stdout);
    let json = fixture.xtask(&[&BUILD[..], &["--json"]].concat()).success();
    let json: Value = serde_json::from_str(json.text()).expect("JSON");
    assert_eq!(json["lock"][0]["package"], "hello", "{json}");
    fixture.xtask(&["lock", "--check", "--arch", "x64"]).ended_with(STALE).says("not as locked: hello");

    // A package more is told before it is built: there is none of this name.
    fixture.change("images/hello.yaml", "<2']", "<2', absent]");
    fixture.xtask(&[&BUILD[..], &["--locked"]].concat()).ended_with(STALE).says("absent: not in the lock");
    fixture.write("images/hello.lock", "format: 1\nimage: other\narches: {}\n");
    fixture.xtask(&BUILD).ended_with(3).says("images/hello.lock:2:8");
}

#[test]
fn this_workspaces_lock_is_true() {
    let nginx = medic_tests::xtask::xtask(&["lock", "nginx", "--check", "--json", "--arch", "x64"]);
    let nginx: Value = serde_json::from_str(nginx.success().text()).expect("JSON");
    assert_eq!(nginx["images"][0]["changes"], serde_json::json!([]), "write it anew: cargo xtask lock");
}

#[test]
fn an_image_extends_another_and_what_contradicts_is_refused_by_both_names() {
    let fixture = workspace("extends");
    fixture.write(
        "images/more.yaml",
        "name: more\nextends: hello\ntitle: More\nenvironment: {LEVEL: high}\nstop_grace: 30s\n",
    );
    let built = fixture.xtask(&["build-image", "more", "--json", "--output=archive:more.tar"]).success();
    let built: Value = serde_json::from_str(built.text()).expect("JSON");
    assert_eq!((&built["image"], &built["version"]), (&"more".into(), &"1.0".into()));
    let seen = fixture.xtask(&["inspect", "more.tar", "--json"]).success();
    let seen: Value = serde_json::from_str(seen.text()).expect("JSON");
    assert_eq!(seen["digest"], built["digest"]);
    assert_eq!(seen["config"]["Env"], serde_json::json!(["LEVEL=high"]));
    assert_eq!(seen["config"]["Entrypoint"], serde_json::json!(["/app/hello"]));
    assert_eq!(seen["config"]["Labels"]["org.medic-os.stop-grace"], "30");
    let listed = fixture.xtask(&["images", "--json"]).success();
    let listed: Value = serde_json::from_str(listed.text()).expect("JSON");
    let names: Vec<_> =
        listed["images"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["hello", "more"]);
    assert_eq!(listed["images"][1]["version"], "1.0");

    fixture.change(
        "images/more.yaml",
        "title: More",
        "title: More\nlinks:\n  /app: {package: hello, path: sbin}",
    );
    let build = ["build-image", "more", "--output=archive:more.tar"];
    fixture
        .xtask(&build)
        .ended_with(3)
        .says("images/more.yaml:5:3:")
        .says("another one in images/hello.yaml");
    fixture.change("images/hello.yaml", "title:", "extends: more\ntitle:");
    fixture
        .xtask(&build)
        .ended_with(3)
        .says("images/hello.yaml:2:10:")
        .says("images/more.yaml extends this one");
}

#[test]
fn versions_and_platforms_that_are_not_wanted_are_refused() {
    let fixture = workspace("wanted");
    fixture.change("images/hello.yaml", "<2'", "<1.0'");
    fixture
        .xtask(&BUILD)
        .ended_with(3)
        .says("wants 'hello' in a version >=1.0, <1.0, and the package is 1.0");
    fixture.change("images/hello.yaml", "<1.0'", "<2'");
    fixture.change("images/hello.yaml", "title:", "platforms: [arm64]\ntitle:");
    fixture.xtask(&[&BUILD[..], &["--arch", "x64"]].concat()).ended_with(3).says("is not for x64");
}
