//! Steps that do harm, under each runner: nothing of the machine, of the inputs or of the store suffers, and the message
//! says what happened.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::fixture::Fixture;
use super::*;
use crate::ErrorKind;
use crate::sandbox::RunnerKind;
use crate::sandbox::tests::bench::on_each_runner;

on_each_runner! { super::Fixture::on:
    a_step_that_never_ends_is_ended,
    a_step_that_forks_without_end_stops_at_its_limit,
    a_step_that_leaves_a_daemon_leaves_nothing,
    a_step_that_writes_to_its_inputs_changes_none,
    a_step_that_fills_the_disk_is_told_from_others,
    a_step_that_closes_its_outputs_or_fills_the_log_is_no_trouble,
    what_ran_it_is_recorded,
}

fn fails(fixture: &Fixture, more: &str, steps: &str) -> BuildError {
    fixture.recipe("hello", more, steps);
    fixture.build(&["hello"]).expect_err("it fails")
}

fn runs(mark: &str) -> bool {
    let processes = fs_err::read_dir("/proc").expect("there").flatten();
    processes
        .map(|process| std::fs::read(process.path().join("cmdline")).unwrap_or_default())
        .any(|line| line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()))
}

#[track_caller]
fn assert_gone(mark: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while runs(mark) {
        assert!(Instant::now() < end, "the process with {mark} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn a_step_that_never_ends_is_ended(fixture: &Fixture) {
    let mark = format!("71{}", std::process::id());
    let error = fails(fixture, "time_limit: 3s\n", &format!("\n      echo begun\n      sleep {mark}"));
    assert_eq!(error.kind(), ErrorKind::Step);
    let text = error.to_string();
    assert!(
        text.starts_with("hello: the step 'make it' was ended: it took longer than its limit of 3 s"),
        "{text}"
    );
    assert!(text.contains("| begun"), "{text}");
    assert_gone(&mark);
    // A limit is no input: the same recipe with another one is not built again.
    fixture.recipe("hello", "time_limit: 30s\n", STEPS);
    let first = fixture.build(&["hello"]).expect("built");
    fixture.recipe("hello", "", STEPS);
    let second = fixture.build(&["hello"]).expect("found");
    assert_eq!((second[0].fresh, second[0].action_key), (false, first[0].action_key));
}

fn a_step_that_forks_without_end_stops_at_its_limit(fixture: &Fixture) {
    let mark = format!("72{}", std::process::id());
    // Each of them forks as well.
    let bomb = format!("\n      bomb() {{ bomb | bomb & sleep {mark} & }}\n      while true; do bomb; done");
    let error = fails(fixture, "time_limit: 20s\n", &bomb);
    assert_eq!(error.kind(), ErrorKind::Step, "{error}");
    assert_gone(&mark);
    // The machine is well: a program can be started.
    assert!(Command::new("/bin/true").status().is_ok_and(|status| status.success()));
}

fn a_step_that_leaves_a_daemon_leaves_nothing(fixture: &Fixture) {
    let mark = format!("73{}", std::process::id());
    let daemon = format!(
        "{STEPS}\n      setsid nohup sh -c 'trap \"\" TERM HUP; while true; do sleep {mark}; done' >/dev/null 2>&1 &\n      sleep 0.2"
    );
    fixture.recipe("hello", "", &daemon);
    assert!(fixture.build(&["hello"]).expect("built")[0].fresh);
    assert_gone(&mark);
}

/// The digest of every file below a folder.
fn digest(folder: &Path) -> Sha256 {
    medic_archive::Tree::scan(folder).expect("read").digest().expect("digested").sha256
}

fn a_step_that_writes_to_its_inputs_changes_none(fixture: &Fixture) {
    fixture.recipe("base", "", STEPS);
    let base = fixture.build(&["base"]).expect("built").remove(0);
    fixture.write("recipes/hello/note", "a note\n");
    let steps = format!("
      for path in $SYSROOT/base/lib/text $SYSROOT/base/new $SYSROOT/new /build/files/note /build/files/new \\
          /toolchain/bin/cc /toolchain/bin/new /toolchain/zig/zig /toolchain/zig/new /steps/new /steps/* /patches/new \\
          /bin/busybox /bin/new /etc/passwd /new; do
        if (echo x >> $path) 2>/dev/null; then echo written $path; exit 9; fi
        if rm -f $path 2>/dev/null && [ -e /build/files/note ] && [ ! -e $path ] && [ -z \"${{path##*text}}\" ]; then echo removed $path; exit 9; fi
        chmod 777 $path 2>/dev/null || true
        mv $path /build/moved 2>/dev/null || true
      done
      cat $SYSROOT/base/lib/text /build/files/note /etc/passwd /toolchain/bin/cc > /dev/null
      {}", STEPS.trim_start());
    fixture.recipe("hello", "needs: [base]\nfiles: [note]\n", &steps);
    let before = (digest(&base.tree), digest(&fixture.store().join("toolchains")));
    let built = fixture.build(&["hello"]).unwrap_or_else(|error| panic!("{error}"));
    assert!(built[1].fresh);
    assert_eq!((digest(&base.tree), digest(&fixture.store().join("toolchains"))), before);
    assert_eq!(
        fs_err::read_to_string(fixture.workspace().join("recipes/hello/note")).expect("there"),
        "a note\n"
    );
}

fn a_step_that_fills_the_disk_is_told_from_others(fixture: &Fixture) {
    let disk = tempfile::tempdir().expect("a folder");
    let size = ["-t", "tmpfs", "-o", "size=6m", "tmpfs"];
    if !Command::new("mount").args(size).arg(disk.path()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let fixture = fixture.again_in(&disk.path().join("store"));
    let error = fails(&fixture, "", "\n      cat /dev/zero > /build/large");
    let text = error.to_string();
    fixture.recipe("hello", "", STEPS);
    let next = fixture.build(&["hello"]);
    drop(fixture);
    let unmounted = Command::new("umount").arg(disk.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()), "something still uses the disk");
    assert_eq!(error.kind(), ErrorKind::Store, "{text}");
    assert!(text.contains("the disk of the store is full"), "{text}");
    assert!(text.contains(&*disk.path().to_string_lossy()), "{text}");
    assert!(
        next.unwrap_or_else(|error| panic!("{error}"))[0].fresh,
        "what filled it is gone with the next run"
    );
}

fn a_step_that_closes_its_outputs_or_fills_the_log_is_no_trouble(fixture: &Fixture) {
    let much = "\n      yes 'a line of the log' | head -n 200000\n      exec >/dev/null 2>&1\n      exec >&- 2>&-\n      sleep 0.3";
    fixture.recipe("hello", "", &format!("{}{much}", STEPS));
    let built = fixture.build(&["hello"]).unwrap_or_else(|error| panic!("{error}"));
    let log = fixture.store().join(format!("logs/hello/{}.log", built[0].action_key));
    let log = fs_err::read_to_string(log).expect("there");
    assert_eq!(log.lines().filter(|line| *line == "a line of the log").count(), 200_000);
}

fn what_ran_it_is_recorded(fixture: &Fixture) {
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    let built = fixture.build(&["hello"]).expect("built").remove(0);
    let isolation = built.isolation.expect("recorded");
    assert_eq!(isolation, fixture.runner().isolation());
    let log = fixture.store().join(format!("logs/hello/{}.log", built.action_key));
    assert!(fs_err::read_to_string(log).expect("there").contains(&isolation));
    assert_eq!(fixture.pack(&["hello"]).expect("packed")[0].isolation, [isolation]);
}

/// The result says what the steps saw, and has a bit that a store does not keep: on purpose.
const EXCEPTIONS: &str = "exceptions:
  - {check: build-path, path: environment, reason: it is what is compared}
  - {check: build-path, path: seen, reason: it is what is compared}
  - {check: setuid, path: private/file, reason: it is what is compared}
";

#[test]
fn both_runners_give_the_same_bytes() {
    let steps = format!("{STEPS}
      env | sort > $DESTDIR$PREFIX/environment
      (umask; ulimit -c; pwd; uname -n; date; stat -c '%a %s %n' /build/src /build/src/* /tmp; ls /build /build/files /sysroot) > $DESTDIR$PREFIX/seen
      sed -i -e '/^SHLVL/d' -e '/^_=/d' $DESTDIR$PREFIX/environment
      sed -i -e 's/[A-Z][a-z][a-z] .[0-9] ..:..//' -e '/UTC/d' $DESTDIR$PREFIX/seen
      ln -s text $DESTDIR$PREFIX/lib/link
      mkdir -m 700 $DESTDIR$PREFIX/private; echo x > $DESTDIR$PREFIX/private/file; chmod 4711 $DESTDIR$PREFIX/private/file");
    let build = |kind| {
        let fixture = Fixture::on(kind);
        fixture.write("recipes/hello/note", "a note\n");
        fixture.recipe("base", "", STEPS);
        let more = "needs: [base]\nfiles: [note]\nlicence_files: [hello.txt]\n";
        fixture.recipe("hello", &format!("{more}{EXCEPTIONS}"), &steps);
        let built = fixture.build(&["hello"]).unwrap_or_else(|error| panic!("{error}")).remove(1);
        let seen = fs_err::read_to_string(built.tree.join("seen")).expect("there");
        let environment = fs_err::read_to_string(built.tree.join("environment")).expect("there");
        (built.digest, environment, seen)
    };
    let (one, two) = (build(RunnerKind::Bubblewrap), build(RunnerKind::Docker));
    assert_eq!(one.1, two.1, "the environment");
    assert_eq!(one.2, two.2, "what a step sees");
    assert_eq!(one.0, two.0);
}
