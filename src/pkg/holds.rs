//! Packages that stay in their version: a mark for each, `srv/system/holds/<pkg>`.

use std::collections::BTreeSet;

use medic_model::layout::SYSTEM;
use medic_model::{PackageName, RelPath};

use crate::error::Error;
use crate::installed;
use crate::paths;
use crate::root::Root;
use crate::transaction::Turn;

fn folder() -> RelPath {
    paths::path(format!("{SYSTEM}/holds"))
}

/// The mark of a package.
pub(crate) fn mark(package: &PackageName) -> RelPath {
    paths::path(format!("{}/{package}", folder()))
}

/// The packages that are held.
///
/// # Errors
/// The folder cannot be listed.
pub fn all(root: &Root) -> Result<BTreeSet<PackageName>, Error> {
    Ok(root.names(&folder())?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Holds an installed package in its version.
///
/// # Errors
/// It is not installed, or the mark cannot be made.
pub fn hold(turn: &Turn, package: &PackageName) -> Result<(), Error> {
    installed::required(turn.root(), package)?;
    turn.write(&mark(package), b"")
}

/// Holds a package no longer.
///
/// # Errors
/// It is not held, or the mark cannot be removed.
pub fn unhold(turn: &Turn, package: &PackageName) -> Result<(), Error> {
    if turn.remove(&mark(package))? {
        return Ok(());
    }
    let why = "it is not held".to_owned();
    Err(Error::NoCandidate { text: package.to_string(), why })
}
