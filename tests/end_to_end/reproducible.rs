//! The same bytes from two builds under different conditions; and what makes them differ, found.

use medic_tests::fixture::Fixture;
use medic_tests::xtask::{nginx_image, xtask};

/// The end of the line of the fixture's recipe that compiles.
const COMPILE: &str = "/bin/hello\" hello.c\n";

#[test]
fn the_image_built_again_under_other_conditions_has_the_same_digest() {
    let image = nginx_image();
    // Another workspace, store, host name, time, locale, time zone, umask, order of files, number of jobs and of processors. The
    // sources come from the first store, by digest; everything else but the build roots is made anew.
    let outcome = xtask(&["reproduce", "nginx", "--json"]).success();
    let answer: serde_json::Value = serde_json::from_str(outcome.text()).expect("JSON");
    assert_eq!(answer["same"], true, "{answer}");
    assert_eq!(answer["images"][0]["first"], image.digest.as_str());
    assert_eq!(answer["images"][0]["second"], image.digest.as_str());
    for (kind, least) in [("components", 8), ("packages", 4), ("conditions", 9)] {
        let count = answer[kind].as_array().map_or(0, Vec::len);
        assert!(count >= least, "{count} {kind}: {answer}");
    }
}

#[test]
fn a_reproducible_recipe_passes() {
    let fixture = Fixture::new("reproducible");
    let outcome = fixture.xtask(&["reproduce", "hello"]).success();
    assert!(outcome.stdout.contains("package hello 1.0: the same, "), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("host name") && outcome.stderr.contains("time zone"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_recipe_takes_from_its_machine_is_found_with_file_and_offset() {
    for (leak, line) in [
        ("the date", "date +%s%N > \"$DESTDIR$PREFIX/leak\""),
        ("the host's name", "cat /proc/sys/kernel/hostname > \"$DESTDIR$PREFIX/leak\""),
        ("chance", "od -An -N8 -tx8 /dev/urandom > \"$DESTDIR$PREFIX/leak\""),
        ("the jobs", "echo \"$JOBS\" > \"$DESTDIR$PREFIX/leak\""),
    ] {
        let fixture = Fixture::new("leak");
        fixture.change("recipes/hello/recipe.yaml", COMPILE, &format!("{COMPILE}      {line}\n"));
        let found = fixture.xtask(&["reproduce", "hello"]).ended_with(10).says("gave different bytes");
        assert!(found.stdout.contains("hello 1.0: DIFFERENT"), "{leak}: {}", found.stdout);
        assert!(found.stdout.contains("  leak: differs at offset "), "{leak}: {}", found.stdout);
        assert!(!found.stdout.contains("bin/hello"), "{leak} is not in the program: {}", found.stdout);
    }
}

#[test]
fn the_order_of_files_is_found_where_it_can_be_varied() {
    let fixture = Fixture::new("order");
    let line = "mkdir o; for i in $(seq 99); do : > o/$i; done; ls -U o > \"$DESTDIR$PREFIX/leak\"";
    fixture.change("recipes/hello/recipe.yaml", COMPILE, &format!("{COMPILE}      {line}\n"));
    let found = fixture.xtask(&["reproduce", "hello"]);
    // A machine without room in memory has one order only, and the command does not claim another.
    let varied = found.stderr.contains("order of files");
    let found = found.ended_with(if varied { 10 } else { 0 });
    assert_eq!(found.stdout.contains("  leak: differs at offset "), varied, "{}", found.stdout);
}

#[test]
fn in_a_program_the_section_is_named() {
    let fixture = Fixture::new("section");
    fixture.change("recipes/hello/hello.c", "hello, world", "hello from \" HOST \" to the world");
    let digest =
        medic_tests::command::call("sha256sum", &[&fixture.join("recipes/hello/hello.c").to_string_lossy()]);
    let digest = digest.success().text().split(' ').next().unwrap_or_default().to_owned();
    let recipe = std::fs::read_to_string(fixture.join("recipes/hello/recipe.yaml")).expect("there");
    let old = recipe.split("sha256: ").nth(1).and_then(|rest| rest.lines().next()).expect("a digest");
    fixture.change("recipes/hello/recipe.yaml", old, &digest);
    let host = "/bin/hello\" -DHOST=\"\\\"$(cat /proc/sys/kernel/hostname)\\\"\" hello.c\n";
    fixture.change("recipes/hello/recipe.yaml", COMPILE, host);
    let found = fixture.xtask(&["reproduce", "hello", "--json"]).ended_with(10);
    let answer: serde_json::Value = serde_json::from_str(found.text()).expect("JSON");
    let differences = answer["components"][0]["differences"].as_array().expect("a list").clone();
    let content = &differences[0]["content"];
    assert_eq!(differences[0]["path"], "bin/hello", "{answer}");
    assert!(content["part"].as_str().is_some_and(|part| part.starts_with("section .rodata")), "{answer}");
    assert!(content["offset"].as_u64().is_some_and(|offset| offset > 0), "{answer}");
    assert_ne!(content["first"], content["second"]);
}
