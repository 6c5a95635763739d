//! A control group of its own, whose memory the kernel counts: that of the kernel for its processes too.

use std::fs;
use std::path::{Path, PathBuf};

/// A group; removed when dropped.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
    usage: &'static str,
}

impl Group {
    /// A new one; none when this user or this machine has none to give.
    pub fn new(name: &str) -> Option<Self> {
        let mount = Path::new("/sys/fs/cgroup");
        let kinds = [(mount.join("memory"), "memory.usage_in_bytes"), (mount.to_owned(), "memory.current")];
        kinds.into_iter().find_map(|(parent, usage)| {
            let folder = parent.join(format!("medic-os-bench-{}-{name}", std::process::id()));
            fs::create_dir(&folder).ok()?;
            let group = Self { folder, usage };
            group.bytes().map(|_| group)
        })
    }

    /// Where a process writes its number to join it.
    pub fn list(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How much memory it is charged for.
    pub fn bytes(&self) -> Option<u64> {
        fs::read_to_string(self.folder.join(self.usage)).ok()?.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Version 1 keeps what was read from files charged to it until it is forced to let go.
        let _ = fs::write(self.folder.join("memory.force_empty"), "0");
        let _ = fs::remove_dir(&self.folder);
    }
}
