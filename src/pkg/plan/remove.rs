//! The plan of a removal: what pkg put there, if it is still that; never storage, unless it is to be purged.

use medic_model::manifest::Entry;
use medic_model::{Arch, PackageName, Receipt, RelPath, Version, layout};

use super::entries::{Item, areas, live};
use super::{Change, Gone, Look, Notice, Observed, Plan, Script, Step};
use crate::error::Error;
use crate::paths;

/// What is to be removed.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// The current version.
    pub receipt: &'a Receipt,
    /// Every version whose software tree is in the volume: the version, the architecture, and whether it is whole in the volume
    /// (else it is a link into the image).
    pub versions: &'a [(Version, Arch, bool)],
    /// Storage and edited settings, too.
    pub purge: bool,
}

/// The plan by which a package goes.
///
/// # Errors
/// The file system cannot be looked at.
pub fn remove(look: &dyn Look, removal: Removal<'_>) -> Result<Plan, Error> {
    let manifest = &removal.receipt.manifest;
    let name = &manifest.name;
    let mut plan = Plan::default();
    plan.scripts.extend(script(removal.receipt));
    let all = |path: RelPath| Step::Remove { path, gone: Gone::All };
    plan.after.push(all(layout::receipt(name)));
    plan.after.push(Step::Remove { path: paths::current(name), gone: Gone::Link });
    for (version, arch, whole) in removal.versions {
        plan.after.extend(if *whole {
            kept_version(name, version, *arch)
        } else {
            linked_version(name, version, *arch)
        });
    }
    for (_, entry) in live(manifest).into_iter().rev() {
        let gone = live_entry(look, name, entry, &mut plan)?;
        plan.after.extend(gone);
    }
    plan.after.extend([all(paths::new_settings(name)), all(crate::holds::mark(name))]);
    if removal.purge {
        plan.notices.clear();
        let marks = paths::path(format!("{}/{name}", layout::SUPERVISOR_MARKS));
        plan.after
            .extend([layout::settings(name), layout::storage(name), marks, crate::data::mark(name)].map(all));
    }
    let folders = areas(name).into_iter().chain([layout::software(name), paths::versions(name)]);
    plan.after.extend(folders.map(|path| Step::Remove { path, gone: Gone::Folder }));
    plan.changes.push(Change {
        package: name.clone(),
        from: Some(manifest.version.clone()),
        to: None,
        services: !manifest.services.is_empty(),
    });
    Ok(plan)
}

fn script(receipt: &Receipt) -> Option<Script> {
    let manifest = &receipt.manifest;
    let script = paths::path(format!("{}/remove", layout::scripts(&manifest.name)));
    manifest.entries.iter().any(|entry| *entry.path() == script).then(|| Script {
        package: manifest.name.clone(),
        script: "remove".to_owned(),
        from: Some(manifest.version.clone()),
        to: None,
        software: paths::default_arch(&manifest.name, &manifest.version),
    })
}

/// How a script or a setting goes: only if it is as it was installed.
pub(super) fn live_entry(
    look: &dyn Look,
    package: &PackageName,
    entry: &Entry,
    plan: &mut Plan,
) -> Result<Option<Step>, Error> {
    let path = entry.path().clone();
    let seen = look.look(&path)?;
    if seen != Observed::Absent && look.is_fixed(&path)? {
        let text = "is mounted from elsewhere: it is kept".to_owned();
        plan.notices.push(Notice { path, text });
        return Ok(None);
    }
    let step = |gone| Ok(Some(Step::Remove { path: path.clone(), gone }));
    if let Entry::Directory { .. } = entry {
        return if seen == Observed::Folder { step(Gone::Folder) } else { Ok(None) };
    }
    match (Item::found(look, &path, &seen)?, Item::of(entry)) {
        (None, _) => Ok(None),
        (Some(found), Some(was)) if found == was => match entry {
            Entry::File { sha256, .. } => step(Gone::File { sha256: *sha256 }),
            _ => step(Gone::Link),
        },
        _ => kept(package, path.clone(), plan).map(|()| None),
    }
}

/// An edited setting stays where it is. An edited script would still be run there: it is put aside.
fn kept(package: &PackageName, path: RelPath, plan: &mut Plan) -> Result<(), Error> {
    let Some(below) = path.below(&layout::scripts(package)) else {
        let text = "was edited: it is kept, though the package has it no longer".to_owned();
        plan.notices.push(Notice { path, text });
        return Ok(());
    };
    let kept = paths::old_scripts(package).join(&below)?;
    let text = format!("was edited: it is kept as /{kept}");
    plan.notices.push(Notice { path: path.clone(), text });
    plan.before.push(Step::Clear { path, over: super::Over::Theirs { kept } });
    Ok(())
}

/// How a version goes that is a link into the image.
pub(super) fn linked_version(package: &PackageName, version: &Version, arch: Arch) -> Vec<Step> {
    let gone = |path, gone| Step::Remove { path, gone };
    vec![
        gone(layout::software_tree(package, version, arch), Gone::Link),
        gone(paths::default_arch(package, version), Gone::Link),
        gone(paths::software_version(package, version), Gone::Folder),
    ]
}

/// How a version goes that is whole in the volume.
pub(crate) fn kept_version(package: &PackageName, version: &Version, arch: Arch) -> Vec<Step> {
    let kept = paths::version(package, version);
    let gone = |path, gone| Step::Remove { path, gone };
    let receipt = paths::path(format!("{kept}/receipt.json"));
    vec![
        gone(layout::software_tree(package, version, arch), Gone::Software { receipt }),
        gone(paths::default_arch(package, version), Gone::Link),
        gone(paths::software_version(package, version), Gone::Folder),
        gone(kept, Gone::All),
    ]
}
