//! Carrying out a plan.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use medic_sys::files::sync_path;

use super::{Decision, Kind, Object, Plan};
use crate::store::{Store, StoreError};

/// What was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freed {
    /// Objects.
    pub objects: usize,
    /// Bytes.
    pub size: u64,
}

/// Removes what goes. First what stands for itself, records among it; when that is durable, what it held. So after a kill or a
/// power cut at any instant no record names a tree or layer that is gone.
///
/// # Errors
/// The disk, or another user's files. What was removed by then is gone; what is left is sound.
pub fn carry_out(plan: &Plan, store: &Store) -> Result<Freed, StoreError> {
    let mut freed = Freed::default();
    for held in [false, true] {
        let now = |decision: &&Decision| decision.fate.goes() && decision.object.holders.is_some() == held;
        let mut folders = BTreeSet::new();
        for Decision { object, .. } in plan.decisions.iter().filter(now) {
            if remove(object, store)? {
                freed.objects += 1;
                freed.size += object.size;
                folders.extend(object.path.parent());
            }
        }
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            sync_path(folder)?;
        }
    }
    Ok(freed)
}

/// Removes an object; says whether it did.
fn remove(object: &Object, store: &Store) -> Result<bool, StoreError> {
    if matches!(object.kind, Kind::RootFilesystem | Kind::Leftover) && is_locked(&object.path) {
        return Ok(false);
    }
    store.discard(&object.path)?;
    if object.kind == Kind::Log
        && let Some(folder) = object.path.parent().filter(|folder| *folder != store.layout().logs())
    {
        // The folder of a component's logs: it goes with the last one.
        drop(std::fs::remove_dir(folder));
    }
    Ok(true)
}

/// Whether a program holds a lock on this folder: it uses it.
fn is_locked(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}
