//! What the long trials have in common: looks at the status that run no command, signals without questions, and chance that
//! can be had again.

use std::io::Write;
use std::path::Path;

use medic_supervisor::control::client::Client;
use medic_supervisor::control::frame::{Ask, What};
use medic_supervisor::machine::fleet::{Operation, Outcome};
use medic_supervisor::table::{Reader, Record};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::Machine;

/// The status of `p/s`, straight from the shared table.
pub fn record(machine: &Machine) -> Record {
    named(machine, "s")
}

/// The status of a service of `p`.
pub fn named(machine: &Machine, service: &str) -> Record {
    let records = records(machine);
    records.iter().find(|record| record.service == service).unwrap_or_else(|| panic!("{records:?}")).clone()
}

/// The status of every service.
pub fn records(machine: &Machine) -> Vec<Record> {
    let reader = Reader::open(&machine.root().join("run/supervisor")).expect("init runs");
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    reader.records(time.tv_sec.unsigned_abs() * 1000)
}

/// Asks for something of `p/s` on the control socket, and waits for the answer.
pub fn ask(machine: &Machine, operation: Operation) -> Outcome {
    let client = Client::connect(&machine.root().join("run/supervisor")).expect("init answers");
    ask_by(&client, operation)
}

/// The same, on a connection that is there.
pub fn ask_by(client: &Client, operation: Operation) -> Outcome {
    let (package, service) = ("p".parse().expect("a name"), "s".parse().expect("a name"));
    let ask = Ask {
        tag: 0,
        what: What::Service { operation, package, service, force: false },
        within: Some(15_000),
    };
    let mut outcome = None;
    client.ask(&[ask], |_, reply| outcome = Some(reply.outcome)).expect("init answers");
    outcome.expect("an answer")
}

/// Kills a process, if it is still there.
pub fn kill(pid: u32) {
    assert!(pid > 1, "no process");
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).expect("not 0"), Signal::KILL);
}

/// Whether root runs the tests. Some need what only root may do.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Every process with its parent, session and state.
pub fn table() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("proc is mounted");
    entries.filter_map(|entry| Process::read(&entry.ok()?.path())).collect()
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pub pid: u32,
    pub state: char,
    pub parent: u32,
    pub session: u32,
}

impl Process {
    fn read(folder: &Path) -> Option<Self> {
        let pid = folder.file_name()?.to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        let (parent, session) = (fields.next()?.parse().ok()?, fields.nth(1)?.parse().ok()?);
        Some(Self { pid, state, parent, session })
    }
}

/// A number of `/proc/PID/status`: kilobytes, where it is of memory.
pub fn status(pid: u32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.unwrap_or_else(|| panic!("no {name}: {text}")).split_whitespace().next();
    number.expect("a number").parse().expect("a number")
}

/// How many descriptors a process has open.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

/// Chance: a small generator whose seed is told, so that a trial that failed can be had again.
pub struct Chance(u64);

impl Chance {
    /// The seed is the variable `TRIAL_SEED`, else the time.
    pub fn new() -> Self {
        let given = std::env::var("TRIAL_SEED").ok().and_then(|text| text.parse().ok());
        let time = || rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_nsec.unsigned_abs();
        let seed: u64 = given.unwrap_or_else(time) | 1;
        let _ = writeln!(std::io::stderr(), "TRIAL_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
