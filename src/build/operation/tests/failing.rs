//! What goes wrong, and what is said then.

use super::*;
use crate::ErrorKind;

fn fails(more: &str, steps: &str) -> (Fixture, BuildError) {
    let fixture = Fixture::new();
    fixture.recipe("hello", more, steps);
    let error = fixture.build(&["hello"]).expect_err("it fails");
    (fixture, error)
}

#[test]
fn a_failing_step_shows_the_end_of_its_log() {
    let (fixture, error) = fails("", "\n      for i in $(seq 100); do echo \"line $i\"; done\n      exit 3");
    assert_eq!(error.kind(), ErrorKind::Step);
    let text = error.to_string();
    assert!(text.starts_with("hello: the step 'make it' ended with status 3"), "{text}");
    assert!(
        text.contains("| line 71\n") && text.contains("| line 100\n") && !text.contains("line 70\n"),
        "{text}"
    );
    let log = text.split_whitespace().find(|word| word.ends_with(".log")).expect("the log is named");
    let log = fs_err::read_to_string(log).expect("the log is there");
    assert!(log.contains("==== make it\nline 1\n"), "{log}");
    let work = fixture.store().join("work/hello/build/src/hello.txt");
    assert!(work.is_file(), "the build folder is kept");
    fixture.recipe("other", "", STEPS);
    fixture.build(&["other"]).expect("built");
    assert!(!work.exists(), "and gone with the next run");
}

#[test]
fn a_step_that_tries_the_network_is_told_why_it_fails() {
    let connect = "\n      perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => \"192.0.2.1:80\", Timeout => 5) or die \"connect: $!\\n\"'";
    let (_fixture, error) = fails("", connect);
    assert_eq!(error.kind(), ErrorKind::Step);
    assert!(error.to_string().contains("build steps have no network"), "{error}");
}

#[test]
fn a_file_outside_the_prefix_is_named() {
    let (_fixture, error) =
        fails("", &format!("{STEPS}\n      mkdir $DESTDIR/etc\n      echo x > $DESTDIR/etc/hello.conf"));
    assert_eq!(error.kind(), ErrorKind::Step);
    assert!(error.to_string().contains("/etc/hello.conf"), "{error}");
}

#[test]
fn a_step_cannot_lead_the_builder_out_by_links() {
    let outside = tempfile::tempdir().expect("a folder");
    let steps = |place: &str| {
        format!(
            "{STEPS}\n      rm -rf {place}\n      mkdir -p $(dirname {place})\n      ln -s {} {place}",
            outside.path().display()
        )
    };
    for place in ["$DESTDIR$PREFIX/share", "$DESTDIR/srv/software", "/build/out", "/build/src"] {
        let (_fixture, error) = fails("licence_files: [hello.txt]\n", &steps(place));
        assert_eq!(error.kind(), ErrorKind::Step, "{place}: {error}");
        assert_eq!(
            fs_err::read_dir(outside.path()).expect("there").count(),
            0,
            "{place}: something came out"
        );
    }
}

#[test]
fn a_program_that_the_root_lacks_is_named() {
    let (_fixture, error) = fails("tools: [sh, no-such-program]\n", STEPS);
    assert_eq!(error.kind(), ErrorKind::Definition);
    assert!(error.to_string().contains("'tools' names 'no-such-program'"), "{error}");
}

#[test]
fn a_missing_source_is_named_and_nothing_is_built() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("hello", "needs: [base]\n", STEPS);
    fs_err::remove_file(fixture.workspace().join("recipes/hello/hello.txt")).expect("removed");
    let error = fixture.build(&["hello"]).expect_err("nowhere");
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert!(error.to_string().contains("recipes/hello/hello.txt"), "{error}");
    assert!(!fixture.events().iter().any(|event| event.contains("Started { log")));
}

#[test]
fn a_failure_stops_only_what_depends_on_it() {
    let fixture = Fixture::new().keep_going();
    fixture.recipe("broken", "", "\n      exit 1");
    fixture.recipe("good", "", STEPS);
    fixture.recipe("needs-both", "needs: [broken, good]\n", STEPS);
    fixture.recipe("needs-good", "needs: [good]\n", STEPS);
    let error = fixture.build(&["needs-both", "needs-good"]).expect_err("one fails").to_string();
    assert!(error.starts_with("broken: the step"), "{error}");
    assert!(error.ends_with("\nnot tried: needs-both (needs broken)"), "{error}");
    let events = fixture.events();
    let skipped = events.iter().find(|event| event.contains("Skipped")).expect("one is skipped");
    assert!(skipped.contains("needs-both") && skipped.contains("broken"), "{skipped}");
    assert!(fixture.build(&["needs-good"]).expect("kept").iter().all(|one| !one.fresh));
}

#[test]
fn without_keep_going_what_runs_is_kept_and_nothing_more_is_begun() {
    let fixture = Fixture::new();
    // Two run side by side: the good one ends after the broken one.
    fixture.recipe("broken", "", "\n      sleep 0.7; exit 1");
    fixture.recipe("good", "", &format!("\n      sleep 1.5{STEPS}"));
    fixture.recipe("later", "needs: [good]\n", STEPS);
    fixture.recipe("needs-broken", "needs: [broken]\n", STEPS);
    let error = fixture.build(&["later", "needs-broken"]).expect_err("one fails").to_string();
    assert!(error.contains("not tried: needs-broken (needs broken)"), "{error}");
    assert!(error.contains("not begun after the failure: later; --keep-going builds them"), "{error}");
    let built = fixture.build(&["later"]).expect("built");
    assert_eq!((built[0].fresh, built[1].fresh), (false, true), "what ran was kept");
}

#[test]
fn the_log_of_a_failed_build_is_kept_and_says_how_it_ended() {
    let (fixture, _) = fails("", "\n      echo one; exit 3");
    let find = || crate::log::find(&fixture.workspace(), fixture.store(), "hello", None).expect("found");
    let log = find().remove(0);
    assert_eq!(log.ending, crate::log::Ending::Failed);
    let text = fs_err::read_to_string(&log.path).expect("there");
    assert!(text.contains("==== make it\none\n==== end: failed after"), "{text}");
    fixture.recipe("hello", "", STEPS);
    fixture.build(&["hello"]).expect("built");
    let endings: Vec<_> = find().iter().map(|log| log.ending).collect();
    assert_eq!(endings, [crate::log::Ending::Built, crate::log::Ending::Failed]);
}

#[test]
fn a_full_disk_is_said_and_the_store_stays_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(folder.path())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let fixture = Fixture::new().with_store(&folder.path().join("store"));
    let large = format!("{STEPS}\n      head -c 8000000 /dev/zero > $DESTDIR$PREFIX/lib/large");
    fixture.recipe("small", "", STEPS);
    fixture.recipe("large", "needs: [small]\n", &large);
    let in_step = fixture.build(&["large"]).expect_err("full");
    // The builder's own writes meet a full disk as well. It would first remove what the step left.
    fs_err::remove_dir_all(fixture.store().join("work")).expect("removed");
    let filler = folder.path().join("filler");
    let _ = fs_err::write(&filler, vec![0; 8 << 20]);
    fixture.recipe("another", "", STEPS);
    let in_builder = fixture.build(&["another"]).expect_err("full");
    fs_err::remove_file(&filler).expect("removed");
    let (small, another) = (fixture.build(&["small"]), fixture.build(&["another"]));
    let left = fs_err::read_dir(fixture.store().join("trees")).map(Iterator::count);
    let unmounted = std::process::Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(in_step.kind(), ErrorKind::Store, "{in_step}");
    assert!(in_step.to_string().contains("the disk of the store is full"), "{in_step}");
    assert_eq!(in_builder.kind(), ErrorKind::Store, "{in_builder}");
    let says = in_builder.to_string();
    assert!(says.contains("the disk is full") && says.contains(&*folder.path().to_string_lossy()), "{says}");
    assert!(!small.expect("kept")[0].fresh);
    assert!(another.expect("built with room")[0].fresh);
    assert_eq!(left.expect("there"), 2);
}
