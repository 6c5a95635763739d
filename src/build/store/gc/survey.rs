//! Everything that the builder keeps in a store, with what names it. Images and their layers are another crate's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medic_model::Sha256;

use super::{Kind, Object};
use crate::package;
use crate::root;
use crate::store::{ComponentRecord, Layout, Store, StoreError, list};

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All objects, nothing of them pinned.
    pub objects: Vec<Object>,
    /// The packages among them.
    pub packages: Vec<PackageFound>,
}

/// A package in the store.
#[derive(Debug)]
pub(crate) struct PackageFound {
    /// When it was used last.
    pub used: std::time::SystemTime,
    /// What it is.
    pub package: package::BuiltPackage,
}

/// Lists everything.
///
/// # Errors
/// A folder of the store cannot be read.
pub(crate) fn survey(store: &Store) -> Result<Found, StoreError> {
    let layout = store.layout();
    let mut found = Found::default();
    let records: BTreeMap<Sha256, ComponentRecord> =
        store.records()?.into_iter().map(|(_, record)| (record.key, record)).collect();
    results(layout, &records, &mut found.objects)?;
    packages(layout, &mut found)?;
    plain(&layout.sources(), Kind::Source, &mut found.objects)?;
    partial(layout, &mut found.objects)?;
    for name in list(&layout.roots())? {
        let path = layout.roots().join(name);
        let record = path.join(root::RECORD);
        let orphan = !record.is_file();
        add(&mut found.objects, Kind::Root, path, &record, orphan.then(Vec::new));
    }
    toolchains(layout, &mut found.objects)?;
    logs(layout, &records, &mut found.objects)?;
    // The store is nobody else's now, and `work/` was emptied when it was opened.
    Ok(found)
}

fn add(objects: &mut Vec<Object>, kind: Kind, path: PathBuf, mark: &Path, holders: Option<Vec<PathBuf>>) {
    objects.extend(Object::at(kind, path, mark).map(|object| Object { holders, ..object }));
}

/// Every file of a folder, each standing for itself.
fn plain(folder: &Path, kind: Kind, objects: &mut Vec<Object>) -> Result<(), StoreError> {
    for name in list(folder)? {
        let path = folder.join(name);
        add(objects, kind, path.clone(), &path, None);
    }
    Ok(())
}

fn results(
    layout: &Layout,
    records: &BTreeMap<Sha256, ComponentRecord>,
    objects: &mut Vec<Object>,
) -> Result<(), StoreError> {
    let mut holders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for name in list(&layout.results())? {
        let path = layout.results().join(&name);
        let key = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
        let record = key.and_then(|key: Sha256| records.get(&key));
        if let Some(record) = record {
            holders.entry(layout.tree(&record.tree)).or_default().push(path.clone());
        }
        // One that cannot be read leads to nothing and is of no use.
        add(objects, Kind::Result, path.clone(), &path, record.is_none().then(Vec::new));
    }
    for name in list(&layout.trees())? {
        let path = layout.trees().join(name);
        let holders = holders.remove(&path).unwrap_or_default();
        add(objects, Kind::Tree, path.clone(), &path, Some(holders));
    }
    Ok(())
}

fn packages(layout: &Layout, found: &mut Found) -> Result<(), StoreError> {
    for name in list(&layout.packages())? {
        let path = layout.packages().join(name);
        let record = path.join(package::RECORD);
        let package = package::recorded(&path);
        let orphan = package.is_none().then(Vec::new);
        add(&mut found.objects, Kind::Package, path, &record, orphan);
        if let (Some(package), Some(object)) = (package, found.objects.last()) {
            found.packages.push(PackageFound { used: object.used, package });
        }
    }
    Ok(())
}

/// The folders of client programs are of killed ones: nobody fetches now. A part of a file that is whole by now is of no
/// use.
fn partial(layout: &Layout, objects: &mut Vec<Object>) -> Result<(), StoreError> {
    for name in list(&layout.partial())? {
        let path = layout.partial().join(&name);
        let name = name.to_string_lossy();
        let client = name.starts_with("client-");
        let whole = name.split('.').next().is_some_and(|digest| layout.sources().join(digest).is_file());
        let kind = if client { Kind::Leftover } else { Kind::Partial };
        add(objects, kind, path.clone(), &path, (client || whole).then(Vec::new));
    }
    Ok(())
}

/// A compiler's folder holds its caches as well: they count for themselves, and go with it.
fn toolchains(layout: &Layout, objects: &mut Vec<Object>) -> Result<(), StoreError> {
    for name in list(&layout.toolchains())? {
        let path = layout.toolchains().join(name);
        let mut caches = 0;
        for inside in list(&path)?.into_iter().filter(|name| name.to_string_lossy().starts_with("cache-")) {
            let cache = path.join(inside);
            add(objects, Kind::ToolchainCache, cache.clone(), &cache, None);
            caches += objects.last().map_or(0, |object| object.size);
        }
        add(objects, Kind::Toolchain, path.clone(), &path, None);
        if let Some(object) = objects.last_mut() {
            object.size = object.size.saturating_sub(caches);
        }
    }
    Ok(())
}

/// The log of a result goes with it. That of a build that failed goes by its age.
fn logs(
    layout: &Layout,
    records: &BTreeMap<Sha256, ComponentRecord>,
    objects: &mut Vec<Object>,
) -> Result<(), StoreError> {
    for name in list(&layout.logs())? {
        let path = layout.logs().join(name);
        if !path.is_dir() {
            add(objects, Kind::Log, path.clone(), &path, None);
            continue;
        }
        for name in list(&path)? {
            let key = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
            let holders = key.filter(|key| records.contains_key(key)).map(|key| vec![layout.result(&key)]);
            add(objects, Kind::Log, path.join(&name), &path.join(&name), holders);
        }
    }
    Ok(())
}
