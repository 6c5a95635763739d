//! `fetch` and `vendor`: sources without a build.

use std::io::Write;

use medic_build::sandbox::RunnerKind;
use medic_model::ByteSize;
use serde_json::json;

use super::context::Context;
use crate::arguments::{BuildOptions, Fetch, Vendor};
use crate::failure::Failure;

/// The version of the JSON answers' shape.
const FORMAT: u32 = 1;

fn options(offline: bool) -> BuildOptions {
    BuildOptions { arch: None, jobs: None, offline, runner: RunnerKind::default() }
}

/// Carries `fetch` out.
pub fn fetch(arguments: &Fetch) -> Result<(), Failure> {
    let context = Context::new(&options(arguments.offline))?;
    let fetched = context.fetch(&arguments.components)?;
    if arguments.json {
        let one = |one: &medic_build::Fetched| json!({"sha256": one.sha256, "components": one.components, "path": one.path, "size": one.size});
        let sources: Vec<_> = fetched.iter().map(one).collect();
        return Ok(writeln!(std::io::stdout(), "{}", json!({"format": FORMAT, "sources": sources}))?);
    }
    let size = fetched.iter().map(|one| one.size).sum();
    writeln!(std::io::stdout(), "{} sources, {}, are in the store", fetched.len(), ByteSize(size))?;
    Ok(())
}

/// Carries `vendor` out.
pub fn vendor(arguments: &Vendor) -> Result<(), Failure> {
    let folder = std::path::absolute(&arguments.folder)?;
    let context = Context::new(&options(arguments.offline))?;
    let vendored = context.vendor(&arguments.components, &folder)?;
    if arguments.json {
        let one = |one: &medic_build::Vendored| json!({"sha256": one.sha256, "path": one.path, "size": one.size, "fresh": one.fresh});
        let files: Vec<_> = vendored.iter().map(one).collect();
        return Ok(writeln!(std::io::stdout(), "{}", json!({"format": FORMAT, "files": files}))?);
    }
    let (size, fresh) =
        (vendored.iter().map(|one| one.size).sum(), vendored.iter().filter(|one| one.fresh).count());
    let folder = context.shown(&folder);
    writeln!(
        std::io::stdout(),
        "{folder}: {} sources, {}; {fresh} of them copied now\nOn the other machine: MEDIC_OS_MIRRORS=FOLDER, for the place it has there",
        vendored.len(),
        ByteSize(size)
    )?;
    Ok(())
}
