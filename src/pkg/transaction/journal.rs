//! The journal: one file for each transaction under way, `srv/system/journal/<id>.prepare`, then `<id>.commit`.

use medic_model::document::{DocumentError, from_json};
use medic_sys::files::Folder;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::paths;
use crate::plan::Plan;
use crate::root::Root;

/// The version of the journal's form that this program writes and reads.
const FORMAT: u32 = 1;
/// The most bytes that a journal may have.
const LIMIT: u64 = 64 << 20;

/// The last byte of a journal that came to the disk whole. A power cut leaves the beginning, or zeros.
const END: u8 = b'\n';

const PREPARE: &str = "prepare";
const COMMIT: &str = "commit";
const PARTIAL: &str = "partial";

/// A transaction under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    format: u32,
    /// Part of the transaction's passing names.
    pub(super) id: String,
    /// Seconds since 1970 when it was begun.
    pub(super) at: u64,
    /// What it does.
    pub(super) plan: Plan,
}

/// How far a transaction in the journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to be undone.
    Prepared,
    /// It is to be finished.
    Decided,
}

fn folder(root: &Root) -> Result<Folder, Error> {
    Ok(root.folder(&paths::journal())?)
}

impl Journal {
    /// Writes the plan down, durably. Nothing else is done before, so what a power cut leaves of it is passed over.
    pub(super) fn begin(root: &Root, id: &str, at: u64, plan: &Plan) -> Result<Self, Error> {
        let journal = Self { format: FORMAT, id: id.to_owned(), at, plan: plan.clone() };
        let folder = folder(root)?;
        let (partial, name) = (journal.name(PARTIAL), journal.name(PREPARE));
        let mut text = serde_json::to_vec(&journal).map_err(|error| DocumentError::whole(&name, error))?;
        text.push(END);
        // One sync for the content and the name.
        let begun = folder
            .write_new(&partial, &text, 0o600)
            .and_then(|()| folder.rename(&partial, &name))
            .and_then(|()| folder.sync_filesystem());
        if let Err(error) = begun {
            for name in [&partial, &name] {
                folder.remove_file_if_there(name)?;
            }
            return Err(error.into());
        }
        Ok(journal)
    }

    /// The decision. When it fails, the journal says "prepared" still or again.
    pub(super) fn decide(&self, root: &Root) -> Result<(), Error> {
        let folder = folder(root)?;
        let (before, after) = (self.name(PREPARE), self.name(COMMIT));
        folder.rename(&before, &after)?;
        if let Err(error) = folder.sync() {
            folder.rename(&after, &before)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Forgets the transaction. That this is durable does not matter: undoing and finishing twice is the same as once, and
    /// the next transaction's first sync makes it so.
    pub(super) fn end(&self, root: &Root) -> Result<(), Error> {
        let folder = folder(root)?;
        for stage in [PREPARE, COMMIT] {
            folder.remove_file_if_there(self.name(stage))?;
        }
        Ok(())
    }

    fn name(&self, stage: &str) -> String {
        format!("{}.{stage}", self.id)
    }

    /// Whether any transaction is under way, or was cut off, be it while its journal was written.
    pub(super) fn is_any(root: &Root) -> Result<bool, Error> {
        let ours = |name: &String| stage(name).is_some() || name.ends_with(PARTIAL);
        Ok(root.names(&paths::journal())?.iter().any(ours))
    }

    /// The transactions that were cut off; removes what was never one.
    pub(super) fn left(root: &Root) -> Result<Vec<(Stage, Self)>, Error> {
        let mut left = Vec::new();
        for name in root.names(&paths::journal())? {
            let path = paths::path(format!("{}/{name}", paths::journal()));
            match stage(&name) {
                Some(stage) => {
                    let text = root.read(&path, LIMIT)?.unwrap_or_default();
                    match Self::read(&root.path_of(&path).display().to_string(), &text) {
                        Err(_) if stage == Stage::Prepared && text.last() != Some(&END) => {
                            folder(root)?.remove_file_if_there(&name)?;
                        }
                        journal => left.push((stage, journal?)),
                    }
                }
                None if name.ends_with(PARTIAL) => {
                    folder(root)?.remove_file_if_there(&name)?;
                }
                None => {}
            }
        }
        Ok(left)
    }

    fn read(file: &str, text: &[u8]) -> Result<Self, DocumentError> {
        let journal: Self = from_json(file, text)?;
        let plain =
            !journal.id.is_empty() && journal.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if journal.format != FORMAT || !plain {
            return Err(DocumentError::whole(file, "the journal is of another version of pkg: use that one"));
        }
        Ok(journal)
    }
}

fn stage(name: &str) -> Option<Stage> {
    match name.rsplit_once('.') {
        Some((_, PREPARE)) => Some(Stage::Prepared),
        Some((_, COMMIT)) => Some(Stage::Decided),
        _ => None,
    }
}
