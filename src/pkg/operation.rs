//! What an operator asks for, as plans: install, switch to a version that is there, remove.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medic_archive::PackageReader;
use medic_archive::package::Limits;
use medic_model::receipt::{FORMAT, Origin};
use medic_model::{Manifest, PackageName, Receipt, Sha256, Version, layout};

use crate::bundle::check_arch;
use crate::error::Error;
use crate::installed::{self, Present};
use crate::plan::{self, Candidate, From, Plan};
use crate::root::Root;
use crate::sync::{previous, settings};
use crate::transaction::{Archive, Materials};
use crate::{bundle, depends};

/// What an installation may do beyond the ordinary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Put a version in the place of a newer one.
    pub downgrade: bool,
    /// Install what is installed already.
    pub reinstall: bool,
}

/// Opens a package archive and reads its manifest.
///
/// # Errors
/// [`Error::Package`].
pub fn open_archive(path: &Path, expected: Option<Sha256>) -> Result<Archive, Error> {
    let reader = PackageReader::open(path, Limits::default())?;
    Ok(Archive { reader, location: path.display().to_string(), expected })
}

/// Plans the installation of archives, in the order of their needs, as one transaction. Archives of what is installed already
/// are left out.
///
/// # Errors
/// An archive is for another machine, older than what is installed, given twice, or would not go together with the rest.
pub fn install(
    root: &Root,
    archives: Vec<Archive>,
    permissions: Permissions,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let installed = installed::all(root)?;
    let mut wanted: BTreeMap<PackageName, Archive> = BTreeMap::new();
    for archive in archives {
        let manifest = archive.reader.manifest();
        check_arch(manifest)?;
        if let Some(other) = wanted.get(&manifest.name) {
            return Err(Error::Twice {
                package: manifest.name.clone(),
                one: other.reader.manifest().version.clone(),
                other: manifest.version.clone(),
            });
        }
        if is_wanted(manifest, installed.get(&manifest.name), permissions)? {
            wanted.insert(manifest.name.clone(), archive);
        }
    }
    let manifests: depends::Together<'_> =
        wanted.iter().map(|(name, archive)| (name, archive.reader.manifest())).collect();
    together(&installed, &manifests, None)?;
    let (mut plan, mut receipts) = (Plan::default(), BTreeMap::new());
    for name in depends::in_order(&manifests) {
        let (manifest, old) = (manifests[&name], installed.get(&name));
        plan.append(plan::install(root, Candidate { manifest, from: From::Archive }, old)?);
        plan.append(forget(root, manifest, old)?);
        // The archive's digest is known when it has been read to its end: unpacking completes the origin.
        receipts.insert(name, receipt(manifest.clone(), Origin::Bundle, old, now));
    }
    Ok((plan, Materials { archives: wanted, receipts }))
}

fn is_wanted(manifest: &Manifest, old: Option<&Receipt>, permissions: Permissions) -> Result<bool, Error> {
    let Some(old) = old.map(|old| &old.manifest) else { return Ok(true) };
    if manifest.version < old.version && !permissions.downgrade {
        return Err(Error::Older {
            package: manifest.name.clone(),
            installed: old.version.clone(),
            version: manifest.version.clone(),
        });
    }
    Ok(permissions.reinstall || manifest != old)
}

fn together(
    installed: &BTreeMap<PackageName, Receipt>,
    added: &depends::Together<'_>,
    removed: Option<&PackageName>,
) -> Result<(), Error> {
    let mut after: depends::Together<'_> =
        installed.iter().map(|(name, receipt)| (name, &receipt.manifest)).collect();
    after.extend(added.iter());
    let mut changed: BTreeSet<PackageName> = added.keys().map(|name| (*name).clone()).collect();
    if let Some(removed) = removed {
        after.remove(removed);
        changed.insert(removed.clone());
    }
    depends::check(&after, &changed)
}

fn receipt(manifest: Manifest, origin: Origin, old: Option<&Receipt>, now: u64) -> Receipt {
    Receipt {
        format: FORMAT,
        settings: settings(&manifest),
        origin,
        installed_at: now,
        previous: previous(&manifest, old),
        manifest,
    }
}

/// Of the versions that are whole in the volume the new one and the one before it stay; the others go.
fn forget(root: &Root, new: &Manifest, old: Option<&Receipt>) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let stays = |version: &Version| *version == new.version || previous(new, old).as_ref() == Some(version);
    for Present { version, arch, whole } in installed::versions(root, &new.name)? {
        if whole && !stays(&version) {
            plan.after.extend(plan::kept_version(&new.name, &version, arch));
        }
    }
    Ok(plan)
}

/// Plans the switch to a version that is there already: whole in the volume, or in the image.
///
/// # Errors
/// The package is not installed, or has no such version here.
pub fn switch(
    root: &Root,
    package: &PackageName,
    version: &Version,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let installed = installed::all(root)?;
    let old = installed.get(package).ok_or_else(|| Error::NotInstalled { package: package.clone() })?;
    if old.manifest.version == *version {
        return Ok((Plan::default(), Materials::default()));
    }
    let present = installed::versions(root, package)?;
    let not_kept =
        || Error::NotKept { package: package.clone(), version: version.clone(), kept: list(&present) };
    let chosen = present.iter().find(|present| present.version == *version).ok_or_else(not_kept)?;
    let (manifest, origin, from) = if chosen.whole {
        let kept = installed::kept_receipt(root, package, version)?.ok_or_else(not_kept)?;
        (kept.manifest, kept.origin, From::Kept)
    } else {
        let bundled = bundle::version(root, package, version)?.ok_or_else(not_kept)?;
        (bundled, Origin::Bundle, From::Bundle)
    };
    check_arch(&manifest)?;
    together(&installed, &[(package, &manifest)].into(), None)?;
    let plan = plan::install(root, Candidate { manifest: &manifest, from }, Some(old))?;
    let receipts = [(package.clone(), receipt(manifest, origin, Some(old), now))].into();
    Ok((plan, Materials { receipts, ..Materials::default() }))
}

/// The version that a rollback goes to: the one that was current before, else the highest that is older.
///
/// # Errors
/// The package is not installed, or there is no other version here.
pub fn rollback_target(root: &Root, package: &PackageName) -> Result<Version, Error> {
    let current = installed::required(root, package)?;
    let present = installed::versions(root, package)?;
    let is_there = |version: &Version| present.iter().any(|present| present.version == *version);
    let older =
        || present.iter().rev().map(|p| &p.version).find(|version| **version < current.manifest.version);
    let target = current.previous.as_ref().filter(|version| is_there(version)).or_else(older);
    target.cloned().ok_or_else(|| Error::NoPrevious { package: package.clone(), kept: list(&present) })
}

fn list(present: &[Present]) -> String {
    let versions: Vec<String> = present.iter().map(|present| present.version.to_string()).collect();
    if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
}

/// Plans the removal of packages as one transaction.
///
/// # Errors
/// One is not installed, or is needed by another that stays, unless `force` is set.
pub fn remove(root: &Root, packages: &[PackageName], purge: bool, force: bool) -> Result<Plan, Error> {
    let mut installed = installed::all(root)?;
    let mut removed = Vec::new();
    for package in packages {
        let receipt =
            installed.remove(package).ok_or_else(|| Error::NotInstalled { package: package.clone() })?;
        removed.push(receipt);
    }
    let mut plan = Plan::default();
    for receipt in dependents_first(&removed) {
        let name = &receipt.manifest.name;
        if !force {
            together(&installed, &BTreeMap::new(), Some(name))?;
        }
        let versions = installed::versions(root, name)?;
        let versions: Vec<_> = versions.into_iter().map(|v| (v.version, v.arch, v.whole)).collect();
        plan.append(plan::remove(root, plan::Removal { receipt, versions: &versions, purge })?);
    }
    Ok(plan)
}

fn dependents_first(receipts: &[Receipt]) -> Vec<&Receipt> {
    let manifests = receipts.iter().map(|receipt| (&receipt.manifest.name, &receipt.manifest)).collect();
    let order = depends::in_order(&manifests);
    let find = |name: PackageName| receipts.iter().find(|receipt| receipt.manifest.name == name);
    order.into_iter().rev().filter_map(find).collect()
}

/// The package that a path belongs to: one of its entries, or below one of its folders.
///
/// # Errors
/// A receipt cannot be read.
pub fn owner(root: &Root, path: &medic_model::RelPath) -> Result<Option<(PackageName, bool)>, Error> {
    for (name, receipt) in installed::all(root)? {
        let listed = receipt.manifest.entries.iter().any(|entry| entry.path() == path);
        let below = |folder: medic_model::RelPath| *path == folder || path.below(&folder).is_some();
        if listed {
            return Ok(Some((name, true)));
        }
        let folders = [
            layout::software(&name),
            layout::scripts(&name),
            layout::settings(&name),
            layout::storage(&name),
        ];
        if folders.into_iter().any(below) {
            return Ok(Some((name, false)));
        }
    }
    Ok(None)
}
