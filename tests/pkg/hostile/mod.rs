//! Archives and indexes that nobody should be able to make anyone install, through the real `pkg`.
//!
//! Each is refused with its own words and exit code 6. The root is then as it was, every file with its bytes, owner, permission
//! bits, inode and time; and so is a file outside of it, which every archive's `install` script would write to.

mod bombs;
mod documents;
mod forge;
mod indexes;
mod links;
mod members;
mod repository;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ended, PKG, Package, World};
use forge::Forge;
use repository::Shop;

/// An archive that is to be refused.
pub struct Hostile {
    name: &'static str,
    /// What the message must say.
    says: &'static str,
    archive: Vec<u8>,
}

/// The most kilobytes of address space that `pkg` has here: no archive and no index makes it take more.
const MEMORY: u32 = 1 << 20;
/// Seconds after which it hangs.
const TIME: &str = "20";

/// A root with packages in it, and a file outside of it.
pub struct Lab {
    pub world: World,
    canary: PathBuf,
}

type State = BTreeMap<PathBuf, (String, Vec<u8>)>;

impl Lab {
    fn new() -> Self {
        let world = World::new();
        let canary = world.archives().join("canary");
        fs::write(&canary, "alive\n").expect("written");
        let demo = Package::new("demo", "1").script("install", "#!/bin/sh\n").setting("demo.conf", "old\n");
        world.install(&[&demo, &Package::new("other", "1").setting("other.conf", "theirs\n")]).ok();
        Self { world, canary }
    }

    /// `pkg` in bounds of memory and time.
    fn pkg<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        let mut command = Command::new("timeout");
        command.args([
            TIME,
            "sh",
            "-c",
            r#"ulimit -v "$0" && exec "$@""#,
            &MEMORY.to_string(),
            PKG,
            "--root",
        ]);
        Ended::of(&command.arg(self.world.root()).args(args).output().expect("timeout runs"))
    }

    fn state(&self) -> State {
        let mut all = State::new();
        collect(&self.world.root(), &mut all);
        collect(&self.canary, &mut all);
        all.remove(&self.world.path("srv/system/lock"));
        all
    }

    /// What went wrong, if anything did.
    fn fault<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, says: &str) -> Option<String> {
        let before = self.state();
        let ended = self.pkg(args);
        let after = self.state();
        if ended.code != 6 || !ended.err.contains(says) {
            return Some(format!("the exit code 6 and '{says}' were expected: {ended:?}"));
        }
        let is_ours = |line: &str| line.starts_with("Info: Unpacking ") || line.starts_with("Fatal: ");
        if !ended.err.lines().all(|line| is_ours(line) && !line.contains(char::is_control)) {
            return Some(format!("the archive or the index speaks itself: {ended:?}"));
        }
        let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
        let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
        let touched: Vec<_> = paths.into_iter().filter(differs).collect();
        (!touched.is_empty()).then(|| format!("touched: {touched:?}"))
    }
}

/// What is there and below, folders without their times: things are staged in them.
fn collect(path: &Path, all: &mut State) {
    let meta = path.symlink_metadata().expect("metadata");
    let (mut facts, mut bytes) = (format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid()), Vec::new());
    if meta.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            collect(&entry.expect("entry").path(), all);
        }
    } else {
        facts += &format!(" {} {}.{}", meta.ino(), meta.ctime(), meta.ctime_nsec());
        bytes = match fs::read_link(path) {
            Ok(target) => target.into_os_string().into_encoded_bytes(),
            Err(_) => fs::read(path).expect("a file"),
        };
    }
    all.insert(path.to_owned(), (facts, bytes));
}

#[test]
fn every_archive_and_index_is_refused_and_nothing_is_touched() {
    let lab = Lab::new();
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    let mut count = |name: &'static str| assert!(names.insert(name), "'{name}' stands twice");
    let forge = Forge::new(&lab);
    let archives = [members::cases, links::cases, documents::cases, bombs::cases];
    for Hostile { name, says, archive } in archives.into_iter().flat_map(|cases| cases(&forge)) {
        count(name);
        let path = lab.world.archives().join("hostile.pkg.tar.zst");
        fs::write(&path, archive).expect("written");
        let fault = lab.fault(["install".as_ref(), path.as_os_str()], says);
        faults.extend(fault.map(|fault| format!("{name}: {fault}")));
    }
    let shop = Shop::open(&lab);
    for case in indexes::cases() {
        count(case.name);
        shop.restore();
        (case.attack)(&shop);
        for command in case.commands {
            let fault = lab.fault(command.split(' '), case.says);
            faults.extend(fault.map(|fault| format!("{}: pkg {command}: {fault}", case.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    // All that was needed for a good end was there.
    shop.restore();
    lab.pkg(["install", "web"]).ok();
    let path = lab.world.archives().join("hostile.pkg.tar.zst");
    fs::write(&path, forge.unchanged()).expect("written");
    lab.pkg(["install".as_ref(), path.as_os_str()]).ok();
    assert_eq!(fs::read_to_string(&lab.canary).expect("read"), "taken\n", "the script would have done it");
    println!("{} hostile archives and indexes refused", names.len());
}
