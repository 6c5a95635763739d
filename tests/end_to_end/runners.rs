//! Both runners, as a user calls them: the same bytes, what each says of itself, a shell, and Docker when it is not there.

use std::process::Command;

use medic_tests::command::{Outcome, call};
use medic_tests::fixture::Fixture;
use medic_tests::xtask::{in_workspace, xtask};
use medic_tests::{Scratch, run, run_mark};

const RUNNERS: [&str; 2] = ["bubblewrap", "docker"];
const USAGE: i32 = 2;
const STEP: i32 = 5;
const DOCKER: i32 = 7;

const RECIPE: &str = "recipes/hello/recipe.yaml";

/// Real components, one of them with a test, as one package.
const PACKAGE: &str = "name: both
summary: Components that every runner builds to the same bytes
components: [zlib, pcre2]
";

/// A store that has the machine's build roots and toolchains already, and nothing that was built.
fn store_without_results(scratch: &Scratch, name: &str) -> std::path::PathBuf {
    let first = xtask(&["store", "path"]).success();
    let store = scratch.join(name);
    std::fs::create_dir_all(&store).expect("writable");
    for folder in ["roots", "toolchains"] {
        let from = format!("{}/{folder}", first.text());
        if std::path::Path::new(&from).is_dir() {
            // Links where both are on one file system: nothing in there is ever changed.
            let to = store.to_string_lossy().into_owned();
            if call("cp", &["-al", &from, &to]).code != 0 {
                call("cp", &["-a", &from, &to]).success();
            }
        }
    }
    store
}

/// The digests of the trees of all components in a store, as `component digest` in order.
fn trees(store: &std::path::Path) -> Vec<String> {
    let results = std::fs::read_dir(store.join("results")).expect("there").flatten();
    let mut trees: Vec<String> = results
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("read");
            let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
            format!(
                "{} {} {}",
                text(&record["inputs"]["component"]),
                text(&record["key"]),
                text(&record["tree"])
            )
        })
        .collect();
    trees.sort();
    trees
}

#[test]
fn components_have_the_same_digest_from_both_runners() {
    let scratch = Scratch::new("both-runners");
    let real = medic_tests::workspace();
    let sources = format!("{}/sources/sha256", xtask(&["store", "path"]).success().text());
    call("cp", &["-a", &real.join("recipes").to_string_lossy(), &scratch.path().to_string_lossy()]).success();
    scratch.write("packages/both/package.yaml", PACKAGE);
    let build = |runner: &str| -> (Outcome, Vec<String>) {
        let store = store_without_results(&scratch, runner);
        let mut command = in_workspace(scratch.path(), &store);
        command
            .args(["build-package", "both", "--json", "--runner", runner])
            .env("MEDIC_OS_MIRRORS", &sources);
        (run(&mut command).success(), trees(&store))
    };
    let [(one, first), (two, second)] = RUNNERS.map(build);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first, second);
    let package = |outcome: &Outcome| -> serde_json::Value {
        let answer: serde_json::Value = serde_json::from_str(outcome.text()).expect("JSON");
        answer["packages"][0].clone()
    };
    let (one, two) = (package(&one), package(&two));
    assert_eq!(one["sha256"], two["sha256"]);
    assert!(one["isolation"][0].as_str().is_some_and(|says| says.starts_with("bubblewrap: ")), "{one}");
    assert!(two["isolation"][0].as_str().is_some_and(|says| says.starts_with("docker ")), "{two}");
}

#[test]
fn the_summary_and_the_log_say_which_isolation_applied() {
    for runner in RUNNERS {
        let fixture = Fixture::new(&format!("isolation-{runner}"));
        // The runner is no input, so each needs a recipe of its own to build anything.
        fixture.change(RECIPE, "      mkdir", &format!("      : {runner} {}\n      mkdir", run_mark()));
        let outcome = fixture.xtask(&["build-package", "hello", "--runner", runner]).success();
        assert!(outcome.stdout.contains(&format!("built in {runner}")), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("no capabilities"), "{}", outcome.stdout);
    }
}

#[test]
fn docker_that_is_not_there_or_elsewhere_is_said() {
    let fixture = Fixture::new("no-docker");
    fixture.change(RECIPE, "      mkdir", &format!("      : no docker {}\n      mkdir", run_mark()));
    for (host, says) in [
        ("unix:///nonexistent/docker.sock", "no daemon answers"),
        ("tcp://192.0.2.1:2375", "another machine"),
    ] {
        let mut command = fixture.command(&["build-package", "hello", "--runner", "docker"]);
        let outcome = run(command.env("DOCKER_HOST", host)).ended_with(DOCKER);
        outcome.says(host).says(says).says("--runner bubblewrap");
    }
    fixture
        .xtask(&["build-package", "hello", "--runner", "podman"])
        .ended_with(USAGE)
        .says("bubblewrap or docker");
}

#[test]
fn a_shell_opens_where_a_step_failed() {
    for runner in RUNNERS {
        let fixture = Fixture::new(&format!("shell-{runner}"));
        fixture.change(RECIPE, "      mkdir", "      echo was here > mark\n      false\n      mkdir");
        // Each test has the store at times; the failed build's folder is kept until the next build.
        let store = fixture.join("store");
        let _ =
            call("cp", &["-al", &format!("{}/roots", fixture.store().display()), &store.to_string_lossy()]);
        let own = |arguments: &[&str]| {
            let mut command = in_workspace(&fixture.join(""), &store);
            command.args(arguments).args(["--runner", runner]);
            command.env("MEDIC_OS_MIRRORS", fixture.store().join("sources/sha256"));
            command
        };
        run(&mut own(&["build-package", "hello"])).ended_with(STEP).says("cargo xtask shell hello");
        let shell = |script: &str| {
            let mut command = own(&["shell", "hello"]);
            run(command.args(["--", "sh", "-c", script]))
        };
        let outcome =
            shell("cat mark; pwd; id -u; uname -n; env | grep ^PREFIX; sh -eu /steps/01-compile; exit 9");
        let outcome = outcome.ended_with(9);
        let expected = "was here\n/build/src\n1000\nbuild\nPREFIX=/srv/software/hello/current/default\n";
        assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
        shell("no-such-program").ended_with(127);
        run(&mut own(&["shell", "hello"])).ended_with(USAGE).says("terminal");
        run(&mut own(&["shell", "hello", "--step", "polish"])).ended_with(USAGE);
        interactive(&own(&["shell", "hello"]));
    }
}

/// A user at a terminal.
fn interactive(command: &Command) {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let line = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    // The words come when the shell is there; what is typed too early would be typed to nobody.
    let user = format!(
        "(sleep 4; printf 'cat mark; echo $((6 * 7)) $TERM; tty\\nexit 6\\n'; sleep 2) | TERM=vt100 script --quiet --return --command '{line}' /dev/null"
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &user]);
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    let outcome = run(&mut shell).ended_with(6);
    let shown = outcome.stdout;
    for says in
        ["the step 'compile', which failed", "sh -eu /steps/01-compile", "was here", "42 vt100", "/dev/"]
    {
        assert!(shown.contains(says), "no '{says}' in:\n{shown}");
    }
}
