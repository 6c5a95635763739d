//! Reconciling `/srv` with the image's bundle: at every boot, and by hand with `pkg sync`.
//!
//! All packages are one transaction: either all of `/srv` is the new image's, or the old one's is untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medic_model::receipt::{FORMAT, Origin};
use medic_model::{Manifest, PackageName, Receipt, Sha256, Version, layout};
use serde::{Deserialize, Serialize};

use crate::bundle::{self, Bundled};
use crate::error::Error;
use crate::plan::{self, Candidate, Change, Content, From, Look, Observed, Over, Plan, Step};
use crate::reporter::{Event, Reporter};
use crate::root::Root;
use crate::transaction::{Context, Materials, Session, carry_out};
use crate::{data, depends, holds, installed, legacy, paths};

/// What becomes of a bundled package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is not installed.
    Install,
    /// It is there as the image has it.
    Keep,
    /// The same version is there from the image, with other content.
    Refresh,
    /// An older version is there.
    Upgrade,
    /// A newer version is there, which an operator has installed.
    KeepNewer,
    /// A newer version is there, which came with another image and is not in this one.
    Downgrade,
}

/// Decides on a package: what the image has, what is installed, and whether both manifests are the same.
pub fn decide(bundled: &Version, installed: Option<(&Version, &Origin)>, same: bool) -> Decision {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let Some((version, origin)) = installed else { return Decision::Install };
    match (version.cmp(bundled), origin) {
        (Less, _) => Decision::Upgrade,
        (Equal, Origin::Archive { .. }) => Decision::Keep,
        (Equal, Origin::Bundle) if same => Decision::Keep,
        (Equal, Origin::Bundle) => Decision::Refresh,
        (Greater, Origin::Archive { .. }) => Decision::KeepNewer,
        (Greater, Origin::Bundle) => Decision::Downgrade,
    }
}

/// `srv/system/bundle.json`: what `/srv` was reconciled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    format: u32,
    #[serde(deserialize_with = "medic_model::document::unique_map")]
    packages: BTreeMap<PackageName, Stamped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamped {
    version: Version,
    manifest: Sha256,
}

impl Stamp {
    fn of(bundle: &BTreeMap<PackageName, Bundled>) -> Self {
        let stamped =
            |bundled: &Bundled| Stamped { version: bundled.version.clone(), manifest: bundled.digest };
        let packages = bundle.iter().map(|(name, bundled)| (name.clone(), stamped(bundled))).collect();
        Self { format: 1, packages }
    }
}

/// What a reconciliation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was as it should be.
    Nothing,
    /// These packages were changed.
    Changed(Vec<Change>),
}

/// Whether `/srv` is what this image left last time: a few reads, no lock, nothing written.
///
/// # Errors
/// The bundle cannot be read.
pub fn is_current(root: &Root) -> Result<bool, Error> {
    if Session::is_needed(root)? {
        return Ok(false);
    }
    let bundle = bundle::all(root)?;
    if bundle.is_empty() || read_stamp(root)? != Some(Stamp::of(&bundle)) {
        return Ok(false);
    }
    for (name, bundled) in &bundle {
        if !is_in_place(root, name, bundled)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The stamp; none when there is none that can be understood: then everything is looked at.
fn read_stamp(root: &Root) -> Result<Option<Stamp>, Error> {
    let text = root.read(&paths::stamp(), 1 << 20)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}

/// Receipt and links: what a deleted folder would take with it.
fn is_in_place(root: &Root, name: &PackageName, bundled: &Bundled) -> Result<bool, Error> {
    let Some(current) = root.read_link(&paths::current(name))? else { return Ok(false) };
    let is_ours = current == format!("v{}", bundled.version);
    let there = |path| root.node(&path).map(|node| node.is_some());
    let bundled_scripts = paths::path(format!("{}/scripts", layout::bundle(name, &bundled.version)));
    let scripts_are_gone = is_ours && there(bundled_scripts)? && !there(layout::scripts(name))?;
    // A receipt that was copied in part does not end like one.
    let receipt = root.read(&layout::receipt(name), medic_model::document::MAX_DOCUMENT as u64)?;
    if !receipt.is_some_and(|text| text.ends_with(b"}")) || scripts_are_gone {
        return Ok(false);
    }
    if !is_ours {
        return Ok(there(paths::path(format!("{}/{current}", layout::software(name))))?);
    }
    let Some(arch) = medic_model::Arch::host() else { return Ok(false) };
    let tree = layout::software_tree(name, &bundled.version, arch);
    let linked = root.read_link(&tree)? == Some(paths::bundle_target(name, &bundled.version, arch));
    let whole = linked || there(paths::version(name, &bundled.version))? && there(tree)?;
    Ok(whole
        && root.read_link(&paths::default_arch(name, &bundled.version))?.as_deref() == Some(arch.as_str()))
}

/// Plans the reconciliation, by looking only. `data_restored`: the data is that of a backup, which older versions can use.
///
/// # Errors
/// The bundle or a receipt cannot be read, the packages would not go together, or one of them could not use its data.
pub fn plan(
    root: &Root,
    now: u64,
    data_restored: bool,
    reporter: &dyn Reporter,
) -> Result<(Plan, Materials), Error> {
    let bundle = bundle::all(root)?;
    let (installed, held) = (readable(root, &bundle, reporter)?, holds::all(root)?);
    let mut manifests = BTreeMap::new();
    for (name, bundled) in &bundle {
        let manifest = bundled.manifest(name)?;
        let old = installed.get(name);
        let wanted = match old {
            Some(old) if held.contains(name) && stays(root, old, &manifest)? => {
                let text = format!(
                    "{name} is held at {} and stays; the image has {}",
                    old.manifest.version, manifest.version
                );
                reporter.event(&Event::Warning { text: &text });
                false
            }
            old => decide_and_tell(root, &manifest, old, reporter)?,
        };
        if wanted {
            manifests.insert(name.clone(), manifest);
        }
    }
    let orphans = orphans(root, &bundle, &installed)?;
    check_together(&manifests, &installed, &orphans)?;
    let (mut plan, mut materials) = (Plan::default(), Materials::default());
    let volume = legacy::take_over(root, !bundle.is_empty(), &mut plan)?;
    for receipt in &orphans {
        tell_orphan(receipt, reporter);
        plan.append(remove(root, receipt)?);
    }
    for name in depends::in_order(&manifests.iter().collect()) {
        let manifest = &manifests[&name];
        let old = installed.get(&name);
        plan.append(plan::install(&volume, Candidate { manifest, from: From::Bundle }, old)?);
        data::guard(root, manifest, data_restored, &mut plan)?;
        materials.receipts.insert(name.clone(), receipt(manifest.clone(), old, now));
    }
    stamp(root, &bundle, &mut plan)?;
    Ok((plan, materials))
}

/// What is installed. A receipt that is no longer whole, as on a volume that was copied in part, is that of a package which the image
/// has and installs anew; of any other package nothing is guessed.
fn readable(
    root: &Root,
    bundle: &BTreeMap<PackageName, Bundled>,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<PackageName, Receipt>, Error> {
    let mut installed = BTreeMap::new();
    for name in installed::names(root)? {
        match installed::one(root, &name) {
            Err(Error::Document(error)) if bundle.contains_key(&name) => {
                let text = format!("{error}: {name} is installed anew from the image");
                reporter.event(&Event::Warning { text: &text });
            }
            receipt => installed.extend(receipt?.map(|receipt| (name, receipt))),
        }
    }
    Ok(installed)
}

/// Whether an installed version can stay though the image has another: it is whole, and not in an image that is gone.
fn stays(root: &Root, old: &Receipt, bundled: &Manifest) -> Result<bool, Error> {
    let is_own = matches!(old.origin, Origin::Archive { .. });
    Ok(is_own && old.manifest.version != bundled.version && is_whole(root, old)?)
}

fn decide_and_tell(
    root: &Root,
    manifest: &Manifest,
    old: Option<&Receipt>,
    reporter: &dyn Reporter,
) -> Result<bool, Error> {
    let same = old.is_some_and(|old| old.manifest == *manifest);
    let known = old.map(|old| (&old.manifest.version, &old.origin));
    let (name, version) = (&manifest.name, &manifest.version);
    let warn = |text: String| reporter.event(&Event::Warning { text: &text });
    match (decide(version, known, same), old) {
        (Decision::Keep, Some(old)) => return Ok(!is_whole(root, old)?),
        (Decision::KeepNewer, Some(old)) if is_whole(root, old)? => {
            warn(format!(
                "{name} {} was installed here and is newer than the image's {version}: it stays",
                old.manifest.version
            ));
            return Ok(false);
        }
        (Decision::KeepNewer, Some(old)) => {
            warn(format!(
                "{name} {} was installed here and is no longer whole: the image's {version} takes its place",
                old.manifest.version
            ));
        }
        (Decision::Downgrade, Some(old)) => {
            warn(format!(
                "{name} {} came with a newer image: this one has {version}, which takes its place",
                old.manifest.version
            ));
        }
        _ => {}
    }
    Ok(true)
}

/// Whether the links of an installed version, and its tree, are there.
fn is_whole(root: &Root, receipt: &Receipt) -> Result<bool, Error> {
    let manifest = &receipt.manifest;
    let (name, version) = (&manifest.name, &manifest.version);
    let tree = layout::software_tree(name, version, manifest.arch);
    let whole = match root.look(&tree)? {
        Observed::Folder => true,
        Observed::Link(target) => target == paths::bundle_target(name, version, manifest.arch),
        _ => false,
    };
    let current = root.read_link(&paths::current(name))? == Some(format!("v{version}"));
    let default =
        root.read_link(&paths::default_arch(name, version))?.as_deref() == Some(manifest.arch.as_str());
    let scripts = layout::scripts(name);
    let has_scripts = manifest.entries.iter().any(|entry| *entry.path() == scripts);
    Ok(whole && current && default && (!has_scripts || root.node(&scripts)?.is_some()))
}

/// Packages that came with another image and that this one has not: nothing of their software is left.
fn orphans(
    root: &Root,
    bundle: &BTreeMap<PackageName, Bundled>,
    installed: &BTreeMap<PackageName, Receipt>,
) -> Result<Vec<Receipt>, Error> {
    let mut orphans = Vec::new();
    for (name, receipt) in installed {
        let home = layout::bundle(name, &receipt.manifest.version);
        if receipt.origin == Origin::Bundle && !bundle.contains_key(name) && root.node(&home)?.is_none() {
            orphans.push(receipt.clone());
        }
    }
    Ok(orphans)
}

fn tell_orphan(receipt: &Receipt, reporter: &dyn Reporter) {
    let Manifest { name, version, .. } = &receipt.manifest;
    let text = format!(
        "{name} {version} came with another image and this one has it not: it goes, its storage stays"
    );
    reporter.event(&Event::Warning { text: &text });
}

/// The software of an orphan is gone with its image, so its `remove` script cannot be expected to work: it is not run.
fn remove(root: &Root, receipt: &Receipt) -> Result<Plan, Error> {
    let versions = installed::versions(root, &receipt.manifest.name)?;
    let versions: Vec<_> = versions.into_iter().map(|v| (v.version, v.arch, v.whole)).collect();
    let mut plan = plan::remove(root, plan::Removal { receipt, versions: &versions, purge: false })?;
    plan.scripts.clear();
    Ok(plan)
}

fn check_together(
    manifests: &BTreeMap<PackageName, Manifest>,
    installed: &BTreeMap<PackageName, Receipt>,
    orphans: &[Receipt],
) -> Result<(), Error> {
    let before: depends::Together<'_> =
        installed.iter().map(|(name, receipt)| (name, &receipt.manifest)).collect();
    let mut after = before.clone();
    after.extend(manifests.iter());
    for orphan in orphans {
        after.remove(&orphan.manifest.name);
    }
    let changed: BTreeSet<PackageName> = manifests.keys().cloned().collect();
    depends::check(&before, &after, &changed)
}

fn stamp(root: &Root, bundle: &BTreeMap<PackageName, Bundled>, plan: &mut Plan) -> Result<(), Error> {
    let (found, new) = (read_stamp(root)?, Stamp::of(bundle));
    // A machine that is no image has no bundle, and needs no stamp.
    let none = found.is_none() && bundle.is_empty();
    if found.as_ref() != Some(&new) && !none {
        let text = serde_json::to_string(&new)
            .map_err(|error| medic_model::DocumentError::whole(paths::stamp().as_str(), error))?;
        let content = Content::Text { text };
        plan.after.push(Step::Place { path: paths::stamp(), content, over: Over::Ours });
    }
    Ok(())
}

/// The receipt of a bundled package.
pub(crate) fn receipt(manifest: Manifest, old: Option<&Receipt>, now: u64) -> Receipt {
    Receipt {
        format: FORMAT,
        settings: settings(&manifest),
        origin: Origin::Bundle,
        installed_at: now,
        previous: previous(&manifest, old),
        manifest,
    }
}

/// The digests of the default settings.
pub(crate) fn settings(manifest: &Manifest) -> BTreeMap<medic_model::RelPath, Sha256> {
    let area = layout::settings(&manifest.name);
    let digest = |entry: &medic_model::manifest::Entry| match entry {
        medic_model::manifest::Entry::File { path, sha256, .. } => Some((path.clone(), *sha256)),
        _ => None,
    };
    manifest.entries.iter().filter_map(digest).filter(|(path, _)| path.below(&area).is_some()).collect()
}

/// The version that was current before: after a reinstallation, the one before that.
pub(crate) fn previous(manifest: &Manifest, old: Option<&Receipt>) -> Option<Version> {
    let old = old?;
    if old.manifest.version == manifest.version {
        old.previous.clone()
    } else {
        Some(old.manifest.version.clone())
    }
}

/// Reconciles the volume with the image.
///
/// # Errors
/// [`Error`]; unless it is one of the two that say otherwise, nothing has changed.
pub fn sync(context: Context<'_>) -> Result<Outcome, Error> {
    let (plan, materials) = plan(context.root, context.now, false, context.reporter)?;
    if plan.is_empty() {
        return Ok(Outcome::Nothing);
    }
    carry_out(context, &plan, materials)?;
    Ok(Outcome::Changed(plan.changes))
}

/// The whole of it, as `init` wants it at boot: nothing at all is written when nothing is to be done, so that a read-only
/// volume will do.
///
/// # Errors
/// As [`sync`], and when the volume cannot be written to although it must be.
pub fn at_boot(
    root: &Path,
    holder: &str,
    reporter: &dyn Reporter,
    run: impl FnOnce(&Session) -> Result<Outcome, Error>,
) -> Result<Outcome, Error> {
    if is_current(&Root::open(root)?)? {
        return Ok(Outcome::Nothing);
    }
    let session = Session::begin(root, holder, crate::transaction::Wait::Yes, reporter)?;
    run(&session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_newer_version_stays_and_an_images_does_not() {
        let version = |text: &str| text.parse::<Version>().expect("version");
        let archive = Origin::Archive { sha256: crate::fixture::digest("x"), location: "x".to_owned() };
        let bundle = Origin::Bundle;
        for (installed, same, expected) in [
            (None, false, Decision::Install),
            (Some(("1", &bundle)), false, Decision::Upgrade),
            (Some(("1", &archive)), false, Decision::Upgrade),
            (Some(("2", &bundle)), true, Decision::Keep),
            (Some(("2", &bundle)), false, Decision::Refresh),
            (Some(("2", &archive)), false, Decision::Keep),
            (Some(("3", &archive)), false, Decision::KeepNewer),
            (Some(("3", &bundle)), false, Decision::Downgrade),
        ] {
            let known = installed.map(|(text, origin)| (version(text), origin));
            let known = known.as_ref().map(|(version, origin)| (version, *origin));
            assert_eq!(decide(&version("2"), known, same), expected, "{installed:?} {same}");
        }
    }
}
