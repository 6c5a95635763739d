//! Crates: from Cargo's own cache, which `cargo fetch` fills.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use fs_err as fs;
use medic_model::recipe::RegistryPackage;

use super::run::{Task, run};
use super::{Given, copy, is_plain};
use crate::fetch::Reason;
use crate::fetch::job::{Job, Stop};
use crate::fetch::partial::Partial;
use crate::fetch::plan::Want;

/// Takes the crate from Cargo's cache. Not there, Cargo fetches all that the workspace's `Cargo.lock` lists (once), and at last the crate by
/// itself.
pub(in crate::fetch) fn fetch(
    job: &Job<'_>,
    want: &Want,
    package: &RegistryPackage,
    partial: &mut Partial,
) -> Given {
    if !is_plain(&package.name) || !is_plain(&package.version) {
        return Ok(Err(Reason::Address(format!("{} {}", package.name, package.version))));
    }
    let Some(home) = &job.access.cargo_home else {
        return Ok(Err(Reason::NotConfigured("the place of Cargo's home folder is not known")));
    };
    if let Some(file) = cached(home, package) {
        return copy(job, want, &file, partial);
    }
    // One at a time: Cargo locks its cache anyway, and the first may bring what the others want.
    let Some(_slot) = job.hosts.enter_alone("cargo", || job.stopped()) else { return Err(Stop::Asked) };
    let mut fault = Reason::Absent;
    for step in [fetch_workspace, fetch_alone] {
        if let Some(file) = cached(home, package) {
            return copy(job, want, &file, partial);
        }
        if let Err(reason) = step(job, want, package)? {
            fault = reason;
        }
    }
    match cached(home, package) {
        Some(file) => copy(job, want, &file, partial),
        None => Ok(Err(fault)),
    }
}

/// `<home>/registry/cache/<registry>/<name>-<version>.crate`, whichever registry.
fn cached(home: &Path, package: &RegistryPackage) -> Option<PathBuf> {
    let name = format!("{}-{}.crate", package.name, package.version);
    let registries = fs::read_dir(home.join("registry/cache")).ok()?;
    registries.filter_map(Result::ok).map(|registry| registry.path().join(&name)).find(|path| path.is_file())
}

fn fetch_workspace(job: &Job<'_>, want: &Want, _: &RegistryPackage) -> Given {
    let manifest = job.access.workspace.join("Cargo.toml");
    let done = job.clients.workspace_fetched.swap(true, Ordering::Relaxed);
    if done || !manifest.is_file() || !manifest.with_file_name("Cargo.lock").is_file() {
        return Ok(Ok(()));
    }
    let scratch = job.shelf.scratch()?;
    cargo(job, want, scratch.path(), &["--locked"], &manifest)
}

/// A project that depends on this crate alone. Cargo fetches what the crate depends on, too.
fn fetch_alone(job: &Job<'_>, want: &Want, package: &RegistryPackage) -> Given {
    let scratch = job.shelf.scratch()?;
    let folder = scratch.path();
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
         [dependencies]\nwanted = {{ package = \"{}\", version = \"={}\" }}\n",
        package.name, package.version
    );
    let written = fs::write(&manifest, text).and_then(|()| fs::write(folder.join("lib.rs"), ""));
    written.map_err(|source| Stop::Failed(job.shelf.disk(&manifest, source)))?;
    cargo(job, want, folder, &[], &manifest)
}

fn cargo(job: &Job<'_>, want: &Want, folder: &Path, more: &[&str], manifest: &Path) -> Given {
    let args = ["fetch", "--quiet", "--manifest-path"].map(Into::into);
    let args = args.into_iter().chain([manifest.into()]).chain(more.iter().map(Into::into)).collect();
    let home = job.access.cargo_home.iter().map(|home| ("CARGO_HOME", home.into())).collect();
    let task = Task { program: &job.access.programs.cargo, args, env: home, scratch: folder };
    run(job, want, &task).map(|given| given.map(drop))
}
