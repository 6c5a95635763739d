//! Processes watched, and disturbed, at their system calls by strace(1).

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Machine, PATIENCE};

/// A process under strace.
pub struct Traced {
    strace: Child,
    folder: PathBuf,
}

impl Traced {
    /// With arguments of strace(1). Gives back once strace has the process.
    pub fn attach(machine: &Machine, pid: u32, arguments: &[&str]) -> Self {
        let folder = machine.folder().join("strace");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("made");
        let strace = Command::new("strace")
            .args(["-p", &pid.to_string(), "-e", "trace=all", "-o"])
            .arg(folder.join("of"))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.join("said")).expect("made"))
            .spawn()
            .expect("strace is there: .ci/setup --tests");
        let traced = Self { strace, folder };
        let begin = Instant::now();
        while !traced.said().contains(&format!("Process {pid} attached")) {
            assert!(begin.elapsed() < PATIENCE, "strace: {}", traced.said());
            std::thread::sleep(Duration::from_millis(1));
        }
        traced
    }

    /// Does something at calls of the process itself: `inject` as in strace(1).
    pub fn inject(machine: &Machine, pid: u32, inject: &str) -> Self {
        Self::attach(machine, pid, &["-e", &format!("inject={inject}")])
    }

    /// The same at calls of the process, and of all that it makes.
    pub fn inject_all(machine: &Machine, pid: u32, inject: &str) -> Self {
        Self::attach(machine, pid, &["-ff", "-e", &format!("inject={inject}")])
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap_or_default()
    }

    /// The names of the calls that the process has made; `one`: that one of all that are watched.
    pub fn calls(&self, one: Option<u32>) -> BTreeSet<String> {
        let name = one.map_or("of".to_owned(), |pid| format!("of.{pid}"));
        let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let names = text.lines().filter_map(|line| Some(line.split_once('(')?.0));
        names
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Traced {
    /// Lets the processes go, those that are still there.
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.strace);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.strace.wait();
    }
}
