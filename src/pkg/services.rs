//! Telling the supervisor: which packages' services to stop before, to start or restart after a change.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use medic_model::layout::{BOOT, SUPERVISOR_RUN};
use medic_model::{PackageName, RelPath};
use rustix::process::{Pid, Signal, kill_process};

use crate::paths;
use crate::plan::{Change, Plan};
use crate::reporter::{Event, Reporter};
use crate::root::Root;

/// The supervisor that is at work below a root, if any: `run/supervisor/init.pid` names a process that lives.
#[derive(Debug)]
pub struct Supervisor<'a> {
    root: &'a Root,
    init: Pid,
}

impl<'a> Supervisor<'a> {
    /// Finds it.
    pub fn find(root: &'a Root) -> Option<Self> {
        let path: RelPath = paths::path(format!("{SUPERVISOR_RUN}/init.pid"));
        let text = root.read(&path, 64).ok().flatten()?;
        let number: i32 = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
        let init = Pid::from_raw(number)?;
        rustix::process::test_kill_process(init).ok()?;
        Some(Self { root, init })
    }

    /// Before a removal: services of a package that goes are stopped, so that nothing of it is in use.
    pub fn stop(&self, plan: &Plan, reporter: &dyn Reporter) {
        for change in plan.changes.iter().filter(|change| change.to.is_none() && change.services) {
            self.command("supervisor-stop", &change.package, "stopped", reporter);
        }
    }

    /// After a change: definitions are read anew (new services start), and services that have changed are restarted.
    pub fn tell(&self, changes: &[Change], reporter: &dyn Reporter) {
        self.read_anew(reporter);
        for change in changes.iter().filter(|change| change.services) {
            if change.from.is_some() && change.to.is_some() {
                self.command("svc-restart", &change.package, "restarted", reporter);
            }
        }
    }

    /// `init` reads its definitions anew.
    pub fn read_anew(&self, reporter: &dyn Reporter) {
        if let Err(error) = kill_process(self.init, Signal::HUP) {
            let text = format!(
                "cannot tell the supervisor (PID {}) of the change: {error}",
                self.init.as_raw_nonzero()
            );
            reporter.event(&Event::Warning { text: &text });
        }
    }

    fn command(&self, command: &str, package: &PackageName, action: &str, reporter: &dyn Reporter) {
        let path: PathBuf = self.root.path_of(&paths::path(format!("{BOOT}/{command}")));
        if !path.exists() {
            return;
        }
        reporter.event(&Event::Services { package, action });
        let run = Command::new(&path).arg(package.as_str()).stdin(Stdio::null()).output();
        let text = match run {
            Ok(output) if output.status.success() => return,
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                format!("{command} {package} has failed ({}): {}", output.status, said.trim())
            }
            Err(error) => format!("cannot run '{}': {error}", path.display()),
        };
        reporter.event(&Event::Warning { text: &text });
    }
}
