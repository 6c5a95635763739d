//! Killed at every system call that changes anything, and failing at every one: the old or the new state is what remains.
//!
//! A command is traced once, untouched; then it runs again for every call of the trace, and strace kills it when it enters
//! that call, or lets the call fail. A kill between two calls leaves what a kill at the second one leaves, so killing at
//! every call that changes something is killing at every instant.
//!
//! A power cut is a kill that also loses what was not synced. On a file system that keeps the order of names (as ext4, XFS
//! and btrfs do) names are lost from the end on: then the disk is as after an earlier kill. What a kill does not show is
//! content: a file whose name is there and whose bytes never came. So after a kill every file that was written
//! and not synced since is emptied.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use crate::support::{Ended, PKG, Package, World, noise};

/// Calls that change the file system, or start a program.
const CHANGING: &str = "?open,openat,write,mkdirat,renameat,renameat2,linkat,symlinkat,unlinkat,fsync,syncfs,fchmod,\
                        fchmodat,?fchmodat2,fchownat,ftruncate,flock,?vfork,?clone,?clone3";
/// Calls that take space.
const TAKING: &str = "?open,openat,write,mkdirat,renameat,renameat2,linkat,symlinkat";
/// Calls that touch a disk.
const TOUCHING: &str = "?open,openat,openat2,read,write,mkdirat,renameat,renameat2,linkat,symlinkat,unlinkat,fsync,syncfs,\
                        fchmod,fchmodat,?fchmodat2,newfstatat,fstat,getdents64,readlinkat,ftruncate,flock";

/// A command, and the state it starts from.
struct Scenario {
    prepare: fn(&World),
    command: fn(&World) -> Vec<OsString>,
}

type State = BTreeMap<String, String>;

/// Everything that counts: not the folders that any command makes, not the time of an installation.
fn state(world: &World) -> State {
    let mut all = world.everything();
    for passing in ["srv", "srv/system", "srv/system/journal", "srv/system/receipts"] {
        all.remove(passing);
    }
    for text in all.values_mut() {
        if let Some(at) = text.find("\"installed_at\":") {
            let start = at + "\"installed_at\":".len();
            let end = start + text[start..].find(',').expect("a number");
            text.replace_range(start..end, "0");
        }
    }
    all
}

fn differs(one: &State, other: &State) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

/// A call of the trace: its name, which one of that name it is (from 1), its line.
#[derive(Debug)]
struct Point {
    call: String,
    number: usize,
    line: String,
}

/// The calls of a trace that are made on the file system: not those of the loader, not messages. Those that change something, or
/// those that only read: of these every fourth, unless `MEDIC_OS_FAULTS=all`, since there are so many and so alike.
fn points(trace: &str, changing: bool) -> Vec<Point> {
    let all = std::env::var_os("MEDIC_OS_FAULTS").is_some_and(|value| value == "all");
    let mut points = every_point(trace, changing);
    if !changing && !all {
        points = points.into_iter().step_by(4).collect();
    }
    points
}

fn every_point(trace: &str, changing: bool) -> Vec<Point> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut points = Vec::new();
    let mut started = false;
    for line in trace.lines() {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let number = counts.entry(call).or_default();
        *number += 1;
        // Its first own work is to open the root.
        started |= line.contains("/root\"") || line.contains("/archives/");
        let looks = ["openat2", "read", "newfstatat", "fstat", "getdents64", "readlinkat"].contains(&call);
        let reads = looks || matches!(call, "open" | "openat") && !line.contains("O_CREAT");
        let message = call == "write" && (rest.starts_with("1,") || rest.starts_with("2,"));
        if started && !message && changing != reads {
            points.push(Point { call: call.to_owned(), number: *number, line: line.to_owned() });
        }
    }
    points
}

fn strace(world: &World, args: &[OsString], options: &[String]) -> (Ended, String) {
    let file = world.archives().join("trace");
    // glibc reads its own mappings line by line: at other addresses each time, it would be in another number of calls.
    let mut strace = Command::new("setarch");
    strace.args(["--addr-no-randomize", "strace", "-qq"]).args(options).arg("-o").arg(&file);
    // And with an arena for each thread it asks, now and then, whether memory is overcommitted before it gives some back.
    strace.env("MALLOC_ARENA_MAX", "1");
    let run = strace.arg(PKG).arg("--root").arg(world.root()).args(args).output().expect("strace runs");
    let ended = Ended::of(&run);
    let trace = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended, trace)
}

/// The files of a trace (with the paths of descriptors) that were written and not synced since, by their last names.
fn unsynced(trace: &str) -> Vec<String> {
    let mut dirty: Vec<String> = Vec::new();
    for line in trace.lines().filter(|line| !line.contains(" = -1 ") && !line.contains(" = ?")) {
        let Some((call, rest)) = line.split_once('(') else { continue };
        // `5</a/folder>` and `"name"`, in turn.
        let texts: Vec<&str> = rest.split(['<', '>', '"']).skip(1).step_by(2).collect();
        match (call, &texts[..]) {
            ("openat", [folder, name, ..]) if line.contains("O_CREAT") && !name.starts_with('/') => {
                dirty.push(format!("{folder}/{name}"));
            }
            ("renameat" | "renameat2", [from, old, to, new]) => {
                let (old, new) = (format!("{from}/{old}"), format!("{to}/{new}"));
                dirty.retain(|path| *path != new);
                for path in &mut dirty {
                    if *path == old || path.starts_with(&format!("{old}/")) {
                        path.replace_range(..old.len(), &new);
                    }
                }
            }
            ("fsync", [path, ..]) => dirty.retain(|dirty| dirty != path),
            ("syncfs", _) => dirty.clear(),
            _ => {}
        }
    }
    dirty
}

impl Scenario {
    /// Runs the command once for each call of a set, with a fault at that call. Gives how many points there were.
    fn each(&self, set: &str, changing: bool, fault: impl Fn(usize) -> String) -> usize {
        let base = World::in_memory();
        (self.prepare)(&base);
        let args = (self.command)(&base);
        let old = state(&base);
        let whole = base.twin();
        let traced = ["-e".to_owned(), format!("trace={set}")];
        let (ended, trace) = strace(&whole, &args, &traced);
        ended.ok();
        let new = state(&whole);
        assert_ne!(old, new, "the command does something");
        is_clean(&whole);
        let points = points(&trace, changing);
        for point in &points {
            let world = base.twin();
            let injection = format!("inject={}:{}", point.call, fault(point.number));
            let (ended, trace) =
                strace(&world, &args, &["-e".to_owned(), format!("trace={set}"), "-e".to_owned(), injection]);
            let hit = trace.contains("killed by SIGKILL") || trace.contains("(INJECTED)");
            assert!(hit, "{point:?} was not reached: {ended:?}");
            let what = || format!("{point:?}: {ended:?}");
            settles(&world, &args, [&old, &new], ended.code, &what);
        }
        points.len()
    }

    /// As a kill at every call, but what was written and not synced is lost.
    fn each_power_cut(&self) -> (usize, usize) {
        let base = World::in_memory();
        (self.prepare)(&base);
        let args = (self.command)(&base);
        let old = state(&base);
        let whole = base.twin();
        let traced = ["-y".to_owned(), "-e".to_owned(), format!("trace={CHANGING}")];
        let trace = strace(&whole, &args, &traced).1;
        let new = state(&whole);
        let (mut cuts, mut files) = (0, 0);
        for point in points(&trace, true) {
            let world = base.twin();
            let injection = format!("inject={}:signal=KILL:when={}", point.call, point.number);
            let (_, trace) = strace(&world, &args, &[&traced[..], &["-e".to_owned(), injection]].concat());
            let lost = unsynced(&trace);
            for path in &lost {
                // What is in a folder that was removed meanwhile is gone by itself.
                let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(path);
            }
            settles(&world, &args, [&old, &new], -1, &|| format!("{point:?}, lost {lost:?}"));
            cuts += 1;
            files += lost.len();
        }
        (cuts, files)
    }

    /// Kills, and every kind of failure. Prints how many points were tried.
    fn all(&self, name: &str) {
        let kill = self.each(CHANGING, true, |n| format!("signal=KILL:when={n}"));
        let (cuts, lost) = self.each_power_cut();
        let full = self.each(TAKING, true, |n| format!("error=ENOSPC:when={n}"));
        let stays_full = self.each(TAKING, true, |n| format!("error=ENOSPC:when={n}+"));
        let broken = self.each(TOUCHING, true, |n| format!("error=EIO:when={n}"));
        let unread = self.each(TOUCHING, false, |n| format!("error=EIO:when={n}"));
        println!(
            "{name}: {kill} kills, {cuts} power cuts that lost {lost} files, {full} + {stays_full} times a full disk, \
             {broken} + {unread} disk errors"
        );
        assert!(lost > 0 && kill > 20 && full > 5 && broken > 20 && unread > 20, "the faults were injected");
    }
}

/// `pkg verify` finds nothing but the script that the test has edited.
fn is_clean(world: &World) {
    let verified = world.pkg(["verify", "--json"]).json();
    let packages = verified["packages"].as_array().expect("packages").iter();
    let findings = packages.flat_map(|package| package["findings"].as_array().expect("findings"));
    let damage = findings.filter(|finding| finding["damage"] == true);
    let others: Vec<_> = damage.filter(|finding| finding["path"] != "/srv/scripts/web/env").collect();
    assert!(others.is_empty(), "{others:?}");
}

/// After a fault: the next command brings the old or the new state, whole; and the command can be run again.
fn settles(world: &World, args: &[OsString], [old, new]: [&State; 2], code: i32, what: &dyn Fn() -> String) {
    world.pkg(["list"]).ok();
    let found = state(world);
    let (from_old, from_new) = (differs(&found, old), differs(&found, new));
    assert!(
        from_old.is_empty() || from_new.is_empty(),
        "neither old (differs: {from_old:?}) nor new (differs: {from_new:?})\n{}",
        what()
    );
    assert!(code != 0 || from_new.is_empty(), "it said it was done, and {from_new:?} differ\n{}", what());
    let again = world.pkg(args);
    // What is done already: removing again is refused, the rest finds nothing to do.
    assert!(again.code == 0 || (from_new.is_empty() && again.code == 4), "{again:?}\n{}", what());
    let from_new = differs(&state(world), new);
    assert!(from_new.is_empty(), "run again: {from_new:?} differ\n{}", what());
}

fn web(version: &str) -> Package {
    Package::new("web", version)
        .software("share/data", &format!("data {version}"))
        .software_link("bin/w", "web")
        .script("install", "#!/bin/sh\nexit 0\n")
        .script("env", &format!("V={version}\n"))
        .script(&format!("setup/10-only-{version}"), "#!/bin/sh\n")
        .setting("web/edited.conf", &format!("default {version}\n"))
        .setting("web/plain.conf", &format!("default {version}\n"))
        .setting(&format!("web/only-{version}.conf"), "x\n")
}

fn install(world: &World, versions: &[&str]) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["install".into()];
    args.extend(versions.iter().map(|v| web(v).archive(&world.archives()).into_os_string()));
    args
}

fn edited(world: &World, version: &str) {
    world.pkg(install(world, &[version])).ok();
    world.write("srv/settings/web/web/edited.conf", "mine\n");
    world.write("srv/scripts/web/env", "V=mine\n");
}

/// A `pkg` that clears up is killed too, at every call of its own, after a kill at every tenth call of the one before.
#[test]
fn killed_while_clearing_up() {
    let base = World::in_memory();
    edited(&base, "1");
    let args = install(&base, &["2"]);
    let old = state(&base);
    let whole = base.twin();
    let traced = ["-e".to_owned(), format!("trace={CHANGING}")];
    let trace = strace(&whole, &args, &traced).1;
    let new = state(&whole);
    let list = [OsString::from("list")];
    let (mut tried, mut sides) = (0, [0, 0]);
    let kill =
        |point: &Point| ["-e".to_owned(), format!("inject={}:signal=KILL:when={}", point.call, point.number)];
    for first in points(&trace, true).iter().step_by(10) {
        let broken = base.twin();
        strace(&broken, &args, &kill(first));
        let trace = strace(&broken.twin(), &list, &traced).1;
        for second in points(&trace, true) {
            let world = broken.twin();
            strace(&world, &list, &kill(&second));
            settles(&world, &args, [&old, &new], -1, &|| format!("{first:?}, then {second:?}"));
            tried += 1;
        }
        broken.pkg(["list"]).ok();
        sides[usize::from(state(&broken) == new)] += 1;
    }
    println!(
        "clearing up: {tried} kills, after {} kills before the decision and {} after it",
        sides[0], sides[1]
    );
    assert!(tried > 50 && sides.iter().all(|count| *count > 0), "both ways were tried");
}

#[test]
fn installing() {
    Scenario { prepare: |_| {}, command: |world| install(world, &["1"]) }.all("install");
}

#[test]
fn upgrading() {
    Scenario { prepare: |world| edited(world, "1"), command: |world| install(world, &["2"]) }.all("upgrade");
}

#[test]
fn removing() {
    Scenario { prepare: |world| edited(world, "1"), command: |_| ["remove", "web"].map(Into::into).into() }
        .all("remove");
}

#[test]
fn rolling_back() {
    let prepare = |world: &World| {
        edited(world, "1");
        world.pkg(install(world, &["2"])).ok();
    };
    Scenario { prepare, command: |_| ["use", "web", "1"].map(Into::into).into() }.all("rollback");
}

#[test]
fn a_first_boot() {
    let prepare = |world: &World| {
        web("1").bundle(&world.root());
        Package::new("shell", "1").bundle(&world.root());
    };
    Scenario { prepare, command: |_| vec!["sync".into()] }.all("sync, empty volume");
}

#[test]
fn a_boot_with_a_new_image() {
    let prepare = |world: &World| {
        web("1").bundle(&world.root());
        world.pkg(["sync"]).ok();
        world.write("srv/settings/web/web/edited.conf", "mine\n");
        std::fs::remove_dir_all(world.path("usr")).expect("the old image goes");
        web("2").bundle(&world.root());
    };
    Scenario { prepare, command: |_| vec!["sync".into()] }.all("sync, new image");
}

/// A file system that does not keep the order of names may have the decision on the disk, and not the renames before it: all
/// of them, or any one, are taken back after a kill right behind the decision.
#[test]
fn renames_that_a_power_cut_took_back_are_made_again() {
    let base = World::in_memory();
    edited(&base, "1");
    let args = install(&base, &["2"]);
    let whole = base.twin();
    let traced = ["-e".to_owned(), format!("trace={CHANGING}")];
    let trace = strace(&whole, &args, &traced).1;
    let new = state(&whole);
    let points = points(&trace, true);
    let decision = points.iter().position(|point| point.line.contains(".commit\"")).expect("it decides");
    // The next but one: the rename, its sync, then this.
    let Point { call, number, .. } = &points[decision + 2];
    let inject = ["-e".to_owned(), format!("inject={call}:signal=KILL:when={number}")];
    let decided = base.twin();
    strace(&decided, &args, &inject);
    let journal = std::fs::read_dir(decided.path("srv/system/journal")).expect("a journal").flatten();
    let journal =
        journal.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "commit"));
    let text = std::fs::read(journal.expect("it is decided")).expect("read");
    let journal: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let id = journal["id"].as_str().expect("an id");
    let steps = journal["plan"]["before"].as_array().expect("steps");
    let placed: Vec<(usize, &str)> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step["do"] == "place")
        .map(|(number, step)| (number, step["path"].as_str().expect("a path")))
        .collect();
    let take_back = |world: &World, (number, path): (usize, &str)| {
        let (folder, _) = path.rsplit_once('/').expect("in a folder");
        let passing = |end: &str| world.path(&format!("{folder}/.pkg-{id}-{number}.{end}"));
        let (staged, backup) = (passing("new"), passing("old"));
        std::fs::rename(world.path(path), &staged).expect("it was renamed");
        if backup.symlink_metadata().is_ok() {
            std::fs::rename(&backup, world.path(path)).expect("it was there");
        }
    };
    let mut tried = 0;
    for lost in placed.iter().map(std::slice::from_ref).chain([&placed[..]]) {
        let world = decided.twin();
        lost.iter().rev().for_each(|place| take_back(&world, *place));
        world.pkg(["list"]).ok();
        let differ = differs(&state(&world), &new);
        assert!(differ.is_empty(), "{lost:?}: {differ:?}");
        tried += 1;
    }
    println!("renames taken back: {tried} ways");
    assert!(tried > 5);
}

/// What a power cut leaves of a journal that did not come to the disk whole: nothing else was done yet.
#[test]
fn the_beginning_of_a_journal_is_passed_over() {
    let world = World::in_memory();
    world.pkg(install(&world, &["1"])).ok();
    let before = state(&world);
    for text in ["", "{\"format\":1,\"id\":\"a-b\",\"at\":7,\"plan\":{", "\0\0\0\0\0\0\0"] {
        world.write("srv/system/journal/a-b.prepare", text);
        world.pkg(["list"]).ok();
        assert!(differs(&state(&world), &before).is_empty(), "{text:?}");
    }
    // What was decided is never passed over.
    world.write("srv/system/journal/a-b.commit", "{\"format\":1");
    world.pkg(["remove", "web"]).failed(6, "a-b.commit");
}

/// An archive is read by a thread of its own: an error there is one of the command, too.
#[test]
fn an_archive_that_cannot_be_read_to_its_end() {
    let base = World::in_memory();
    edited(&base, "1");
    let archive = web("2").software("share/large", &noise(12 << 20)).archive(&base.archives());
    let args = ["install".into(), archive.into_os_string()];
    let old = state(&base);
    let whole = base.twin();
    let traced = ["-f".to_owned(), "-e".to_owned(), "trace=read".to_owned()];
    let (ended, trace) = strace(&whole, &args, &traced);
    ended.ok();
    let mut reads: BTreeMap<&str, usize> = BTreeMap::new();
    for line in trace.lines().filter(|line| line.contains("read(")) {
        *reads.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<usize> = reads.into_values().collect();
    counts.sort_unstable();
    let [.., fewer, most] = counts[..] else { panic!("two threads read: {counts:?}") };
    assert!(most > fewer + 3, "the thread reads more than the program: {counts:?}");
    for number in [fewer + 1, (fewer + most) / 2, most] {
        let world = base.twin();
        let inject = format!("inject=read:error=EIO:when={number}");
        let (ended, _) = strace(&world, &args, &[&traced[..], &["-e".to_owned(), inject]].concat());
        ended.failed(1, "Input/output error");
        assert!(differs(&state(&world), &old).is_empty(), "read {number}");
    }
}
