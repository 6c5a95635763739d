//! What this machine has to give.

use std::path::Path;

/// Taken where the machine does not say.
const UNKNOWN: u64 = 4 << 30;

/// Bytes of memory that programs can have now without swapping, as far as this process may use it.
pub fn available_memory() -> u64 {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let machine = available(&read(Path::new("/proc/meminfo"))).unwrap_or(UNKNOWN);
    let groups = read(Path::new("/proc/self/cgroup"));
    let limits =
        limit_files(&groups).into_iter().filter_map(|file| read(Path::new(&file)).trim().parse().ok());
    limits.fold(machine, u64::min)
}

/// `MemAvailable` of /proc/meminfo (proc_meminfo(5)), in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Where the limits of the control groups stand that this process is in (cgroups(7)): a container's is one of them.
fn limit_files(membership: &str) -> Vec<String> {
    let lines = membership.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let above = |path: &str| -> Vec<String> {
        Path::new(path)
            .ancestors()
            .map(|path| path.to_string_lossy().trim_end_matches('/').to_owned())
            .collect()
    };
    lines
        .flat_map(|(controllers, path)| match controllers {
            "" => above(path).iter().map(|path| format!("/sys/fs/cgroup{path}/memory.max")).collect(),
            "memory" => above(path)
                .iter()
                .map(|path| format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
                .collect(),
            _ => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   24 kB\n"), Some(24 * 1024));
        assert_eq!(available("MemAvailable: lots\n"), None);
        assert_eq!(available(""), None);
        assert!(available_memory() > 0);
    }

    #[test]
    fn the_limits_of_all_groups_above_count() {
        assert_eq!(
            limit_files("0::/a/b\n"),
            ["/a/b", "/a", ""].map(|path| format!("/sys/fs/cgroup{path}/memory.max"))
        );
        assert_eq!(limit_files("3:cpu:/x\n4:memory:/\n"), ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
        assert!(limit_files("nonsense").is_empty());
    }
}
