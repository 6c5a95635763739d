//! What is wrong with the package manager's own state, beyond the files of packages.

use medic_model::{PackageName, RelPath, layout};

use crate::error::Error;
use crate::paths;
use crate::plan::{Look, Observed};
use crate::repositories;
use crate::root::Root;
use crate::transaction::Session;
use crate::{holds, installed};

/// Something that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub path: RelPath,
    /// What, and what to do.
    pub text: String,
}

/// Looks for what is wrong. It changes nothing.
///
/// # Errors
/// The file system cannot be looked at.
pub fn examine(root: &Root) -> Result<Vec<Complaint>, Error> {
    let mut found = Vec::new();
    let mut complain = |path: &RelPath, text: String| found.push(Complaint { path: path.clone(), text });
    if Session::is_needed(root)? {
        let text = "holds a transaction that is under way, or was cut off: the next change clears it up";
        complain(&paths::journal(), text.to_owned());
    }
    for name in installed::names(root)? {
        match installed::one(root, &name) {
            Err(Error::Document(error)) => complain(
                &layout::receipt(&name),
                format!("cannot be read ({error}): move it away, then 'pkg sync', or install '{name}' again"),
            ),
            receipt => check_links(root, &name, receipt?.as_ref(), &mut complain)?,
        }
    }
    strangers(root, &mut complain)?;
    for held in holds::all(root)? {
        if root.node(&layout::receipt(&held))?.is_none() {
            complain(
                &holds::mark(&held),
                format!("holds '{held}', which is not installed: 'pkg unhold {held}'"),
            );
        }
    }
    if let Err(error) = repositories::keys(root).and(repositories::all(root).map(drop)) {
        complain(&paths::path(format!("{}/medic-os", layout::SETTINGS)), error.to_string());
    }
    passing(root, &mut complain)?;
    Ok(found)
}

fn check_links(
    root: &Root,
    name: &PackageName,
    receipt: Option<&medic_model::Receipt>,
    complain: &mut dyn FnMut(&RelPath, String),
) -> Result<(), Error> {
    let Some(receipt) = receipt else { return Ok(()) };
    let (current, wanted) = (paths::current(name), format!("v{}", receipt.manifest.version));
    if root.read_link(&current)?.as_ref() != Some(&wanted) {
        complain(&current, format!("should be a link to {wanted}: 'pkg verify --repair {name}'"));
    }
    Ok(())
}

/// Software without a receipt.
fn strangers(root: &Root, complain: &mut dyn FnMut(&RelPath, String)) -> Result<(), Error> {
    let software = paths::path(layout::SOFTWARE.to_owned());
    for name in root.names(&software)?.iter().filter_map(|name| name.parse::<PackageName>().ok()) {
        if root.node(&layout::receipt(&name))?.is_none() {
            complain(
                &layout::software(&name),
                "has no receipt: pkg did not put it there, or no longer knows it".to_owned(),
            );
        }
    }
    Ok(())
}

/// Passing names that no journal speaks of, in the folders that are changed.
fn passing(root: &Root, complain: &mut dyn FnMut(&RelPath, String)) -> Result<(), Error> {
    if Session::is_needed(root)? {
        return Ok(());
    }
    let areas = [layout::SOFTWARE, layout::SCRIPTS, layout::SETTINGS, layout::SYSTEM];
    let mut open: Vec<RelPath> = areas.into_iter().map(|area| paths::path(area.to_owned())).collect();
    while let Some(folder) = open.pop() {
        for name in root.names(&folder)? {
            let Ok(path) = format!("{folder}/{name}").parse::<RelPath>() else { continue };
            if paths::is_passing(&name) {
                complain(
                    &path,
                    "was left by a transaction that the journal does not have: remove it".to_owned(),
                );
            } else if root.look(&path)? == Observed::Folder {
                open.push(path);
            }
        }
    }
    Ok(())
}
