//! What a packager gets wrong: each with an error that names the place and says what to do, and nothing half done.

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::xtask::in_workspace;
use medic_tests::{Scratch, run};

/// The exit codes of `docs/exit-codes.md`.
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const FETCH: i32 = 4;
const STEP: i32 = 5;
const STORE: i32 = 6;

const RECIPE: &str = "recipes/hello/recipe.yaml";
const BUILD: [&str; 2] = ["build-package", "hello"];

#[test]
fn a_wrong_digest_names_the_location_and_both_digests() {
    let fixture = Fixture::new("wrong-digest");
    let text = std::fs::read_to_string(fixture.join(RECIPE)).expect("there");
    let right =
        text.lines().find_map(|line| line.trim().strip_prefix("- sha256: ")).expect("a digest").to_owned();
    let wrong = "0".repeat(64);
    fixture.change(RECIPE, &right, &wrong);
    fixture.xtask(&BUILD).ended_with(FETCH).says("recipes/hello/hello.c").says(&wrong).says(&right);
}

#[test]
fn a_source_that_is_nowhere_names_every_location() {
    let fixture = Fixture::new("unreachable");
    let digest = "1".repeat(64);
    let source = format!(
        "  - sha256: {digest}\n    urls: ['http://127.0.0.1:9/first.tar.gz', 'http://127.0.0.1:9/second.tar.gz']\n    path: recipes/hello/absent.c\nsteps:"
    );
    fixture.change(RECIPE, "steps:", &source);
    let outcome = fixture.xtask(&BUILD).ended_with(FETCH);
    outcome.says("first.tar.gz").says("second.tar.gz").says("absent.c").says("MEDIC_OS_MIRRORS");
}

#[test]
fn a_source_is_found_in_the_next_location() {
    let fixture = Fixture::new("next-location");
    let mirror = Scratch::new("mirror");
    mirror.write("file", "int answer(void) { return 42; }\n");
    let file = mirror.join("file").to_string_lossy().into_owned();
    let digest =
        call("sha256sum", &[&file]).success().text().split(' ').next().unwrap_or_default().to_owned();
    call("mv", &[&file, &mirror.join(&digest).to_string_lossy()]).success();
    let source = format!(
        "  - sha256: {digest}\n    urls: ['http://127.0.0.1:9/answer.c']\n    unpack: false\n    into: more\nsteps:"
    );
    fixture.change(RECIPE, "steps:", &source);
    let mut command = fixture.command(&BUILD);
    run(command.env("MEDIC_OS_MIRRORS", mirror.path())).success();
}

#[test]
fn every_fault_of_a_document_names_file_and_line() {
    for (file, from, to, line, says) in [
        (RECIPE, "licence:", "license:", 6, "license"),
        (RECIPE, "version: \"1.0\"", "version: [1, 0]", 2, "version"),
        (RECIPE, "summary:", "name: twice\nsummary:", 4, "duplicate"),
        (RECIPE, "released: 2026-01-01", "released: tomorrow", 3, "not a date"),
        ("packages/hello/package.yaml", "summary:", "colour: red\nsummary:", 2, "colour"),
        ("packages/hello/package.yaml", "components: [hello]", "components: hello", 3, "sequence"),
        ("packages/hello/package.yaml", "  hello: {}", "  hello: {}\n  hello: {}", 6, "hello"),
        ("packages/hello/package.yaml", "  hello: {}", "  hello: {stop: {grace: soon}}", 5, "length of time"),
    ] {
        let fixture = Fixture::new("documents");
        fixture.change(file, from, to);
        let outcome = fixture.xtask(&BUILD).ended_with(INPUT).says(says);
        let place = format!("{file}:{line}:");
        assert!(outcome.stderr.contains(&place), "no {place} in:\n{}", outcome.stderr);
    }
    let fixture = Fixture::new("image-document");
    fixture.write(
        "images/hello.yaml",
        "name: hello\ntitle: x\nversion_of: hello\npackages: [hello]\nentrypoint: /boot/init\n",
    );
    fixture.xtask(&["build-image", "hello"]).ended_with(INPUT).says("images/hello.yaml:5:");
}

#[test]
fn names_versions_and_paths_cannot_escape() {
    for (file, from, to, line, says) in [
        (RECIPE, "name: hello", "name: ../hello", 1, "../hello"),
        (RECIPE, "name: hello", "name: /hello", 1, "/hello"),
        (RECIPE, "name: hello", "name: .", 1, "'.'"),
        (RECIPE, "version: \"1.0\"", "version: ../1.0", 2, "../1.0"),
        (RECIPE, "version: \"1.0\"", "version: \"1.0/../..\"", 2, "1.0/../.."),
        (RECIPE, "version: \"1.0\"", "version: \"1.0\\n2\"", 2, "1.0"),
        (RECIPE, "steps:", "patches: [../../x.patch]\nsteps:", 11, "../../x.patch"),
        (RECIPE, "steps:", "files: [/etc/passwd]\nsteps:", 11, "/etc/passwd"),
        (RECIPE, "steps:", "licence_files: [a/../../b]\nsteps:", 11, "a/../../b"),
        (RECIPE, "steps:", "needs: [../zlib]\nsteps:", 11, "../zlib"),
        (RECIPE, "path: recipes", "path: ../recipes", 9, "../recipes"),
        (RECIPE, "path: recipes/hello/hello.c", "path: /etc/passwd", 9, "/etc/passwd"),
        (RECIPE, "unpack: false", "unpack: false\n    into: ../out", 12, "../out"),
        (RECIPE, "unpack: false", "unpack: false\n    into: /tmp", 12, "/tmp"),
        ("packages/hello/package.yaml", "name: hello", "name: ../hello", 1, "../hello"),
        ("packages/hello/package.yaml", "components: [hello]", "components: [../hello]", 3, "../hello"),
        ("packages/hello/package.yaml", "  hello: {}", "  ../hello: {}", 5, "../hello"),
    ] {
        let fixture = Fixture::new("escapes");
        fixture.change(file, from, to);
        let outcome = fixture.xtask(&BUILD).ended_with(INPUT).says(says);
        assert!(outcome.stderr.contains(&format!("{file}:")), "no {file}: in:\n{}", outcome.stderr);
        // A source is read as a whole: its place is where it begins, or the line itself.
        let place = format!("{file}:{line}:");
        let near = [line - 1, line, line + 1].map(|line| format!("{file}:{line}:"));
        assert!(near.iter().any(|near| outcome.stderr.contains(near)), "no {place} in:\n{}", outcome.stderr);
    }
    let fixture = Fixture::new("escaping-root");
    fixture.change(RECIPE, "steps:", "root: ../../root\nsteps:");
    fixture.xtask(&BUILD).ended_with(INPUT).says("../../root");
    for name in ["../x", "/etc", ".", "a/b", ""] {
        fixture.xtask(&["shell", name, "--", "true"]).ended_with(USAGE);
        fixture.xtask(&["build-package", name]).ended_with(USAGE);
    }
}

#[test]
fn a_cycle_is_shown_whole() {
    let fixture = Fixture::new("cycle");
    let text = std::fs::read_to_string(fixture.join(RECIPE)).expect("there");
    for (name, need) in [("hello", "second"), ("second", "third"), ("third", "hello")] {
        let recipe = text
            .replace("name: hello", &format!("name: {name}"))
            .replace("steps:", &format!("needs: [{need}]\nsteps:"));
        fixture.write(&format!("recipes/{name}/recipe.yaml"), &recipe);
    }
    let outcome = fixture.xtask(&BUILD).ended_with(INPUT);
    assert!(outcome.stderr.contains("hello → second → third → hello"), "{}", outcome.stderr);
}

#[test]
fn what_does_not_exist_is_named_with_what_is_near() {
    let fixture = Fixture::new("unknown");
    fixture.xtask(&["build-package", "helo"]).ended_with(INPUT).says("helo").says("hello");
    fixture.xtask(&["build-image", "ngnix"]).ended_with(INPUT).says("ngnix");
    fixture.xtask(&["build-image", "../x"]).ended_with(USAGE).says("../x");
    fixture.change(RECIPE, "steps:", "needs: [zlob]\nsteps:");
    fixture.xtask(&BUILD).ended_with(INPUT).says("zlob").says(RECIPE);
}

#[test]
fn a_failing_step_shows_the_end_of_its_log() {
    let fixture = Fixture::new("failing-step");
    let noise = "      for i in $(seq 100); do echo \"line $i\"; done\n      exit 3\n";
    fixture.change(RECIPE, "      mkdir", &format!("{noise}      mkdir"));
    let outcome = fixture.xtask(&BUILD).ended_with(STEP).says("hello").says("compile").says("3");
    assert!(outcome.stderr.contains("line 100") && outcome.stderr.contains("line 71"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("line 70\n"), "more than 30 lines: {}", outcome.stderr);
    let log = outcome.stderr.split_whitespace().find(|word| word.contains(".log")).expect("the log is named");
    let log =
        std::fs::read_to_string(log.trim_matches(|c| "'(),.:".contains(c) && c != '.').trim_end_matches('.'))
            .expect("the log is there");
    assert!(log.contains("line 1\n") && log.contains("line 100\n"), "{log}");
}

#[test]
fn a_step_that_tries_the_network_fails_and_is_told_why() {
    let fixture = Fixture::new("network-step");
    let connect = "      perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => \"192.0.2.1:80\", Timeout => 5) or die \"connect: $!\\n\"'\n";
    fixture.change(RECIPE, "      mkdir", &format!("{connect}      mkdir"));
    fixture.xtask(&BUILD).ended_with(STEP).says("no network");
}

#[test]
fn a_full_disk_is_named_and_nothing_half_written_is_kept() {
    let scratch = Scratch::new("full-disk");
    let store = scratch.join("store");
    std::fs::create_dir_all(&store).expect("writable");
    let store_text = store.to_string_lossy().into_owned();
    call("mount", &["-t", "tmpfs", "-o", "size=16m", "tmpfs", &store_text]).success();
    let fixture = Fixture::new("full-disk-workspace");
    let first_store = fixture.store().to_owned();
    let mut command = in_workspace(&fixture.join(""), &store);
    command.args(BUILD).env("MEDIC_OS_MIRRORS", first_store.join("sources/sha256"));
    let outcome = run(&mut command);
    let kept = call(
        "sh",
        &[
            "-c",
            &format!(
                "cd {store_text}/sources/sha256 2>/dev/null && for f in *; do [ -f \"$f\" ] && echo \"$f  $f\"; done | sha256sum --check --quiet"
            ),
        ],
    );
    call("umount", &[&store_text]).success();
    outcome.ended_with(STORE).says("full").says(&store_text);
    assert!(!kept.stderr.contains("did NOT match"), "{}", kept.stderr);
}
