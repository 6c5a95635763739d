//! What the kernel says of processes (proc(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// All processes below one, itself included.
pub fn family(root: u32) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in all() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut open) = (BTreeSet::from([root]), vec![root]);
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

/// All processes below one that call themselves so.
pub fn below(root: u32, called: &str) -> Vec<u32> {
    family(root).into_iter().filter(|pid| name(*pid) == called).collect()
}

/// The children of a process that have ended, and that it has not waited for.
pub fn zombies(parent: u32) -> usize {
    let ours = |fields: &Vec<String>| fields.get(1).and_then(|text| text.parse().ok()) == Some(parent);
    let stats = all().filter_map(stat).filter(ours);
    stats.filter(|fields| fields.first().is_some_and(|state| state == "Z")).count()
}

/// The processes that one has started, or taken over.
pub fn children(of: u32) -> Vec<u32> {
    all().filter(|pid| parent(*pid) == Some(of)).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fields of `stat` after the name: state first, then the parent.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// Its parent.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// What it calls itself.
pub fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Whether it runs: it is there, and not only waiting to be waited for.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).and_then(|fields| fields.first().cloned()).is_some_and(|state| state != "Z" && state != "X")
}

/// How many processes have these words in their command line and run.
pub fn running(words: &str) -> usize {
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(words) && is_alive(*pid)
    };
    all().filter(has).count()
}

/// How often a process got the processor.
pub fn switches(pid: u32) -> u64 {
    number(pid, "voluntary_ctxt_switches:") + number(pid, "nonvoluntary_ctxt_switches:")
}

/// Memory of its own that a process has, in bytes.
pub fn own_memory(pid: u32) -> u64 {
    number(pid, "RssAnon:") << 10
}

fn number(pid: u32, label: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How many files a process has open.
pub fn open_files(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64)
}
