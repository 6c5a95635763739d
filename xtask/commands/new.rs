//! `new`: a first recipe for something that has none.

use std::io::Write;

use clap::Args;
use medic_build::scaffold::{self, Draft};
use medic_model::{ByteSize, ComponentName};
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "Examples:
  cargo xtask new zlib https://zlib.net/zlib-1.3.2.tar.gz
  cargo xtask new hello debian:pool/main/h/hello/hello_2.10.orig.tar.gz
  cargo xtask new semver npm:semver@7.7.2             with all that it depends on, as npm locks it
  cargo xtask new mine sources/mine-1.0.tar.gz        a file of the workspace";

/// `new`.
#[derive(Debug, Args)]
pub struct New {
    /// What the component is to be called
    pub component: ComponentName,
    /// An archive of it: an address, a file of the workspace, npm:NAME@VERSION, crate:NAME@VERSION, pypi:NAME@VERSION or
    /// debian:pool/…
    #[arg(value_name = "URL")]
    pub source: String,
    /// Write nothing, show the recipe
    #[arg(long)]
    pub dry_run: bool,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// Ask the network for nothing: only files of this machine are taken
    #[arg(long)]
    pub offline: bool,
}

/// Carries the command out.
pub fn new(arguments: &New) -> Result<(), Failure> {
    let context = Context::new(&BuildOptions { offline: arguments.offline, ..BuildOptions::default() })?;
    let draft = context.draft(&arguments.component, &arguments.source)?;
    if !arguments.dry_run {
        scaffold::write(&context.environment.workspace, &draft)?;
    }
    let mut out = std::io::stdout();
    if arguments.json {
        return Ok(writeln!(out, "{}", in_json(&draft, !arguments.dry_run))?);
    }
    if arguments.dry_run {
        return Ok(write!(out, "{}", draft.text)?);
    }
    write!(out, "{}", in_words(&draft))?;
    Ok(())
}

fn in_json(draft: &Draft, written: bool) -> serde_json::Value {
    let sources: Vec<_> = draft
        .sources
        .iter()
        .map(|one| json!({"place": one.place, "sha256": one.sha256, "size": one.size}))
        .collect();
    let gaps: Vec<_> = draft.gaps.iter().map(|gap| json!({"line": gap.line, "what": gap.what})).collect();
    json!({
        "format": FORMAT,
        "component": draft.name,
        "file": draft.file,
        "kind": draft.kind.name(),
        "sources": sources,
        "fill_in": gaps,
        "notes": draft.notes,
        "text": draft.text,
        "written": written,
    })
}

fn in_words(draft: &Draft) -> String {
    let mut text = format!("{}: written, for a project of the kind {}\n", draft.file, draft.kind.name());
    text.push_str(
        "Taken on first trust: nobody has vouched for these bytes but the places that gave them.\n",
    );
    for one in &draft.sources {
        text.push_str(&format!("  {}, {}: sha256 {}\n", one.place, ByteSize(one.size), one.sha256));
    }
    for gap in &draft.gaps {
        text.push_str(&format!("To be filled in: {}:{}: {}\n", draft.file, gap.line, gap.what));
    }
    for note in &draft.notes {
        text.push_str(&format!("Note: {note}\n"));
    }
    text.push_str(&format!("Next: cargo xtask build {}\n", draft.name));
    text
}
