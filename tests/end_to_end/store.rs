//! The store through the program: room is made, damage is mended, results are shared.

use std::path::{Path, PathBuf};

use medic_tests::command::Outcome;
use medic_tests::fixture::Fixture;
use medic_tests::run_mark;
use medic_tests::xtask::{nginx_image, xtask};
use serde_json::Value;

const IMAGE: &str = "name: hello
title: Hello
description: Says hello once a second
version_of: hello
packages: [hello]
links:
  /app: {package: hello, path: bin}
entrypoint: [/app/hello]
";
const BUILD: [&str; 4] = ["build-image", "hello", "--json", "--output=archive:out.tar"];

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.text()).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

/// Changes one bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

/// A workspace with an image, whose component no other test builds.
fn workspace(name: &str) -> Fixture {
    let fixture = Fixture::new(name);
    let mark = format!("      # {name} {}\n      mkdir", run_mark());
    fixture.change("recipes/hello/recipe.yaml", "      mkdir", &mark);
    fixture.write("images/hello.yaml", IMAGE);
    fixture
}

#[test]
fn making_room_leaves_all_that_the_image_needs() {
    nginx_image();
    let planned = json(&xtask(&["gc", "--keep-days", "0", "--dry-run", "--json"]).success());
    assert_eq!((&planned["format"], &planned["freed"]["objects"]), (&1.into(), &0.into()));
    let needed = |kind: &str| {
        let objects = planned["objects"].as_array().expect("a list");
        objects.iter().filter(|one| one["kind"] == kind && one["kept"] == true).count()
    };
    for kind in ["source", "root", "toolchain", "result", "tree", "package", "layer-record", "layer", "image"]
    {
        assert!(needed(kind) > 0, "no {kind} is kept: {planned}");
    }
    let done = xtask(&["gc", "--keep-days", "0"]).success();
    assert!(done.stdout.contains("component trees") && done.stdout.contains("kept"), "{}", done.stdout);
    let again = xtask(&["build-image", "nginx"]).success();
    assert!(again.stdout.contains("up to date"), "{}{}", again.stdout, again.stderr);
    let too_small = xtask(&["gc", "--max-size", "1 MiB"]).success();
    assert!(too_small.stdout.contains("what is needed now is larger than"), "{}", too_small.stdout);
    let again = xtask(&["build-image", "nginx"]).success();
    assert!(again.stdout.contains("up to date"), "{}{}", again.stdout, again.stderr);
}

#[test]
fn what_is_damaged_is_named_and_made_again() {
    let fixture = workspace("damaged");
    let package = PathBuf::from(fixture.package());
    let digest = |outcome: Outcome| json(&outcome)["digest"].as_str().expect("a digest").to_owned();
    // The archive, before it becomes a layer.
    flip(&package);
    let first = fixture.xtask(&BUILD).success();
    assert!(
        first.stderr.contains(&format!("'{}' in the store is damaged", package.display())),
        "{}",
        first.stderr
    );
    let layers = json(&first)["layers"].as_array().expect("layers").clone();
    let expected = digest(first);
    // A layer, when it is written to another archive.
    let layer = layers[1]["digest"].as_str().expect("a digest");
    let layer = fixture.store().join("layers/blobs").join(layer.trim_start_matches("sha256:"));
    flip(&layer);
    let other = [&BUILD[..3], &["--output=archive:other.tar"]].concat();
    let second = fixture.xtask(&other).success();
    assert!(
        second.stderr.contains(&format!("'{}' in the store is damaged", layer.display())),
        "{}",
        second.stderr
    );
    assert_eq!(digest(second), expected);
    let bytes = |name: &str| std::fs::read(fixture.join(name)).expect("written");
    assert_eq!(bytes("out.tar"), bytes("other.tar"));
    // All of it.
    flip(&layer);
    let verified = fixture.xtask(&["store", "verify", "--json"]);
    assert_eq!(verified.code, 6, "{}{}", verified.stdout, verified.stderr);
    let damaged = json(&verified)["damaged"].as_array().expect("a list").clone();
    assert!(damaged.len() == 1 && damaged[0]["path"] == layer.display().to_string(), "{damaged:?}");
    fixture.xtask(&["store", "verify"]).success();
    assert_eq!(digest(fixture.xtask(&BUILD).success()), expected);
}

#[test]
fn a_result_comes_from_the_cache_where_it_is_signed() {
    let fixture = workspace("cached");
    fixture.package();
    let path = |name: &str| fixture.join(name).display().to_string();
    let (key, cache) = (path("key"), path("cache"));
    fixture.xtask(&["cache", "key", &key]).success();
    let pushed = json(&fixture.xtask(&["cache", "push", &cache, "hello", "--key", &key, "--json"]).success());
    let action = pushed["components"][0]["key"].as_str().expect("a key").to_owned();
    let build = |trusted: &str| {
        std::fs::remove_file(fixture.store().join(format!("results/{action}.json"))).expect("there");
        let mut command = fixture.command(&["build-package", "hello"]);
        command.env("MEDIC_OS_CACHE", &cache).env("MEDIC_OS_CACHE_KEY", trusted);
        medic_tests::command::run(&mut command).success().stderr
    };
    let said = build(&format!("{key}.pub"));
    assert!(said.contains("from the cache") && !said.contains("hello 1.0: built"), "{said}");
    fixture.xtask(&["cache", "key", &path("other")]).success();
    let said = build(&path("other.pub"));
    assert!(said.contains("which is not trusted") && said.contains("hello 1.0: built"), "{said}");
}
