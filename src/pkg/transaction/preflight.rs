//! Before anything is written: is there room for it, on every file system concerned?

use std::collections::BTreeMap;

use medic_model::RelPath;
use medic_sys::files::{Folder, Space};

use crate::error::Error;
use crate::plan::Plan;
use crate::root::{Root, absent};

/// What the journal, receipts and folders take, beyond what the plan counts.
const MARGIN: (u64, u64) = (256 << 10, 16);

struct Sum<'a> {
    path: &'a RelPath,
    space: Space,
    bytes: u64,
    files: u64,
}

/// Compares what the plan needs with what there is.
pub(super) fn check(root: &Root, plan: &Plan) -> Result<(), Error> {
    let mut sums: BTreeMap<u64, Sum<'_>> = BTreeMap::new();
    for need in &plan.needs {
        let space = nearest(root, &need.path)?.space()?;
        let sum = sums.entry(space.device).or_insert(Sum {
            path: &need.path,
            space,
            bytes: MARGIN.0,
            files: MARGIN.1,
        });
        sum.bytes = sum.bytes.saturating_add(need.bytes);
        sum.files = sum.files.saturating_add(need.files);
    }
    sums.values().try_for_each(compare)
}

fn compare(sum: &Sum<'_>) -> Result<(), Error> {
    let path = sum.path.clone();
    if sum.bytes > sum.space.bytes {
        return Err(Error::NoSpace { path, needed: sum.bytes, free: sum.space.bytes });
    }
    match sum.space.files {
        Some(free) if sum.files > free => Err(Error::NoFiles { path, needed: sum.files, free }),
        _ => Ok(()),
    }
}

/// The folder, or the first one above it that is there.
fn nearest(root: &Root, path: &RelPath) -> Result<Folder, Error> {
    let mut path = Some(path.clone());
    while let Some(at) = path {
        if let Some(folder) = absent(root.folder(&at))? {
            return Ok(folder);
        }
        path = at.parent();
    }
    Ok(Folder::open(root.path())?)
}
