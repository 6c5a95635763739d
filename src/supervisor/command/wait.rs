//! `svc-wait`

use std::time::{Duration, Instant};

use super::FAILED;
use super::arguments::Arguments;
use super::chosen::chosen;
use super::report::{FORMAT, Waited, WaitedFor, json};
use super::terminal::Terminal;
use super::view::status;
use crate::place::Place;
use crate::table::{Record, Stage};

/// From one look at the status to the next. Looking wakes nobody but this command.
const LOOK: Duration = Duration::from_millis(5);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Ready,
    Down,
}

impl Goal {
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Down => "down",
        }
    }

    fn is_reached(self, record: &Record) -> bool {
        match self {
            Self::Ready => record.is_ready(),
            Self::Down => {
                !record.is_running() && (record.is_down() || record.disabled || !record.is_watched())
            }
        }
    }
}

/// Runs it; the exit code.
pub fn wait(place: &Place, arguments: &Arguments, terminal: &mut Terminal<'_>) -> u8 {
    let mut named = arguments.names();
    let package = named.remove(0);
    let goal = if arguments.down { Goal::Down } else { Goal::Ready };
    let end = arguments.timeout.map(|span| Instant::now() + span.duration());
    let (records, error) = loop {
        let found = match chosen(place, &package, &named) {
            Ok(found) => found,
            Err(why) => break (Vec::new(), Some(why)),
        };
        let mut records = found.records;
        if named.is_empty() && goal == Goal::Ready {
            // Nobody expects these to get up.
            records.retain(|record| !record.disabled);
        }
        let left: Vec<String> = records
            .iter()
            .filter(|record| !goal.is_reached(record))
            .map(|record| format!("{package}/{} ({})", record.service, status(record)))
            .collect();
        if left.is_empty() {
            break (records, None);
        }
        let left = left.join(", ");
        if goal == Goal::Ready && found.stage == Stage::Stopping {
            break (records, Some(format!("Everything is being ended; not ready: {left}")));
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            break (records, Some(format!("The time is over; not {}: {left}", goal.word())));
        }
        std::thread::sleep(LOOK);
    };
    let exit_code = if error.is_some() { FAILED } else { 0 };
    match &error {
        _ if arguments.json => terminal.print(&json(&report(&package, goal, &records, exit_code, error))),
        Some(why) => terminal.fatal(why),
        None => {
            terminal.success(&format!("All specified services in package '{package}' are {}", goal.word()))
        }
    }
    exit_code
}

fn report<'a>(
    package: &'a str,
    goal: Goal,
    records: &'a [Record],
    exit_code: u8,
    error: Option<String>,
) -> Waited<'a> {
    let service = |record: &'a Record| WaitedFor {
        service: &record.service,
        status: status(record),
        reached: goal.is_reached(record),
    };
    Waited {
        format: FORMAT,
        package,
        goal: goal.word(),
        services: records.iter().map(service).collect(),
        exit_code,
        error,
    }
}
