//! The runner without a daemon: as root, as an ordinary user, and killed.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use medic_image::RunError;
use medic_image::run::bubblewrap::{self, Programs};
use medic_image::run::{RunSettings, Volume};

use crate::programs;
use crate::served::{Output, get, publish, serves_and_stops, wait_for};
use crate::support::ports::free_port;
use crate::support::{Heard, Tiny, done, has, skip};

pub fn bubblewrap_runs_serves_and_stops() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let port = free_port();
    let run = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    for _ in 0..2 {
        let heard = Heard::default();
        let (body, log) =
            serves_and_stops(port, |stop, log| bubblewrap::run(&image, &programs(), &run, stop, &heard, log));
        assert!(body.starts_with("from inside as 0, host tiny, mark none"), "{body}");
        assert!(log.contains("started as process 1\n"), "{log}");
        assert!(heard.all().contains("Started"), "{}", heard.all());
    }
    // What ended with the run is gone; what was unpacked is kept, once.
    let left = done("find", &[&tiny.store().to_string_lossy(), "-name", ".medic-image-*"]);
    assert_eq!(left, "");
    assert_eq!(std::fs::read_dir(tiny.store().join("rootfs")).expect("read").count(), 1);
}

pub fn bubblewrap_passes_the_exit_code_on() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let stop = AtomicBool::new(false);
    let run =
        RunSettings { environment: vec![("END_CODE".to_owned(), "7".to_owned())], ..RunSettings::default() };
    let output = Output::default();
    let code = bubblewrap::run(&image, &programs(), &run, &stop, &(), &mut |_, bytes| output.add(bytes));
    assert_eq!(code.expect("it ran"), 7, "{}", output.text());
}

/// The kernel drops signals that the first process of a sandbox does not take yet: the stop must wait for it, not be lost.
pub fn bubblewrap_stops_before_it_has_started() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let stop = AtomicBool::new(true);
    let run = RunSettings::default();
    let started = Instant::now();
    let code = bubblewrap::run(&image, &programs(), &run, &stop, &(), &mut |_, _| {});
    assert_eq!(code.expect("it ran"), 0);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

pub fn bubblewrap_keeps_what_it_is_told_to() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let port = free_port();
    let folder = tiny.folder.path().join("data/of mine");
    for volume in [Volume::Named("data".to_owned()), Volume::Folder(folder.clone())] {
        let run = RunSettings { publish: vec![publish(port)], volume, ..RunSettings::default() };
        for mark in ["mark none", "mark kept"] {
            let (body, _) = serves_and_stops(port, |stop, log| {
                bubblewrap::run(&image, &programs(), &run, stop, &(), log)
            });
            assert!(body.contains(mark), "{body}");
        }
    }
    assert!(folder.join("mark").is_file() && tiny.store().join("volumes/data/mark").is_file());
    let run = RunSettings { volume: Volume::Named("../x".to_owned()), ..RunSettings::default() };
    let error = bubblewrap::run(&image, &programs(), &run, &AtomicBool::new(true), &(), &mut |_, _| {});
    assert!(matches!(error, Err(RunError::VolumeName(_))), "{error:?}");
}

pub fn bubblewrap_says_what_is_wrong() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let stop = AtomicBool::new(false);
    let run = |programs: &Programs, settings: &RunSettings| {
        bubblewrap::run(&image, programs, settings, &stop, &(), &mut |_, _| {})
            .expect_err("refused")
            .to_string()
    };
    let absent = Programs { bubblewrap: "/nonexistent/bwrap".into(), ..programs() };
    assert!(run(&absent, &RunSettings::default()).contains("install bubblewrap"));
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let settings = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    let words = run(&programs(), &settings);
    assert!(words.contains(&format!("cannot publish port 80 at 127.0.0.1:{port}")), "{words}");
    // A bubblewrap that is not allowed to do its work.
    let refusing = tiny.folder.path().join("bwrap");
    std::fs::write(
        &refusing,
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n",
    )
    .expect("written");
    done("chmod", &["755", &refusing.to_string_lossy()]);
    let words = run(&Programs { bubblewrap: refusing, ..programs() }, &RunSettings::default());
    assert!(
        words.contains("No permissions to create new namespace") && words.contains("--privileged"),
        "{words}"
    );
}

/// A child that is killed when the test fails.
pub struct Guard(std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts this program's `__run` for a store, as root or as an ordinary user.
pub fn start_alone(tiny: &Tiny, port: u16, user: Option<u32>) -> (Guard, std::path::PathBuf) {
    let records: Vec<_> = tiny.packages.iter().map(|package| (&package.path, package.sha256)).collect();
    std::fs::create_dir_all(tiny.store()).expect("made");
    std::fs::write(tiny.store().join("packages.json"), serde_json::to_vec(&records).expect("JSON"))
        .expect("written");
    let output = tiny.folder.path().join("output");
    let file = std::fs::File::create(&output).expect("made");
    let mut program = std::env::current_exe().expect("a path");
    if let Some(user) = user {
        use std::os::unix::fs::PermissionsExt as _;
        // Where the target folder is may be closed to others.
        let copy = tiny.folder.path().join("program");
        std::fs::copy(&program, &copy).expect("copied");
        program = copy;
        std::fs::set_permissions(tiny.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
        done("chown", &["-R", &format!("{user}:{user}"), &tiny.store().to_string_lossy()]);
    }
    let mut command = std::process::Command::new(program);
    command.arg("__run").arg(tiny.store()).arg(port.to_string());
    command
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .stderr(file.try_clone().expect("another"))
        .stdout(file);
    if let Some(user) = user {
        use std::os::unix::process::CommandExt as _;
        command.uid(user).gid(user);
    }
    (Guard(command.spawn().expect("it starts")), output)
}

pub fn bubblewrap_runs_for_an_ordinary_user() {
    if !has("bwrap") {
        return;
    }
    if done("id", &["-u"]).trim() != "0" {
        skip(
            "another user is needed, and only root can become one: the other tests were those of an ordinary user",
        );
        return;
    }
    let tiny = Tiny::new();
    let port = free_port();
    let (mut guard, output) = start_alone(&tiny, port, Some(12_345));
    let said = || std::fs::read_to_string(&output).unwrap_or_default();
    let body = wait_for("it serves", || {
        assert!(guard.0.try_wait().expect("a child").is_none(), "it ended: {}", said());
        get(port)
    });
    assert!(body.starts_with("from inside as 0"), "{body}");
    assert!(said().contains("started as process 1"), "{}", said());
}

pub fn a_killed_runner_leaves_nothing_running() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let port = free_port();
    let (mut guard, output) = start_alone(&tiny, port, None);
    wait_for("it serves", || get(port));
    guard.0.kill().expect("killed");
    guard.0.wait().expect("ended");
    wait_for("the port is free", || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    // Nothing of the sandbox is left: its root is in every command line of bubblewrap's.
    let root = tiny.store().join("rootfs").to_string_lossy().into_owned();
    wait_for("all processes are gone", || {
        let running = std::fs::read_dir("/proc").expect("read").flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&root)
        });
        (!running).then_some(())
    });
    // It was stopped in order, not killed.
    let said = std::fs::read_to_string(&output).expect("read");
    assert!(said.contains("started as process 1"), "{said}");
    // And the next run removes what the killed one left.
    let run =
        RunSettings { environment: vec![("END_CODE".to_owned(), "0".to_owned())], ..RunSettings::default() };
    bubblewrap::run(&tiny.image(), &programs(), &run, &AtomicBool::new(false), &(), &mut |_, _| {})
        .expect("it ran");
    assert_eq!(done("find", &[&tiny.store().to_string_lossy(), "-name", ".medic-image-*"]), "");
}
