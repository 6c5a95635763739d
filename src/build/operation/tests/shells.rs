//! Shells where a build stopped, under each runner.

use super::fixture::Fixture;
use super::*;
use crate::ErrorKind;
use crate::sandbox::tests::bench::on_each_runner;
use crate::sandbox::{Ending, RunnerKind};

on_each_runner! { super::Fixture::on:
    a_shell_stands_where_the_build_failed,
    a_shell_stands_before_a_step_when_nothing_failed,
    a_shell_keeps_nobody_from_the_store,
    a_failure_on_the_way_is_where_it_stands,
}

const TWO: &str = "
      echo one > first
  - name: second step
    run: |
      echo two > second
      echo $JOBS $SYSROOT > seen
      exit 7
  - name: third
    run: |
      mkdir -p \"$DESTDIR$PREFIX\"; cat first > \"$DESTDIR$PREFIX/first\"";

/// How a command in the shell ended, and what it wrote.
fn run(fixture: &Fixture, shell: &Shell, command: &[&str]) -> (Ending, String) {
    let output = tempfile::NamedTempFile::new().expect("a file");
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let ending = shell.run(fixture.runner(), &command, output.as_file()).expect("it runs");
    (ending, fs_err::read_to_string(output.path()).expect("read"))
}

fn a_shell_stands_where_the_build_failed(fixture: &Fixture) {
    fixture.recipe("base", "", STEPS);
    fixture.recipe("hello", "needs: [base]\nenvironment: {EXTRA: '$x'}\n", TWO);
    let error = fixture.build(&["hello"]).expect_err("it fails").to_string();
    assert!(error.contains("cargo xtask shell hello"), "{error}");
    let work = fixture.store().join("work/hello");
    let shell = fixture.shell("hello", None).expect("opened");
    assert_eq!((shell.stopped.step.as_str(), shell.stopped.failed), ("second step", true));
    assert_eq!(shell.again().as_deref(), Some("sh -eu /steps/02-second-step"));
    let script = "pwd; id -u; uname -n; cat first second; cat $SYSROOT/base/lib/text; echo $EXTRA $JOBS; ls /toolchain/bin; ls /sys/class/net 2>/dev/null; sh -eu /steps/02-second-step; echo $?; echo changed > first";
    let (ending, text) = run(fixture, &shell, &["/bin/sh", "-c", script]);
    assert!(ending.is_success(), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, ["/build/src", "1000", "build", "one", "two", "hello, base", "$x 2", "cc", "7"]);
    assert!(!work.exists(), "its files are its own meanwhile");
    assert_eq!(run(fixture, &shell, &["/bin/sh", "-c", "exit 5"]).0, Ending::Status(5));
    shell.close().expect("closed");
    // The next one goes on where this one left.
    let shell = fixture.shell("hello", Some("second step")).expect("opened");
    assert!(shell.stopped.failed);
    assert_eq!(run(fixture, &shell, &["cat", "first"]).1, "changed\n");
    shell.close().expect("closed");
    assert!(work.join("build/src/first").is_file());
    fixture.recipe("hello", "", STEPS);
    fixture.build(&["hello"]).expect("built");
    assert_eq!(fs_err::read_dir(fixture.store().join("shells")).expect("there").count(), 0);
}

fn a_shell_stands_before_a_step_when_nothing_failed(fixture: &Fixture) {
    fixture.recipe("base", "", STEPS);
    fixture.recipe("hello", "needs: [base]\n", &TWO.replace("exit 7", ""));
    // Nothing of it was ever built, nor of what it needs.
    let shell = fixture.shell("hello", None).expect("opened");
    assert_eq!((shell.stopped.step.as_str(), shell.stopped.failed), ("make it", false));
    let seen = run(fixture, &shell, &["/bin/sh", "-c", "ls; ls /steps; cat $SYSROOT/base/lib/text"]);
    assert_eq!(seen.1, "hello.txt\n01-make-it\nhello, base\n");
    let folder = shell.folder.clone();
    shell.close().expect("closed");
    assert!(!folder.exists());
    let shell = fixture.shell("hello", Some("third")).expect("opened");
    assert_eq!((shell.stopped.step.as_str(), shell.stopped.failed), ("third", false));
    let done = run(
        fixture,
        &shell,
        &["/bin/sh", "-c", "cat first second; sh -eu /steps/03-third; ls $DESTDIR$PREFIX"],
    );
    assert_eq!(done.1, "one\ntwo\nfirst\n");
    shell.close().expect("closed");
    let error = fixture.shell("hello", Some("fourth")).expect_err("no such step");
    assert_eq!(error.kind(), ErrorKind::Definition);
    assert!(error.to_string().contains("it has: make it, second step, third"), "{error}");
    assert_eq!(fs_err::read_dir(fixture.store().join("shells")).expect("there").count(), 0);
    let error = fixture.shell("nothing", None).expect_err("no such recipe");
    assert_eq!(error.kind(), ErrorKind::Definition);
}

fn a_shell_keeps_nobody_from_the_store(fixture: &Fixture) {
    fixture.recipe("hello", "", TWO);
    fixture.build(&["hello"]).expect_err("it fails");
    let shell = fixture.shell("hello", None).expect("opened");
    // Another build of the same component, while the shell is open, which fails as well.
    fixture.build(&["hello"]).expect_err("it fails");
    assert_eq!(run(fixture, &shell, &["cat", "first", "hello.txt"]).1, "one\nhello, hello\n");
    let (folder, work) = (shell.folder.clone(), fixture.store().join("work/hello"));
    shell.close().expect("closed");
    assert!(
        !folder.exists() && work.join("build").is_dir(),
        "the later build's files are the ones to look at"
    );
}

fn a_failure_on_the_way_is_where_it_stands(fixture: &Fixture) {
    fixture.recipe("hello", "", TWO);
    let shell = fixture.shell("hello", Some("third")).expect("opened");
    assert_eq!((shell.stopped.step.as_str(), shell.stopped.failed), ("second step", true));
    shell.close().expect("closed");
}

#[test]
fn a_result_that_is_refused_can_be_looked_at() {
    let fixture = Fixture::on(RunnerKind::Bubblewrap);
    fixture.recipe("hello", "", "\n      mkdir -p $DESTDIR/etc; echo x > $DESTDIR/etc/hello.conf");
    fixture.build(&["hello"]).expect_err("outside");
    let shell = fixture.shell("hello", None).expect("opened");
    assert_eq!((shell.stopped.step.as_str(), shell.again()), ("check the result", None));
    assert_eq!(run(&fixture, &shell, &["ls", "/build/out/etc"]).1, "hello.conf\n");
    shell.close().expect("closed");
}
