//! What bash offers where the cursor is.

use std::process::Command;

use crate::support::{Package, World};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pkg/command/completion.bash");

/// What is offered for the last of these words, in their order; in the folder `archives`.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let script = format!(
        "set -u; . {SCRIPT}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _medic_os_pkg \"$1\"; \
         printf '%s\\n' ${{COMPREPLY[@]+\"${{COMPREPLY[@]}}\"}}"
    );
    let (root, archives) = (world.root(), world.archives());
    let words = words.iter().map(|word| if *word == "ROOT" { root.to_str().expect("text") } else { word });
    let mut bash = Command::new("bash");
    let output =
        bash.current_dir(archives).args(["-c", &script, "bash"]).args(words).output().expect("bash runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn commands_and_options_are_offered_in_their_places() {
    let world = World::new();
    assert_eq!(offered(&world, &["pkg", "ro"]), ["rollback"]);
    assert_eq!(offered(&world, &["/boot/pkg", "--json", "repo", ""]), ["add", "remove", "list"]);
    assert_eq!(offered(&world, &["pkg", "remove", "--pu"]), ["--purge"]);
    assert_eq!(offered(&world, &["pkg", "key", "list", "--js"]), ["--json"]);
    assert_eq!(
        offered(&world, &["pkg", "install", "--script-timeout", ""]),
        [""; 0],
        "a number is nobody else's to know"
    );
    assert_eq!(offered(&world, &["certificate", "s"]), ["self-signed", "show"]);
    let all = offered(&world, &["pkg", ""]);
    let help = world.pkg(["--help"]).ok().out;
    let commands =
        help.split_once("Commands:\n").expect("a list").1.lines().take_while(|line| !line.is_empty());
    let told: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(all, told, "every command of --help");
}

#[test]
fn names_are_those_of_what_is_there() {
    let world = World::new();
    let old = Package::new("nginx", "1.0");
    world.install(&[&old, &Package::new("web", "2.0")]).ok();
    world.install(&[&Package::new("nginx", "1.1")]).ok();
    world.pkg(["hold", "web"]).ok();
    world.write("srv/settings/medic-os/repositories/ours", "/somewhere\n");
    world.write("srv/settings/medic-os/keys/0123456789ABCDEF.pub", "");
    assert_eq!(offered(&world, &["pkg", "--root", "ROOT", "remove", ""]), ["nginx", "web"]);
    // As bash splits it.
    assert_eq!(offered(&world, &["pkg", "files", "--root", "=", "ROOT", "n"]), ["nginx"]);
    assert_eq!(offered(&world, &["pkg", "files", "--root", "ROOT", "web", ""]), [""; 0], "it takes one");
    assert_eq!(offered(&world, &["pkg", "verify", "--root", "ROOT", "web", ""]), ["nginx", "web"]);
    assert_eq!(offered(&world, &["pkg", "use", "--root", "ROOT", "nginx", ""]), ["1.0", "1.1"]);
    assert_eq!(offered(&world, &["pkg", "unhold", "--root", "ROOT", ""]), ["web"]);
    assert_eq!(offered(&world, &["pkg", "repo", "remove", "--root", "ROOT", ""]), ["ours"]);
    assert_eq!(offered(&world, &["pkg", "key", "remove", "--root", "ROOT", ""]), ["0123456789ABCDEF"]);
    assert_eq!(offered(&world, &["package-remove", "--root", "ROOT", "w"]), ["web"]);
    let arch = medic_model::Arch::host().expect("a machine of ours");
    let file = format!("nginx-v1.1-{arch}.pkg.tar.zst");
    assert!(offered(&world, &["pkg", "install", "nginx-v1.1"]).contains(&file));
    assert_eq!(offered(&world, &["package-install", "nginx-v1.1"]), [file]);
    assert_eq!(offered(&world, &["pkg", "install", "--root", "ROOT", "we"])[0], "web");
}
