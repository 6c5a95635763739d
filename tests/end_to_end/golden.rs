//! The digests of packages that the repository keeps.

use medic_tests::fixture::Fixture;
use medic_tests::xtask::{nginx_image, xtask};

#[test]
fn no_package_changed_without_its_definition() {
    nginx_image();
    xtask(&["golden"]).success();
}

#[test]
fn no_arm64_package_changed_without_its_definition() {
    xtask(&["golden", "--arch", "arm64"]).success();
}

#[test]
fn a_change_without_its_recipe_is_a_failure_and_one_with_it_is_not() {
    let fixture = Fixture::new("golden");
    let recipe = "recipes/hello/recipe.yaml";
    let random = "/bin/hello\" hello.c\n      od -An -N8 -tx8 /dev/urandom > \"$DESTDIR$PREFIX/id\"\n";
    fixture.change(recipe, "/bin/hello\" hello.c\n", random);

    let new = fixture.xtask(&["golden"]).success();
    assert!(new.stdout.contains("there is no record of it"), "{}", new.stdout);
    fixture.xtask(&["golden", "--strict"]).ended_with(10);
    fixture.xtask(&["golden", "--update"]).success();
    let same = fixture.xtask(&["golden", "--strict"]).success();
    assert!(same.stdout.contains("hello 1.0 (x64): as recorded"), "{}", same.stdout);

    // The same recipe, built again: the store has lost the result.
    let why = fixture.xtask(&["why-rebuild", "hello", "--json"]).success();
    let why: serde_json::Value = serde_json::from_str(why.text()).expect("JSON");
    let key = why["components"][0]["new_key"].as_str().expect("a key");
    std::fs::remove_file(fixture.store().join(format!("results/{key}.json"))).expect("removed");
    let changed = fixture.xtask(&["golden"]).ended_with(10).says("hello (x64)");
    for part in ["CHANGED", "expected", "found", "cargo xtask reproduce package:hello"] {
        assert!(changed.stdout.contains(part), "no '{part}' in {}", changed.stdout);
    }

    fixture.change(recipe, "-pie -o", "-pie  -o");
    let outdated = fixture.xtask(&["golden"]).success();
    assert!(outdated.stdout.contains("its definition changed"), "{}", outdated.stdout);
    assert!(outdated.stdout.contains("golden --update --arch x64 hello"), "{}", outdated.stdout);
    fixture.xtask(&["golden", "--strict"]).ended_with(10);

    fixture.write("packages/golden.yaml", "format: 1\npackages: {}\ncolour: red\n");
    fixture.xtask(&["golden"]).ended_with(3).says("packages/golden.yaml:3:1");
}
