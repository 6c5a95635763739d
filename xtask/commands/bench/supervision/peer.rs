//! The supervisors that are compared, each given the same services in its own way.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::Signal;

use super::super::measure::BenchError;
use super::super::workspace::write;
use super::{processes, signal};

/// A supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Medic,
    /// s6-svscan, an s6-supervise a service, s6-log.
    S6,
    /// runsvdir, a runsv a service, svlogd.
    Runit,
    /// supervisord, one process for all.
    Supervisord,
}

impl Kind {
    /// Those that ours is compared with.
    pub const PEERS: [Self; 3] = [Self::S6, Self::Runit, Self::Supervisord];

    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Medic => "medic-os",
            Self::S6 => "s6",
            Self::Runit => "runit",
            Self::Supervisord => "supervisord",
        }
    }
}

/// Services to be started: so many, named `s0`, `s1`, …, all of the same script.
#[derive(Debug, Clone, Copy)]
pub struct Services<'a> {
    /// How many.
    pub count: usize,
    /// What is run, for `sh`; `$1` is not used.
    pub script: &'a str,
    /// Whether what they write is logged.
    pub logged: bool,
    /// Ours only: the rest of the definition, as JSON fields.
    pub definition: &'a str,
}

/// The names of ours that are used.
const COMMANDS: [&str; 9] = [
    "init",
    "supervisor-inspect",
    "supervisor-list",
    "svc-up",
    "svc-down",
    "svc-restart",
    "svc-reload",
    "svc-enable",
    "svc-disable",
];

/// A supervisor that runs.
#[derive(Debug)]
pub struct Running {
    /// Which.
    pub kind: Kind,
    /// Its folder.
    pub root: PathBuf,
    child: Child,
}

/// Starts a supervisor with services, in a fresh folder. `program` is ours. `joined`: a control group's list of processes that it joins first.
pub fn start(
    kind: Kind,
    program: &Path,
    root: &Path,
    services: Services<'_>,
    joined: Option<&Path>,
) -> Result<Running, BenchError> {
    let words = words(kind, program, root, services)?;
    run(kind, root, &words, joined)
}

/// Starts ours without a service, and with a shell's script as the command in the foreground.
pub fn start_command(program: &Path, root: &Path, script: &str) -> Result<Running, BenchError> {
    let none = Services { count: 0, script: "", logged: false, definition: "" };
    let mut words = words(Kind::Medic, program, root, none)?;
    words.extend(["sh", "-c", script].map(PathBuf::from));
    run(Kind::Medic, root, &words, None)
}

/// What is executed, once all that it reads has been written.
fn words(
    kind: Kind,
    program: &Path,
    root: &Path,
    services: Services<'_>,
) -> Result<Vec<PathBuf>, BenchError> {
    Ok(match kind {
        Kind::Medic => medic(program, root, services)?,
        Kind::S6 => {
            let log = "exec s6-log T n4 s1000000 ./main";
            folders(root, services, log)?;
            vec!["s6-svscan".into(), "-c".into(), "2500".into(), root.into()]
        }
        Kind::Runit => {
            folders(root, services, "mkdir -p main; exec svlogd -tt ./main")?;
            vec!["runsvdir".into(), root.into()]
        }
        Kind::Supervisord => supervisord(root, services)?,
    })
}

fn run(kind: Kind, root: &Path, words: &[PathBuf], joined: Option<&Path>) -> Result<Running, BenchError> {
    let mut command = Command::new("sh");
    let join = joined.map_or_else(String::new, |list| format!("echo $$ > {}; ", list.display()));
    command.arg("-c").arg(format!("ulimit -n $(ulimit -H -n); {join}exec \"$@\"")).arg("sh").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(BenchError::file(&words[0]))?;
    Ok(Running { kind, root: root.to_owned(), child })
}

impl Running {
    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs one of our commands.
    pub fn call(&self, command: &str, arguments: &[&str]) -> Result<Output, BenchError> {
        let path = self.root.join("boot").join(command);
        let mut call = Command::new(&path);
        call.arg("--root").arg(&self.root).args(arguments).stdin(Stdio::null());
        call.output().map_err(BenchError::file(&path))
    }

    /// Runs one of our commands, which is to do what it says.
    pub fn succeed(&self, command: &str, arguments: &[&str]) -> Result<(), BenchError> {
        let output = self.call(command, arguments)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let message = format!("{}: {}", output.status, said.trim());
        Err(BenchError::Failed { what: command.to_owned(), message })
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> Result<(), BenchError> {
        self.end().map_err(BenchError::file(&self.root))
    }

    fn end(&mut self) -> std::io::Result<()> {
        // It would end one service after the other, each in half a second or more.
        if self.kind == Kind::Supervisord {
            let services = processes::family(self.pid());
            self.child.kill()?;
            services.into_iter().filter(|pid| *pid != self.pid()).for_each(|pid| signal(pid, Signal::KILL));
        } else {
            self.ask_to_end();
        }
        self.child.wait().map(drop)
    }

    fn ask_to_end(&self) {
        // runsvdir leaves everything running at TERM, and ends it at HUP.
        let signal = if self.kind == Kind::Runit { "HUP" } else { "TERM" };
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(self.pid().to_string()).status();
    }
}

impl Drop for Running {
    /// A benchmark that failed leaves nothing behind.
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.end();
        }
    }
}

fn medic(program: &Path, root: &Path, services: Services<'_>) -> Result<Vec<PathBuf>, BenchError> {
    let mut definitions = String::new();
    for number in 0..services.count {
        script(&root.join(format!("srv/scripts/bench/run/s{number}")), services.script)?;
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(definitions, "{comma}\"s{number}\":{{{}}}", services.definition);
    }
    let receipt = format!(
        r#"{{"format":1,"origin":{{"from":"bundle"}},"installed_at":0,"manifest":{{"format":1,"name":"bench","version":"1","arch":"x64","summary":"","licence":"MIT","depends":[],"services":{{{definitions}}},"entries":[],"provenance":{{"action_key":"{}","components":[]}}}}}}"#,
        "0".repeat(64)
    );
    write(&root.join("srv/system/receipts/bench.json"), receipt)?;
    for folder in ["boot", "run"] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    }
    for name in COMMANDS {
        let link = root.join("boot").join(name);
        symlink(program, &link).map_err(BenchError::file(&link))?;
    }
    Ok(vec![root.join("boot/init"), "--root".into(), root.into()])
}

/// A folder a service, as s6 and runit have it.
fn folders(root: &Path, services: Services<'_>, log: &str) -> Result<(), BenchError> {
    for number in 0..services.count {
        let folder = root.join(format!("s{number}"));
        script(&folder.join("run"), services.script)?;
        if services.logged {
            script(&folder.join("log/run"), log)?;
        }
    }
    Ok(())
}

fn supervisord(root: &Path, services: Services<'_>) -> Result<Vec<PathBuf>, BenchError> {
    let mut text = format!(
        "[supervisord]\nnodaemon=true\nminfds=4096\nminprocs=4096\nlogfile={0}/log\npidfile={0}/pid\nchildlogdir={0}\n",
        root.display()
    );
    for number in 0..services.count {
        let path = root.join(format!("run-{number}"));
        script(&path, services.script)?;
        let log = if services.logged { "AUTO" } else { "NONE" };
        let _ = write!(
            text,
            "[program:s{number}]\ncommand={}\nautorestart=true\nstartsecs=0\nstartretries=1000000\nredirect_stderr=true\nstdout_logfile={log}\n",
            path.display()
        );
    }
    let path = root.join("supervisord.conf");
    write(&path, text)?;
    Ok(vec!["supervisord".into(), "-c".into(), path])
}

fn script(path: &Path, text: &str) -> Result<(), BenchError> {
    write(path, format!("#!/bin/sh\nexec 2>&1\n{text}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(BenchError::file(path))
}

/// A pipe with a name, into which services write their process numbers when they are started.
#[derive(Debug)]
pub struct Register {
    path: PathBuf,
    lines: std::sync::mpsc::Receiver<(u32, std::time::Instant)>,
}

impl Register {
    /// At this path.
    pub fn new(path: PathBuf) -> Result<Self, BenchError> {
        let _ = fs::remove_file(&path);
        let made = Command::new("mkfifo").arg(&path).status().map_err(BenchError::file(&path))?;
        if !made.success() {
            return Err(BenchError::Failed { what: "mkfifo".to_owned(), message: made.to_string() });
        }
        // Opened for writing too, so that it never ends.
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(BenchError::file(&path))?;
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || read_numbers(file, &sender));
        Ok(Self { path, lines })
    }

    /// What a script says first, so that it is in the register.
    pub fn entry(&self) -> String {
        format!("echo $$ > {}", self.path.display())
    }

    /// The next process that enters itself, and when.
    pub fn next(&self) -> Result<(u32, std::time::Instant), BenchError> {
        let patience = std::time::Duration::from_secs(60);
        self.lines.recv_timeout(patience).map_err(|_| BenchError::Failed {
            what: "waiting for a service".to_owned(),
            message: format!("none was started in {patience:?}"),
        })
    }

    /// The next one, when it has entered itself already.
    pub fn try_next(&self) -> Result<(u32, std::time::Instant), std::sync::mpsc::TryRecvError> {
        self.lines.try_recv()
    }

    /// All that have entered themselves and were not asked for.
    pub fn waiting(&self) -> usize {
        self.lines.try_iter().count()
    }
}

fn read_numbers(file: File, to: &std::sync::mpsc::Sender<(u32, std::time::Instant)>) {
    use std::io::BufRead as _;
    for line in std::io::BufReader::new(file).lines() {
        let Some(pid) = line.ok().and_then(|line| line.trim().parse().ok()) else { continue };
        if to.send((pid, std::time::Instant::now())).is_err() {
            return;
        }
    }
}
