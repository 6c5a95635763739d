//! `golden`: packages against the digests that the repository keeps of them.

use std::io::Write;

use clap::Args;
use medic_build::definitions::Definitions;
use medic_build::{BuildError, golden_file, write_golden};
use medic_model::golden::{Golden as Record, GoldenEntry, GoldenState};
use medic_model::{Arch, PackageName};
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask golden                                  every package, for this machine's architecture
  cargo xtask golden --update --arch arm64            record what every package is now for arm64
  cargo xtask golden --strict nginx                   fail as well when the record of nginx is out of date

Exit codes: 0 as recorded, or a definition changed and its record is to be updated; 10 a package changed and its
definition did not (with --strict: any record that does not fit); others: docs/exit-codes.md.";

/// `golden`.
#[derive(Debug, Args)]
pub struct Golden {
    /// Packages of packages/, such as nginx [default: all but those with `on_demand`]
    pub packages: Vec<PackageName>,
    /// Compare, and change nothing: this is what happens anyway
    #[arg(long, conflicts_with = "update")]
    pub check: bool,
    /// Record what the packages are now
    #[arg(long)]
    pub update: bool,
    /// Fail on a record that is out of date or missing, too
    #[arg(long, conflicts_with = "update")]
    pub strict: bool,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// A package against its record.
struct Checked {
    name: PackageName,
    found: GoldenEntry,
    recorded: Option<GoldenEntry>,
    state: GoldenState,
}

/// Carries the command out.
pub fn golden(arguments: &Golden) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let workspace = &context.environment.workspace;
    let definitions = Definitions::new(workspace);
    let mut record = definitions.golden().map_err(BuildError::from)?;
    let found = context.golden(&arguments.packages)?;
    let checked: Vec<_> =
        found.into_iter().map(|(name, found)| check(&record, context.arch, name, found)).collect();
    if arguments.update {
        for one in &checked {
            record.record(one.name.clone(), context.arch, one.found.clone());
        }
        if arguments.packages.is_empty() {
            let known = definitions.package_names().map_err(BuildError::from)?;
            record.packages.retain(|name, _| known.contains(name));
        }
        write_golden(workspace, &record)?;
    }
    show(arguments, &context, &checked)?;
    let failed: Vec<&str> = (checked.iter())
        .filter(|one| fails(one.state, arguments.strict))
        .map(|one| one.name.as_str())
        .collect();
    if arguments.update || failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Different(format!(
        "{} ({}): not what packages/golden.yaml says; standard output has the digests",
        failed.join(", "),
        context.arch
    )))
}

fn check(record: &Record, arch: Arch, name: PackageName, found: GoldenEntry) -> Checked {
    let state = record.state(&name, arch, &found);
    Checked { recorded: record.entry(&name, arch).cloned(), state, name, found }
}

fn fails(state: GoldenState, strict: bool) -> bool {
    match state {
        GoldenState::Same => false,
        // A compiler that comes with a build root is a toolchain: it may make other bytes.
        GoldenState::Changed { same_roots } => same_roots || strict,
        GoldenState::Outdated | GoldenState::Unrecorded => strict,
    }
}

fn show(arguments: &Golden, context: &Context, checked: &[Checked]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    if arguments.json {
        let packages: Vec<_> = checked.iter().map(in_json).collect();
        let answer = json!({
            "format": FORMAT,
            "arch": context.arch,
            "updated": arguments.update,
            "packages": packages,
        });
        return writeln!(out, "{answer}");
    }
    for one in checked {
        let text = if arguments.update { updated(one) } else { in_words(one, context.arch) };
        write!(out, "{text}")?;
    }
    if arguments.update {
        let file = golden_file(&context.environment.workspace);
        writeln!(out, "written: {}", context.shown(&file))?;
    }
    Ok(())
}

fn updated(one: &Checked) -> String {
    let Checked { name, found, .. } = one;
    let done = match one.state {
        GoldenState::Same => "as recorded",
        GoldenState::Unrecorded => "recorded for the first time",
        GoldenState::Outdated => "recorded anew: its definition changed",
        GoldenState::Changed { .. } => "recorded anew, THOUGH ITS DEFINITION DID NOT CHANGE",
    };
    format!("{name} {}: {done}\n", found.version)
}

fn in_words(one: &Checked, arch: Arch) -> String {
    let Checked { name, found, recorded, .. } = one;
    let head = format!("{name} {} ({arch})", found.version);
    let update = format!("record it with: cargo xtask golden --update --arch {arch} {name}");
    match (one.state, recorded) {
        (GoldenState::Same, _) => format!("{head}: as recorded, {}\n", found.archive),
        (GoldenState::Unrecorded, _) | (_, None) => format!("{head}: there is no record of it; {update}\n"),
        (GoldenState::Outdated, Some(recorded)) => {
            format!("{head}: its definition changed since {} was recorded; {update}\n", recorded.version)
        }
        (GoldenState::Changed { same_roots }, Some(recorded)) => {
            let how = if same_roots {
                "CHANGED, though neither its recipes nor the toolchain did"
            } else {
                "changed, and so did its build roots: their Debian packages are others, and a compiler may be one of them"
            };
            format!(
                "{head}: {how}\n  expected  {}\n  found     {}\n  \
                 find out why with: cargo xtask reproduce package:{name} --arch {arch}\n  if it is meant, {update}\n",
                recorded.archive, found.archive
            )
        }
    }
}

fn in_json(one: &Checked) -> serde_json::Value {
    let state = match one.state {
        GoldenState::Same => "same",
        GoldenState::Unrecorded => "unrecorded",
        GoldenState::Outdated => "outdated",
        GoldenState::Changed { same_roots: true } => "changed",
        GoldenState::Changed { same_roots: false } => "changed-with-roots",
    };
    json!({"name": one.name, "state": state, "recorded": one.recorded, "found": one.found})
}
