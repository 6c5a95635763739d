//! `why-rebuild`: the input for which a component would be built again.

use std::io::Write;

use medic_build::sandbox::RunnerKind;
use medic_build::why::Change;
use medic_build::{Reason, Rebuild};
use serde_json::json;

use super::context::Context;
use crate::arguments::{BuildOptions, WhyRebuild};
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// Carries the command out.
pub fn why_rebuild(arguments: &WhyRebuild) -> Result<(), Failure> {
    let context = Context::new(&BuildOptions {
        arch: arguments.arch,
        jobs: None,
        offline: false,
        runner: RunnerKind::default(),
    })?;
    let mut all = context.why_rebuild(&arguments.components)?;
    all.retain(|one| arguments.needs || arguments.components.contains(&one.name));
    let mut out = std::io::stdout();
    if arguments.json {
        let components: Vec<_> = all.iter().map(in_json).collect();
        let answer = json!({"format": FORMAT, "arch": context.arch, "components": components});
        return Ok(writeln!(out, "{answer}")?);
    }
    all.iter().try_for_each(|one| write!(out, "{}", in_words(one)))?;
    Ok(())
}

fn in_words(one: &Rebuild) -> String {
    let head = format!("{} {}", one.name, one.version);
    match &one.reason {
        Reason::Stored { .. } => format!("{head}: in the store; it would not be built\n"),
        Reason::Never => format!("{head}: would be built: the store has no result of it\n"),
        Reason::Lost { key } => {
            format!("{head}: would be built: its result {key} is gone from the store, or damaged there\n")
        }
        Reason::Waits { needs } => {
            let needs: Vec<_> = needs.iter().map(ToString::to_string).collect();
            format!(
                "{head}: depends on the outcome of {}: not built again where they come out as before\n",
                needs.join(", ")
            )
        }
        Reason::Changed { changes, .. } => {
            let changes: String = changes.iter().map(change_in_words).collect();
            format!("{head}: would be built, because of:\n{changes}")
        }
    }
}

fn change_in_words(change: &Change) -> String {
    let value = |value: &Option<String>| {
        value.as_ref().map_or("nothing".to_owned(), |text| format!("'{}'", shown(text)))
    };
    format!("  {}\n    was {}\n    is  {}\n", change.input, value(&change.old), value(&change.new))
}

/// A value as it can be shown on a terminal: control characters are spelled out.
fn shown(text: &str) -> String {
    let one = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

fn in_json(one: &Rebuild) -> serde_json::Value {
    let (state, old, new) = match &one.reason {
        Reason::Stored { key } => ("stored", Some(key), Some(key)),
        Reason::Never => ("never-built", None, None),
        Reason::Lost { key } => ("lost", Some(key), Some(key)),
        Reason::Waits { .. } => ("waits", None, None),
        Reason::Changed { old, new, .. } => ("changed", Some(old), Some(new)),
    };
    let waits = if let Reason::Waits { needs } = &one.reason { needs.as_slice() } else { &[] };
    let changes = if let Reason::Changed { changes, .. } = &one.reason { changes.as_slice() } else { &[] };
    json!({
        "name": one.name,
        "version": one.version,
        "state": state,
        "old_key": old,
        "new_key": new,
        "waits_for": waits,
        "changes": changes,
    })
}
