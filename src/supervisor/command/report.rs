//! The shapes of `--json`. [`FORMAT`] changes when a field changes its meaning or goes; new fields may come.

use serde::Serialize;

/// The version of these shapes.
pub const FORMAT: u32 = 1;

/// Of `supervisor-inspect`.
#[derive(Debug, Serialize)]
pub struct Inspection<'a> {
    pub format: u32,
    /// `booting`, `running` or `stopping`.
    pub stage: &'static str,
    /// Whether every expected service is up and ready.
    pub healthy: bool,
    pub packages: Vec<PackageView<'a>>,
}

/// A package in it.
#[derive(Debug, Serialize)]
pub struct PackageView<'a> {
    pub package: &'a str,
    /// What it warns of, a line each, which makes nothing unhealthy; null when it warns of nothing.
    pub warnings: Option<String>,
    pub services: Vec<ServiceView<'a>>,
}

/// A service in it.
#[derive(Debug, Serialize)]
pub struct ServiceView<'a> {
    pub service: &'a str,
    pub status: &'static str,
    /// Seconds it has been running; null when it does not run.
    pub up: Option<u64>,
    pub restarts: u32,
    pub starts: u32,
    /// Failures in a row.
    pub failures: u32,
    pub attributes: Vec<&'static str>,
    pub service_pid: Option<u32>,
    pub supervisor_pid: Option<u32>,
    /// How it ended last: `exit code 1`, `signal 9`; null when it never has.
    pub last_exit: Option<String>,
    /// Lines of its log that were dropped.
    pub log_lines_dropped: u64,
}

/// Of `supervisor-list`.
#[derive(Debug, Serialize)]
pub struct Listing {
    pub format: u32,
    pub names: Vec<String>,
}

/// Of `svc-wait`.
#[derive(Debug, Serialize)]
pub struct Waited<'a> {
    pub format: u32,
    pub package: &'a str,
    /// `ready` or `down`.
    pub goal: &'static str,
    pub services: Vec<WaitedFor<'a>>,
    pub exit_code: u8,
    /// Why it was not waited any longer; null when every service is as it was to be.
    pub error: Option<String>,
}

/// A service in it.
#[derive(Debug, Serialize)]
pub struct WaitedFor<'a> {
    pub service: &'a str,
    pub status: &'static str,
    /// Whether it is as it was to be.
    pub reached: bool,
}

/// Of `svc-stats`.
#[derive(Debug, Serialize)]
pub struct Stats<'a> {
    pub format: u32,
    pub services: Vec<ServiceUsage<'a>>,
}

/// A service in it.
#[derive(Debug, Serialize)]
pub struct ServiceUsage<'a> {
    pub package: &'a str,
    pub service: &'a str,
    pub status: &'static str,
    /// How many processes it has.
    pub processes: usize,
    /// Processor time of all of them, and of their ended children.
    pub cpu_milliseconds: u64,
    /// How long it has been running; null when it does not run.
    pub up_milliseconds: Option<u64>,
    /// Memory of all of them; of what they share each has its part.
    pub memory_bytes: u64,
    /// Memory of its supervisor; null when it has none.
    pub supervisor_memory_bytes: Option<u64>,
    pub restarts: u32,
}

/// Of `svc-log`: one document a line. It has no format number of its own; fields may come, and none goes.
#[derive(Debug, Serialize)]
pub struct LogLine<'a> {
    pub service: &'a str,
    /// ISO 8601 in UTC, with microseconds; empty when the line has none.
    pub time: &'a str,
    /// What the service wrote; what is no UTF-8 is replaced.
    pub text: &'a str,
}

/// Of commands that change something.
#[derive(Debug, Serialize)]
pub struct Acted<'a> {
    pub format: u32,
    pub command: &'static str,
    pub package: &'a str,
    pub services: Vec<ActedOn<'a>>,
    pub exit_code: u8,
    /// Why nothing was done at all; null otherwise.
    pub error: Option<String>,
}

/// A service in it.
#[derive(Debug, Serialize)]
pub struct ActedOn<'a> {
    pub service: &'a str,
    /// `done`, `skipped` or `failed`.
    pub outcome: &'static str,
    /// Why; null when it was simply done.
    pub message: Option<String>,
}

/// As one line of text. These shapes have no maps with other keys than text, so it cannot fail.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
