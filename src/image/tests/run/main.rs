//! Running images for real: in a Docker daemon, and under bubblewrap as root and as an ordinary user.
//!
//! This program is its own forwarder: started with `__forward` it is what `cargo xtask __forward` is.

mod bad_daemons;
mod in_bubblewrap;
mod in_docker;
mod served;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use libtest_mimic::{Arguments, Failed, Trial};
use medic_image::assemble;
use medic_image::run::bubblewrap::{self, Programs};
use medic_image::run::{RunSettings, forward};

use bad_daemons::*;
use in_bubblewrap::*;
use in_docker::*;
use served::publish;
use support::{Heard, IMAGE, definition, settings};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == "__forward") {
        return forwarder(&words[2..]);
    }
    if words.first().is_some_and(|word| word == "__run") {
        return run_alone(&words[1..]);
    }
    let tests: [(&str, fn()); 16] = [
        ("docker_loads_once_and_only_once", docker_loads_once_and_only_once),
        ("docker_reads_what_it_can", docker_reads_what_it_can),
        ("docker_runs_serves_and_stops", docker_runs_serves_and_stops),
        ("docker_passes_the_exit_code_on", docker_passes_the_exit_code_on),
        ("docker_starts_and_waits_for_health", docker_starts_and_waits_for_health),
        ("docker_says_which_port_is_taken", docker_says_which_port_is_taken),
        ("no_daemon_is_said_in_words", no_daemon_is_said_in_words),
        ("a_daemon_that_dies_is_said", a_daemon_that_dies_is_said),
        ("an_old_daemon_is_refused", an_old_daemon_is_refused),
        ("bubblewrap_runs_serves_and_stops", bubblewrap_runs_serves_and_stops),
        ("bubblewrap_passes_the_exit_code_on", bubblewrap_passes_the_exit_code_on),
        ("bubblewrap_stops_before_it_has_started", bubblewrap_stops_before_it_has_started),
        ("bubblewrap_keeps_what_it_is_told_to", bubblewrap_keeps_what_it_is_told_to),
        ("bubblewrap_says_what_is_wrong", bubblewrap_says_what_is_wrong),
        ("bubblewrap_runs_for_an_ordinary_user", bubblewrap_runs_for_an_ordinary_user),
        ("a_killed_runner_leaves_nothing_running", a_killed_runner_leaves_nothing_running),
    ];
    let trial = |(name, test): (&'static str, fn())| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

fn forwarder(command: &[OsString]) -> ExitCode {
    match forward::run(command) {
        Ok(code) => code.into(),
        Err(error) => {
            writeln!(std::io::stderr(), "{error}").expect("standard error");
            ExitCode::FAILURE
        }
    }
}

/// This program as the forwarder.
pub fn programs() -> Programs {
    Programs {
        bubblewrap: "bwrap".into(),
        forwarder: vec![std::env::current_exe().expect("a path").into(), "__forward".into()],
    }
}

/// `__run STORE PORT`: runs the tiny image of a store until killed; for tests that need another process.
fn run_alone(words: &[OsString]) -> ExitCode {
    let store = Path::new(&words[0]);
    let port: u16 = words[1].to_string_lossy().parse().expect("a port");
    let packages = serde_json::from_slice::<Vec<(std::path::PathBuf, medic_model::Sha256)>>(
        &std::fs::read(store.join("packages.json")).expect("read"),
    )
    .expect("JSON")
    .into_iter()
    .map(|(path, sha256)| medic_image::PackageArchive { path, sha256 })
    .collect::<Vec<_>>();
    let image = assemble(&definition(IMAGE), &packages, &settings(store), &()).expect("assembled");
    let heard = Heard::default();
    let stop = AtomicBool::new(false);
    let run = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    let mut out = std::io::stdout();
    let code = bubblewrap::run(&image, &programs(), &run, &stop, &heard, &mut |_, bytes| {
        out.write_all(bytes).and_then(|()| out.flush()).expect("standard output");
    });
    writeln!(out, "{}\n{code:?}", heard.all()).expect("standard output");
    ExitCode::SUCCESS
}
