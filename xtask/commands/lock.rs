//! `lock`: of which packages images are made. And what the other commands that build images ask of a lock.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;
use medic_build::definitions::{Definitions, lock_file, write_lock};
use medic_build::{BuildError, BuiltPackage};
use medic_image::ImageError;
use medic_image::plan::check_platform;
use medic_model::image::ImageDefinition;
use medic_model::lock::{Lock as Record, LockChange, Locked, LockedPackages};
use medic_model::{Arch, ImageName, PackageName};
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask lock                                    every image, for every platform that it is for
  cargo xtask lock nginx --arch x64                   one image; what is locked for arm64 stays
  cargo xtask lock --check                            write nothing; end with 15 when a lock is not true

Packages are built, or found in the store: a lock says what is. docs/images.md says how it differs from golden digests.";

/// `lock`.
#[derive(Debug, Args)]
pub struct Lock {
    /// Images of images/, such as nginx [default: all]
    pub images: Vec<ImageName>,
    /// Compare, and write nothing
    #[arg(long)]
    pub check: bool,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// What to build with; with --arch, the only architecture that is looked at.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// An image against its lock, for an architecture.
struct Compared {
    image: ImageName,
    arch: Arch,
    changes: Vec<LockChange>,
}

/// Carries the command out.
pub fn lock(arguments: &Lock) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let workspace = &context.environment.workspace;
    let definitions = Definitions::new(workspace);
    let images = match arguments.images.as_slice() {
        [] => definitions.image_names().map_err(BuildError::from)?,
        names => names.to_vec(),
    };
    let mut compared = Vec::new();
    for image in &images {
        let definition = context.image(image)?;
        let mut record = read(&context, image)?.unwrap_or_else(|| Record::new(image.clone()));
        let arches = match arguments.options.arch {
            Some(arch) => vec![arch],
            None => definition.platforms.clone(),
        };
        for arch in arches {
            check_platform(&definition, arch).map_err(ImageError::from)?;
            let options = BuildOptions { arch: Some(arch), ..arguments.options.clone() };
            let found = of(&Context::new(&options)?.packages(&definition.packages)?);
            compared.push(Compared { image: image.clone(), arch, changes: record.changes(arch, &found) });
            record.arches.insert(arch, found);
        }
        record.arches.retain(|arch, _| definition.platforms.contains(arch));
        if !arguments.check {
            write_lock(workspace, &record)?;
        }
    }
    show(arguments, &context, &compared)?;
    let stale: BTreeSet<&str> =
        compared.iter().filter(|one| !one.changes.is_empty()).map(|one| one.image.as_str()).collect();
    if !arguments.check || stale.is_empty() {
        return Ok(());
    }
    let stale = stale.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::Locked(format!("not as locked: {stale}; if it is meant, write it down: cargo xtask lock")))
}

fn show(arguments: &Lock, context: &Context, compared: &[Compared]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    if arguments.json {
        let one = |one: &Compared| json!({"image": one.image, "arch": one.arch, "changes": in_json(one.arch, &one.changes)});
        let images: Vec<_> = compared.iter().map(one).collect();
        return writeln!(out, "{}", json!({"format": FORMAT, "written": !arguments.check, "images": images}));
    }
    for Compared { image, arch, changes } in compared {
        if changes.is_empty() {
            writeln!(out, "{image} ({arch}): as locked")?;
        }
        for change in changes {
            writeln!(out, "{image} ({arch}): {change}")?;
        }
    }
    let images: BTreeSet<&ImageName> = compared.iter().map(|one| &one.image).collect();
    for image in images.into_iter().filter(|_| !arguments.check) {
        writeln!(out, "written: {}", context.shown(&lock_file(&context.environment.workspace, image)))?;
    }
    Ok(())
}

/// What packages are, as a lock writes it down.
pub fn of(packages: &[BuiltPackage]) -> LockedPackages {
    let locked = |package: &BuiltPackage| {
        let locked = Locked { version: package.manifest.version.clone(), archive: package.sha256 };
        (package.name.clone(), locked)
    };
    LockedPackages { packages: packages.iter().map(locked).collect() }
}

/// An image's lock, if there is one.
pub fn read(context: &Context, image: &ImageName) -> Result<Option<Record>, Failure> {
    Ok(Definitions::new(&context.environment.workspace).lock(image).map_err(BuildError::from)?)
}

/// How a lock is written anew.
pub fn command(context: &Context, image: &ImageName) -> String {
    format!("cargo xtask lock {image} --arch {}", context.arch)
}

/// Fails when a lock that must be obeyed is not there or names other packages than the image: that can be told before anything is
/// built.
pub fn refuse_other_names(
    context: &Context,
    image: &ImageDefinition,
    lock: Option<&Record>,
) -> Result<(), Failure> {
    let (name, arch) = (&image.name, context.arch);
    let Some(locked) = lock.and_then(|lock| lock.arches.get(&arch)) else {
        let write = command(context, name);
        return Err(Failure::Locked(format!(
            "images/{name}.lock does not say of what the image is made for {arch}, and images must be as locked (--locked, which CI \
             sets): write it with {write}"
        )));
    };
    let (locked, held): (BTreeSet<&PackageName>, BTreeSet<&PackageName>) =
        (locked.packages.keys().collect(), image.packages.iter().collect());
    if locked == held {
        return Ok(());
    }
    let new = held.difference(&locked).map(|package| format!("{package}: not in the lock"));
    let gone =
        locked.difference(&held).map(|package| format!("{package}: in the lock, and not in the image"));
    Err(stale(context, name, new.chain(gone)))
}

/// Fails when an image is not as a lock says that must be obeyed.
pub fn refuse(context: &Context, image: &ImageName, changes: Option<&[LockChange]>) -> Result<(), Failure> {
    match changes.unwrap_or_default() {
        [] => Ok(()),
        changes => Err(stale(context, image, changes.iter().map(ToString::to_string))),
    }
}

fn stale(context: &Context, image: &ImageName, changes: impl Iterator<Item = String>) -> Failure {
    let lines: String = changes.map(|change| format!("\n  {change}")).collect();
    Failure::Locked(format!(
        "the image '{image}' ({}) is not as images/{image}.lock says:{lines}\n  if that is meant, write it down: {}",
        context.arch,
        command(context, image)
    ))
}

/// Changes for programs.
pub fn in_json(arch: Arch, changes: &[LockChange]) -> serde_json::Value {
    let one = |change: &LockChange| json!({"package": change.package, "arch": arch, "locked": change.locked, "found": change.found});
    changes.iter().map(one).collect()
}
