//! `medic-core backup`, `restore` and `verify`, as an operator calls them in the running container.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use medic_tests::Scratch;
use medic_tests::command::{Outcome, run};
use medic_tests::medic_core::{Core, Load};
use serde_json::Value;

const FOLDER: &str = "/srv/storage/backup";

/// Patients with everything that a backup must keep: an attachment, revisions that conflict, one that was removed, who may read them.
fn fill(core: &Core) {
    core.must_put("/patients", "");
    let security = r#"{"members": {"roles": ["nurse"]}, "admins": {"names": ["head"]}}"#;
    assert_eq!(core.request("PUT", "/patients/_security", &["--data-binary", security]).status, 200);
    core.must_put(
        "/patients/_design/lists",
        r#"{"views": {"all": {"map": "function (doc) { emit(doc._id); }"}}}"#,
    );
    core.must_put("/patients/one", r#"{"name": "Ada"}"#);
    let scan = ["--header", "Content-Type: image/png", "--data-binary", "bytes of a scan"];
    assert_eq!(core.request("PUT", "/patients/two/scan", &scan).status, 201);
    let conflicting = r#"{"new_edits": false, "docs": [
        {"_id": "three", "_rev": "1-aaaa", "by": "a"}, {"_id": "three", "_rev": "1-bbbb", "by": "b"}]}"#;
    let json = ["--header", "Content-Type: application/json", "--data-binary", conflicting];
    assert_eq!(core.request("POST", "/patients/_bulk_docs", &json).status, 201);
    core.must_put("/patients/gone", "{}");
    let rev = core.json("/patients/gone")["_rev"].as_str().expect("a revision").to_owned();
    assert_eq!(core.request("DELETE", &format!("/patients/gone?rev={rev}"), &[]).status, 200);
}

/// What a database holds, whatever the order in which it was written: each document's open revisions, and who may read it.
fn held(core: &Core) -> (Vec<String>, Value) {
    let changes = core.json("/patients/_changes?style=all_docs");
    let rows = changes["results"].as_array().expect("rows");
    let mut all: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut revisions: Vec<&str> = row["changes"]
                .as_array()
                .expect("changes")
                .iter()
                .filter_map(|one| one["rev"].as_str())
                .collect();
            revisions.sort_unstable();
            format!("{} {revisions:?}", row["id"])
        })
        .collect();
    all.sort_unstable();
    (all, core.json("/patients/_security"))
}

fn medic_core(core: &Core, arguments: &[&str]) -> Outcome {
    core.container.exec(&[&["medic-core"], arguments].concat())
}

#[test]
fn a_backup_is_taken_while_clients_write_and_put_back_elsewhere() {
    let core = Core::serving("secret", &[]);
    fill(&core);
    core.must_put("/load", "");
    let load = Load::start(&core, "first");
    std::thread::sleep(Duration::from_secs(1));
    let first = medic_core(&core, &["backup", FOLDER]).success();
    assert!(first.stdout.contains("is whole"), "{}", first.stdout);
    let written = load.end();
    // What came after the first is added by the second, which writes no more than that.
    core.must_put("/patients/later", "{}");
    let second = medic_core(&core, &["backup", FOLDER]).success();
    assert!(second.stderr.contains("patients: 1 revisions"), "{}", second.stderr);
    let index: Value =
        serde_json::from_str(medic_core(&core, &["verify", FOLDER, "--json"]).success().text())
            .expect("JSON");
    let names: Vec<&str> = index["databases"]
        .as_array()
        .expect("databases")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert!(names.contains(&"patients") && names.contains(&"_users"), "{names:?}");
    let before = held(&core);

    // Over a pipe to a file of the host, and from there into another container.
    let scratch = Scratch::new("backup");
    let tar = scratch.join("backup.tar");
    let status = Command::new("docker")
        .args(["exec", &core.container.name, "medic-core", "backup", "-"])
        .stdout(File::create(&tar).expect("made"))
        .stderr(Stdio::null())
        .status()
        .expect("docker runs");
    assert!(status.success());
    let other = Core::serving("another", &[]);
    let restored = run(Command::new("docker")
        .args(["exec", "--interactive", &other.container.name, "medic-core", "restore", "-"])
        .stdin(File::open(&tar).expect("there")));
    restored.success();
    assert_eq!(held(&other), before);
    let lost: Vec<_> = written.names.iter().filter(|name| !other.names("load").contains(*name)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let scan = other.request("GET", "/patients/two/scan", &[]);
    assert_eq!((scan.status, scan.body.as_str()), (200, "bytes of a scan"));
    // There are documents now: they are not written over.
    let again = run(Command::new("docker")
        .args(["exec", "--interactive", &other.container.name, "medic-core", "restore", "-"])
        .stdin(File::open(&tar).expect("there")));
    again.ended_with(4).says("--merge");
    let left = other.container.shell("ls -A /srv/storage/medic-core | grep backup; true").success();
    assert_eq!(left.text(), "", "left over from what came in by the pipe");
}

#[test]
fn a_backup_that_is_killed_goes_on_and_one_that_is_damaged_is_not_put_back() {
    let core = Core::serving("secret", &[]);
    core.must_put("/patients", "");
    // Parts of 8 MiB: of these 30 MiB there are several, and each is kept once it is whole.
    let big = "x".repeat(100_000);
    let docs: Vec<Value> =
        (0..100).map(|number| serde_json::json!({"_id": format!("{number:03}"), "text": big})).collect();
    let scratch = Scratch::new("bulk");
    let bulk = scratch.write("bulk.json", &serde_json::json!({ "docs": docs }).to_string());
    let body = format!("@{}", bulk.display());
    for round in 0..3 {
        let text = std::fs::read_to_string(&bulk)
            .expect("there")
            .replace("\"_id\":\"", &format!("\"_id\":\"{round}-"));
        scratch.write("round.json", &text);
        let body = body.replace("bulk.json", "round.json");
        let json = ["--max-time", "60", "--header", "Content-Type: application/json", "--data-binary", &body];
        assert_eq!(core.request("POST", "/patients/_bulk_docs", &json).status, 201);
    }
    // Killed as soon as there is a first part.
    let killed = format!(
        "medic-core backup {FOLDER} 2>/dev/null & \
         while [ ! -e {FOLDER}/patients/00000001.jsonl.gz ]; do sleep 0.01; done; kill -KILL $!; wait; ls {FOLDER}/patients"
    );
    core.container.shell(&killed).success();
    medic_core(&core, &["verify", FOLDER]).ended_with(5).says("no finished backup");
    let went_on = medic_core(&core, &["backup", FOLDER]).success();
    let wrote = went_on
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("patients: ")?.split(' ').next()?.parse().ok());
    assert!(wrote.is_some_and(|count: u32| count < 300), "it began anew: {}", went_on.stderr);
    let verified = medic_core(&core, &["verify", FOLDER]).success();
    assert!(verified.stdout.contains("patients: 300 revisions"), "{}", verified.stdout);

    core.container
        .shell(&format!("printf x | dd of={FOLDER}/patients/00000001.jsonl.gz bs=1 seek=1000 conv=notrunc"))
        .success();
    medic_core(&core, &["verify", FOLDER]).ended_with(5).says("damaged");
    assert_eq!(core.request("DELETE", "/patients", &[]).status, 200);
    medic_core(&core, &["restore", FOLDER]).ended_with(5).says("damaged");
    assert_eq!(
        core.request("GET", "/patients", &[]).status,
        404,
        "nothing is written of a backup that is damaged"
    );
}
