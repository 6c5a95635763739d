//! What was done when: one line of JSON for each transaction, in `srv/system/history`.
//!
//! A line is added when a transaction is finished, so a kill between the two can lose it and a finished recovery adds it
//! then; it is never a reason to fail. A line that was cut off by a power cut is passed over.

use medic_model::{PackageName, RelPath, Version};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::paths;
use crate::plan::Plan;
use crate::root::Root;

/// When the file is larger, its older half goes.
const LIMIT: u64 = 1 << 20;

/// A transaction that was finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The transaction.
    pub id: String,
    /// Seconds since 1970 when it was begun.
    pub at: u64,
    /// What it did.
    pub changes: Vec<Done>,
}

/// What became of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The package.
    pub package: PackageName,
    /// The version that was current before.
    pub from: Option<Version>,
    /// The version that is current since.
    pub to: Option<Version>,
}

fn file() -> RelPath {
    paths::path(format!("{}/history", paths::system()))
}

/// Every transaction, the oldest first.
///
/// # Errors
/// The file cannot be read.
pub fn all(root: &Root) -> Result<Vec<Entry>, Error> {
    let text = root.read(&file(), LIMIT * 2)?.unwrap_or_default();
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Adds a transaction, once. A line is made durable by whoever syncs next; a power cut can only take that line.
pub(crate) fn add(root: &Root, id: &str, at: u64, plan: &Plan) -> Result<(), Error> {
    let done = |change: &crate::plan::Change| Done {
        package: change.package.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
    };
    let entry = Entry { id: id.to_owned(), at, changes: plan.changes.iter().map(done).collect() };
    let mut text = root.read(&file(), LIMIT * 2)?.unwrap_or_default();
    // With its quotes: the beginning of another's is not this one.
    let quoted = format!("\"{id}\"");
    if entry.changes.is_empty() || text.windows(quoted.len()).any(|part| part == quoted.as_bytes()) {
        return Ok(());
    }
    let mut line = serde_json::to_vec(&entry)
        .map_err(|error| medic_model::DocumentError::whole(file().as_str(), error))?;
    line.push(b'\n');
    if text.last().is_some_and(|last| *last != b'\n') {
        line.insert(0, b'\n');
    }
    if text.len() as u64 <= LIMIT {
        return Ok(root.append(&file(), &line, 0o644)?);
    }
    let half = text.len() / 2;
    let start = text[half..].iter().position(|byte| *byte == b'\n').map_or(half, |at| half + at + 1);
    text.drain(..start);
    text.extend(line);
    Ok(root.write_durable(&file(), &text, 0o644)?)
}
