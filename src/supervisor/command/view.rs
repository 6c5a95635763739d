//! A service's status in words.

use crate::machine::service::Phase;
use crate::table::Record;

/// The status: the first that fits.
pub fn status(record: &Record) -> &'static str {
    let running = record.is_running();
    match record.phase {
        Phase::Up | Phase::Done if running => "Up",
        Phase::Late if running => "Failure",
        Phase::Starting if running => "Starting",
        Phase::Stopping if running && record.is_restarting() => "Restarting",
        Phase::Stopping if running => "Stopping",
        _ if record.disabled => "Disabled",
        _ if record.is_down() => "Down",
        _ if record.gated => "Waiting",
        Phase::Waiting if record.failures >= 2 => "Failure",
        _ if record.is_restarting() => "Restarting",
        _ if record.is_new() => "Starting",
        _ if !record.is_watched() => "Unsupervised",
        Phase::Starting => "Starting",
        _ => "Failure",
    }
}

/// Every attribute, in the legacy order; `ready` only in JSON, where nobody counts on the legacy line.
pub fn attributes(record: &Record, with_ready: bool) -> Vec<&'static str> {
    let all = [
        ("watched", record.is_watched()),
        ("running", record.is_running()),
        ("ready", with_ready && record.is_ready()),
        ("restarting", record.is_restarting()),
        ("down", record.is_down()),
        ("disabled", record.disabled),
        ("expected", record.is_expected()),
    ];
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

/// The statuses that `supervisor-list` takes.
pub const STATUSES: [&str; 10] = [
    "watched",
    "expected",
    "unexpected",
    "enabled",
    "disabled",
    "running",
    "ready",
    "restarting",
    "down",
    "failed",
];

/// Whether a service has a status of [`STATUSES`]; none for another one.
pub fn has(record: &Record, name: &str) -> Option<bool> {
    Some(match name {
        "watched" => record.is_watched(),
        "expected" => record.is_expected(),
        "unexpected" => !record.is_expected(),
        "enabled" => !record.disabled,
        "disabled" => record.disabled,
        "running" => record.is_running(),
        "ready" => record.is_ready(),
        "restarting" => record.is_restarting(),
        "down" => record.is_down(),
        "failed" => status(record) == "Failure",
        _ => return None,
    })
}

/// Whether nothing is wrong with it: ready, or not meant to run.
pub fn is_healthy(record: &Record) -> bool {
    record.is_ready() || record.disabled || record.is_down() || !(record.is_watched() || record.is_expected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::wanted::{Aim, Wanted};

    fn up() -> Record {
        Record {
            package: "p".into(),
            service: "s".into(),
            wanted: Wanted { generation: 1, aim: Aim::Up },
            disabled: false,
            gated: false,
            supervisor_pid: Some(2),
            service_pid: Some(3),
            phase: Phase::Up,
            up: Some(1000),
            starts: 1,
            failures: 0,
            last_exit: None,
            dropped: 0,
            adopted: false,
        }
    }

    #[test]
    fn the_status_is_the_first_that_fits() {
        let down = Wanted { generation: 2, aim: Aim::Down };
        let not_running = |phase| Record { service_pid: None, phase, ..up() };
        let cases = [
            (up(), "Up", true),
            (Record { phase: Phase::Starting, ..up() }, "Starting", false),
            (Record { phase: Phase::Late, ..up() }, "Failure", false),
            (Record { phase: Phase::Stopping, ..up() }, "Restarting", false),
            (Record { phase: Phase::Stopping, wanted: down, ..up() }, "Stopping", true),
            (not_running(Phase::Done), "Up", true),
            (Record { wanted: down, ..not_running(Phase::Down) }, "Down", true),
            (Record { disabled: true, supervisor_pid: None, ..not_running(Phase::Down) }, "Disabled", true),
            (Record { gated: true, wanted: down, ..not_running(Phase::Down) }, "Waiting", false),
            (Record { failures: 1, ..not_running(Phase::Waiting) }, "Restarting", false),
            (Record { failures: 2, ..not_running(Phase::Waiting) }, "Failure", false),
            (Record { starts: 0, ..not_running(Phase::Down) }, "Starting", false),
            (Record { supervisor_pid: None, ..not_running(Phase::Down) }, "Unsupervised", false),
            (not_running(Phase::Over), "Failure", false),
        ];
        for (record, expected, healthy) in cases {
            assert_eq!((status(&record), is_healthy(&record)), (expected, healthy), "{record:?}");
        }
    }

    #[test]
    fn attributes_are_those_of_the_legacy_system() {
        assert_eq!(attributes(&up(), false), ["watched", "running", "expected"]);
        let down = Record {
            wanted: Wanted { generation: 2, aim: Aim::Down },
            service_pid: None,
            phase: Phase::Down,
            ..up()
        };
        assert_eq!(attributes(&down, true), ["watched", "down"]);
        for name in STATUSES {
            assert!(has(&up(), name).is_some(), "{name}");
        }
        assert_eq!((has(&up(), "ready"), has(&up(), "nonsense")), (Some(true), None));
    }
}
