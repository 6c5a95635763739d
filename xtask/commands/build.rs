//! `build`: components, without a package of them.

use std::io::Write;

use clap::Args;
use medic_build::BuiltComponent;
use medic_model::ComponentName;
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "Examples:
  cargo xtask build zlib                              build it and all that it needs; show where its files are
  cargo xtask build nginx --arch arm64";

/// `build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Components of recipes/, such as zlib
    #[arg(required = true)]
    pub components: Vec<ComponentName>,
    /// Write one JSON document to standard output when done; it has all that they need, too
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// Carries the command out.
pub fn build(arguments: &Build) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let built = context.components(&arguments.components)?;
    let mut out = std::io::stdout();
    if arguments.json {
        let components: Vec<_> = built.iter().map(in_json).collect();
        let answer = json!({"format": FORMAT, "arch": context.arch, "components": components});
        return Ok(writeln!(out, "{answer}")?);
    }
    for one in built.iter().filter(|one| arguments.components.contains(&one.name)) {
        let state = if one.fresh { "built" } else { "up to date" };
        writeln!(out, "{} {}: {state}: {}", one.name, one.version, one.tree.display())?;
    }
    Ok(())
}

fn in_json(one: &BuiltComponent) -> serde_json::Value {
    json!({
        "name": one.name,
        "version": one.version,
        "action_key": one.action_key,
        "tree": one.tree,
        "digest": one.digest,
        "fresh": one.fresh,
    })
}
