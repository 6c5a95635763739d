//! `build-package`: package archives.

use std::io::Write;

use medic_build::BuiltPackage;

use super::context::Context;
use crate::arguments::BuildPackage;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// Carries the command out.
pub fn build_package(arguments: &BuildPackage) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let packages = context.packages(&arguments.packages)?;
    if arguments.json {
        let packages: Vec<_> = packages.iter().map(json).collect();
        let answer = serde_json::json!({"format": FORMAT, "arch": context.arch, "packages": packages});
        return Ok(writeln!(std::io::stdout(), "{answer}")?);
    }
    for package in &packages {
        let state = if package.fresh { "built" } else { "up to date" };
        writeln!(
            std::io::stdout(),
            "{} {}: {state}: {}",
            package.name,
            package.manifest.version,
            package.archive.display()
        )?;
        for document in [&package.documents.spdx, &package.documents.provenance] {
            writeln!(std::io::stdout(), "  {}", document.display())?;
        }
        for isolation in &package.isolation {
            writeln!(std::io::stdout(), "  built in {isolation}")?;
        }
    }
    Ok(())
}

fn json(package: &BuiltPackage) -> serde_json::Value {
    serde_json::json!({
        "name": package.name,
        "version": package.manifest.version,
        "archive": package.archive,
        "sha256": package.sha256,
        "size": package.size,
        "spdx": package.documents.spdx,
        "provenance": package.documents.provenance,
        "fresh": package.fresh,
        "isolation": package.isolation,
    })
}
