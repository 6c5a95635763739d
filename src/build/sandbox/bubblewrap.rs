//! The sandbox by bubblewrap: no daemon, no privilege. <https://github.com/containers/bubblewrap>

mod console;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use super::cgroup::ControlGroup;
use super::conditions::on_processors;
use super::shell::enter;
use super::wait::wait;
use super::{Ending, ROOT_FOLDERS, Runner, SandboxPlan, Terminal, USER};
use crate::error::BuildError;

/// The status with which the shell ends when it cannot enter a control group.
const CANNOT_ENTER: i32 = 125;

/// Process 1 of a sandbox with a terminal: bwrap makes it the leader of a session, and the terminal that it opens first
/// becomes the session's.
const ON_CONSOLE: &str = r#"
exec </dev/console >/dev/console 2>&1
"$@"
exit $?
"#;

/// What a program of the machine needs to run. Not all of it: what others mount and unmount meanwhile is in the way.
const TRIAL: [&str; 5] = ["/usr", "/bin", "/lib", "/lib64", "/nix"];

/// Runs plans with the machine's `bwrap`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bubblewrap;

/// What is to be done with one of the root's folders.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RootEntry {
    /// Show it.
    Folder(&'static str),
    /// Make the same link (`bin` to `usr/bin`).
    Link(&'static str, OsString),
}

impl Bubblewrap {
    /// The command line that carries a plan out in a control group that is there already: for whoever wants to do by hand
    /// what the builder does.
    ///
    /// # Errors
    /// The root cannot be read.
    pub fn command_line(self, plan: &SandboxPlan, group: Option<&ControlGroup>) -> io::Result<Vec<OsString>> {
        let entries = root_entries(&plan.root.tree)?;
        Ok([OsString::from("/bin/sh")].into_iter().chain(arguments(plan, &[], &entries, group)).collect())
    }
}

impl Runner for Bubblewrap {
    /// `bwrap` is there and this user may make namespaces. What a killed builder ran ended with it.
    fn ready(&self) -> Result<(), BuildError> {
        let output = Command::new("bwrap")
            .args(["--unshare-all", "--unshare-user"])
            .args(TRIAL.iter().flat_map(|folder| ["--ro-bind-try", folder, folder]))
            .args(["--", "/bin/true"])
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(missing)?;
        if output.status.success() {
            return Ok(());
        }
        Err(BuildError::Environment {
            what: "making a sandbox (bwrap --unshare-all)".to_owned(),
            message: format!(
                "{}. This user may not make namespaces: run as root, or allow it (sysctl \
                 kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); in a container: \
                 --privileged, or --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        })
    }

    fn run(&self, plan: &SandboxPlan, output: &File) -> Result<Ending, BuildError> {
        let (mut command, group) = command(plan, &[])?;
        let duplicate = || output.try_clone().map_err(|error| failed(Path::new("the log"), &error));
        command.stdin(Stdio::null()).stdout(duplicate()?).stderr(duplicate()?);
        let mut child = on_processors(plan.conditions.processors, || command.spawn())
            .map_err(|error| failed(Path::new("/bin/sh"), &error))?;
        let ended = wait(&mut child, plan.limits.time).map_err(|error| failed(Path::new("bwrap"), &error))?;
        let Some(status) = ended else {
            // bwrap is the parent of the sandbox's first process, which dies with it, and all others with that one.
            let killed = child.kill().and_then(|()| child.wait());
            killed.map_err(|error| failed(Path::new("bwrap"), &error))?;
            return Ok(Ending::TooLong(plan.limits.time));
        };
        if !status.success() && group.is_some_and(|group| group.ran_out_of_memory()) {
            return Ok(Ending::OutOfMemory(plan.limits.memory));
        }
        ending(status)
    }

    fn interact(&self, plan: &SandboxPlan, terminal: &Terminal<'_>) -> Result<Ending, BuildError> {
        let shell = ["/bin/sh", "-c", ON_CONSOLE, "sandbox"].map(str::to_owned);
        let arguments = shell.into_iter().chain(plan.arguments.clone()).collect();
        let (command, _group) = command(&SandboxPlan { arguments, ..plan.clone() }, &["--as-pid-1"])?;
        let status =
            console::run(command, terminal).map_err(|error| failed(Path::new("a terminal"), &error))?;
        ending(status)
    }

    fn isolation(&self) -> String {
        format!(
            "bubblewrap: user, mount, process, network, IPC, UTS and cgroup namespaces; uid {USER}; no capabilities; \
             read-only root"
        )
    }
}

/// What is started, and the control group that it enters; bwrap is given `more`.
fn command(plan: &SandboxPlan, more: &[&str]) -> Result<(Command, Option<ControlGroup>), BuildError> {
    let root = &plan.root.tree;
    let entries = root_entries(root).map_err(|error| failed(root, &error))?;
    let group = ControlGroup::new(&plan.limits);
    let mut command = Command::new("/bin/sh");
    command.args(arguments(plan, more, &entries, group.as_ref()));
    Ok((command, group))
}

/// What the shell is given, which sets the limits and becomes bwrap.
fn arguments(
    plan: &SandboxPlan,
    more: &[&str],
    entries: &[RootEntry],
    group: Option<&ControlGroup>,
) -> Vec<OsString> {
    let entrances = group.map(ControlGroup::entrances).unwrap_or_default();
    enter(plan.conditions.umask, plan.limits.memory, &entrances, program(plan, more, entries))
}

fn ending(status: ExitStatus) -> Result<Ending, BuildError> {
    use std::os::unix::process::ExitStatusExt as _;
    match status.code() {
        Some(CANNOT_ENTER) => Err(BuildError::Environment {
            what: "entering a control group".to_owned(),
            message: "the kernel refused; the log says why".to_owned(),
        }),
        Some(127) if which("bwrap").is_none() => Err(missing(io::ErrorKind::NotFound.into())),
        code => Ok(Ending::Status(code.unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))),
    }
}

/// Whether a shell would find the program.
fn which(program: &str) -> Option<()> {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok().map(drop)
}

fn missing(error: io::Error) -> BuildError {
    if error.kind() == io::ErrorKind::NotFound {
        BuildError::MissingProgram {
            program: "bwrap",
            purpose: "runs build steps in a sandbox",
            package: "bubblewrap",
        }
    } else {
        failed(Path::new("bwrap"), &error)
    }
}

fn failed(what: &Path, error: &io::Error) -> BuildError {
    BuildError::Environment {
        what: format!("starting a sandbox ('{}')", what.display()),
        message: error.to_string(),
    }
}

fn root_entries(root: &Path) -> io::Result<Vec<RootEntry>> {
    let mut entries = Vec::new();
    for name in ROOT_FOLDERS {
        let path = root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => entries.push(RootEntry::Folder(name)),
            Ok(meta) if meta.is_symlink() => {
                entries.push(RootEntry::Link(name, fs::read_link(&path)?.into_os_string()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// The command line of bwrap. The root is an empty file system into which the root's folders are bound, and which is
/// read-only in the end: so any folder can be a root, whether or not it has places for the mounts.
fn program(plan: &SandboxPlan, more: &[&str], root: &[RootEntry]) -> Vec<OsString> {
    let user = USER.to_string();
    let mut line: Vec<OsString> = [
        "bwrap",
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--new-session",
        "--uid",
        &user,
        "--gid",
        &user,
        "--cap-drop",
        "ALL",
        "--hostname",
        &plan.conditions.host_name,
        "--clearenv",
    ]
    .map(OsString::from)
    .to_vec();
    line.extend(more.iter().map(OsString::from));
    let mut add = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
        line.extend(words.iter().map(|word| word.as_ref().to_owned()))
    };
    for entry in root {
        match entry {
            RootEntry::Folder(name) => add(&[&"--ro-bind", &plan.root.tree.join(name), &format!("/{name}")]),
            RootEntry::Link(name, target) => add(&[&"--symlink", target, &format!("/{name}")]),
        }
    }
    add(&[&"--proc", &"/proc", &"--dev", &"/dev", &"--perms", &"1777", &"--tmpfs", &"/tmp"]);
    for mount in &plan.mounts {
        add(&[&if mount.writable { "--bind" } else { "--ro-bind" }, &mount.host, &mount.guest]);
    }
    add(&[&"--remount-ro", &"/"]);
    for (name, value) in &plan.environment {
        add(&[&"--setenv", name, value]);
    }
    add(&[&"--chdir", &plan.folder, &"--"]);
    line.extend(plan.arguments.iter().map(OsString::from));
    line
}

#[cfg(test)]
mod tests;
