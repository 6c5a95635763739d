//! The files of the package manager itself, below `srv/system`; and names that are only there for a moment.

use medic_model::layout::{SCRIPTS, SETTINGS, SOFTWARE, SYSTEM};
use medic_model::{Arch, PackageName, RelPath, Version, layout};

/// What `format!` made of names, versions and plain words.
pub(crate) fn path(text: String) -> RelPath {
    // Names and versions are plain and short, so a path made of them is always valid.
    text.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

/// `srv/system`
pub fn system() -> RelPath {
    path(SYSTEM.to_owned())
}

/// The lock that every command which changes something holds: `srv/system/lock`.
pub fn lock() -> RelPath {
    path(format!("{SYSTEM}/lock"))
}

/// Transactions that are under way: `srv/system/journal`.
pub fn journal() -> RelPath {
    path(format!("{SYSTEM}/journal"))
}

/// Archives that were got from afar, while they are needed: `srv/system/cache`.
pub fn cache() -> RelPath {
    path(format!("{SYSTEM}/cache"))
}

/// Receipts: `srv/system/receipts`.
pub fn receipts() -> RelPath {
    path(layout::RECEIPTS.to_owned())
}

/// What the image's bundle was when it was last reconciled: `srv/system/bundle.json`.
pub fn stamp() -> RelPath {
    path(format!("{SYSTEM}/bundle.json"))
}

/// Versions that stay whole in the volume: `srv/system/versions/<pkg>`.
pub fn versions(package: &PackageName) -> RelPath {
    path(format!("{SYSTEM}/versions/{package}"))
}

/// A version's manifest, scripts and default settings, in the form of the image's bundle: `srv/system/versions/<pkg>/v<version>`.
pub fn version(package: &PackageName, version: &Version) -> RelPath {
    path(format!("{SYSTEM}/versions/{package}/v{version}"))
}

/// `srv/software/<pkg>/v<version>`
pub fn software_version(package: &PackageName, version: &Version) -> RelPath {
    path(format!("{SOFTWARE}/{package}/v{version}"))
}

/// `srv/software/<pkg>/current`, a link to `v<version>`.
pub fn current(package: &PackageName) -> RelPath {
    path(format!("{SOFTWARE}/{package}/current"))
}

/// `srv/software/<pkg>/v<version>/default`, a link to `<arch>`.
pub fn default_arch(package: &PackageName, version: &Version) -> RelPath {
    path(format!("{SOFTWARE}/{package}/v{version}/default"))
}

/// The text of the link from a software tree into the image's bundle: relative, so that it holds wherever the root is.
pub fn bundle_target(package: &PackageName, version: &Version, arch: Arch) -> String {
    format!("../../../../{}/{arch}", layout::bundle(package, version))
}

/// The folder for new defaults of settings that the operator has edited: `srv/settings/<pkg>/.new`. No service scans it.
pub fn new_settings(package: &PackageName) -> RelPath {
    path(format!("{SETTINGS}/{package}/.new"))
}

/// The folder for edited scripts that an upgrade replaced: `srv/scripts/<pkg>/.old`.
pub fn old_scripts(package: &PackageName) -> RelPath {
    path(format!("{SCRIPTS}/{package}/.old"))
}

/// Where an entry of a package stands in a folder of the bundle's form (`home`): scripts and settings only. None when it is
/// in neither, or when its path would be longer than paths may be.
pub fn in_version(home: &RelPath, entry: &RelPath, package: &PackageName) -> Option<RelPath> {
    let areas = [(layout::scripts(package), "scripts"), (layout::settings(package), "settings")];
    areas.iter().find_map(|(area, name)| {
        let inside = path(format!("{home}/{name}"));
        if entry == area { Some(inside) } else { inside.join(&entry.below(area)?).ok() }
    })
}

/// Whether a name is one of a transaction's own, which are only there while it runs.
pub fn is_passing(name: &str) -> bool {
    name.starts_with(PASSING)
}

const PASSING: &str = ".pkg-";

/// The name that a step's new content has beside its place until it is renamed into it.
pub fn staged(id: &str, step: usize) -> String {
    format!("{PASSING}{id}-{step}.new")
}

/// The name that the old content has beside its place until the transaction is over.
pub fn backup(id: &str, step: usize) -> String {
    format!("{PASSING}{id}-{step}.old")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_reached_from_the_software_tree() {
        let (name, version) = ("nginx".parse().expect("name"), "1.30.6".parse().expect("version"));
        assert_eq!(
            bundle_target(&name, &version, Arch::X64),
            "../../../../usr/lib/medic-os/nginx/v1.30.6/x64"
        );
        let home = super::version(&name, &version);
        let inside = |entry: &str| {
            in_version(&home, &entry.parse().expect("path"), &name).map(|path| path.to_string())
        };
        assert_eq!(
            inside("srv/scripts/nginx/run/nginx").as_deref(),
            Some("srv/system/versions/nginx/v1.30.6/scripts/run/nginx")
        );
        assert_eq!(inside("srv/software/nginx/v1.30.6/x64"), None);
        assert!(is_passing(&staged("1-2", 3)) && is_passing(&backup("1-2", 3)));
    }
}
