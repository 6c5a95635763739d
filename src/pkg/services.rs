//! Telling the supervisor: which packages' services to stop before a change, to start or restart after it.
//!
//! By its own commands in `/boot`, and only while its control socket is there. `sync` tells nobody: at boot the supervisor
//! itself runs it, before it starts anything.

use std::process::Command;
use std::time::Duration;

use medic_model::PackageName;
use medic_model::layout::{BOOT, SUPERVISOR_MARKS, SUPERVISOR_RUN};
use medic_sys::files::Kind;

use crate::child;
use crate::paths;
use crate::plan::{Change, Plan};
use crate::reporter::{Event, Reporter};
use crate::root::Root;

/// How long a command of the supervisor may take: longer than any service has to stop or to become ready.
const LIMIT: Duration = Duration::from_secs(120);

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
            self.command("supervisor-stop", Some(&change.package), reporter);
        }
    }

    /// After a removal that did not happen.
    pub fn start_again(&self, plan: &Plan, reporter: &dyn Reporter) {
        self.read_anew(reporter);
        for change in going(plan) {
            reporter.event(&Event::Services { package: &change.package, action: "started again" });
            self.command("supervisor-start", Some(&change.package), reporter);
        }
    }

    /// After a change: definitions are read anew (services of new packages start), and those of changed packages restart.
    pub fn tell(&self, changes: &[Change], reporter: &dyn Reporter) {
        self.read_anew(reporter);
        for change in changes.iter().filter(|change| change.services) {
            if change.from.is_some() && change.to.is_some() {
                reporter.event(&Event::Services { package: &change.package, action: "restarted" });
                self.command("svc-restart", Some(&change.package), reporter);
            }
        }
    }

    /// Definitions are read anew.
    pub fn read_anew(&self, reporter: &dyn Reporter) {
        self.command("supervisor-reread", None, reporter);
    }

    /// What goes wrong here does not undo the change: it is told.
    fn command(&self, name: &str, package: Option<&PackageName>, reporter: &dyn Reporter) {
        let path = self.root.path_of(&paths::path(format!("{BOOT}/{name}")));
        let mut command = Command::new(&path);
        if self.root.path() != std::path::Path::new("/") {
            command.arg("--root").arg(self.root.path());
        }
        command.args(package.map(PackageName::as_str));
        let mut last = String::new();
        let ended = child::run(&mut command, LIMIT, |line| last = line);
        let shown = package.map_or_else(|| name.to_owned(), |package| format!("{name} {package}"));
        let text = match ended {
            Ok(Some(status)) if status.success() => return,
            Ok(Some(status)) => format!("'{shown}' has failed ({status}): {last}"),
            Ok(None) => format!("'{shown}' took longer than {} s and was killed", LIMIT.as_secs()),
            Err(error) => format!("cannot run '{}': {error}", path.display()),
        };
        reporter.event(&Event::Warning { text: &text });
    }
}

fn going(plan: &Plan) -> impl Iterator<Item = &Change> {
    plan.changes.iter().filter(|change| change.to.is_none() && change.services)
}
