//! A server that goes away, refuses, or is none: each has an error of its own, and what was there before stays.

use std::fs;

use medic_sys::files::Lock;
use serde_json::json;

use crate::couch::{Couch, Fault};
use crate::support::Place;

#[test]
fn what_was_backed_up_is_what_is_restored() {
    let (place, couch, other) = (Place::new(), Couch::with("patients", 450, 20), Couch::start());
    couch.fill("empty", 0, 0, 0);
    let first = place.run(&couch, &["backup", "backup", "--json"]).success();
    assert_eq!(first.json()["databases"][1]["parts"][0]["documents"], 450);
    assert!(first.stderr.contains("patients: 450 revisions\n"), "{}", first.stderr);
    // What came later is a part of its own, and once more there is nothing to do.
    couch.fill("patients", 450, 3, 20);
    let second = place.run(&couch, &["backup", "backup"]).success();
    assert!(second.stderr.contains("patients: 3 revisions\n"), "{}", second.stderr);
    let third = place.run(&couch, &["backup", "backup", "--json"]).success();
    assert_eq!(third.json()["databases"][1]["parts"].as_array().map(Vec::len), Some(2));
    assert_eq!(place.offline(&["verify", "backup", "--json"]).success().json(), third.json());
    place.run(&other, &["restore", "backup"]).success();
    assert_eq!(other.databases(), couch.databases());
    assert_eq!(other.security("patients"), json!({"members": {"roles": ["nurse"]}}));
    place.run(&other, &["restore", "backup"]).ended_with(4).says("--merge");
    assert_eq!(other.databases(), couch.databases());
    // The same by a pipe.
    let (tar, third) = (place.run(&couch, &["backup", "-"]).success().stdout, Couch::start());
    place.piped(Some(&third), &["restore", "-"], &tar).success();
    assert_eq!(third.databases(), couch.databases());
    place.room_is_empty();
}

#[test]
fn a_database_that_was_made_again_is_another_one() {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    place.run(&couch, &["backup", "backup"]).success();
    couch.remove("patients");
    // As many documents as before: its feed of changes has nothing behind where the backup ends.
    couch.fill("patients", 0, 5, 30);
    place.run(&couch, &["backup", "backup"]).ended_with(4).says("removed and made again");
    place.offline(&["verify", "backup"]).success();
    place.run(&couch, &["backup", "another"]).success();
}

#[test]
fn a_server_that_fails_has_an_error_of_its_own_and_the_earlier_backup_stays() {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    place.run(&couch, &["backup", "backup"]).success();
    let before = place.offline(&["verify", "backup", "--json"]).success().json();
    couch.fill("patients", 5, 5, 20);
    for (on, fault, says) in [
        ("/", Fault::HangsUp, "CouchDB does not answer at"),
        ("/", Fault::Says("<html>It works!</html>"), "cannot be understood"),
        ("/", Fault::Says("{}"), "missing field `uuid`"),
        ("/_all_dbs", Fault::Says(r#"["../x"]"#), "'../x' is no name of a database"),
        ("/_all_dbs", Fault::Says("[\"a\\u001b[2J\"]"), "a\\u{1b}[2J"),
        ("/_changes", Fault::Half, "does not answer"),
        ("/_changes", Fault::Says(r#"{"results":[{"seq":1}]}"#), "missing field"),
        ("/_bulk_get", Fault::HangsUp, "does not answer"),
        ("/_bulk_get", Fault::Half, "does not answer"),
        ("/_bulk_get", Fault::Says("null"), "cannot be understood"),
        ("/_bulk_get", Fault::Says(r#"{"results":[{"id":"a","docs":[{"error":"oops"}]}]}"#), "oops"),
    ] {
        couch.fail((on, 0, fault));
        let failed = place.run(&couch, &["backup", "backup", "--json"]).ended_with(3).says(says);
        let told = failed.json();
        assert_eq!(told["exit_code"], 3);
        assert!(failed.stderr.contains(told["error"].as_str().expect("a text")), "{told}");
        assert_eq!(place.offline(&["verify", "backup", "--json"]).success().json(), before, "{on}");
    }
    couch.fail(None);
    place.run(&couch, &["backup", "backup"]).success();
}

#[test]
fn nobody_is_let_in_without_the_password() {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    fs::write(place.path("password"), "wrong\n").expect("written");
    for command in [["backup", "backup"], ["backup", "-"]] {
        let failed = place.run(&couch, &command).ended_with(3);
        assert!(!failed.stderr.contains("wrong\n") && failed.stdout.is_empty());
        failed.says("does not let 'admin' in").says("Name or password is incorrect.").says("--password-file");
    }
    fs::remove_file(place.path("password")).expect("removed");
    place.run(&couch, &["backup", "backup"]).ended_with(7).says("password");
    place.offline(&["verify", "backup"]).ended_with(5).says("no finished backup");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let place = Place::new();
    let failed =
        place.offline(&["backup", "backup", "--url", "http://127.0.0.1:1", "--password-file", "password"]);
    failed.ended_with(3).says("http://127.0.0.1:1/").says("supervisor-inspect");
    for wrong in ["https://127.0.0.1", "127.0.0.1:5984", "http://a:b@127.0.0.1"] {
        let failed = place.offline(&["backup", "backup", "--url", wrong]).ended_with(2);
        assert!(failed.stderr.contains("is no address of a CouchDB"), "{}", failed.stderr);
    }
    assert!(
        place.offline(&["backup", "backup", "--database", "../x"]).ended_with(2).stderr.contains("no name")
    );
}

#[test]
fn a_backup_goes_on_where_the_server_went_away() {
    // A page of 200 documents is more than a part.
    let (place, couch) = (Place::new(), Couch::with("patients", 500, 50_000));
    couch.fail(("/_bulk_get", 1, Fault::Half));
    place.run(&couch, &["backup", "backup"]).ended_with(3).says("what is written already is kept");
    let first = fs::read(place.path("backup/patients/00000001.jsonl.gz")).expect("a part");
    place.offline(&["verify", "backup"]).ended_with(5).says("no finished backup");
    couch.fail(None);
    let went_on = place.run(&couch, &["backup", "backup"]).success();
    assert!(!went_on.stderr.contains("patients: 500 "), "it began anew: {}", went_on.stderr);
    assert_eq!(fs::read(place.path("backup/patients/00000001.jsonl.gz")).expect("a part"), first);
    let other = Couch::start();
    // So does restoring.
    other.fail(("/_bulk_docs", 2, Fault::HangsUp));
    place.run(&other, &["restore", "backup"]).ended_with(3).says("does not answer");
    other.fail(None);
    place.run(&other, &["restore", "backup", "--merge"]).success();
    let mut documents = other.databases()["patients"].clone();
    documents.sort();
    documents.dedup();
    assert_eq!(documents, couch.databases()["patients"]);
}

#[test]
fn what_a_server_takes_and_does_not_keep_is_missed() {
    let (place, couch, other) = (Place::new(), Couch::with("patients", 5, 20), Couch::start());
    place.run(&couch, &["backup", "backup"]).success();
    other.fail(("/_bulk_docs", 0, Fault::Forgets));
    place.run(&other, &["restore", "backup"]).ended_with(6).says("5 revisions are not there, '00000' is one");
    place
        .run(&other, &["restore", "backup", "--database", "others"])
        .ended_with(4)
        .says("no database 'others'");
}

#[test]
fn a_folder_is_for_one_at_a_time() {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    place.run(&couch, &["backup", "backup"]).success();
    let before = place.offline(&["verify", "backup", "--json"]).success().json();
    let lock = Lock::try_take(&place.path("backup/.lock"), "").expect("made").expect("free");
    place.run(&couch, &["backup", "backup"]).ended_with(4).says("another medic-core uses backup");
    place.offline(&["verify", "backup"]).success();
    drop(lock);
    place.run(&couch, &["backup", "backup"]).success();
    let lock = Lock::try_take(&place.path("room/.unpacked.lock"), "").expect("made").expect("free");
    place.piped(None, &["verify", "-"], b"").ended_with(4).says("another medic-core uses");
    drop(lock);
    let after = place.offline(&["verify", "backup", "--json"]).success().json();
    assert_eq!(before["databases"], after["databases"]);
}
