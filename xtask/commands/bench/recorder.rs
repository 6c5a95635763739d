//! Runners that stand in for the machine's own: one that keeps what it ran, to be done by hand again, and one that does
//! next to nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use medic_build::BuildError;
use medic_build::sandbox::{Bubblewrap, Ending, Runner, SandboxPlan, Terminal};

/// Runs plans as usual, and keeps them with what a person needs to do the same.
#[derive(Debug)]
pub struct Recorder {
    keep: PathBuf,
    plans: Mutex<Vec<SandboxPlan>>,
}

/// Where a plan's mount of this name comes from.
pub fn host<'a>(plan: &'a SandboxPlan, guest: &str) -> Option<&'a Path> {
    plan.mounts.iter().find(|mount| mount.guest == guest).map(|mount| mount.host.as_path())
}

impl Recorder {
    /// Keeps the steps' scripts in `steps/` and the compiler's cache in `cache/` of a folder that is there.
    pub fn new(keep: &Path) -> Self {
        Self { keep: keep.to_owned(), plans: Mutex::default() }
    }

    /// What was run, in order.
    pub fn plans(self) -> Vec<SandboxPlan> {
        self.plans.into_inner().unwrap_or_default()
    }

    fn keep(&self, plan: &SandboxPlan) -> std::io::Result<()> {
        let (Some(steps), Some(build)) = (host(plan, "/steps"), host(plan, "/build")) else { return Ok(()) };
        copy(steps, &self.keep.join("steps"))?;
        let (cache, kept) = (build.join(".zig-cache"), self.keep.join("cache"));
        // As it was before the first step.
        if cache.is_dir() && !kept.exists() { copy(&cache, &kept) } else { Ok(()) }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?
        } else {
            fs::copy(entry.path(), to).map(drop)?
        }
    }
    Ok(())
}

fn failed(error: std::io::Error) -> BuildError {
    BuildError::Environment { what: "a benchmark's runner".to_owned(), message: error.to_string() }
}

impl Runner for Recorder {
    fn ready(&self) -> Result<(), BuildError> {
        Bubblewrap.ready()
    }

    fn interact(&self, plan: &SandboxPlan, terminal: &Terminal<'_>) -> Result<Ending, BuildError> {
        Bubblewrap.interact(plan, terminal)
    }

    fn run(&self, plan: &SandboxPlan, output: &File) -> Result<Ending, BuildError> {
        self.keep(plan).map_err(failed)?;
        if let Ok(mut plans) = self.plans.lock() {
            plans.push(plan.clone());
        }
        Bubblewrap.run(plan, output)
    }

    fn isolation(&self) -> String {
        Bubblewrap.isolation()
    }
}

/// Writes one file that is the component's own and a licence, in place of running anything.
#[derive(Debug, Clone, Copy)]
pub struct OneFile;

impl Runner for OneFile {
    fn ready(&self) -> Result<(), BuildError> {
        Ok(())
    }

    fn interact(&self, plan: &SandboxPlan, terminal: &Terminal<'_>) -> Result<Ending, BuildError> {
        Bubblewrap.interact(plan, terminal)
    }

    fn run(&self, plan: &SandboxPlan, _: &File) -> Result<Ending, BuildError> {
        let (build, prefix) = (host(plan, "/build"), plan.environment.get("PREFIX"));
        let (Some(build), Some(prefix)) = (build, prefix) else { return Ok(Ending::Status(1)) };
        let component = prefix.split('/').nth(3).unwrap_or_default();
        let folder = build.join("out").join(prefix.trim_start_matches('/')).join("share");
        let licences = folder.join("licenses").join(component);
        fs::create_dir_all(&licences)
            .and_then(|()| fs::write(licences.join("LICENSE"), component))
            .and_then(|()| fs::write(folder.join(component), component))
            .map_err(failed)?;
        Ok(Ending::Status(0))
    }

    fn isolation(&self) -> String {
        "none: nothing is run".to_owned()
    }
}
