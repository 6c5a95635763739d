//! Fetching by the program: cut off in the middle, without a network, and from a mirror that was filled elsewhere.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::server::Server;
use medic_tests::wait_for;

const RECIPE: &str = "recipes/hello/recipe.yaml";
const SIZE: usize = 3_000_000;
const FIRST: usize = 1_000_000;

/// Bytes that no earlier run has fetched.
fn fresh() -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    (0..SIZE as u64 / 8).flat_map(|n| (n ^ now).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect()
}

/// A workspace with a source that is at an address.
fn with_source(name: &str, server: &Server, body: &[u8]) -> (Fixture, String) {
    let fixture = Fixture::new(name);
    std::fs::write(fixture.join("body"), body).expect("writable");
    let digest = call("sha256sum", &[&fixture.join("body").to_string_lossy()]).success();
    let digest = digest.text().split(' ').next().unwrap_or_default().to_owned();
    let source = format!(
        "sources:\n  - sha256: {digest}\n    urls: ['{}']\n    unpack: false\n    into: more\n  ",
        server.url(&format!("{name}.bin"))
    );
    fixture.change(RECIPE, "sources:\n  ", &source);
    (fixture, digest)
}

/// A fetch in the background of which a part has come.
fn half_done(fixture: &Fixture, digest: &str) -> Child {
    let output = std::fs::File::create(fixture.join("output")).expect("writable");
    let child = fixture
        .command(&["fetch", "hello"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .expect("it starts");
    wait_for("a part has come", Duration::from_secs(60), || {
        (begun(fixture, digest).is_some_and(|size| size == FIRST as u64)).then_some(())
    });
    child
}

/// The size of what is there of a source.
fn begun(fixture: &Fixture, digest: &str) -> Option<u64> {
    let entries = std::fs::read_dir(fixture.store().join("partial")).ok()?;
    let mut own = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(digest));
    own.next()?.metadata().ok().map(|meta| meta.len())
}

/// The next run asks for the rest only, and has the file then.
fn continues(fixture: &Fixture, server: &Server, digest: &str, body: &[u8]) {
    server.go_on();
    fixture.xtask(&["fetch", "hello"]).success();
    assert_eq!(server.requests(), [None, Some(format!("bytes={FIRST}-"))]);
    let path = fixture.store().join("sources/sha256").join(digest);
    assert!(std::fs::read(path).expect("fetched") == body, "another file was put in place");
    assert_eq!(begun(fixture, digest), None, "nothing is left");
}

#[test]
fn ctrl_c_ends_a_fetch_at_once_and_the_next_run_continues_it() {
    let body = fresh();
    let server = Server::start(body.clone(), FIRST);
    let (fixture, digest) = with_source("fetch-ctrl-c", &server, &body);
    let mut child = half_done(&fixture, &digest);
    let since = Instant::now();
    call("kill", &["-INT", &child.id().to_string()]).success();
    let status = wait_for("it ends", Duration::from_secs(10), || child.try_wait().expect("a child"));
    let said = std::fs::read_to_string(fixture.join("output")).expect("readable");
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(since.elapsed() < Duration::from_secs(5), "the server would have kept it for 30 s");
    assert_eq!(said.matches("interrupted:").count(), 1, "{said}");
    assert!(!said.contains("error"), "{said}");
    continues(&fixture, &server, &digest, &body);
}

#[test]
fn a_killed_fetch_is_continued_by_the_next_run() {
    let body = fresh();
    let server = Server::start(body.clone(), FIRST);
    let (fixture, digest) = with_source("fetch-killed", &server, &body);
    let mut child = half_done(&fixture, &digest);
    child.kill().expect("it runs");
    child.wait().expect("a child");
    let left = fixture.store().join("partial/client-of-a-killed-builder");
    std::fs::create_dir_all(left.join("cache")).expect("writable");
    continues(&fixture, &server, &digest, &body);
    assert!(!left.exists(), "what the killed builder's client left is still there");
}

#[test]
fn offline_names_every_source_that_is_missing_and_asks_nobody() {
    let body = fresh();
    let server = Server::start(body.clone(), FIRST);
    let (fixture, digest) = with_source("fetch-offline", &server, &body);
    let other = "0123456789abcdef".repeat(4);
    let second = format!("  - sha256: {other}\n    urls: ['{}']\nsteps:", server.url("second.tar.gz"));
    fixture.change(RECIPE, "steps:", &second);
    let outcome = fixture.xtask(&["fetch", "--all", "--offline"]).ended_with(4);
    for part in ["2 sources", "fetch-offline.bin", &digest, "second.tar.gz", &other, "cargo xtask vendor"] {
        assert!(outcome.stderr.contains(part), "'{part}' is not in:\n{}", outcome.stderr);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_vendored_folder_serves_a_machine_without_a_network_and_a_damaged_file_in_it_is_told() {
    let body = fresh();
    let server = Server::start(body.clone(), SIZE);
    server.go_on();
    let (fixture, digest) = with_source("fetch-vendored", &server, &body);
    let stick = fixture.join("stick");
    fixture.xtask(&["vendor", &stick.to_string_lossy()]).success();
    let asked = server.requests().len();
    let elsewhere = Fixture::new("fetch-elsewhere");
    std::fs::copy(fixture.join(RECIPE), elsewhere.join(RECIPE)).expect("copied");
    let elsewhere = {
        let store = elsewhere.join("store");
        elsewhere.with_store(store)
    };
    let offline = || {
        let mut command = elsewhere.command(&["fetch", "hello", "--offline"]);
        medic_tests::run(command.env("MEDIC_OS_MIRRORS", &stick))
    };
    offline().success();
    let stored = elsewhere.store().join("sources/sha256").join(&digest);
    assert!(std::fs::read(&stored).expect("fetched") == body);
    // A bit flips in the mirror, and the store is emptied.
    std::fs::remove_file(&stored).expect("removed");
    let file = stick.join("sha256").join(&digest);
    let mut damaged = body.clone();
    damaged[SIZE / 2] ^= 1;
    std::fs::remove_file(&file).expect("removed");
    std::fs::write(&file, &damaged).expect("written");
    let outcome = offline().ended_with(4);
    assert!(
        outcome.stderr.contains("another file") && outcome.stderr.contains(&digest),
        "{}",
        outcome.stderr
    );
    assert!(!stored.exists(), "nothing wrong is put in place");
    // A bit flips in the store.
    std::fs::write(&file, &body).expect("written");
    offline().success();
    std::fs::remove_file(&stored).expect("removed");
    std::fs::write(&stored, &damaged).expect("written");
    offline().success().says("was damaged and is fetched again");
    assert!(std::fs::read(&stored).expect("fetched") == body);
    assert_eq!(server.requests().len(), asked, "the network was asked");
}
