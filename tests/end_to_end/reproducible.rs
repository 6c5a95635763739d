//! The same bytes from two builds under different conditions; and what makes them differ, found.

use std::collections::BTreeMap;

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::xtask::xtask;
use serde_json::Value;

/// The end of the line of the fixture's recipe that compiles.
const COMPILE: &str = "/bin/hello\" hello.c\n";

#[test]
fn a_package_built_again_under_other_conditions_has_the_recorded_digest() {
    // Another workspace, store, host name, time, locale, time zone, umask, order of files, number of jobs and of processors. The
    // sources come from the first store, by digest; everything else but the build roots is made anew. Every image is built twice
    // so by the workflow's job `reproduce`, for which this would take too long.
    let outcome = xtask(&["reproduce", "busybox", "--json"]).success();
    let answer: Value = serde_json::from_str(outcome.text()).expect("JSON");
    assert_eq!(answer["same"], true, "{answer}");
    for (kind, least) in [("components", 1), ("packages", 1), ("conditions", 9)] {
        let count = answer[kind].as_array().map_or(0, Vec::len);
        assert!(count >= least, "{count} {kind}: {answer}");
    }
    let package = &answer["packages"][0];
    let golden =
        std::fs::read_to_string(medic_tests::workspace().join("packages/golden.yaml")).expect("there");
    for build in ["first", "second"] {
        let digest = package[build].as_str().expect("a digest");
        assert!(golden.contains(digest.trim_start_matches("sha256:")), "{package}");
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

/// What takes something from the machine, by the file that it is written to.
const LEAKS: [(&str, &str); 5] = [
    ("date", "date +%s%N"),
    ("host", "cat /proc/sys/kernel/hostname"),
    ("chance", "od -An -N8 -tx8 /dev/urandom"),
    ("jobs", "echo $JOBS"),
    ("order", "mkdir o; for i in $(seq 99); do : > o/$i; done; ls -U o"),
];

/// What differs in its bytes, by path.
fn contents(compared: &Value) -> BTreeMap<String, Value> {
    let differences = compared["differences"].as_array().expect("a list");
    let path = |one: &Value| one["path"].as_str().expect("a path").to_owned();
    differences.iter().map(|one| (path(one), one["content"].clone())).collect()
}

#[test]
fn what_a_recipe_takes_from_its_machine_is_found_with_file_and_offset() {
    let fixture = Fixture::new("leaks");
    fixture.change("recipes/hello/hello.c", "hello, world", "hello from \" HOST \" to the world");
    let program = fixture.join("recipes/hello/hello.c");
    let digest = call("sha256sum", &[&program.to_string_lossy()]).success();
    let digest = digest.text().split(' ').next().unwrap_or_default().to_owned();
    let recipe = std::fs::read_to_string(fixture.join("recipes/hello/recipe.yaml")).expect("there");
    let old = recipe.split("sha256: ").nth(1).and_then(|rest| rest.lines().next()).expect("a digest");
    fixture.change("recipes/hello/recipe.yaml", old, &digest);
    let mut steps = "/bin/hello\" -DHOST=\"\\\"$(cat /proc/sys/kernel/hostname)\\\"\" hello.c\n".to_owned();
    for (file, leak) in LEAKS {
        steps.push_str(&format!("      {{ echo always; {leak}; }} > \"$DESTDIR$PREFIX/{file}\"\n"));
    }
    fixture.change("recipes/hello/recipe.yaml", COMPILE, &steps);

    let found = fixture.xtask(&["reproduce", "hello", "--json"]).ended_with(10).says("gave different bytes");
    let answer: Value = serde_json::from_str(found.text()).expect("JSON");
    assert_eq!(answer["same"], false, "{answer}");
    let (component, package) = (contents(&answer["components"][0]), contents(&answer["packages"][0]));
    let mut files: Vec<&str> = LEAKS.iter().map(|(file, _)| *file).collect();
    if !found.stderr.contains("order of files") {
        // A machine without room in memory has one order only, and the command does not claim another.
        files.retain(|file| *file != "order");
    }
    assert_eq!(component.len(), files.len() + 1, "{answer}");
    for file in files {
        let content = &component[file];
        let offset = content["offset"].as_u64().unwrap_or_default();
        assert!(offset >= "always\n".len() as u64, "{file}: {content}");
        assert_ne!(content["first"], content["second"], "{file}");
        assert_eq!(package[&format!("srv/software/hello/v1.0/x64/{file}")], *content);
    }
    let content = &component["bin/hello"];
    let part = content["part"].as_str().unwrap_or_default();
    assert!(part.starts_with("section .rodata"), "{content}");
}
