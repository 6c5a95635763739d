//! Another version in the place of the running one, by `pkg` and by the image's tag, while clients write.

#![expect(
    clippy::print_stdout,
    reason = "for how long nobody could write is a result that people want to see"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use medic_tests::Scratch;
use medic_tests::command::call;
use medic_tests::container::Volume;
use medic_tests::medic_core::{Core, Load, Written};
use medic_tests::xtask::{built, xtask};

const DEFINITION: &str = "packages/medic-core-dev/package.yaml";
const INSIDE: &str = "/tmp/next.pkg.tar.zst";

/// The workspace with the next version of the package, in which both services have a change: so both are restarted.
fn next_version(what: &str) -> Scratch {
    let workspace = Scratch::of_workspace(what);
    workspace.change(DEFINITION, "version: 0.4.2.0", "version: 0.4.2.1");
    for service in ["couchdb", "nginx"] {
        let script = format!("packages/medic-core/scripts/run/{service}");
        workspace.change(&script, "set -eu\n", "set -eu # of the next version\n");
    }
    workspace
}

/// Builds the package and puts its archive into a container.
#[track_caller]
fn bring(workspace: &Scratch, core: &Core) {
    let outcome = workspace.xtask(&["build-package", "medic-core-dev", "--json"]).success();
    let answer: serde_json::Value = serde_json::from_str(outcome.text()).expect("JSON");
    let archive = answer["packages"][0]["archive"].as_str().expect("an archive");
    call("docker", &["cp", archive, &format!("{}:{INSIDE}", core.container.name)]).success();
}

#[track_caller]
fn has_version(core: &Core, version: &str) {
    let listed = core.container.exec(&["pkg", "list"]).success().stdout;
    let line = listed.lines().find(|line| line.contains("medic-core")).unwrap_or_default();
    assert!(line.contains(version), "{listed}");
}

#[track_caller]
fn are_there(core: &Core, written: &Written) {
    assert!(written.names.len() > 10, "only {} documents were written", written.names.len());
    let names: BTreeSet<String> = core.names("load");
    let lost: Vec<&String> = written.names.iter().filter(|name| !names.contains(*name)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), written.names.len());
}

/// Does something while clients write before it, meanwhile and after it.
#[track_caller]
fn under_load(core: &Core, what: &str, act: impl FnOnce()) {
    let load = Load::start(core, what);
    std::thread::sleep(Duration::from_secs(1));
    act();
    core.wait_until_well();
    std::thread::sleep(Duration::from_secs(1));
    let written = load.end();
    are_there(core, &written);
    println!(
        "{what}: {} writes acknowledged, none for {:.1} s",
        written.names.len(),
        written.longest_gap.as_secs_f64()
    );
}

#[test]
fn pkg_upgrades_and_rolls_back_under_load() {
    let core = Core::serving("secret", &[]);
    core.must_put("/load", "");
    bring(&next_version("next"), &core);
    has_version(&core, "0.4.2.0");
    under_load(&core, "upgrade", || {
        core.container.exec(&["pkg", "install", "--yes", INSIDE]).success();
    });
    has_version(&core, "0.4.2.1");
    under_load(&core, "rollback", || {
        core.container.exec(&["pkg", "rollback", "--yes", "medic-core"]).success();
    });
    has_version(&core, "0.4.2.0");
    core.container.exec(&["pkg", "verify"]).success();
}

#[test]
fn a_version_that_does_not_get_ready_rolls_itself_back() {
    let core = Core::serving("secret", &[]);
    core.must_put("/load", "");
    let next = next_version("broken");
    // It starts, and never answers.
    next.change(
        "packages/medic-core/scripts/run/couchdb",
        "exec \"$PACKAGE_SOFTWARE",
        "sleep 1000; exec \"$PACKAGE_SOFTWARE",
    );
    next.change("packages/medic-core/package.yaml", "timeout: 60s", "timeout: 5s");
    bring(&next, &core);
    under_load(&core, "undone", || {
        let outcome = core.container.exec(&["pkg", "install", "--yes", INSIDE]).ended_with(11);
        assert!(outcome.stderr.contains("couchdb"), "{}", outcome.stderr);
    });
    has_version(&core, "0.4.2.0");
    core.container.exec(&["pkg", "verify"]).success();
}

#[test]
fn another_tag_of_the_image_takes_the_data_over() {
    let volume = Volume::new();
    let mount = volume.as_srv();
    let core = Core::serving("secret", &["--volume", &mount]);
    core.must_put("/load", "");
    let next = next_version("tag");
    let image =
        built(&next.xtask(&["build-image", "medic-core-dev", "--json", "--output", "docker"]).success());
    // The later build has taken the name 'latest': give it back.
    xtask(&["build-image", "medic-core-dev", "--json"]).success();
    let load = Load::start(&core, "tag");
    std::thread::sleep(Duration::from_secs(1));
    let away = Instant::now();
    assert_eq!(core.container.stop().1, "0");
    let written = load.end();
    let later = Core::of_image(&image.reference, "secret", &["--volume", &mount]);
    later.wait_until_well();
    println!("tag: away for {:.1} s", away.elapsed().as_secs_f64());
    has_version(&later, "0.4.2.1");
    are_there(&later, &written);
    later.must_put("/load/after", "{}");
    later.container.exec(&["pkg", "verify"]).success();
}
