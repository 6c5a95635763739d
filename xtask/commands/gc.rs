//! `gc`: room made in the store, without anything that a current image needs.

use std::io::Write;
use std::time::{Duration, SystemTime};

use clap::Args;
use medic_build::definitions::Definitions;
use medic_build::store::gc::{Decision, Freed, Kind, Object, Options, Pin, Plan, plan};
use medic_build::{BuildError, CurrentPackage, Survey};
use medic_image::PackageArchive;
use medic_image::garbage::{CurrentImage, Stored, StoredKind, stored};
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ByteSize};
use serde_json::json;

use super::build_image::assemble_settings;
use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
const DAY: u64 = 86_400;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask gc                                      what was not used for 30 days and no definition needs
  cargo xtask gc --keep-days 0 --dry-run              show what would go if only what is needed now were kept
  cargo xtask gc --max-size '20 GiB'                  after that, what was not used for longest, until the rest fits";

/// `gc`.
#[derive(Debug, Args)]
pub struct Gc {
    /// Keep what was used within this many days
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub keep_days: u32,
    /// Then remove what was not used for longest until the store is no larger; a number of bytes, KiB, MiB or GiB
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<ByteSize>,
    /// Remove nothing; show what would be
    #[arg(long)]
    pub dry_run: bool,
    /// Write one JSON document to standard output, with every object
    #[arg(long)]
    pub json: bool,
}

/// Carries the command out.
pub fn gc(arguments: &Gc) -> Result<(), Failure> {
    let arch = Arch::host().unwrap_or(Arch::X64);
    let context = Context::new(&BuildOptions { arch: Some(arch), offline: true, ..BuildOptions::default() })?;
    let mut survey = context.survey()?;
    let images = images(&context, &survey.packages)?;
    let packages: Vec<_> = survey.packages.iter().map(|package| package.sha256).collect();
    let of_images = stored(&context.environment.store, &packages, &images)?;
    let mut objects = std::mem::take(&mut survey.objects);
    objects.extend(of_images.into_iter().map(object));
    let options = Options {
        now: SystemTime::now(),
        keep: Duration::from_secs(u64::from(arguments.keep_days) * DAY),
        max_size: arguments.max_size.map(|size| size.0),
    };
    let plan = plan(objects, options);
    let freed = if arguments.dry_run { Freed::default() } else { carry_out(&survey, &plan)? };
    if arguments.json {
        return Ok(writeln!(std::io::stdout(), "{}", in_json(&context, &plan, freed, arguments.dry_run))?);
    }
    Ok(write!(std::io::stdout(), "{}", in_words(&plan, freed, arguments.dry_run))?)
}

fn carry_out(survey: &Survey, plan: &Plan) -> Result<Freed, Failure> {
    Ok(survey.carry_out(plan).map_err(BuildError::from)?)
}

/// Every image whose packages are all there, as it would be assembled now.
fn images(context: &Context, packages: &[CurrentPackage]) -> Result<Vec<CurrentImage>, Failure> {
    let definitions = Definitions::new(&context.environment.workspace);
    let mut images = Vec::new();
    for name in definitions.image_names().map_err(BuildError::from)? {
        let definition = context.image(&name)?;
        for arch in Arch::ALL {
            if let Some(packages) = archives(&definition, arch, packages) {
                let settings = assemble_settings(context, arch);
                let definition = definitions.as_installed(&definition).map_err(BuildError::from)?;
                images.push(CurrentImage { definition, packages, settings });
            }
        }
    }
    Ok(images)
}

/// The archives of an image's packages, where all of them are known.
fn archives(
    definition: &ImageDefinition,
    arch: Arch,
    packages: &[CurrentPackage],
) -> Option<Vec<PackageArchive>> {
    let of = |name: &medic_model::PackageName| {
        let found = packages.iter().find(|package| package.name == *name && package.arch == arch)?;
        Some(PackageArchive { path: found.archive.clone(), sha256: found.sha256 })
    };
    definition.packages.iter().map(of).collect()
}

/// What the image crate has in the store, as the plan takes it.
fn object(stored: Stored) -> Object {
    let pin = match &stored {
        Stored { in_use: true, .. } => Some(Pin::InUse),
        Stored { needed: true, .. } => Some(Pin::Needed),
        _ => None,
    };
    let Stored { kind, path, size, used, holders, .. } = stored;
    Object { kind: kind_of(kind), path, size, used, holders, pin }
}

/// A kind of the image crate's, among those of the whole store.
pub fn kind_of(kind: StoredKind) -> Kind {
    match kind {
        StoredKind::Layer => Kind::Layer,
        StoredKind::PackageRecord => Kind::LayerRecord,
        StoredKind::Image => Kind::Image,
        StoredKind::Output => Kind::Output,
        StoredKind::RootFilesystem => Kind::RootFilesystem,
        StoredKind::Leftover => Kind::Leftover,
    }
}

fn in_words(plan: &Plan, freed: Freed, dry_run: bool) -> String {
    let heading =
        ["", "objects", "size", if dry_run { "would go" } else { "removed" }, "size", "kept", "size"];
    let mut rows = vec![heading.map(str::to_owned)];
    for kind in Kind::ALL {
        let all: Vec<&Decision> = plan.decisions.iter().filter(|one| one.object.kind == kind).collect();
        if !all.is_empty() {
            rows.push(row(kind.words(), &all));
        }
    }
    rows.push(row("all", &plan.decisions.iter().collect::<Vec<_>>()));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        text.push_str(&format!("  {:<1$}", row[0], widths[0]));
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            text.push_str(&format!("  {cell:>width$}"));
        }
        text.push('\n');
    }
    text.push_str(&match (dry_run, plan.sum(true)) {
        (_, (0, _)) => "nothing to remove\n".to_owned(),
        (true, (count, size)) => format!("{count} objects, {}, would be removed\n", ByteSize(size)),
        (false, _) => format!("{} objects removed, {} freed\n", freed.objects, ByteSize(freed.size)),
    });
    if let Some(max) = plan.max_size.filter(|_| !plan.fits()) {
        let (kept, max) = (ByteSize(plan.sum(false).1), ByteSize(max));
        text.push_str(&format!("what is needed now is larger than {max}: {kept} are kept all the same\n"));
    }
    text
}

fn row(name: &str, decisions: &[&Decision]) -> [String; 7] {
    let sum = |goes: Option<bool>| {
        let those = decisions.iter().filter(|one| goes.is_none_or(|goes| one.fate.goes() == goes));
        let (count, size) = those.fold((0, 0), |(count, size), one| (count + 1, size + one.object.size));
        (count.to_string(), ByteSize(size).to_string())
    };
    let ((all, all_size), (gone, gone_size), (kept, kept_size)) =
        (sum(None), sum(Some(true)), sum(Some(false)));
    [name.to_owned(), all, all_size, gone, gone_size, kept, kept_size]
}

fn in_json(context: &Context, plan: &Plan, freed: Freed, dry_run: bool) -> serde_json::Value {
    let sum = |goes| {
        let (objects, size) = plan.sum(goes);
        json!({"objects": objects, "size": size})
    };
    let one = |decision: &Decision| {
        let Decision { object, fate } = decision;
        let used = object.used.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let used = object.holders.is_none().then_some(used);
        json!({
            "kind": object.kind,
            "path": object.path,
            "size": object.size,
            "used": used,
            "kept": !fate.goes(),
            "reason": fate,
        })
    };
    json!({
        "format": FORMAT,
        "store": context.environment.store,
        "dry_run": dry_run,
        "kept": sum(false),
        "removed": sum(true),
        "freed": {"objects": freed.objects, "size": freed.size},
        "fits": plan.fits(),
        "objects": plan.decisions.iter().map(one).collect::<Vec<_>>(),
    })
}
