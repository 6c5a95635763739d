//! What all commands have in common: help with an example, `--json`, `--dry-run`, exit codes; and the legacy names.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::json;

use crate::afar::Shop;
use crate::support::{Ended, PKG, Package, World};

/// The commands that `--help` lists, those below `repo` and `key` too.
fn all_commands(world: &World) -> Vec<Vec<String>> {
    let below = |path: &[String]| -> Vec<Vec<String>> {
        let help = world.pkg(path.iter().map(String::as_str).chain(["--help"])).ok().out;
        let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
        let names = list
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next());
        names.map(|name| [path, &[name.to_owned()]].concat()).collect()
    };
    below(&[]).into_iter().flat_map(|path| [below(&path), vec![path]].concat()).collect()
}

#[test]
fn every_command_tells_an_example_that_it_takes() {
    let world = World::new();
    let commands = all_commands(&world);
    assert!(commands.len() > 25, "{commands:?}");
    for path in commands {
        let help = world.pkg(path.iter().map(String::as_str).chain(["--help"])).ok().out;
        let (_, examples) =
            help.split_once("Example").unwrap_or_else(|| panic!("{path:?} has no example:\n{help}"));
        for example in examples.lines().skip(1) {
            let words: Vec<String> = example.split_whitespace().map(|word| word.replace('\'', "")).collect();
            assert!(words.starts_with(&[vec!["pkg".to_owned()], path.clone()].concat()), "{example}");
            // Tests ask nobody outside.
            if example.contains("://") {
                continue;
            }
            // In an empty root much fails, but nothing for want of sense.
            let ended = world.pkg(words.iter().skip(1).map(String::as_str));
            assert_ne!(ended.code, 2, "{example}: {ended:?}");
        }
    }
}

#[test]
fn a_failure_is_told_as_json_too() {
    let world = World::new();
    let ended = world
        .pkg(["--json", "remove", "none"])
        .failed(4, "Fatal: Package 'none' doesn't appear to be installed");
    assert_eq!(
        ended.json(),
        json!({ "error": "Package 'none' doesn't appear to be installed", "exit_code": 4 })
    );
    assert_eq!(ended.out.lines().count(), 1);
    world.install(&[&Package::new("web", "1.0")]).ok();
    for (args, code) in [
        (vec!["info", "none"], 4),
        (vec!["rollback", "web"], 4),
        (vec!["use", "web", "7"], 4),
        (vec!["hold", "none"], 4),
        (vec!["unhold", "web"], 4),
        (vec!["install", "none"], 5),
        (vec!["repo", "remove", "none"], 4),
        (vec!["repo", "add", "none", "/nowhere"], 6),
        (vec!["key", "add", "RWnone"], 2),
        (vec!["key", "remove", "none"], 4),
    ] {
        let ended = world.pkg(args.iter().chain(&["--json"]));
        assert_eq!((ended.code, &ended.json()["exit_code"]), (code, &json!(code)), "{args:?}: {ended:?}");
        assert!(ended.err.contains(ended.json()["error"].as_str().expect("text")), "{ended:?}");
    }
}

#[test]
fn what_is_remembered_is_told_as_json_and_a_dry_run_leaves_it_as_it_was() {
    let shop = Shop::open(&[&Package::new("web", "1.0")]);
    let world = &shop.world;
    world.install(&[&Package::new("nginx", "1.0")]).ok();
    let number = world.pkg(["key", "list", "--json"]).ok().json()[0].as_str().expect("a number").to_owned();
    let key = world.archives().join("key.pub");
    let (key, url) = (key.to_str().expect("text"), shop.web.url());
    let with = |args: &[&str], more: &[&str]| -> Ended { world.pkg(args.iter().chain(more)).ok() };
    for (args, told) in [
        (vec!["hold", "nginx"], json!({ "held": ["nginx"] })),
        (vec!["unhold", "nginx"], json!({ "released": ["nginx"] })),
        (vec!["repo", "remove", "shop"], json!({ "removed": "shop" })),
        (vec!["key", "remove", &number], json!({ "removed": number })),
        (vec!["key", "add", key], json!({ "added": number })),
    ] {
        let before = world.everything();
        let dry = with(&args, &["--dry-run"]);
        assert!(dry.err.starts_with("Info: Nothing is written; else: ") && dry.out.is_empty(), "{dry:?}");
        assert_eq!(with(&args, &["--dry-run", "--json"]).json(), told);
        assert_eq!(world.everything(), before, "{args:?}");
        let done = with(&args, &["--json"]);
        assert_eq!((done.json(), done.err.as_str()), (told, ""));
        assert_ne!(world.everything(), before, "{args:?}");
    }
    let before = world.everything();
    let add = ["repo", "add", "again", &url];
    let dry = with(&add, &["--dry-run", "--json"]).json();
    assert_eq!((&dry[0]["name"], &dry[0]["packages"]), (&json!("again"), &json!(1)));
    assert_eq!(world.everything(), before, "it was read and not remembered");
    assert_eq!(with(&add, &["--json"]).json(), dry);
    let before = world.everything();
    assert_eq!(with(&["update"], &["--dry-run", "--json"]).json(), dry);
    assert_eq!(world.everything(), before);
    world.pkg(["hold", "none", "--dry-run"]).failed(4, "doesn't appear to be installed");
    world.pkg(["repo", "remove", "none", "--dry-run"]).failed(4, "no repository of that name");
}

#[test]
fn nothing_to_do_has_the_shape_of_a_change() {
    let world = World::new();
    let web = Package::new("web", "1.0");
    world.install(&[&web]).ok();
    let again = web.archive(&world.archives());
    let told = world.pkg(["install".as_ref(), "--json".as_ref(), again.as_os_str()]).ok().json();
    assert_eq!(told, json!({ "changes": [], "notices": [] }));
    assert_eq!(world.pkg(["gc", "--json"]).ok().json(), told);
}

#[test]
fn legacy_names_end_as_they_always_did_when_they_are_used_wrongly() {
    let world = World::new();
    let legacy = |name: &str, args: &[&str]| {
        let mut command = Command::new(PKG);
        Ended::of(&command.arg0(name).args(args).arg("--root").arg(world.root()).output().expect("pkg runs"))
    };
    assert_eq!(
        legacy("package-install", &[]).failed(111, "").err,
        "Usage: package-install <package-file>...\n"
    );
    assert_eq!(
        legacy("package-update", &["-f"]).failed(111, "").err,
        "Usage: package-update [-f] <package-file>...\n"
    );
    let wrong =
        legacy("package-remove", &["--nonsense"]).failed(111, "Usage: package-remove <package-name>...\n");
    assert!(wrong.err.starts_with("Fatal: ") && !wrong.err.contains("Usage: pkg"), "{wrong:?}");
    legacy("/boot/package-remove", &["none"])
        .failed(4, "Fatal: Package 'none' doesn't appear to be installed");
    legacy("package-remove", &["--help"]).ok();
}
