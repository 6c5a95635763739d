//! What the tests of sandboxes run in: a runner, a small root, folders of their own.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::key::digest_of;
use crate::root::Root;
use crate::sandbox::{
    Bubblewrap, Conditions, Docker, Ending, Limits, Mount, Runner, RunnerKind, SandboxPlan, USER,
};

/// Makes a module for each runner with all of these tests in it; each is given what `$bench` makes for the runner.
macro_rules! on_each_runner {
    ($bench:path: $($name:ident,)*) => {
        mod bubblewrap {
            $(#[test] fn $name() { super::$name(&$bench(crate::sandbox::RunnerKind::Bubblewrap)); })*
        }
        mod docker {
            $(#[test] fn $name() { super::$name(&$bench(crate::sandbox::RunnerKind::Docker)); })*
        }
    };
}
pub(crate) use on_each_runner;

/// A runner, a small build root (a static busybox), a folder to build in and one to look at.
pub struct Bench {
    folder: tempfile::TempDir,
    pub kind: RunnerKind,
    pub runner: Box<dyn Runner>,
    root: Root,
}

impl Bench {
    pub fn new(kind: RunnerKind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["build", "input/below"] {
            fs::create_dir_all(folder.path().join(name)).expect("made");
        }
        fs::write(folder.path().join("input/file"), "declared").expect("written");
        let root = Root { tree: folder.path().join("root"), identity: digest_of(&folder.path()) };
        root_of_busybox(&root.tree);
        let host = std::env::var("DOCKER_HOST").ok();
        let runner: Box<dyn Runner> = match kind {
            RunnerKind::Bubblewrap => Box::new(Bubblewrap),
            RunnerKind::Docker => Box::new(Docker::new(host.as_deref(), folder.path())),
        };
        runner.ready().expect("it runs programs (set-up: .ci/setup --tests)");
        Self { folder, kind, runner, root }
    }

    /// User and group inside.
    pub fn user(&self) -> (String, String) {
        user(self.kind)
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn plan(&self, script: &str) -> SandboxPlan {
        SandboxPlan {
            root: self.root.clone(),
            mounts: vec![
                Mount::writable(self.join("build"), "/build"),
                Mount::read_only(self.join("input"), "/sysroot/input"),
            ],
            environment: [("PATH", "/bin"), ("TEXT", "$(x) `y` 'z'")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            folder: "/build".to_owned(),
            arguments: ["/bin/sh", "-eu", "-c", script].map(str::to_owned).to_vec(),
            limits: Limits::default(),
            conditions: Conditions::default(),
        }
    }

    /// How the script ended and what it wrote.
    pub fn run(&self, script: &str) -> (Ending, String) {
        self.run_plan(&self.plan(script))
    }

    pub fn run_plan(&self, plan: &SandboxPlan) -> (Ending, String) {
        let mut log = tempfile::tempfile().expect("a file");
        let ending = self.runner.run(plan, &log).expect("it runs");
        let mut text = String::new();
        log.rewind().and_then(|()| log.read_to_string(&mut text)).expect("read");
        (ending, text)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.kind == RunnerKind::Docker {
            remove_image(&self.root);
        }
    }
}

/// Removes the image of a root, if the daemon has it.
pub fn remove_image(root: &Root) {
    let name = format!("medic-os/build-root:1-{}", root.identity);
    let listed = Command::new("docker").args(["images", "--format", "{{.Repository}}:{{.Tag}}"]).output();
    let listed =
        listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for image in listed.lines().filter(|image| image.starts_with(&name)) {
        let _ = Command::new("docker").args(["rmi", "--force", image]).output();
    }
}

/// User and group inside: a daemon gives an ordinary user no other number than that user's own.
pub fn user(kind: RunnerKind) -> (String, String) {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    match kind {
        RunnerKind::Docker if user != 0 => (user.to_string(), group.to_string()),
        _ => (USER.to_string(), USER.to_string()),
    }
}

/// `/bin` with busybox under all its names, and `/etc/passwd`.
pub fn root_of_busybox(tree: &Path) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).is_file());
    let busybox = busybox.expect("a static busybox (set-up: .ci/setup --tests)");
    fs::create_dir_all(tree.join("bin")).expect("made");
    fs::create_dir_all(tree.join("etc")).expect("made");
    if tree.join("bin/busybox").exists() {
        return;
    }
    fs::copy(busybox, tree.join("bin/busybox")).expect("copied");
    let list = Command::new(busybox).arg("--list").output().expect("it runs").stdout;
    for name in String::from_utf8_lossy(&list).lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", tree.join("bin").join(name)).expect("linked");
    }
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nbuild:x:1000:1000::/home:/bin/sh\n")
        .expect("written");
}

/// How many processes have this word in their command line.
pub fn running(mark: &str) -> usize {
    let has = |process: &fs::DirEntry| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    };
    fs::read_dir("/proc").expect("there").flatten().filter(has).count()
}

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}: it never happened");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No process has this word in its command line, at the latest in a few seconds.
pub fn assert_gone(mark: &str) {
    wait_for("no process is left", || running(mark) == 0);
}
