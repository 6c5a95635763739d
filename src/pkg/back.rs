//! The way back from a change whose services do not get ready: a plan to the versions that were current before it.
//!
//! Nothing has to be fetched: the version before the current one is kept in the volume or in the image.

use std::collections::BTreeMap;

use medic_model::{PackageName, Receipt, RelPath};

use crate::bundle;
use crate::data;
use crate::error::Error;
use crate::installed;
use crate::paths;
use crate::plan::{self, Candidate, From, Gone, Over, Plan, Step};
use crate::root::Root;
use crate::transaction::Materials;

/// Plans the way back from what the plan `done` has done, to what was installed `before`. A package that was not there is removed, its
/// storage stays; settings that were replaced are replaced back, and edited ones stay. What the change brought goes.
///
/// # Errors
/// [`Error::Data`]: the version before cannot use what the new one stores. [`Error::NoPrevious`]: a package was put in the place of the
/// same version, or the version before is not there any more. The file system cannot be looked at.
pub fn plan(
    root: &Root,
    done: &Plan,
    before: &BTreeMap<PackageName, Receipt>,
) -> Result<(Plan, Materials), Error> {
    let (mut plan, mut materials) = (Plan::default(), Materials::default());
    for change in done.changes.iter().rev().filter(|change| change.from.is_none() && change.to.is_some()) {
        let receipt = installed::required(root, &change.package)?;
        let versions = installed::versions(root, &change.package)?;
        let versions: Vec<_> = versions.into_iter().map(|v| (v.version, v.arch, v.whole)).collect();
        plan.append(plan::remove(
            root,
            plan::Removal { receipt: &receipt, versions: &versions, purge: false },
        )?);
    }
    for change in done.changes.iter().filter(|change| change.from.is_some()) {
        let package = &change.package;
        let current = installed::required(root, package)?;
        let present = installed::versions(root, package)?;
        let kept = || present.iter().map(|p| p.version.to_string()).collect::<Vec<_>>().join(", ");
        let none = || Error::NoPrevious { package: package.clone(), kept: kept() };
        let old = before.get(package).filter(|_| change.from != change.to).ok_or_else(none)?;
        let version = &old.manifest.version;
        let found = present.iter().find(|present| present.version == *version).ok_or_else(none)?;
        let from = if found.whole { From::Kept } else { From::Bundle };
        if from == From::Bundle && bundle::version(root, package, version)?.is_none() {
            return Err(none());
        }
        let candidate = Candidate { manifest: &old.manifest, from };
        let mut part = plan::install(root, candidate, Some(&current))?;
        // What the new version has stored by now, the old one may not be able to use.
        data::guard(root, &old.manifest, false, &mut part)?;
        forget(&current, done, &mut part);
        plan.append(part);
        let mut receipt = old.clone();
        receipt.previous = receipt.previous.filter(|version| present.iter().any(|p| p.version == *version));
        materials.receipts.insert(package.clone(), receipt);
    }
    Ok((plan, materials))
}

/// Nothing is left of a version that `done` brought: neither its tree, nor its new defaults that were put aside.
fn forget(current: &Receipt, done: &Plan, part: &mut Plan) {
    let manifest = &current.manifest;
    let kept = paths::version(&manifest.name, &manifest.version);
    let brings = |step: &Step| matches!(step, Step::Place { path, over: Over::Nothing, .. } if *path == kept);
    if done.before.iter().any(brings) {
        part.after.extend(plan::kept_version(&manifest.name, &manifest.version, manifest.arch));
    }
    let aside = paths::new_settings(&manifest.name);
    let inside = |path: &RelPath| *path == aside || path.below(&aside).is_some();
    let mut clean = Vec::new();
    for step in done.before.iter().rev().filter(|step| inside(step.path())) {
        let path = step.path().clone();
        match step {
            Step::Place { over: Over::Nothing, .. } => clean.push(Step::Remove { path, gone: Gone::All }),
            Step::Folder { .. } => clean.push(Step::Remove { path, gone: Gone::Folder }),
            _ => {}
        }
    }
    let goes = |path: &str| clean.iter().any(|step| step.path().as_str() == path);
    part.before.retain(|step| !goes(step.path().as_str()));
    let told_of = |text: &str| clean.iter().any(|step| text.ends_with(step.path().as_str()));
    part.notices.retain(|notice| !told_of(&notice.text));
    part.after.extend(clean);
}
