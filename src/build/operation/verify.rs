//! The whole store compared with its digests.

use std::path::Path;

use medic_model::Sha256;

use crate::error::BuildError;
use crate::report::Reporter;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::verify::{Verified, verify};

/// Reads everything that the builder keeps in the store, compares it with its digests, and removes what is damaged: the next
/// build makes or fetches it again. Waits until nobody uses the store.
///
/// # Errors
/// The store cannot be read, or what is damaged cannot be removed.
pub fn verify_store(settings: &Settings, reporter: &dyn Reporter) -> Result<Verified, BuildError> {
    let store = Store::open_alone(&settings.store, &settings.command_line, reporter)?;
    Ok(verify(&store)?)
}

/// Compares package archives, each with the digest that it should have, and removes the packages of those that are damaged, each
/// with a warning; says whether there were any. The next build packs them again.
///
/// # Errors
/// One is damaged and cannot be removed.
pub fn discard_damaged<'a>(
    settings: &Settings,
    archives: impl IntoIterator<Item = (&'a Path, &'a Sha256)>,
    reporter: &dyn Reporter,
) -> Result<bool, BuildError> {
    let store = Store::open(&settings.store, &settings.command_line, reporter)?;
    let mut any = false;
    for (archive, sha256) in archives {
        any |= store.discard_damaged_package(archive, sha256, reporter)?;
    }
    Ok(any)
}
