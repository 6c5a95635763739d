//! A disk that is full. It is a small one of the test's own, which only root can make: without, these tests say so and end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::couch::Couch;
use crate::support::Place;

/// A file system in memory, which goes away with the value.
struct Disk(PathBuf);

impl Disk {
    fn new(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        let _ = writeln!(std::io::stderr(), "skipped: no file system can be mounted here");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_earlier_backup() {
    let place = Place::new();
    let Some(_disk) = Disk::new(&place.path("backup"), "256k") else { return };
    let couch = Couch::with("patients", 5, 20);
    place.run(&couch, &["backup", "backup"]).success();
    let before = place.offline(&["verify", "backup", "--json"]).success().json();
    couch.fill("patients", 5, 5, 20);
    // Everything that is left.
    let big = place.path("backup/big");
    let _ = fs::write(&big, vec![0; 300 << 10]);
    place.run(&couch, &["backup", "backup"]).ended_with(7).says("No space left on device");
    assert_eq!(place.offline(&["verify", "backup", "--json"]).success().json(), before);
    let names: Vec<_> = fs::read_dir(place.path("backup/patients")).expect("there").collect();
    assert_eq!(names.len(), 1, "a part of a part was left: {names:?}");
    fs::remove_file(big).expect("removed");
    place.run(&couch, &["backup", "backup"]).success();
    let documents: u64 =
        place.offline(&["verify", "backup", "--json"]).success().json()["databases"][0]["parts"]
            .as_array()
            .expect("parts")
            .iter()
            .filter_map(|part| part["documents"].as_u64())
            .sum();
    assert_eq!(documents, 10);
}

#[test]
fn a_disk_is_not_filled_by_what_comes_from_a_pipe() {
    let place = Place::new();
    let Some(_disk) = Disk::new(&place.path("room"), "32m") else { return };
    let couch = Couch::with("patients", 5, 20);
    let tar = place.run(&couch, &["backup", "-"]).success().stdout;
    place.piped(None, &["verify", "-"], &tar).ended_with(7).says("has no room").says("--room");
    place.room_is_empty();
}
