//! A disk that is full, until it is not.

use std::path::{Path, PathBuf};
use std::process::Command;

use medic_supervisor::machine::fleet::{Operation, Outcome};
use medic_supervisor::machine::service::Phase;
use serde_json::json;

use crate::harness::{Image, Machine, alive};
use crate::trial::{ask, is_root, kill, record, status};

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    /// None where nothing may be mounted.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=4m"]).arg(&self.0).status();
        assert!(grown.expect("mount runs").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes so many numbered lines, tells that, and waits to write one more.
const WRITES: &str = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo \"line $i of the service\"; [ $i != 20000 ] || touch $PACKAGE_ROOT/begun; done; touch $PACKAGE_ROOT/through; while [ ! -e $PACKAGE_ROOT/again ]; do sleep 0.05; done; echo once more; exec sleep 100000";

fn exists<'a>(name: &'a str) -> impl Fn(&Machine) -> Option<()> + 'a {
    move |machine| machine.root().join("srv").join(name).exists().then_some(())
}

/// What was written to the log and what was dropped is all that the service said.
fn check_sum(machine: &Machine, lines: usize) {
    let dropped = record(machine).dropped;
    let log = machine.log("p", "s");
    assert!(dropped > 50_000, "{dropped}");
    assert_eq!(log.matches(" of the service\n").count() as u64 + dropped, lines as u64);
    // What was kept is from the beginning, without a gap.
    for number in 1..=lines as u64 - dropped {
        assert!(log.contains(&format!(" line {number} of the service\n")), "line {number} is missing");
    }
}

#[test]
fn a_full_disk_costs_lines_that_are_counted_and_nothing_else() {
    if !is_root() {
        return;
    }
    let image = Image::new();
    let Some(disk) = Disk::mount(&image.root().join("srv/storage/p/s/logs")) else { return };
    let machine = image.service("p", "s", WRITES, json!({})).boot();
    machine.wait_for("a part is written", exists("begun"));
    let supervisor = record(&machine).supervisor_pid.expect("supervised");
    let before = status(supervisor, "VmRSS");
    machine.wait_for("all is written", exists("through"));
    // It answers, and holds no more than before.
    assert_eq!(machine.shown("p", "s").status, "Up");
    assert_eq!(ask(&machine, Operation::Up), Outcome::AlreadyUp);
    let after = status(supervisor, "VmRSS");
    assert!(after <= before + 64, "{before} kB, then {after} kB");
    machine.wait_for("all is counted", |m| {
        let stored = m.log("p", "s").matches(" of the service\n").count() as u64;
        // Lines that are held are neither.
        (record(m).dropped + stored > 59_000).then_some(())
    });
    disk.grow();
    machine.wait_for("it is told", |m| m.log("p", "s").contains(" lines were dropped: ").then_some(()));
    check_sum(&machine, 60_000);
    let told = format!("[supervisor] {} lines were dropped: ", record(&machine).dropped);
    assert!(machine.log("p", "s").contains(&told));
    std::fs::write(machine.root().join("srv/again"), "").expect("written");
    machine.wait_for("it goes on", |m| m.log("p", "s").ends_with(" once more\n").then_some(()));
    drop(machine);
}

#[test]
fn a_supervisor_that_is_replaced_on_a_full_disk_goes_on_counting() {
    if !is_root() {
        return;
    }
    let image = Image::new();
    let Some(disk) = Disk::mount(&image.root().join("srv/storage/p/s/logs")) else { return };
    let machine = image.service("p", "s", WRITES, json!({})).boot();
    machine.wait_for("all is written", exists("through"));
    machine.wait_for("it is counted", |m| (record(m).dropped > 50_000).then_some(()));
    let before = record(&machine);
    kill(before.supervisor_pid.expect("supervised"));
    let after = machine.wait_for("it is replaced", |m| {
        Some(record(m)).filter(|r| {
            r.supervisor_pid.is_some_and(|pid| Some(pid) != before.supervisor_pid && alive(pid)) && r.adopted
        })
    });
    assert_eq!((after.service_pid, after.phase), (before.service_pid, Phase::Up));
    // What the one before held in memory is gone with it, and counted now.
    check_sum(&machine, 60_000);
    assert!(after.dropped > before.dropped);
    disk.grow();
    // It tells of all that were dropped, those of the supervisor before included.
    machine.wait_for("it is told", |m| m.log("p", "s").contains(" lines were dropped: ").then_some(()));
    let told = format!("[supervisor] {} lines were dropped: ", record(&machine).dropped);
    assert!(machine.log("p", "s").contains(&told), "{told}");
    std::fs::write(machine.root().join("srv/again"), "").expect("written");
    machine.wait_for("it goes on", |m| m.log("p", "s").ends_with(" once more\n").then_some(()));
    drop(machine);
}
