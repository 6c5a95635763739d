//! The npm registry, through `npm pack`: it writes the registry's own tarball, and runs no script of it.

use super::run::{Task, run};
use super::{Given, copy, is_plain, only_file};
use crate::fetch::Reason;
use crate::fetch::job::Job;
use crate::fetch::partial::Partial;
use crate::fetch::plan::Want;
use medic_model::recipe::RegistryPackage;

/// Has npm fetch a package's tarball.
pub(in crate::fetch) fn fetch(
    job: &Job<'_>,
    want: &Want,
    package: &RegistryPackage,
    partial: &mut Partial,
) -> Given {
    let name = format!("{}@{}", package.name, package.version);
    if !is_plain(&name) || !is_plain(&package.version) {
        return Ok(Err(Reason::Address(name)));
    }
    let scratch = job.shelf.scratch()?;
    let task = Task {
        program: &job.access.programs.npm,
        args: ["pack", "--ignore-scripts", "--silent", "--pack-destination", "."]
            .map(Into::into)
            .into_iter()
            .chain([name.into()])
            .collect(),
        env: vec![("npm_config_update_notifier", "false".into())],
        scratch: scratch.path(),
    };
    if let Err(reason) = run(job, want, &task)? {
        return Ok(Err(reason));
    }
    match only_file(scratch.path(), ".tgz") {
        Some(file) => copy(job, want, &file, partial),
        None => Ok(Err(Reason::Absent)),
    }
}
