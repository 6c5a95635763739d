//! What comes by a pipe may be anything: only a backup is unpacked, and nothing is left of what is none.

use std::io::Write;

use serde_json::Value;
use tar::{Builder, EntryType, Header};

use crate::couch::Couch;
use crate::support::{Place, compressed};

fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..11].copy_from_slice(b"/etc/passwd");
    }
    header.set_cksum();
    header
}

fn member(name: &str, kind: EntryType, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut tar = header(name, kind, size).as_bytes().to_vec();
    tar.extend(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar
}

fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    member(name, EntryType::Regular, bytes.len() as u64, bytes)
}

fn ended(members: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = members.concat();
    tar.extend([0; 1024]);
    tar
}

fn is_refused(tar: &[u8], code: i32, says: &str) {
    let (place, other) = (Place::new(), Couch::start());
    place.piped(None, &["verify", "-"], tar).ended_with(code).says(says);
    place.piped(Some(&other), &["restore", "-"], tar).ended_with(code).says(says);
    assert!(other.databases().is_empty());
    place.room_is_empty();
}

/// A backup as a tar, and its members.
fn backup() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let (place, couch) = (Place::new(), Couch::with("patients", 5, 20));
    // Its folder's name is longer than a header holds.
    couch.fill(&"a/".repeat(60), 0, 2, 20);
    let tar = place.run(&couch, &["backup", "-"]).success().stdout;
    let mut members = Vec::new();
    for entry in tar::Archive::new(&tar[..]).entries().expect("a tar") {
        let mut entry = entry.expect("a member");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("read");
        members.push((String::from_utf8(entry.path_bytes().into_owned()).expect("text"), bytes));
    }
    (tar, members)
}

#[test]
fn only_files_with_a_backups_names_are_taken() {
    let part = compressed(&["{}".to_owned()]);
    for name in
        ["../x", "/etc/x", "patients/../../x", "patients/x", "x", "patients/00000001.jsonl.gz/x", "\u{1b}[2J"]
    {
        is_refused(&ended(&[file(name, &part)]), 5, "is no name of a file of a backup");
    }
    let name = "patients/00000001.jsonl.gz";
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Directory,
        EntryType::XGlobalHeader,
    ] {
        is_refused(&ended(&[member(name, kind, 0, b"")]), 5, "is no file");
    }
}

#[test]
fn members_come_in_their_order_and_once() {
    let (_, members) = backup();
    let (name, part) = members.iter().find(|(name, _)| name.starts_with("patients/")).expect("a part");
    let (_, index) = members.last().expect("the last");
    let own: Vec<Vec<u8>> = vec![file(name, part), file("backup.json", index)];
    is_refused(&ended(&[own[0].clone(), own[0].clone()]), 5, "does not follow the part before it");
    is_refused(&ended(&[file("patients/00000002.jsonl.gz", part)]), 5, "does not follow");
    is_refused(&ended(&[own[1].clone(), own[0].clone()]), 5, "comes behind backup.json");
    is_refused(&ended(&[own[0].clone(), own[1].clone(), own[1].clone()]), 5, "comes behind backup.json");
    is_refused(&ended(&own), 5, "are not those of its backup.json");
    let mut listed: Value = serde_json::from_slice(index).expect("JSON");
    let databases = listed["databases"].as_array_mut().expect("databases");
    databases.retain(|database| database["name"] == "patients");
    let more = |number: usize| file(&format!("patients/{number:08}.jsonl.gz"), part);
    let listed = file("backup.json", listed.to_string().as_bytes());
    is_refused(&ended(&[more(1), more(2), listed.clone()]), 5, "are not those of its backup.json");
    is_refused(&ended(&[more(1), file("others/00000001.jsonl.gz", part), listed]), 5, "'others'");
}

#[test]
fn no_size_of_a_tar_is_trusted() {
    let name = "patients/00000001.jsonl.gz";
    is_refused(&member(name, EntryType::Regular, 7 << 30, b"x"), 5, "none of a backup has");
    is_refused(&member("backup.json", EntryType::Regular, 65 << 20, b"x"), 5, "none of a backup has");
    is_refused(&member(name, EntryType::Regular, 1 << 20, b"x"), 5, "it ends before its end");
    is_refused(&member(name, EntryType::Regular, u64::MAX, b"x"), 5, "no backup of medic-core");
    // A name of many megabytes, in both forms that there are for one.
    let long = vec![b'x'; 32 << 20];
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        is_refused(&member("x", kind, long.len() as u64, &long), 5, "a name in it is longer");
    }
    // And sizes that the second form gives.
    let record = "24 size=999999999999999\n";
    let tar = [member("x", EntryType::XHeader, record.len() as u64, record.as_bytes()), file(name, b"x")];
    is_refused(&ended(&tar), 5, "none of a backup has");
}

#[test]
fn what_is_no_tar_is_none() {
    is_refused(b"", 5, "it ends before its end");
    is_refused(&[0; 1024], 5, "it ends before its end");
    is_refused(b"not a tar at all", 5, "it ends before its end");
    is_refused(&[b'x'; 4096], 5, "no backup of medic-core");
    is_refused(&compressed(&["x".repeat(100_000)]).repeat(20), 5, "no backup of medic-core");
}

#[test]
fn a_tar_that_was_cut_anywhere_is_not_restored() {
    let (tar, _) = backup();
    let other = Couch::start();
    let place = Place::new();
    // Behind backup.json are its padding and the end.
    let json = tar.windows(11).rposition(|window| window == b"backup.json").expect("there");
    for length in (0..json + 600).step_by(997).chain([json, json + 511, json + 600]) {
        place.piped(Some(&other), &["restore", "-"], &tar[..length]).ended_with(5);
        assert!(other.databases().is_empty(), "{length}");
        place.room_is_empty();
    }
    place.piped(Some(&other), &["restore", "-"], &tar).success();
    assert_eq!(other.databases().len(), 2);
}

#[test]
fn a_part_of_a_tar_is_verified_like_any_other() {
    let (_, members) = backup();
    let mut tar = Builder::new(Vec::new());
    for (name, mut bytes) in members {
        if name.starts_with("patients/") {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        let mut header = header("", EntryType::Regular, bytes.len() as u64);
        tar.append_data(&mut header, name, &bytes[..]).expect("memory");
    }
    is_refused(&tar.into_inner().expect("memory"), 5, "digest");
}

#[test]
fn what_one_that_was_killed_has_left_is_removed_by_the_next() {
    let ((tar, _), place) = (backup(), Place::new());
    let mut child = place.begun(None, &["verify", "-"]);
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&tar[..tar.len() - 2048]).expect("written");
    while !place.path("room/.unpacked").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(place.path("room/.unpacked").exists());
    place.piped(None, &["verify", "-"], &tar).success();
    place.room_is_empty();
}
