//! A control group for one program in a sandbox, where this user may make one: a limit on memory and processes of all
//! its processes together. Both versions of control groups (cgroups(7)); on a machine that has neither for us, none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Limits;

/// Where the kernel shows its control groups.
const MOUNT: &str = "/sys/fs/cgroup";
/// Control groups that a killed builder left have this in their name.
const NAME: &str = "medic-os-build-";

/// A control group, removed when dropped.
#[derive(Debug)]
pub struct ControlGroup {
    folders: Vec<PathBuf>,
}

/// What to write to which file of a new group: the version 2 names, then those of version 1. What is absent is skipped.
fn settings(limits: &Limits) -> [(&'static str, String); 5] {
    let (memory, processes) = (limits.memory.to_string(), limits.processes.to_string());
    [
        ("memory.max", memory.clone()),
        ("memory.swap.max", "0".to_owned()),
        ("memory.oom.group", "1".to_owned()),
        ("pids.max", processes),
        ("memory.limit_in_bytes", memory),
    ]
}

impl ControlGroup {
    /// A new group with these limits; none when this user may not make one.
    pub fn new(limits: &Limits) -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("{NAME}{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut folders = Vec::new();
        for parents in parents(Path::new(MOUNT), &membership) {
            folders.extend(parents.iter().find_map(|parent| make(parent, &name, limits)));
        }
        if folders.is_empty() { None } else { Some(Self { folders }) }
    }

    /// The files that a process of one thread writes `0` (itself) to in order to enter.
    pub fn entrances(&self) -> Vec<PathBuf> {
        let entrance = |folder: &PathBuf| {
            // Of version 1. For a thread that moves itself the kernel stops nobody; a whole process waits for all processors.
            let tasks = folder.join("tasks");
            if tasks.exists() { tasks } else { folder.join("cgroup.procs") }
        };
        self.folders.iter().map(entrance).collect()
    }

    /// Whether the kernel ended a process of the group because memory was used up.
    pub fn ran_out_of_memory(&self) -> bool {
        let files = self.folders.iter().flat_map(|f| [f.join("memory.events"), f.join("memory.oom_control")]);
        files.filter_map(|file| fs::read_to_string(file).ok()).any(|text| oom_kills(&text) > 0)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Left behind when a process is still on its way out: the next builder removes it.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// For each hierarchy that can limit memory or processes: the folders in which a group could be made.
fn parents(mount: &Path, membership: &str) -> Vec<Vec<PathBuf>> {
    let lines = membership.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?.trim_start_matches('/')))
    });
    lines
        .filter_map(|(controllers, path)| match controllers {
            "" => Some(vec![mount.join(path), mount.to_owned()]),
            "memory" | "pids" => Some(vec![mount.join(controllers).join(path)]),
            _ => None,
        })
        .collect()
}

/// Makes a group in `parent` if that gives any limit.
fn make(parent: &Path, name: &str, limits: &Limits) -> Option<PathBuf> {
    remove_left(parent);
    let folder = parent.join(name);
    fs::create_dir(&folder).ok()?;
    let set = settings(limits).iter().filter(|(file, value)| set(&folder.join(file), value)).count();
    if set > 0 && folder.join("cgroup.procs").exists() {
        Some(folder)
    } else {
        let _ = fs::remove_dir(&folder);
        None
    }
}

fn set(file: &Path, value: &str) -> bool {
    file.exists() && fs::write(file, value).is_ok()
}

/// Removes groups of builders that were killed; one that is in use cannot be removed.
fn remove_left(parent: &Path) {
    let own = format!("{NAME}{}-", std::process::id());
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let builder =
            name.strip_prefix(NAME).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid.to_owned());
        let dead = |pid: String| !Path::new("/proc").join(pid).exists();
        if !name.starts_with(&own) && builder.is_some_and(dead) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn oom_kills(text: &str) -> u64 {
    let count = |line: &str| line.strip_prefix("oom_kill ").and_then(|count| count.trim().parse().ok());
    text.lines().find_map(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchies_of_both_versions_are_found() {
        let mount = Path::new("/cg");
        let version_2 = parents(mount, "0::/user.slice/x\n");
        assert_eq!(version_2, [vec![PathBuf::from("/cg/user.slice/x"), PathBuf::from("/cg")]]);
        let version_1 = parents(mount, "9:name=systemd:/\n8:pids:/\n4:memory:/a/b\n3:cpuset:/\n");
        assert_eq!(version_1, [vec![PathBuf::from("/cg/pids/")], vec![PathBuf::from("/cg/memory/a/b")]]);
        assert!(parents(mount, "nonsense").is_empty());
    }

    #[test]
    fn the_kernel_says_whether_memory_was_used_up() {
        assert_eq!(oom_kills("low 0\noom 1\noom_kill 2\noom_group_kill 0\n"), 2);
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"), 0);
        assert_eq!(oom_kills(""), 0);
    }
}
