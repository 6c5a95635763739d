//! A folder that looks like an image's file system, and the init that runs there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_supervisor");
/// The longest that anything here may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A service that simply runs.
pub const SLEEPS: &str = "exec sleep 100000";

/// A folder with packages; not booted yet.
pub struct Image {
    folder: tempfile::TempDir,
    root: PathBuf,
    packages: BTreeMap<String, BTreeMap<String, Value>>,
    depends: BTreeMap<String, Vec<String>>,
    environment: Vec<(String, String)>,
}

impl Image {
    pub fn new() -> Self {
        Self::below("")
    }

    /// With a root that has a path of its own below the temporary folder.
    pub fn below(path: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sv").tempdir().expect("a temporary folder");
        let root = if path.is_empty() { folder.path().to_owned() } else { folder.path().join(path) };
        for name in ["boot", "run", "srv/system/receipts"] {
            fs::create_dir_all(root.join(name)).expect("made");
        }
        // Everybody may look in: some tests run it as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("changed");
        for name in NAMES {
            symlink(PROGRAM, root.join("boot").join(name)).expect("linked");
        }
        let (packages, depends) = (BTreeMap::new(), BTreeMap::new());
        Self { folder, root, packages, depends, environment: Vec::new() }
    }

    /// With a copy of the program, for users who may not look into the folder where it was compiled.
    pub fn with_own_program(self) -> Self {
        let own = self.root.join("supervisor");
        fs::copy(PROGRAM, &own).expect("copied");
        for name in NAMES {
            let link = self.root.join("boot").join(name);
            fs::remove_file(&link).expect("removed");
            symlink(&own, link).expect("linked");
        }
        self
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file that is executed.
    pub fn script(&self, path: &str, text: &str) -> &Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
        self
    }

    /// A service with its run script and its definition.
    pub fn service(mut self, package: &str, service: &str, script: &str, definition: Value) -> Self {
        self.script(&format!("srv/scripts/{package}/run/{service}"), script);
        self.packages.entry(package.to_owned()).or_default().insert(service.to_owned(), definition);
        self.write_receipt(package, "1.0");
        self
    }

    /// A package without services.
    pub fn package(mut self, package: &str, depends: &[&str]) -> Self {
        self.packages.entry(package.to_owned()).or_default();
        self.depends.insert(package.to_owned(), depends.iter().map(|name| (*name).to_owned()).collect());
        self.write_receipt(package, "1.0");
        self
    }

    pub fn setup(self, package: &str, step: &str, script: &str) -> Self {
        self.script(&format!("srv/scripts/{package}/setup/{step}"), script);
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn write_receipt(&self, package: &str, version: &str) {
        let receipt = json!({
            "format": 1, "origin": {"from": "bundle"}, "installed_at": 0,
            "manifest": {
                "format": 1, "name": package, "version": version, "arch": "x64", "summary": "", "licence": "MIT",
                "depends": self.depends.get(package).cloned().unwrap_or_default(),
                "services": self.packages.get(package), "entries": [],
                "provenance": {"action_key": "0".repeat(64), "components": []},
            },
        });
        let path = self.root.join(format!("srv/system/receipts/{package}.json"));
        fs::write(path, receipt.to_string()).expect("written");
    }

    /// init, not started yet.
    pub fn init(&self, command: &[&str]) -> Command {
        let mut init = Command::new(self.root.join("boot/init"));
        init.arg("--root").arg(&self.root).args(command).stdin(Stdio::null());
        init.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let file = |name: &str| {
            fs::File::options().append(true).create(true).open(self.root.join(name)).expect("opened")
        };
        init.stdout(file("stdout")).stderr(file("stderr"));
        init
    }

    /// Boots, and waits until everything has been started.
    pub fn boot(self) -> Machine {
        let machine = self.start();
        machine
            .wait_for("it has booted", |machine| machine.stderr().contains("System started").then_some(()));
        machine
    }

    /// Boots, and waits only until there is something to look at.
    pub fn start(self) -> Machine {
        let child = self.init(&[]).spawn().expect("init starts");
        let machine = Machine { image: self, child: Some(child) };
        machine.wait_for("services are supervised", |machine| {
            let shown: Value =
                serde_json::from_str(&machine.call("supervisor-inspect", &["--json"]).out).ok()?;
            let packages = shown["packages"].as_array()?;
            packages
                .iter()
                .any(|package| package["services"].as_array().is_some_and(|s| !s.is_empty()))
                .then_some(())
        });
        machine
    }

    /// Runs to its end.
    pub fn run_to_end(&self, command: &[&str]) -> ExitStatus {
        self.init(command).status().expect("init starts")
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.root.join("stderr")).unwrap_or_default()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(self.root.join("stdout")).unwrap_or_default()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    /// Runs a command of the image.
    pub fn call<A: AsRef<OsStr>>(&self, name: &str, arguments: &[A]) -> Answer {
        let mut command = Command::new(self.root.join("boot").join(name));
        command.arg("--root").arg(&self.root).args(arguments).stdin(Stdio::null());
        Answer::of(command.output().expect("the command runs"))
    }
}

/// The names of the program.
pub const NAMES: [&str; 17] = [
    "init",
    "supervisor-inspect",
    "supervisor-list",
    "supervisor-start",
    "supervisor-stop",
    "supervisor-reread",
    "svc-up",
    "svc-start",
    "svc-down",
    "svc-stop",
    "svc-restart",
    "svc-reload",
    "svc-enable",
    "svc-disable",
    "svc-wait",
    "svc-log",
    "svc-stats",
];

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "'{text}' is not in: {self:?}");
        self
    }
}

/// A service as `supervisor-inspect --json` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub status: String,
    pub pid: u32,
    pub supervisor: u32,
    pub restarts: u64,
    pub attributes: Vec<String>,
}

/// An image that runs.
pub struct Machine {
    image: Image,
    child: Option<Child>,
}

impl std::ops::Deref for Machine {
    type Target = Image;
    fn deref(&self) -> &Image {
        &self.image
    }
}

impl Machine {
    /// An init that was started in a way of its own.
    pub fn of(image: Image, child: Child) -> Self {
        Self { image, child: Some(child) }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn packages(&mut self) -> &mut Image {
        &mut self.image
    }

    pub fn inspect(&self) -> Value {
        let answer = self.call("supervisor-inspect", &["--json"]).ends_with(0);
        serde_json::from_str(&answer.out).expect("JSON")
    }

    /// A service as it is shown.
    pub fn shown(&self, package: &str, service: &str) -> Shown {
        let all = self.inspect();
        let packages = all["packages"].as_array().expect("a list");
        let package = packages.iter().find(|p| p["package"] == package).expect("the package");
        let services = package["services"].as_array().expect("a list");
        let found = services
            .iter()
            .find(|s| s["service"] == service)
            .unwrap_or_else(|| panic!("no {service}: {all}"));
        let pid = |name: &str| found[name].as_u64().unwrap_or(0) as u32;
        let attributes = found["attributes"].as_array().expect("a list").iter();
        Shown {
            status: found["status"].as_str().expect("a text").to_owned(),
            pid: pid("service_pid"),
            supervisor: pid("supervisor_pid"),
            restarts: found["restarts"].as_u64().expect("a number"),
            attributes: attributes.map(|name| name.as_str().expect("a text").to_owned()).collect(),
        }
    }

    /// Waits until `check` gives something.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut check: impl FnMut(&Self) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = check(self) {
                return found;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "{what}: not within {PATIENCE:?}\nstderr: {}\nstdout: {}",
                self.stderr(),
                self.stdout()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the service is up with another process than `before`.
    #[track_caller]
    pub fn wait_up(&self, package: &str, service: &str, before: u32) -> Shown {
        self.wait_for("it is up", |machine| {
            Some(machine.shown(package, service))
                .filter(|s| s.status == "Up" && s.pid != before && s.pid != 0)
        })
    }

    /// The log of a service.
    pub fn log(&self, package: &str, service: &str) -> String {
        self.read(&format!("srv/storage/{package}/{service}/logs/current"))
    }

    /// Asks init to end; how long it took, and how it ended.
    pub fn stop(&mut self) -> (Duration, ExitStatus) {
        let begin = Instant::now();
        signal(self.pid(), "TERM");
        let status = self.ended();
        (begin.elapsed(), status)
    }

    /// Waits until init has ended.
    pub fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        let child = self.child.as_mut().expect("it runs");
        let status = loop {
            if let Some(status) = child.try_wait().expect("waited") {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE, "init does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        self.child = None;
        status
    }

    /// Boots again, in the same folder.
    pub fn boot_again(mut self) -> Machine {
        let image = std::mem::replace(&mut self.image, Image::new());
        fs::write(image.root.join("stderr"), "").expect("emptied");
        image.boot()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let begin = Instant::now();
        while child.try_wait().ok().flatten().is_none() {
            if begin.elapsed() > PATIENCE {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if std::thread::panicking() {
            let _ =
                writeln!(std::io::stderr(), "init said:\n{}\n{}", self.image.stderr(), self.image.stdout());
        }
    }
}

impl Image {
    /// Where the folder is, as long as this value lives.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Sends a signal.
pub fn signal(pid: u32, name: &str) {
    assert!(pid > 1, "no process");
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill runs");
    assert!(sent.success(), "process {pid} is gone");
}

/// Whether a process is alive: there, and not only waiting to be waited for.
pub fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The processes that have `text` in their command line.
pub fn processes(text: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("proc is mounted");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(text) && alive(*pid)
    })
    .collect()
}

/// A number of seconds for `sleep` that no other test uses: by it a process is found.
pub fn unique_seconds() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}", 100_000_000 + u64::from(std::process::id()) * 1000 + u64::from(serial))
}
