//! What machine the figures are of.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use medic_model::ByteSize;

/// What machine the figures are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    processor: String,
    cores: usize,
    memory: u64,
    kernel: String,
    date: String,
}

impl Facts {
    /// Read from `/proc`.
    pub fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: String, key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
            line.map_or_else(String::new, |line| line.trim_start_matches([' ', '\t', ':']).to_owned())
        };
        let memory = after(read("/proc/meminfo"), "MemTotal");
        let kilobytes: u64 = memory.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            processor: after(read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: kilobytes << 10,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            date: date(seconds),
        }
    }

    /// For scripts.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "processor": self.processor,
            "cores": self.cores,
            "memory": self.memory,
            "kernel": self.kernel,
            "date": self.date,
        })
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory, kernel, date } = self;
        write!(f, "{date}; {cores} × {processor}, {}, Linux {kernel}", ByteSize(*memory))
    }
}

/// The day (UTC) of a number of seconds since 1970, as `2026-01-31`. By Howard Hinnant's days-to-civil.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named() {
        assert_eq!(date(0), "1970-01-01");
        for text in ["2000-02-29", "2026-12-31", "2024-03-01"] {
            let day: medic_model::Date = text.parse().expect("a day");
            assert_eq!(date(day.epoch() + 86_399), text);
        }
    }

    #[test]
    fn this_machine_is_known() {
        let facts = Facts::of_this_machine();
        assert!(facts.cores > 0 && facts.memory > 1 << 20 && facts.kernel.contains('.'), "{facts}");
    }
}
