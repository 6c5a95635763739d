//! `bump`: a recipe changed in place to another version.

use std::io::{IsTerminal, Write};

use clap::Args;
use medic_build::upkeep::Bump as Plan;
use medic_model::{ByteSize, ComponentName, Version};
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "Examples:
  cargo xtask bump openssl 3.5.8                      change the recipe, and show what was changed
  cargo xtask bump openssl 3.5.8 --dry-run            show it only
  cargo xtask bump toolchain 0.17.2                   the compiler: everything is built anew after that";

/// `bump`.
#[derive(Debug, Args)]
pub struct Bump {
    /// A component of recipes/, such as openssl; `toolchain` is the compiler
    pub component: ComponentName,
    /// The version that it gets
    pub version: Version,
    /// Write nothing; the sources are fetched all the same, since their digests are shown
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
pub fn bump(arguments: &Bump) -> Result<(), Failure> {
    let context = Context::new(&BuildOptions { offline: arguments.offline, ..BuildOptions::default() })?;
    let plan = context.bump(&arguments.component, &arguments.version)?;
    if !arguments.dry_run {
        medic_build::upkeep::write(&context.environment.workspace, &plan)?;
    }
    let mut out = std::io::stdout();
    let difference = difference(&plan.file, &plan.before, &plan.after);
    if arguments.json {
        return Ok(writeln!(out, "{}", in_json(&plan, &difference, !arguments.dry_run))?);
    }
    let coloured = out.is_terminal() && !context.environment.no_color;
    write!(out, "{}", if coloured { in_colours(&difference) } else { difference })?;
    write!(out, "{}", in_words(&plan, arguments.dry_run))?;
    Ok(())
}

fn in_json(plan: &Plan, difference: &str, written: bool) -> serde_json::Value {
    let failed =
        |failed: &medic_build::upkeep::Failed| json!({"location": failed.place, "reason": failed.reason});
    let source = |source: &medic_build::upkeep::BumpedSource| {
        json!({
            "old_sha256": source.old,
            "sha256": source.sha256,
            "size": source.size,
            "places": source.places,
            "failed": source.failed.iter().map(failed).collect::<Vec<_>>(),
        })
    };
    json!({
        "format": FORMAT,
        "component": plan.name,
        "file": plan.file,
        "from": plan.from,
        "to": plan.to,
        "released": plan.released,
        "sources": plan.sources.iter().map(source).collect::<Vec<_>>(),
        "difference": difference,
        "written": written,
    })
}

/// Both texts as `diff -u` shows them.
fn difference(file: &str, before: &str, after: &str) -> String {
    let text = similar::TextDiff::from_lines(before, after);
    text.unified_diff().context_radius(3).header(&format!("a/{file}"), &format!("b/{file}")).to_string()
}

fn in_colours(difference: &str) -> String {
    let line = |line: &str| {
        let colour = match line.chars().next() {
            _ if line.starts_with("+++") || line.starts_with("---") => "1",
            Some('+') => "32",
            Some('-') => "31",
            Some('@') => "36",
            _ => return format!("{line}\n"),
        };
        format!("\x1b[{colour}m{line}\x1b[0m\n")
    };
    difference.lines().map(line).collect()
}

fn in_words(plan: &Plan, dry_run: bool) -> String {
    let mut text = String::from(
        "\nTaken on first trust: nobody has vouched for these bytes but the places that gave them.\n",
    );
    for source in &plan.sources {
        text.push_str(&format!("  sha256 {}, {}\n", source.sha256, ByteSize(source.size)));
        source.places.iter().for_each(|place| text.push_str(&format!("    from {place}\n")));
        for failed in &source.failed {
            text.push_str(&format!("    warning: not compared with {}: {}\n", failed.place, failed.reason));
        }
    }
    if plan.released.is_none() && plan.before.contains("\nreleased:") {
        text.push_str("The day of the release could not be found out: put it into 'released' yourself.\n");
    }
    let name = &plan.name;
    if dry_run {
        text.push_str(&format!("Nothing was written: leave '--dry-run' away to change {}.\n", plan.file));
    } else if name.as_str() == "toolchain" {
        text.push_str("Next: cargo xtask build-image nginx\n");
    } else {
        text.push_str(&format!(
            "Next: read upstream's notes on {}, then\n  cargo xtask build {name}\n",
            plan.to
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_shown_as_diff_does() {
        let shown = difference("r.yaml", "a\nversion: 1\nb\n", "a\nversion: 2\nb\n");
        assert_eq!(shown, "--- a/r.yaml\n+++ b/r.yaml\n@@ -1,3 +1,3 @@\n a\n-version: 1\n+version: 2\n b\n");
        let coloured = in_colours(&shown);
        assert!(coloured.contains("\x1b[31m-version: 1\x1b[0m\n\x1b[32m+version: 2\x1b[0m\n"), "{coloured}");
        assert!(coloured.starts_with("\x1b[1m--- a/r.yaml\x1b[0m\n"), "{coloured}");
    }
}
