//! Everything in a store compared with its digest.

use std::path::PathBuf;

use medic_model::Sha256;
use serde::Serialize;

use super::gc::{Kind, size_of};
use super::{ComponentRecord, FORMAT, Store, StoreError, damage, list};
use crate::package;
use crate::root;
use crate::toolchain;

/// Something that was not what its name or record says. It has been removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// What it was.
    pub kind: Kind,
    /// Where it was.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Objects that were read, the damaged ones among them.
    pub objects: usize,
    /// Their bytes.
    pub size: u64,
    /// Those that were removed.
    pub damaged: Vec<Damaged>,
}

/// Reads all results, trees, packages and sources, and looks whether compilers and build roots are there (of which no digest is
/// known). Removes what is damaged.
///
/// # Errors
/// A folder cannot be read, or what is damaged cannot be removed.
pub fn verify(store: &Store) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    trees(store, &mut verified)?;
    results(store, &mut verified)?;
    packages(store, &mut verified)?;
    sources(store, &mut verified)?;
    let layout = store.layout();
    for name in list(&layout.roots())? {
        let path = layout.roots().join(name);
        let fault = root::fault(&path).map(str::to_owned);
        take(store, &mut verified, Kind::Root, path, fault)?;
    }
    for name in list(&layout.toolchains())? {
        let path = layout.toolchains().join(name);
        let fault = (!path.join(toolchain::ZIG).is_dir()).then(|| "it has no compiler".to_owned());
        take(store, &mut verified, Kind::Toolchain, path, fault)?;
    }
    Ok(verified)
}

/// Counts an object, and removes it when there is something wrong with it.
fn take(
    store: &Store,
    verified: &mut Verified,
    kind: Kind,
    path: PathBuf,
    fault: Option<String>,
) -> Result<(), StoreError> {
    verified.objects += 1;
    verified.size += size_of(&path);
    let Some(why) = fault else { return Ok(()) };
    store.discard(&path)?;
    verified.damaged.push(Damaged { kind, path, why });
    Ok(())
}

/// A name that is a digest.
fn digest(name: &std::ffi::OsStr, end: &str) -> Option<Sha256> {
    name.to_str()?.strip_suffix(end)?.parse().ok()
}

/// Records go before the tree that they name.
fn trees(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    for name in list(&store.layout().trees())? {
        let path = store.layout().trees().join(&name);
        let expected = digest(&name, "");
        let fault = match &expected {
            Some(expected) => damage::of_tree(&path, expected),
            None => Some("its name is no digest".to_owned()),
        };
        verified.objects += 1;
        verified.size += size_of(&path);
        let Some(why) = fault else { continue };
        match expected {
            Some(expected) => store.discard_tree(&expected)?,
            None => store.discard(&path)?,
        }
        verified.damaged.push(Damaged { kind: Kind::Tree, path, why });
    }
    Ok(())
}

fn results(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    for name in list(&store.layout().results())? {
        let path = store.layout().results().join(&name);
        let record: Option<ComponentRecord> = super::read_record(&path, &crate::report::Silent);
        let fault = match (record, digest(&name, ".json")) {
            (None, _) => Some("it cannot be read"),
            (Some(record), Some(key))
                if record.format == FORMAT && record.key == key && record.inputs.key() == key =>
            {
                let tree = store.layout().tree(&record.tree).is_dir();
                (!tree).then_some("its tree is missing")
            }
            (Some(_), _) => Some("it is not the record of this key"),
        };
        take(store, verified, Kind::Result, path, fault.map(str::to_owned))?;
    }
    Ok(())
}

fn packages(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    for name in list(&store.layout().packages())? {
        let path = store.layout().packages().join(name);
        let fault = match package::recorded(&path) {
            Some(package) => damage::of_file(&package.archive, &package.sha256),
            None => Some("its record cannot be read".to_owned()),
        };
        take(store, verified, Kind::Package, path, fault)?;
    }
    Ok(())
}

fn sources(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    for name in list(&store.layout().sources())? {
        let path = store.layout().sources().join(&name);
        let fault = match digest(&name, "") {
            Some(expected) => damage::of_file(&path, &expected),
            None => Some("its name is no digest".to_owned()),
        };
        take(store, verified, Kind::Source, path, fault)?;
    }
    Ok(())
}
