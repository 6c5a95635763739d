//! `docs/tutorial.md`, word for word: every command on it is run in a copy of this workspace, and what it shows is compared with
//! what it said.

use std::process::Command;

use medic_tests::command::call;
use medic_tests::xtask::program;
use medic_tests::{Scratch, run};

/// A fenced block of the page: the words behind the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(words), None) => open = Some((words.to_owned(), String::new())),
            (Some(_), Some(block)) => found.push(block),
            (None, Some((words, text))) => open = Some((words, format!("{text}{line}\n"))),
            (None, None) => {}
        }
    }
    found
}

/// A copy of what git knows of this workspace, so that the page's "checkout" is one.
fn checkout() -> Scratch {
    let scratch = Scratch::new("tutorial");
    let script = format!(
        "git ls-files --cached --others --exclude-standard -z | tar --null --files-from=- --ignore-failed-read -cf - | tar -xf - -C {}",
        scratch.path().display()
    );
    run(Command::new("sh").args(["-c", &script]).current_dir(medic_tests::workspace())).success();
    scratch
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let page = std::fs::read_to_string(medic_tests::workspace().join("docs/tutorial.md")).expect("there");
    let scratch = checkout();
    // `cargo xtask` as it is in the checkout, without compiling it a second time there.
    let cargo = format!(
        "#!/bin/sh\n[ \"$1\" = xtask ] && shift && exec '{}' \"$@\"\nexec /usr/bin/env -u PATH cargo \"$@\"\n",
        program().display()
    );
    let cargo = cargo.replace(
        "exec /usr/bin/env -u PATH cargo",
        &format!("exec '{}'", call("sh", &["-c", "command -v cargo"]).success().text()),
    );
    let wrapper = scratch.write("target/bin/cargo", &cargo);
    call("chmod", &["+x", &wrapper.to_string_lossy()]).success();
    let path =
        format!("{}:{}", scratch.join("target/bin").display(), std::env::var("PATH").unwrap_or_default());
    let store = medic_tests::xtask::xtask(&["store", "path"]).success();
    let (mut said, mut run_blocks, mut shown_blocks) = (String::new(), 0, 0);
    for (words, text) in blocks(&page) {
        match words.as_str() {
            "sh run" => {
                let mut command = Command::new("sh");
                command.args(["-eu", "-c", &text]).current_dir(scratch.path()).env("PATH", &path);
                command.env("MEDIC_OS_STORE", store.text()).env("MEDIC_OS_WORKSPACE", scratch.path());
                // Who follows it is no CI, which wants locks.
                command.env_remove("CI");
                said = run(&mut command).success().stdout;
                run_blocks += 1;
            }
            "text shown" => {
                for line in text.lines() {
                    // What changes with the machine is shown as an ellipsis.
                    let (before, after) = line.split_once('…').unwrap_or((line, ""));
                    let there = |other: &str| {
                        if line.contains('…') {
                            other.starts_with(before) && other.ends_with(after)
                        } else {
                            other == line
                        }
                    };
                    // A result may be in the store from an earlier run.
                    let built = before.replace(": built:", ": up to date:");
                    let stored = |other: &str| line.contains(": built:") && other.starts_with(&built);
                    assert!(
                        said.lines().any(|other| there(other) || stored(other)),
                        "no '{line}' in:\n{said}"
                    );
                }
                shown_blocks += 1;
            }
            other => panic!("a block of the tutorial is marked '{other}': neither 'sh run' nor 'text shown'"),
        }
    }
    assert!(run_blocks >= 8 && shown_blocks >= 5, "{run_blocks} blocks run, {shown_blocks} compared");
    let image = call("tar", &["-tf", &scratch.join("target/clock.tar").to_string_lossy()]).success();
    assert!(image.stdout.contains("index.json"), "{}", image.stdout);
}
