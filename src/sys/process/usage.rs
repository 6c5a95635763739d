//! What processes use (proc(5)): processor time and memory.

use std::fs;

/// What one process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Milliseconds of processor time: its own, and its ended children's that it has waited for.
    pub cpu: u64,
    /// Bytes of memory; of pages shared with others its share, where the kernel tells, else all of them.
    pub memory: u64,
}

/// What a process uses; none when there is none of this number. Memory is 0 when this user may not read it.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let ticks = parse_ticks(&stat)?;
    let second = rustix::param::clock_ticks_per_second().max(1);
    Some(Usage { cpu: ticks * 1000 / second, memory: memory(pid).unwrap_or(0) })
}

fn memory(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    if let Some(bytes) = rollup.as_deref().and_then(parse_share) {
        return Some(bytes);
    }
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// `Pss: 12 kB` of smaps_rollup, in bytes.
fn parse_share(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// utime + stime + cutime + cstime: the fields 14 to 17 of the line, counted from 1.
fn parse_ticks(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(&stat[end + 1..]).ok()?;
    // After the name comes field 3.
    let times: Vec<u64> =
        fields.split_whitespace().skip(11).take(4).map_while(|text| text.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_hide_the_times() {
        let stat = b"7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 0 0";
        assert_eq!(parse_ticks(stat), Some(100));
        assert_eq!(parse_ticks(b"7 (a) S 1 7 7 0 -1 0 1 2 3 4 10"), None);
        assert_eq!(parse_share("Rss:  9 kB\nPss:   3 kB\nPss_Dirty: 1 kB\n"), Some(3072));
        assert_eq!(parse_share("nothing"), None);
    }

    #[test]
    fn this_process_uses_memory_and_no_other_number_does() {
        assert!(usage(std::process::id()).expect("there").memory > 10_000);
        assert_eq!(usage(u32::MAX), None);
    }
}
