//! `outdated` and `bump`: against a web server and a Debian mirror on this machine, and against the real registries.

use std::path::Path;

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::folder_server::FolderServer;
use medic_tests::{Outcome, Scratch, run};

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const FETCH: i32 = 4;
const OUTDATED: i32 = 12;

const RECIPE: &str = "# 1.0 is the first version, and 1.0.tar.gz is not a name to be changed here
name: thing
version: \"1.0\" # in quotes
released: '2026-01-02'
summary: A thing of version 1.0
homepage: https://example.org/thing-1.0
licence: MIT
sources:
  # from upstream
  - sha256:   \"DIGEST\"
    sha512: OTHER
    max_size: 1 MiB
    urls: [SERVER/1.0/thing-1.0.tar.gz, 'SERVER/flat/thing-1.0.tar.gz']
    debian: pool/main/t/thing/thing_1.0.orig.tar.gz

  - {sha256: HELLO, path: recipes/hello/hello.c, unpack: false}
steps:
  - name: version 1.0
    run: |
      echo 1.0
";

fn digest(program: &str, path: &Path) -> String {
    let said = call(program, &[&path.to_string_lossy()]).success();
    said.text().split(' ').next().unwrap_or_default().to_owned()
}

/// A workspace with the component `thing`, whose versions 1.0, 1.1 and 2.0rc1 are on a server and in a Debian mirror.
struct Bench {
    fixture: Fixture,
    upstream: Scratch,
    mirror: Scratch,
    server: FolderServer,
    recipe: String,
}

impl Bench {
    fn new(what: &str) -> Self {
        let upstream = Scratch::new(&format!("{what}-upstream"));
        let mirror = Scratch::new(&format!("{what}-mirror"));
        for (version, time) in [("1.0", "2026-01-02"), ("1.1", "2026-02-03"), ("2.0rc1", "2026-03-04")] {
            upstream.write(&format!("{version}/thing-{version}.tar.gz"), "");
            upstream.write(&format!("work/thing-{version}/file"), version);
            mirror.write("pool/main/t/thing/thing_0.9-1.debian.tar.xz", "");
            let script = format!(
                "cd {0} && touch -d {time}T12:00:00Z work/thing-{version}/file work/thing-{version} && \
                 tar -C work -czf {version}/thing-{version}.tar.gz thing-{version} && mkdir -p flat && \
                 cp {version}/thing-{version}.tar.gz flat/ && \
                 cp {version}/thing-{version}.tar.gz {1}/pool/main/t/thing/thing_{version}.orig.tar.gz",
                upstream.path().display(),
                mirror.path().display(),
            );
            call("sh", &["-c", &script]).success();
        }
        let fixture = Fixture::new(what);
        let server = FolderServer::of(upstream.path());
        let file = upstream.join("flat/thing-1.0.tar.gz");
        let recipe = RECIPE
            .replace("DIGEST", &digest("sha256sum", &file))
            .replace("OTHER", &digest("sha512sum", &file))
            .replace("HELLO", &digest("sha256sum", &fixture.join("recipes/hello/hello.c")))
            .replace("SERVER/", &server.url(""));
        fixture.write("recipes/thing/recipe.yaml", &recipe);
        let store = upstream.join("store");
        Self { fixture: fixture.with_store(store), upstream, mirror, server, recipe }
    }

    fn xtask(&self, arguments: &[&str]) -> Outcome {
        self.xtask_with(arguments, &format!("file://{}", self.mirror.path().display()))
    }

    fn xtask_with(&self, arguments: &[&str], mirror: &str) -> Outcome {
        let mut command = self.fixture.command(arguments);
        run(command
            .env("MEDIC_OS_DEBIAN_MIRROR", mirror)
            .env("NO_PROXY", "127.0.0.1")
            .env("MEDIC_OS_MIRRORS", ""))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.fixture.join("recipes/thing/recipe.yaml")).expect("there")
    }

    /// What `outdated --json` says of the component.
    fn look(&self, mirror: &str) -> serde_json::Value {
        let said = self.xtask_with(&["outdated", "thing", "--json"], mirror).success();
        let answer: serde_json::Value = serde_json::from_str(said.text()).expect("JSON");
        answer["components"][0].clone()
    }
}

#[test]
fn a_recipe_is_changed_in_place_and_back() {
    let bench = Bench::new("bump");
    let expected = bench
        .recipe
        .replace("version: \"1.0\"", "version: \"1.1\"")
        .replace("'2026-01-02'", "'2026-02-03'")
        .replace("1.0/thing-1.0.tar.gz, ", "1.1/thing-1.1.tar.gz, ")
        .replace("flat/thing-1.0", "flat/thing-1.1")
        .replace("thing_1.0.orig", "thing_1.1.orig");
    let (old, new) =
        (bench.upstream.join("flat/thing-1.0.tar.gz"), bench.upstream.join("flat/thing-1.1.tar.gz"));
    let expected = ["sha256sum", "sha512sum"]
        .iter()
        .fold(expected, |text, program| text.replace(&digest(program, &old), &digest(program, &new)));

    let dry = bench.xtask(&["bump", "thing", "1.1", "--dry-run"]).success();
    assert_eq!(bench.text(), bench.recipe, "a dry run writes nothing");
    assert!(
        dry.stdout.contains("+version: \"1.1\" # in quotes\n") && !dry.stdout.contains('\x1b'),
        "{}",
        dry.stdout
    );

    let bumped = bench.xtask(&["bump", "thing", "1.1"]).success();
    assert_eq!(bench.text(), expected);
    for says in [
        "first trust",
        &digest("sha256sum", &new),
        "flat/thing-1.1.tar.gz",
        "thing_1.1.orig",
        "cargo xtask build thing",
    ] {
        assert!(bumped.stdout.contains(says), "no '{says}' in:\n{}", bumped.stdout);
    }
    bench.xtask(&["bump", "thing", "1.1"]).ended_with(INPUT).says("already");

    let back = bench.xtask(&["bump", "thing", "1.0", "--json"]).success();
    let answer: serde_json::Value = serde_json::from_str(back.text()).expect("JSON");
    assert_eq!((&answer["format"], &answer["written"]), (&1.into(), &true.into()));
    assert_eq!(answer["released"], "2026-01-02");
    assert_eq!(answer["sources"].as_array().map(Vec::len), Some(1), "the other source is of no version");
    assert_eq!(bench.text(), bench.recipe, "as it was, to the last byte");
}

#[test]
fn nothing_is_written_when_anything_is_wrong() {
    let bench = Bench::new("bump-wrong");
    // Two locations that give two files.
    call(
        "cp",
        &[
            &bench.upstream.join("1.0/thing-1.0.tar.gz").to_string_lossy(),
            &bench.upstream.join("1.1/thing-1.1.tar.gz").to_string_lossy(),
        ],
    )
    .success();
    let outcome = bench.xtask(&["bump", "thing", "1.1"]).ended_with(FETCH);
    outcome.says("/1.1/thing-1.1.tar.gz").says("/flat/thing-1.1.tar.gz").says("different files");
    // A version that is nowhere.
    let outcome = bench.xtask(&["bump", "thing", "7.7"]).ended_with(FETCH);
    outcome.says("thing-7.7.tar.gz").says("thing_7.7.orig").says("There are: 2.0rc1, 1.1, 1.0");
    // More than the cap.
    bench.fixture.change("recipes/thing/recipe.yaml", "max_size: 1 MiB", "max_size: 20");
    let small = bench.text();
    bench.xtask(&["bump", "thing", "1.1"]).ended_with(FETCH).says("max_size of 20 bytes");
    assert_eq!(bench.text(), small);
    bench.xtask(&["bump", "thing", "../1.1"]).ended_with(USAGE).says("not a version");
    bench.xtask(&["bump", "thong", "1.1"]).ended_with(INPUT).says("thing");
    // A source that says nothing of its version.
    bench.xtask(&["bump", "hello", "1.1"]).ended_with(INPUT).says("by hand");
}

#[test]
fn a_location_that_gives_nothing_is_a_warning() {
    let bench = Bench::new("bump-warning");
    call("rm", &[&bench.upstream.join("1.1/thing-1.1.tar.gz").to_string_lossy()]).success();
    let bumped = bench.xtask(&["bump", "thing", "1.1"]).success();
    assert!(
        bumped.stdout.contains("warning: not compared with") && bumped.stdout.contains("404"),
        "{}",
        bumped.stdout
    );
    assert!(bench.text().contains("1.1/thing-1.1.tar.gz"), "it is changed all the same");
}

#[test]
fn what_is_newer_gone_or_out_of_reach_is_told() {
    let bench = Bench::new("outdated");
    let folder = format!("file://{}", bench.mirror.path().display());
    let found = bench.look(&folder);
    assert_eq!((&found["state"], &found["present"]), (&"outdated".into(), &"1.0".into()));
    assert_eq!(found["newest"]["version"], "1.1", "no pre-release: {found}");
    assert_eq!(
        (found["gone"].as_array(), found["failed"].as_array()),
        (Some(&vec![]), Some(&vec![])),
        "{found}"
    );
    bench.xtask(&["outdated", "thing", "--fail"]).ended_with(OUTDATED).says("thing");

    // The pool file goes away; and a mirror that is served, and lists.
    call("rm", &[&bench.mirror.join("pool/main/t/thing/thing_1.0.orig.tar.gz").to_string_lossy()]).success();
    let gone =
        |found: &serde_json::Value| found["gone"][0].as_str().unwrap_or_default().contains("thing_1.0.orig");
    assert!(gone(&bench.look(&folder)), "{}", bench.look(&folder));
    let served = FolderServer::of(bench.mirror.path());
    assert!(gone(&bench.look(&served.url(""))), "{}", bench.look(&served.url("")));

    // One that lists nothing, and has an index of sources.
    call("rm", &["-r", &bench.mirror.join("pool").to_string_lossy()]).success();
    let index = "Package: thing\nDirectory: pool/main/t/thing\nFiles:\n 00 1 thing_1.2+dfsg.orig.tar.xz\n\n";
    let file = bench.mirror.write("dists/unstable/main/source/Sources", index);
    call("gzip", &[&file.to_string_lossy()]).success();
    let found = bench.look(&served.url(""));
    assert_eq!(found["newest"]["version"], "1.2", "{found}");
    assert!(gone(&found), "{found}");

    // A server that is not there is said, and stops nothing.
    drop(bench.server);
    let command = |arguments: &[&str]| {
        let mut command = bench.fixture.command(arguments);
        run(command.env("MEDIC_OS_DEBIAN_MIRROR", served.url("")).env("NO_PROXY", "127.0.0.1"))
    };
    let said = command(&["outdated", "thing", "hello"]).success();
    assert!(said.stdout.contains("could not be looked up: http://127.0.0.1:"), "{}", said.stdout);
    assert!(said.stdout.contains("  1.2  ") && said.stdout.contains("hello"), "{}", said.stdout);
    let offline = command(&["outdated", "thing", "--offline"]).success();
    assert!(offline.stdout.contains("--offline"), "{}", offline.stdout);
}

/// A copy of a real recipe.
fn real(what: &str, component: &str) -> Fixture {
    let fixture = Fixture::new(what);
    let (from, to) = (medic_tests::workspace().join("recipes").join(component), fixture.join("recipes/"));
    call("cp", &["-a", &from.to_string_lossy(), &to.to_string_lossy()]).success();
    fixture
}

/// Bumps a real recipe back to a version and forward again.
#[track_caller]
fn there_and_back(component: &str, version: &str) -> String {
    let fixture = real(&format!("real-{component}"), component);
    let file = fixture.join(&format!("recipes/{component}/recipe.yaml"));
    let text = || std::fs::read_to_string(&file).expect("there");
    let before = text();
    let present =
        before.lines().find_map(|line| line.strip_prefix("version: ")).expect("a version").to_owned();
    fixture.xtask(&["bump", component, version]).success();
    let between = text();
    assert!(between.contains(&format!("\nversion: {version}\n")), "{between}");
    fixture.xtask(&["bump", component, &present]).success();
    assert_eq!(text(), before);
    between
}

#[test]
fn a_recipe_of_the_python_index_goes_back_and_forward() {
    let between = there_and_back("ca-certificates", "2026.7.22");
    assert!(
        between.contains("file: certifi-2026.7.22.tar.gz}") && between.contains("released: 2026-07-22"),
        "{between}"
    );
}

#[test]
fn a_recipe_of_a_crate_that_carries_another_project_goes_back_and_forward() {
    let between = there_and_back("nginx", "1.28.2");
    assert!(between.contains("version: 1.28.4+1.28.2}"), "{between}");
}

#[test]
fn the_real_registries_answer() {
    let fixture = real("real-outdated", "nginx");
    let said = fixture.xtask(&["outdated", "nginx", "toolchain", "--json"]).success();
    let answer: serde_json::Value = serde_json::from_str(said.text()).expect("JSON");
    for component in answer["components"].as_array().expect("a list") {
        assert_ne!(component["state"], "unknown", "{component}");
        assert!(component["newest"]["version"].is_string(), "{component}");
    }
}
