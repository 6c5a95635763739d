//! The file system inside an image, as a contract with its users. Paths are relative to `/`.
//!
//! ```text
//! boot/                                      every command
//! srv/scripts/<pkg>/                         install, remove, env, run/<service>, setup/<step>
//! srv/settings/<pkg>/<service>/              settings
//! srv/software/<pkg>/v<version>/<arch>/      executable code
//! srv/software/<pkg>/current                 -> v<version>
//! srv/software/<pkg>/v<version>/default      -> <arch>
//! srv/storage/<pkg>/<service>/               data and logs
//! srv/system/                                receipts, journal, marks
//! usr/lib/medic-os/<pkg>/v<version>/         the image's bundle of the package:
//!     manifest.json, scripts/, settings/, <arch>/
//! run/supervisor/                            volatile state and control sockets
//! ```

use crate::{Arch, PackageName, RelPath, Version};

/// The folder of the image's bundled packages.
pub const BUNDLE: &str = "usr/lib/medic-os";
/// Package scripts.
pub const SCRIPTS: &str = "srv/scripts";
/// Package settings.
pub const SETTINGS: &str = "srv/settings";
/// Package software.
pub const SOFTWARE: &str = "srv/software";
/// Package data.
pub const STORAGE: &str = "srv/storage";
/// What is not for people.
pub const SYSTEM: &str = "srv/system";
/// Receipts, `<pkg>.json`.
pub const RECEIPTS: &str = "srv/system/receipts";
/// The supervisor's persistent marks.
pub const SUPERVISOR_MARKS: &str = "srv/system/supervisor";
/// The supervisor's volatile state.
pub const SUPERVISOR_RUN: &str = "run/supervisor";
/// Every command.
pub const BOOT: &str = "boot";

fn path(text: String) -> RelPath {
    // Names and versions are plain and short, so a path made of them is always valid.
    text.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

/// `srv/software/<pkg>`
pub fn software(package: &PackageName) -> RelPath {
    path(format!("{SOFTWARE}/{package}"))
}

/// `srv/software/<pkg>/v<version>/<arch>`
pub fn software_tree(package: &PackageName, version: &Version, arch: Arch) -> RelPath {
    path(format!("{SOFTWARE}/{package}/v{version}/{arch}"))
}

/// `srv/scripts/<pkg>`
pub fn scripts(package: &PackageName) -> RelPath {
    path(format!("{SCRIPTS}/{package}"))
}

/// `srv/settings/<pkg>`
pub fn settings(package: &PackageName) -> RelPath {
    path(format!("{SETTINGS}/{package}"))
}

/// `srv/storage/<pkg>`
pub fn storage(package: &PackageName) -> RelPath {
    path(format!("{STORAGE}/{package}"))
}

/// `srv/system/receipts/<pkg>.json`
pub fn receipt(package: &PackageName) -> RelPath {
    path(format!("{RECEIPTS}/{package}.json"))
}

/// `usr/lib/medic-os/<pkg>/v<version>`
pub fn bundle(package: &PackageName, version: &Version) -> RelPath {
    path(format!("{BUNDLE}/{package}/v{version}"))
}

/// The three trees that a package's entries are in: software, scripts, settings.
pub fn package_roots(package: &PackageName, version: &Version, arch: Arch) -> [RelPath; 3] {
    [software_tree(package, version, arch), scripts(package), settings(package)]
}

/// Where an entry of a package's archive (`srv/…`) stands in the image's bundle; none when it is in none of the three trees.
pub fn bundled(entry: &RelPath, package: &PackageName, version: &Version, arch: Arch) -> Option<RelPath> {
    let bundle = bundle(package, version);
    let names = [arch.as_str(), "scripts", "settings"];
    package_roots(package, version, arch).iter().zip(names).find_map(|(root, name)| {
        let home = path(format!("{bundle}/{name}"));
        if entry == root { Some(home) } else { entry.below(root).and_then(|below| home.join(&below).ok()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_bundled_outside_the_volume() {
        let (name, version) = ("nginx".parse().expect("name"), "1.30.6".parse().expect("version"));
        let bundled = |entry: &str| {
            bundled(&entry.parse().expect("path"), &name, &version, Arch::X64).map(|path| path.to_string())
        };
        let home = "usr/lib/medic-os/nginx/v1.30.6";
        assert_eq!(
            bundled("srv/software/nginx/v1.30.6/x64/bin/nginx"),
            Some(format!("{home}/x64/bin/nginx"))
        );
        assert_eq!(bundled("srv/scripts/nginx/run/nginx"), Some(format!("{home}/scripts/run/nginx")));
        assert_eq!(bundled("srv/settings/nginx"), Some(format!("{home}/settings")));
        assert_eq!(bundled("srv/software/nginx"), None);
        assert_eq!(bundled("srv/storage/nginx/x"), None);
    }
}
