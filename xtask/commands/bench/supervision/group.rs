//! A control group of its own, in which the kernel counts and bounds (cgroups(7)): in either version, what the kernel does
//! for its processes included.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the kernel shows its control groups.
const MOUNT: &str = "/sys/fs/cgroup";

/// What is counted or bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// Memory.
    Memory,
    /// Time of processors.
    Processor,
    /// How many processes there are.
    Processes,
}

impl Controller {
    /// Its folder in version 1, its name in version 2, and a file of a group that it controls, in either.
    fn names(self) -> (&'static str, &'static str, [&'static str; 2]) {
        match self {
            Self::Memory => ("memory", "memory", ["memory.usage_in_bytes", "memory.current"]),
            Self::Processor => ("cpuacct", "cpu", ["cpuacct.usage", "cpu.stat"]),
            Self::Processes => ("pids", "pids", ["pids.max", "pids.max"]),
        }
    }
}

/// A group; removed when dropped.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
    file: &'static str,
}

impl Group {
    /// A new one; none when this user or this machine has none to give.
    pub fn new(controller: Controller, name: &str) -> Option<Self> {
        let (first, second, files) = controller.names();
        let mount = Path::new(MOUNT);
        let name = format!("medic-os-bench-{}-{name}", std::process::id());
        // Refused where it is on already, or where there is no version 2.
        let _ = fs::write(mount.join("cgroup.subtree_control"), format!("+{second}"));
        [mount.join(first), mount.to_owned()].into_iter().zip(files).find_map(|(parent, file)| {
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self { folder, file };
            group.folder.join(file).exists().then_some(group)
        })
    }

    /// Where a process writes its number to join it.
    pub fn list(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(self.file)).ok()
    }

    /// How much memory it is charged for.
    pub fn bytes(&self) -> Option<u64> {
        self.text()?.trim().parse().ok()
    }

    /// How long its processes had a processor, those that have ended included.
    pub fn time(&self) -> Option<Duration> {
        let text = self.text()?;
        let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        match micros {
            Some(micros) => micros.parse().ok().map(Duration::from_micros),
            None => text.trim().parse().ok().map(Duration::from_nanos),
        }
    }

    /// Lets it have so many processes; none: any number.
    pub fn bound(&self, most: Option<u32>) -> std::io::Result<()> {
        let most = most.map_or_else(|| "max".to_owned(), |most| most.to_string());
        fs::write(self.folder.join(self.file), most)
    }

    /// How many processes are in it.
    pub fn members(&self) -> usize {
        fs::read_to_string(self.list()).unwrap_or_default().lines().count()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Version 1 keeps what was read from files charged to it until it is forced to let go.
        let _ = fs::write(self.folder.join("memory.force_empty"), "0");
        // Whoever has just ended may be counted for a moment.
        for _ in 0..200 {
            if fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
