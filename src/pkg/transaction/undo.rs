//! The way back to how it was. Only renames and removals: it needs no space. Can be repeated.

use medic_model::RelPath;
use medic_sys::files::{Kind, Node};

use crate::error::Error;
use crate::paths;
use crate::plan::{Content, Look, Observed, Over, Plan, Step};
use crate::root::{Place, Root};

/// Undoes all steps, the last first. Goes on when one cannot be undone, and gives the first error at the end.
pub(super) fn undo(root: &Root, id: &str, plan: &Plan) -> Result<(), Error> {
    let steps: Vec<(usize, &Step)> = plan.steps().collect();
    let mut first = Ok(());
    for (number, step) in steps.into_iter().rev() {
        let is_before = number < plan.before.len();
        let undone = undo_step(root, id, number, step, is_before);
        if first.is_ok() {
            first = undone;
        }
    }
    first
}

fn undo_step(root: &Root, id: &str, number: usize, step: &Step, is_before: bool) -> Result<(), Error> {
    let Some(place) = root.place_if_there(step.path())? else { return Ok(()) };
    let (staged, backup) = (paths::staged(id, number), paths::backup(id, number));
    match step {
        Step::Folder { .. } => {
            place.folder.remove_folder_if_empty(&place.name)?;
        }
        Step::Place { path, content, over } => {
            let was_staged = place.folder.node(&staged)?.is_some();
            if let Some(saved) = place.folder.node(&backup)? {
                restore(&place, &staged, &backup, saved)?;
            } else if is_before && !was_staged && *over == Over::Nothing && is_ours(root, path, content)? {
                place.folder.remove_all(&place.name)?;
            }
            place.folder.remove_all(&staged)?;
        }
        Step::Clear { .. } => {
            if place.folder.node(&backup)?.is_some() {
                place.folder.rename_to_free(&backup, &place.name)?;
            }
        }
        Step::Mode { .. } | Step::Remove { .. } => {}
    }
    Ok(())
}

/// Puts the old content back in its place. What is new goes through the staged name, so that a kill in between loses nothing.
fn restore(place: &Place, staged: &str, backup: &str, saved: Node) -> Result<(), Error> {
    let folder = &place.folder;
    match folder.node(&place.name)? {
        // Both names are the old file's: the new one never came.
        Some(node) if node.is(&saved) => {
            folder.remove_file_if_there(backup)?;
        }
        Some(node) if node.kind == Kind::Folder || saved.kind == Kind::Folder => {
            folder.remove_all(staged)?;
            folder.rename(&place.name, staged)?;
            folder.rename_to_free(backup, &place.name)?;
        }
        _ => folder.rename(backup, &place.name)?,
    }
    Ok(())
}

/// Whether what is in a place that was free is what the plan has put there.
fn is_ours(root: &Root, path: &RelPath, content: &Content) -> Result<bool, Error> {
    Ok(match (root.look(path)?, content) {
        (Observed::Link(found), Content::Link { target }) => found == *target,
        (Observed::File { .. }, Content::Copy { sha256, .. }) => root.digest(path)? == *sha256,
        (Observed::Folder, Content::Software { .. } | Content::Version { .. }) => true,
        _ => false,
    })
}
