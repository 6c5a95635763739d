//! `build-image`: from recipes to an image, to every place that was asked for.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;

use medic_build::definitions::Definitions;
use medic_build::store::InUse;
use medic_build::{BuildError, BuiltPackage, Settings};
use medic_image::docker::{Absent, Endpoint};
use medic_image::plan::check_platform;
use medic_image::{
    AssembleSettings, Connection, Docker, DockerError, Image, ImageError, PackageArchive, assemble,
};
use medic_model::image::ImageDefinition;
use medic_model::lock::LockChange;
use medic_model::{Arch, ImageName};

use super::context::Context;
use super::lock;
use crate::arguments::{BuildImage, Output};
use crate::environment::podman;
use crate::failure::Failure;
use crate::git::Revision;
use crate::progress::{ImageProgress, loaded};
use crate::table;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// How often what turns out to be damaged is made again, before that is taken for a fault of the disk.
const REPAIRS: usize = 4;

/// An image that was built, with the archive that holds it.
pub struct BuiltImage {
    /// The image.
    pub image: Image,
    /// The archive that is always written.
    pub archive: PathBuf,
    /// Whether anything was done: compiled, packed, assembled or written.
    pub fresh: bool,
    /// Its packages.
    pub packages: Vec<BuiltPackage>,
    /// What kept build steps apart from the machine: each way once.
    pub isolation: BTreeSet<String>,
    /// How its packages differ from its lock; none when it has no lock.
    pub lock_changes: Option<Vec<LockChange>>,
    /// Nothing of the store is removed while it is being used.
    pub in_use: InUse,
}

/// What became of the outputs.
#[derive(Debug, Default)]
struct Done {
    /// Whether any of them had to be written.
    fresh: bool,
    /// The tags that Docker has, where it was an output and answered.
    loaded: Option<Vec<String>>,
    /// Lines for people.
    lines: Vec<String>,
}

/// Builds the image and writes `target/images/<image>-<arch>.oci.tar`. A package archive or a layer that turns out to be damaged is
/// made again.
pub fn build(context: &Context, name: &ImageName) -> Result<BuiltImage, Failure> {
    repairing(context, name, || build_once(context, name))
}

/// Does it again when something in the store was damaged, which is removed then, and said.
pub fn repairing<T>(
    context: &Context,
    name: &ImageName,
    act: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    for _ in 0..REPAIRS {
        match act() {
            Err(Failure::Image(error)) if is_repaired(context, name, &error)? => {}
            result => return result,
        }
    }
    act()
}

/// Whether an image failed because of something in the store that is gone now.
fn is_repaired(context: &Context, name: &ImageName, error: &ImageError) -> Result<bool, Failure> {
    if let Some(layer) = error.damaged_layer() {
        context
            .screen
            .line(&format!("warning: '{}' in the store is damaged: it is made again", layer.display()));
        return Ok(true);
    }
    if !error.may_be_the_archive() {
        return Ok(false);
    }
    context.discard_damaged(&context.packages(&context.image(name)?.packages)?)
}

fn build_once(context: &Context, name: &ImageName) -> Result<BuiltImage, Failure> {
    let in_use = context.use_store()?;
    let definition = context.image(name)?;
    check_platform(&definition, context.arch).map_err(ImageError::from)?;
    let locked = lock::read(context, name)?;
    if context.locked {
        lock::refuse_other_names(context, &definition, locked.as_ref())?;
    }
    let packages = context.packages(&definition.packages)?;
    let lock_changes = locked.map(|lock| lock.changes(context.arch, &lock::of(&packages)));
    if context.locked {
        lock::refuse(context, name, lock_changes.as_deref())?;
    }
    let built = packages.iter().any(|package| package.fresh);
    let image = assembled(context, &definition, &packages, context.settings(), context.jobs)?;
    let archive =
        context.environment.workspace.join(format!("target/images/{name}-{}.oci.tar", context.arch));
    let written = image.write_archive(&archive)?;
    let fresh = built || image.fresh || !written.unchanged;
    let isolation = packages.iter().flat_map(|package| package.isolation.iter().cloned()).collect();
    Ok(BuiltImage { image, archive, fresh, packages, isolation, lock_changes, in_use })
}

/// The image of these packages, made in the store of these settings.
pub fn assembled(
    context: &Context,
    definition: &ImageDefinition,
    packages: &[BuiltPackage],
    settings: &Settings,
    jobs: NonZero<u32>,
) -> Result<Image, Failure> {
    let archives: Vec<_> = packages
        .iter()
        .map(|package| PackageArchive { path: package.archive.clone(), sha256: package.sha256 })
        .collect();
    let settings =
        AssembleSettings { store: settings.store.clone(), jobs, ..assemble_settings(context, settings.arch) };
    let definition = Definitions::new(&context.environment.workspace)
        .as_installed(definition)
        .map_err(BuildError::from)?;
    Ok(assemble(&definition, &archives, &settings, &ImageProgress(&*context.screen))?)
}

/// What an assembly is told now, for an architecture.
pub fn assemble_settings(context: &Context, arch: Arch) -> AssembleSettings {
    let revision = Revision::of(&context.environment.workspace);
    AssembleSettings {
        store: context.environment.store.clone(),
        arch,
        compression: context.compression,
        created: revision.committed.unwrap_or(0),
        revision: revision.commit,
        source: Some(revision.source),
        jobs: context.jobs,
    }
}

/// What came of giving the image to Docker.
pub enum Loaded {
    /// The daemon has it.
    Ready {
        /// The daemon.
        docker: Docker,
        /// Whether it had to be sent.
        fresh: bool,
    },
    /// No daemon answers.
    Absent(Absent),
}

/// Gives the image to Docker, unless it has it already or no daemon answers.
pub fn load(context: &Context, built: &BuiltImage) -> Result<Loaded, Failure> {
    load_into(context, built, &Endpoint::choose(&context.environment.docker)?)
}

fn load_into(context: &Context, built: &BuiltImage, endpoint: &Endpoint) -> Result<Loaded, Failure> {
    match Docker::connect_to(endpoint)? {
        Connection::Absent(absent) => Ok(Loaded::Absent(absent)),
        Connection::Ready(docker) => {
            let fresh = docker.provide(&built.image, &built.archive, &ImageProgress(&*context.screen));
            loaded(&*context.screen);
            let fresh = fresh?;
            Ok(Loaded::Ready { docker, fresh })
        }
    }
}

/// Carries the command out.
pub fn build_image(arguments: &BuildImage) -> Result<(), Failure> {
    let mut context = Context::new(&arguments.options)?;
    context.locked = arguments.locked.unwrap_or(context.locked);
    context.compression = arguments.compression.into();
    let (built, done) = repairing(&context, &arguments.image, || {
        let built = build(&context, &arguments.image)?;
        let done = outputs(&context, &built, &arguments.outputs)?;
        Ok((built, done))
    })?;
    let fresh = built.fresh || done.fresh;
    if arguments.json {
        return Ok(writeln!(std::io::stdout(), "{}", json(&context, &built, &done, fresh))?);
    }
    let mut text = table::render(&built.image.table());
    let state = if fresh { "built" } else { "up to date, nothing was done" };
    text.push_str(&format!("{} {} ({}): {state}\n", built.image.name, built.image.version, context.arch));
    text.push_str(&format!("  {}\n", built.image.manifest.digest.oci()));
    for isolation in &built.isolation {
        text.push_str(&format!("  built in {isolation}\n"));
    }
    for change in built.lock_changes.iter().flatten() {
        text.push_str(&format!("  not as locked: {change}\n"));
    }
    if built.lock_changes.as_ref().is_some_and(|changes| !changes.is_empty()) {
        text.push_str(&format!("  if that is meant: {}\n", lock::command(&context, &built.image.name)));
    }
    for line in &done.lines {
        text.push_str(&format!("  {line}\n"));
    }
    Ok(write!(std::io::stdout(), "{text}")?)
}

fn outputs(context: &Context, built: &BuiltImage, outputs: &[Output]) -> Result<Done, Failure> {
    let mut done = Done::default();
    if outputs.is_empty() {
        done.lines.push(format!("archive: {}", context.shown(&built.archive)));
        into_docker(context, built, false, &mut done)?;
    }
    for output in outputs {
        match output {
            Output::Docker => into_docker(context, built, true, &mut done)?,
            Output::Podman => into_podman(context, built, &mut done)?,
            Output::Archive(path) => {
                done.fresh |= !built.image.write_archive(path)?.unchanged;
                done.lines.push(format!("archive: {}", path.display()));
            }
            Output::Oci(path) => {
                done.fresh |= !built.image.write_layout(path)?.unchanged;
                done.lines.push(format!("OCI layout: {}", path.display()));
            }
            Output::DockerArchive(path) => {
                done.fresh |= !built.image.write_docker_archive(path)?.unchanged;
                done.lines.push(format!("Docker archive: {}", path.display()));
            }
            Output::Rootfs(path) => {
                done.fresh |= !built.image.write_rootfs(path)?.unchanged;
                done.lines.push(format!("root file system: {}", path.display()));
            }
        }
    }
    Ok(done)
}

fn into_docker(context: &Context, built: &BuiltImage, wanted: bool, done: &mut Done) -> Result<(), Failure> {
    let loaded = match load(context, built) {
        // Where Docker was not asked for, what says where it is may be wrong, or lead where this program cannot follow.
        Err(Failure::Docker(error @ (DockerError::Context { .. } | DockerError::Address { .. })))
            if !wanted =>
        {
            done.lines.push(format!("{error}; the image is in {}", context.shown(&built.archive)));
            return Ok(());
        }
        loaded => loaded?,
    };
    match loaded {
        Loaded::Ready { fresh, .. } => {
            let tags = built.image.tags();
            done.fresh |= fresh;
            done.lines.push(format!("Docker: {}", tags.join(", ")));
            done.loaded = Some(tags.into());
            Ok(())
        }
        Loaded::Absent(absent) if wanted => Err(Failure::NoDaemon(absent)),
        Loaded::Absent(absent) => {
            done.lines.push(format!("{absent}; the image is in {}", context.shown(&built.archive)));
            Ok(())
        }
    }
}

fn into_podman(context: &Context, built: &BuiltImage, done: &mut Done) -> Result<(), Failure> {
    match load_into(context, built, &podman())? {
        Loaded::Ready { fresh, .. } => {
            done.fresh |= fresh;
            done.lines.push(format!("Podman: {}", built.image.tags().join(", ")));
            Ok(())
        }
        Loaded::Absent(absent) => Err(Failure::NoPodman(absent)),
    }
}

fn json(context: &Context, built: &BuiltImage, done: &Done, fresh: bool) -> serde_json::Value {
    let table = built.image.table();
    let mut answer = serde_json::json!({
        "format": FORMAT,
        "image": built.image.name,
        "version": built.image.version,
        "arch": context.arch,
        "digest": built.image.manifest.digest.oci(),
        "archive": built.archive,
        "fresh": fresh,
        "isolation": built.isolation,
        "lock": built.lock_changes.as_ref().map(|changes| lock::in_json(context.arch, changes)),
        "compressed_size": table.compressed,
        "layers": table.rows,
    });
    if let Some(tags) = &done.loaded {
        answer["loaded"] = serde_json::json!(tags);
    }
    answer
}
