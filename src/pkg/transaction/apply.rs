//! The renames: before the decision with a way back, after it without.

use medic_model::manifest::Entry;
use medic_model::{Receipt, RelPath};
use medic_sys::files::{FileError, Folder, Kind};

use super::touched::Touched;
use crate::error::Error;
use crate::paths;
use crate::plan::{Gone, Look, Over, Plan, Step};
use crate::reporter::{Event, Reporter};
use crate::root::{Place, Root};

/// Renames into place what is to be there before the decision.
pub(super) fn before(root: &Root, id: &str, plan: &Plan, touched: &mut Touched) -> Result<(), Error> {
    for (number, step) in plan.before.iter().enumerate() {
        if let Step::Place { path, over, .. } = step {
            bring(&root.place(path)?, id, number, over, *over == Over::Nothing, touched)?;
        }
    }
    Ok(())
}

/// What [`before`] did, once more where a power cut took it back after the decision was on the disk: the staged name is
/// there again. A file system that keeps the order of names never does that.
fn before_again(root: &Root, id: &str, plan: &Plan, touched: &mut Touched) -> Result<(), Error> {
    for (number, step) in plan.before.iter().enumerate() {
        let Step::Place { path, over, .. } = step else { continue };
        let Some(place) = root.place_if_there(path)? else { continue };
        if place.folder.node(paths::staged(id, number))?.is_some() {
            bring(&place, id, number, over, false, touched)?;
        }
    }
    Ok(())
}

/// Keeps what is there, where it is to be kept, and renames the new content into its place; `free`: nothing may be there.
fn bring(
    place: &Place,
    id: &str,
    number: usize,
    over: &Over,
    free: bool,
    touched: &mut Touched,
) -> Result<(), Error> {
    touched.note(&place.folder)?;
    let staged = paths::staged(id, number);
    if *over != Over::Nothing {
        save(&place.folder, &place.name, &staged, &paths::backup(id, number))?;
    }
    Ok(put(place, &staged, free)?)
}

/// What a recovery does of a transaction that was decided. Can be repeated.
pub(super) fn finish(
    root: &Root,
    reporter: &dyn Reporter,
    id: &str,
    plan: &Plan,
    touched: &mut Touched,
) -> Result<(), Error> {
    before_again(root, id, plan, touched)?;
    after(root, reporter, id, plan, touched)
}

fn put(place: &Place, staged: &str, free: bool) -> Result<(), FileError> {
    if free {
        place.folder.rename_to_free(staged, &place.name)
    } else {
        place.folder.rename(staged, &place.name)
    }
}

/// Keeps what is there under the name `backup`. Files and links get it as a second name, so that there is no moment
/// without them; a folder, or what is to become one, must be moved.
fn save(folder: &Folder, name: &str, staged: &str, backup: &str) -> Result<(), FileError> {
    let is_folder = |name: &str| Ok(folder.node(name)?.is_some_and(|node| node.kind == Kind::Folder));
    if folder.node(name)?.is_none() {
        return Ok(());
    }
    if is_folder(name)? || is_folder(staged)? || folder.make_second_name(name, backup).is_err() {
        folder.rename(name, backup)?;
    }
    Ok(())
}

/// Moves what is in the way to its passing name.
pub(super) fn clear(root: &Root, id: &str, number: usize, path: &RelPath) -> Result<(), Error> {
    let place = root.place(path)?;
    Ok(place.folder.rename_to_free(&place.name, paths::backup(id, number))?)
}

/// Everything after the decision. Can be repeated.
pub(super) fn after(
    root: &Root,
    reporter: &dyn Reporter,
    id: &str,
    plan: &Plan,
    touched: &mut Touched,
) -> Result<(), Error> {
    for (number, step) in plan.before.iter().enumerate() {
        if let Step::Place { path, over, .. } | Step::Clear { path, over } = step {
            backup_goes(root, &paths::backup(id, number), path, over, touched)?;
        }
    }
    for (number, step) in plan.steps().skip(plan.before.len()) {
        let Some(place) = root.place_if_there(step.path())? else { continue };
        touched.note(&place.folder)?;
        match step {
            Step::Place { .. } => {
                let staged = paths::staged(id, number);
                if place.folder.node(&staged)?.is_some() {
                    place.folder.rename(&staged, &place.name)?;
                }
            }
            Step::Mode { mode, .. } => {
                let plain = |kind| matches!(kind, Kind::Folder | Kind::File);
                if place.folder.node(&place.name)?.is_some_and(|node| plain(node.kind)) {
                    place.folder.set_mode(&place.name, *mode)?;
                }
            }
            Step::Remove { path, gone } => match remove(root, reporter, &place, path, gone) {
                // Mounted over since the plan was made: it is somebody else's, and waiting would help nobody.
                Err(Error::File(error)) if error.is_busy() || error.is_read_only() => {
                    let text = format!("cannot be removed and stays: {error}");
                    reporter.event(&Event::Notice { path, text: &text });
                }
                removed => removed?,
            },
            Step::Folder { .. } | Step::Clear { .. } => {}
        }
    }
    Ok(())
}

fn backup_goes(
    root: &Root,
    backup: &str,
    path: &RelPath,
    over: &Over,
    touched: &mut Touched,
) -> Result<(), Error> {
    let Some(place) = root.place_if_there(path)? else { return Ok(()) };
    match over {
        Over::Nothing => {}
        Over::Ours => {
            place.folder.remove_all(backup)?;
        }
        Over::Theirs { kept } => {
            if place.folder.node(backup)?.is_some() {
                if let Some(parent) = kept.parent() {
                    root.make_folders(&parent)?;
                }
                let to = root.place(kept)?;
                to.folder.remove_all(&to.name)?;
                place.folder.move_to(backup, &to.folder, &to.name)?;
                touched.note(&to.folder)?;
            }
        }
    }
    Ok(())
}

fn remove(
    root: &Root,
    reporter: &dyn Reporter,
    place: &Place,
    path: &RelPath,
    gone: &Gone,
) -> Result<(), Error> {
    let kind = place.folder.node(&place.name)?.map(|node| node.kind);
    match (gone, kind) {
        (Gone::File { sha256 }, Some(Kind::File)) if root.digest(path)? == *sha256 => {
            place.folder.remove_file_if_there(&place.name)?;
        }
        (Gone::Link, Some(Kind::Link)) => {
            place.folder.remove_file_if_there(&place.name)?;
        }
        (Gone::Folder, Some(Kind::Folder)) => {
            place.folder.remove_folder_if_empty(&place.name)?;
        }
        (Gone::Software { receipt }, Some(Kind::Folder)) => {
            remove_software(root, path, receipt)?;
            if !place.folder.remove_folder_if_empty(&place.name)? {
                let text = "is not empty and stays: the package did not bring what is in it";
                reporter.event(&Event::Notice { path, text });
            }
        }
        // A version that was installed from an archive, and whose tree the image has now.
        (Gone::Software { .. }, Some(Kind::Link)) => {
            place.folder.remove_file_if_there(&place.name)?;
        }
        (Gone::All, Some(_)) => {
            place.folder.remove_all(&place.name)?;
        }
        _ => {}
    }
    Ok(())
}

/// Removes the entries of a software tree that its receipt lists. Without the receipt there is nothing left to remove.
fn remove_software(root: &Root, tree: &RelPath, receipt: &RelPath) -> Result<(), Error> {
    let Some(text) = root.read(receipt, medic_model::document::MAX_DOCUMENT as u64)? else { return Ok(()) };
    let receipt = Receipt::from_json(&root.path_of(receipt).display().to_string(), &text)?;
    let mut open: Option<(RelPath, Folder)> = None;
    for entry in receipt.manifest.entries.iter().rev() {
        let Some(parent) = entry.path().below(tree).and_then(|_| entry.path().parent()) else { continue };
        if open.as_ref().is_none_or(|(path, _)| *path != parent) {
            match crate::root::absent(root.folder(&parent))? {
                Some(folder) => open = Some((parent, folder)),
                None => continue,
            }
        }
        let Some((_, folder)) = &open else { continue };
        let name = entry.path().file_name();
        match entry {
            Entry::Directory { .. } => folder.remove_folder_if_empty(name)?,
            _ => match folder.node(name)? {
                Some(node) if node.kind != Kind::Folder => folder.remove_file_if_there(name)?,
                _ => false,
            },
        };
    }
    Ok(())
}
