//! A backup that is not as it was written: what is wrong is said, and nothing of it is put back.

use std::fs;

use serde_json::{Value, json};

use crate::couch::Couch;
use crate::support::Place;

const FIRST: &str = "patients/00000001.jsonl.gz";
const SECOND: &str = "patients/00000002.jsonl.gz";

/// A backup with two parts.
fn backup() -> Place {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    place.run(&couch, &["backup", "backup"]).success();
    couch.fill("patients", 5, 5, 20);
    couch.fill("others", 0, 5, 20);
    place.run(&couch, &["backup", "backup"]).success();
    place
}

fn is_refused(place: &Place, says: &str) {
    place.offline(&["verify", "backup"]).ended_with(5).says(says);
    let other = Couch::start();
    place.run(&other, &["restore", "backup", "--merge"]).ended_with(5).says(says);
    assert!(other.databases().is_empty(), "something was written: {says}");
}

#[test]
fn a_part_whose_bytes_are_others_is_damaged() {
    let good = backup();
    let whole = fs::read(good.path("backup").join(FIRST)).expect("there");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, says) in
        [(&whole[..whole.len() - 1], "bytes and not"), (&[][..], "0 bytes"), (&flipped, "digest")]
    {
        let place = good.copy();
        fs::write(place.path("backup").join(FIRST), bytes).expect("written");
        is_refused(&place, says);
    }
    let place = good.copy();
    fs::remove_file(place.path("backup").join(SECOND)).expect("removed");
    is_refused(&place, "it is missing");
    // A link leads elsewhere, whatever is there.
    fs::copy(good.path("backup").join(SECOND), place.path("elsewhere")).expect("copied");
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("backup").join(SECOND)).expect("made");
    place.offline(&["verify", "backup"]).ended_with(7).says("cannot open");
}

/// The digests are those of the damaged part: somebody has made it so.
#[test]
fn a_part_that_lies_is_damaged() {
    let good = backup();
    let lines = good.lines(FIRST);
    let last = lines.len() - 1;
    let changed = |number: usize, field: &str, value: Value| {
        let mut lines = lines.clone();
        let mut line: Value = serde_json::from_str(&lines[number]).expect("JSON");
        line[field] = value;
        lines[number] = line.to_string();
        lines
    };
    let mut twice = lines.clone();
    twice.insert(1, lines[0].clone());
    let mut behind = lines.clone();
    behind.push(lines[1].clone());
    for (lines, says) in [
        (changed(0, "database", json!("others")), "it is a part of 'others'"),
        (changed(0, "database", json!("../x")), "'../x' is no name"),
        (changed(0, "server", json!("u2")), "another backup"),
        (changed(0, "from", json!(3)), "does not begin where"),
        (changed(0, "format", json!(2)), "its form is 2"),
        (changed(0, "more", json!(2)), "unknown field"),
        (changed(last, "documents", json!(4)), "as many documents"),
        (changed(last, "to", json!(4)), "does not begin where"),
        (lines[1..].to_vec(), "unknown field `_id`"),
        (lines[..last].to_vec(), "ends in the middle"),
        (lines[..1].to_vec(), "ends in the middle"),
        (twice, "missing field `_id`"),
        (behind, "as many documents"),
        (Vec::new(), "it is empty"),
        (vec!["\u{1b}[2J".to_owned()], "expected value"),
        (vec!["[".repeat(100_000)], "is damaged"),
    ] {
        let place = good.copy();
        place.rewrite(FIRST, &lines);
        is_refused(&place, says);
    }
    let place = good.copy();
    place.rewrite(FIRST, &good.lines(SECOND));
    is_refused(&place, "does not begin where");
    // One document less, and the part says so: the list has another number.
    let place = good.copy();
    let mut lines = good.lines(SECOND);
    lines.remove(1);
    let tail = lines.len() - 1;
    lines[tail] = lines[tail].replace("\"documents\":5", "\"documents\":4");
    place.rewrite(SECOND, &lines);
    is_refused(&place, "as many documents as backup.json says");
}

#[test]
fn a_list_that_is_none_of_a_backup_is_refused() {
    let good = backup();
    let change = |says: &str, change: &dyn Fn(&mut Value)| {
        let place = good.copy();
        place.index(|index| change(index));
        is_refused(&place, says);
    };
    change("its form is 2", &|index| index["format"] = json!(2));
    change("'../x' is no name of a database", &|index| index["databases"][0]["name"] = json!("../x"));
    change("is no part of", &|index| index["databases"][0]["parts"][0]["file"] = json!("../../etc/passwd"));
    change("is no part of", &|index| index["databases"][0]["parts"][0]["file"] = json!("/etc/passwd"));
    change("is no part of", &|index| index["databases"][1]["parts"][0]["file"] = json!(SECOND));
    change("does not come before", &|index| index["databases"][0] = index["databases"][1].clone());
    change("unknown field", &|index| index["more"] = json!(1));
    change("missing field", &|index| drop(index.as_object_mut().expect("an object").remove("server")));
    change("another backup", &|index| index["server"] = json!("u2"));
    change("as many documents", &|index| index["databases"][0]["parts"][0]["documents"] = json!(u64::MAX));
    change("bytes and not", &|index| index["databases"][0]["parts"][0]["size"] = json!(u64::MAX));
    for wrong in ["", "[]", "\u{1b}[2J", "{\"format\":1"] {
        let place = good.copy();
        fs::write(place.path("backup/backup.json"), wrong).expect("written");
        is_refused(&place, "backup.json:");
    }
}

#[test]
fn nothing_is_added_to_a_backup_that_is_damaged() {
    let place = backup();
    let couch = Couch::with("patients", 20, 20);
    couch.fill("others", 0, 5, 20);
    couch.be("patients", &place.lines(FIRST));
    couch.be("others", &place.lines("others/00000001.jsonl.gz"));
    let part = place.path("backup").join(SECOND);
    let mut bytes = fs::read(&part).expect("there");
    bytes.truncate(30);
    fs::write(&part, bytes).expect("written");
    place.run(&couch, &["backup", "backup"]).ended_with(5).says("is damaged");
    assert!(!place.path("backup/patients/00000003.jsonl.gz").exists());
    // And none to another server's.
    let place = backup();
    let mut lines = place.lines(FIRST);
    couch.be("others", &place.lines("others/00000001.jsonl.gz"));
    lines[0] = lines[0].replace("u1", "u2");
    place.rewrite(FIRST, &lines);
    place.run(&couch, &["backup", "backup"]).ended_with(4).says("another server");
}
