//! What bash offers where the cursor is.

use std::process::Command;

use serde_json::json;

use crate::harness::{Image, SLEEPS};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/supervisor/command/completion.bash");

/// What is offered for the last of these words, in their order.
fn offered(words: &[&str]) -> Vec<String> {
    let script = format!(
        "set -u; . {SCRIPT}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _medic_os \"$1\"; \
         printf '%s\\n' ${{COMPREPLY[@]+\"${{COMPREPLY[@]}}\"}}"
    );
    let output = Command::new("bash").args(["-c", &script, "bash"]).args(words).output().expect("bash runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn packages_services_options_and_statuses_are_offered_in_their_places() {
    let image = Image::new()
        .service("nginx", "nginx", SLEEPS, json!({}))
        .service("couchdb", "couchdb", SLEEPS, json!({}))
        .service("couchdb", "compactor", SLEEPS, json!({}))
        .package("plain", &[]);
    let root = image.root().to_str().expect("text");
    assert_eq!(offered(&["svc-restart", "--root", root, ""]), ["couchdb", "nginx"]);
    // As bash splits it.
    assert_eq!(offered(&["/boot/svc-start", "--root", "=", root, "n"]), ["nginx"]);
    assert_eq!(offered(&["svc-up", "-f", "--root", root, "couchdb", ""]), ["compactor", "couchdb"]);
    assert_eq!(offered(&["svc-up", "--root", root, "couchdb", "couchdb", "com"]), ["compactor"]);
    assert_eq!(offered(&["svc-log", "-n", "5", "--root", root, "nginx", ""]), ["nginx"]);
    assert_eq!(offered(&["svc-log", "--root", root, "-n", ""]), [""; 0], "a number is nobody else's to know");
    assert_eq!(offered(&["supervisor-inspect", "--root", root, "nginx", "c"]), ["couchdb"]);
    assert_eq!(offered(&["supervisor-list", "--root", root, "a"]), ["all"]);
    assert_eq!(offered(&["supervisor-list", "--root", root, "all", "re"]), ["ready", "restarting"]);
    assert_eq!(offered(&["supervisor-list", "--root", root, "all", "ready", ""]), [""; 0]);
    assert_eq!(
        offered(&["svc-wait", "--"]),
        ["--ready", "--down", "--timeout", "--json", "--root", "--help"]
    );
    assert_eq!(offered(&["svc-down", "--f"]), [""; 0], "only svc-up has it");
    assert_eq!(offered(&["supervisor-reread", ""]), [""; 0]);
    assert!(offered(&["init", "tru"]).contains(&"true".to_owned()));
}

#[test]
fn nothing_is_offered_where_nothing_is_installed() {
    let image = Image::new();
    let root = image.root().to_str().expect("text");
    assert_eq!(offered(&["svc-restart", "--root", root, ""]), [""; 0]);
    assert_eq!(offered(&["svc-restart", "--root", root, "p", ""]), [""; 0]);
}
