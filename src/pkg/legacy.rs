//! A volume of Medic OS 3.x: its storage and settings are taken over, its software and scripts are put aside.
//!
//! It is known by `srv/system/settings` or `srv/system/storage`, where 3.x kept its own state, while there is nothing of ours. Storage
//! has the same place then and now, `srv/storage/<pkg>/<service>`, and whoever owned it still does: a package's scripts give it to the users
//! that its services run as. 3.x's marks of disabled services are the supervisor's to read.

use medic_model::layout::{SCRIPTS, SOFTWARE};
use medic_model::{RelPath, Sha256};
use medic_sys::files::FileError;

use crate::error::Error;
use crate::paths;
use crate::plan::{self, Look, Notice, Observed, Over, Plan, Step};
use crate::root::Root;

/// A volume as it will be when what is put aside is away.
pub(crate) struct Volume<'a> {
    root: &'a Root,
    aside: Vec<RelPath>,
}

impl Look for Volume<'_> {
    fn look(&self, path: &RelPath) -> Result<Observed, FileError> {
        if self.is_aside(path) { Ok(Observed::Absent) } else { self.root.look(path) }
    }

    fn digest(&self, path: &RelPath) -> Result<Sha256, FileError> {
        self.root.digest(path)
    }

    fn is_fixed(&self, path: &RelPath) -> Result<bool, FileError> {
        if self.is_aside(path) { Ok(false) } else { self.root.is_fixed(path) }
    }
}

impl Volume<'_> {
    fn is_aside(&self, path: &RelPath) -> bool {
        self.aside.iter().any(|aside| path == aside || path.below(aside).is_some())
    }
}

/// Looks whether the volume is one of 3.x that came to an image of ours, and plans to put aside what nothing can run any more. Any other
/// volume is as it is.
///
/// # Errors
/// It cannot be looked at.
pub(crate) fn take_over<'a>(root: &'a Root, is_image: bool, plan: &mut Plan) -> Result<Volume<'a>, Error> {
    let mut volume = Volume { root, aside: Vec::new() };
    if !is_image || !is_legacy(root)? {
        return Ok(volume);
    }
    for path in [SOFTWARE, SCRIPTS] {
        let path = paths::path(path.to_owned());
        if root.look(&path)? != Observed::Absent {
            let kept = plan::free(root, &path)?;
            let text =
                format!("is of Medic OS 3.x: it is kept as /{kept}; its storage and settings are taken over");
            plan.notices.push(Notice { path: path.clone(), text });
            plan.before.push(Step::Clear { path: path.clone(), over: Over::Theirs { kept } });
            volume.aside.push(path);
        }
    }
    Ok(volume)
}

fn is_legacy(root: &Root) -> Result<bool, Error> {
    let system = paths::system();
    let is_folder =
        |name: &str| root.look(&paths::path(format!("{system}/{name}"))).map(|seen| seen == Observed::Folder);
    let theirs = is_folder("settings")? || is_folder("storage")?;
    Ok(theirs && root.names(&paths::receipts())?.is_empty() && root.node(&paths::stamp())?.is_none())
}
