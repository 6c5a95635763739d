//! Telling the supervisor: which services to stop before a change, to restart after it, and whether they get ready.
//!
//! By its own commands in `/boot`, and only while its control socket is there. `sync` tells nobody: at boot the supervisor
//! itself runs it, before it starts anything.

mod affected;
mod order;
mod renewal;
mod state;

use std::process::Command;
use std::time::Duration;

use medic_model::layout::{BOOT, SUPERVISOR_MARKS, SUPERVISOR_RUN};
use medic_model::{PackageName, ServiceName};
use medic_sys::files::Kind;

use crate::child;
use crate::paths;
use crate::plan::{Change, Plan};
use crate::reporter::{Event, Reporter};
use crate::root::Root;

pub use affected::{Affected, affected};
pub use order::in_order;
pub use renewal::{Renewal, Unready};
pub use state::{State, states};

/// How long a command of the supervisor may take: longer than any service has to stop, or a package to be set up.
const LIMIT: Duration = Duration::from_secs(120);
/// So many of a service's last lines are shown when it does not get ready.
const LOG_LINES: &str = "10";

/// A service of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId {
    /// The package.
    pub package: PackageName,
    /// The service.
    pub service: ServiceName,
}

impl ServiceId {
    /// Of these two.
    pub fn new(package: &PackageName, service: &ServiceName) -> Self {
        Self { package: package.clone(), service: service.clone() }
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.package, self.service)
    }
}

/// The supervisor that is at work below a root.
#[derive(Debug)]
pub struct Supervisor<'a> {
    root: &'a Root,
}

impl<'a> Supervisor<'a> {
    /// Finds it by its control socket, in any of the places where that may be.
    pub fn find(root: &'a Root) -> Option<Self> {
        let places =
            [SUPERVISOR_RUN.to_owned(), "dev/shm/supervisor".to_owned(), format!("{SUPERVISOR_MARKS}/run")];
        let is_socket = |place: String| {
            let node = root.node(&paths::path(format!("{place}/control")));
            node.is_ok_and(|node| node.is_some_and(|node| node.kind == Kind::Other))
        };
        places.into_iter().any(is_socket).then_some(Self { root })
    }

    /// Before a removal: services of packages that go are stopped, so that nothing of them is in use.
    pub fn stop(&self, plan: &Plan, reporter: &dyn Reporter) {
        for change in going(plan) {
            reporter.event(&Event::Services { package: &change.package, action: "stopped" });
            self.told("supervisor-stop", &[change.package.as_str()], reporter);
        }
    }

    /// After a removal that did not happen.
    pub fn start_again(&self, plan: &Plan, reporter: &dyn Reporter) {
        self.told("supervisor-reread", &[], reporter);
        for change in going(plan) {
            reporter.event(&Event::Services { package: &change.package, action: "started again" });
            self.told("supervisor-start", &[change.package.as_str()], reporter);
        }
    }

    /// After a `pkg` that was killed: nobody knows how far it came, so definitions are read anew and all services of the packages
    /// in another version that were `finished` just now restart.
    pub fn recover(&self, finished: &[Change], reporter: &dyn Reporter) {
        self.told("supervisor-reread", &[], reporter);
        for change in finished.iter().filter(|change| change.services) {
            if change.from.is_some() && change.to.is_some() {
                reporter.event(&Event::Services { package: &change.package, action: "restarted" });
                self.told("svc-restart", &[change.package.as_str()], reporter);
            }
        }
    }

    /// How all services are; none when that cannot be told.
    pub fn states(&self) -> Option<Vec<State>> {
        let mut text = String::new();
        let mut program = self.program("supervisor-inspect", &[]);
        let ended = child::run(&mut program, LIMIT, &mut |line| text = format!("{text}{line}\n"));
        ended.ok().flatten().filter(std::process::ExitStatus::success).map(|_| states(&text))
    }

    /// The last lines that a service wrote.
    fn last_words(&self, id: &ServiceId) -> Vec<String> {
        let mut lines = Vec::new();
        let words = ["-n", LOG_LINES, id.package.as_str(), id.service.as_str()];
        // It is for people, and there may be none.
        let _ = child::run(&mut self.program("svc-log", &words), LIMIT, &mut |line| lines.push(line));
        lines
    }

    fn program(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.root.path_of(&paths::path(format!("{BOOT}/{name}"))));
        if self.root.path() != std::path::Path::new("/") {
            command.arg("--root").arg(self.root.path());
        }
        command.args(words);
        command
    }

    /// Runs a command; an error tells in its last words why it has failed.
    fn run(&self, name: &str, words: &[&str], limit: Duration) -> Result<(), String> {
        let mut last = String::new();
        let ended = child::run(&mut self.program(name, words), limit, &mut |line| last = line);
        let shown = || [&[name], words].concat().join(" ");
        match ended {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(format!("'{}' has failed ({status}): {last}", shown())),
            Ok(None) => Err(format!("'{}' took longer than {} s and was killed", shown(), limit.as_secs())),
            Err(error) => Err(format!("cannot run '{}': {error}", shown())),
        }
    }

    /// As [`Self::run`], where a failure undoes nothing: it is told.
    fn told(&self, name: &str, words: &[&str], reporter: &dyn Reporter) {
        if let Err(text) = self.run(name, words, LIMIT) {
            reporter.event(&Event::Warning { text: &text });
        }
    }
}

fn going(plan: &Plan) -> impl Iterator<Item = &Change> {
    plan.changes.iter().filter(|change| change.to.is_none() && change.services)
}
