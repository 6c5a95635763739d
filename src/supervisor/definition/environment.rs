//! The environment of a package's scripts and services.
//!
//! It is the container's own (what `docker run --env` gives), with these on top: `PACKAGE_ROOT` (`/srv`),
//! `PACKAGE_NAME`, `PACKAGE_VERSION`, `PACKAGE_SCRIPTS`, `PACKAGE_SETTINGS`, `PACKAGE_SOFTWARE` (`…/current/default`), `PACKAGE_STORAGE`,
//! `PATH` (`/boot`, the package's own programs, the image's); then `HOME` and `USER` where the definition names a user; then
//! what the definition sets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use medic_model::{PackageName, Version, layout};

use crate::place::Place;

/// What all packages have in common.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where everything is.
    pub place: Place,
    /// The container's environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// The variables of a package, as `NAME=value`, sorted by name; `further` replaces what is there.
pub fn variables(
    surroundings: &Surroundings,
    package: &PackageName,
    version: &Version,
    further: &BTreeMap<String, String>,
) -> Vec<Vec<u8>> {
    let place = &surroundings.place;
    let bytes = |path: &str| place.at(path).into_os_string();
    let software = bytes(&format!("{}/current/default", layout::software(package)));
    let mut all: BTreeMap<OsString, OsString> = surroundings.environment.iter().cloned().collect();
    let mut set = |name: &str, value: OsString| all.insert(name.into(), value);
    set("PATH", path(place, package));
    set("PACKAGE_ROOT", bytes("srv"));
    set("PACKAGE_NAME", package.as_str().into());
    set("PACKAGE_VERSION", version.as_str().into());
    set("PACKAGE_SCRIPTS", bytes(layout::scripts(package).as_str()));
    set("PACKAGE_SETTINGS", bytes(layout::settings(package).as_str()));
    set("PACKAGE_STORAGE", bytes(layout::storage(package).as_str()));
    set("PACKAGE_SOFTWARE", software);
    for (name, value) in further {
        set(name, value.into());
    }
    all.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect()
}

/// `/boot`, the package's programs, then the image's.
fn path(place: &Place, package: &PackageName) -> OsString {
    let software = format!("{}/current/default", layout::software(package));
    let own = [layout::BOOT.to_owned(), format!("{software}/bin"), format!("{software}/sbin")];
    let mut path = OsString::new();
    for folder in own {
        path.push(place.at(&folder));
        path.push(":");
    }
    path.push("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_finds_itself_and_keeps_the_containers_variables() {
        let surroundings = Surroundings {
            place: Place::new("/"),
            environment: vec![
                ("A".into(), "1".into()),
                ("PATH".into(), "/elsewhere".into()),
                ("B".into(), "1".into()),
            ],
        };
        let further = BTreeMap::from([("B".to_owned(), "2".to_owned())]);
        let (name, version) = ("nginx".parse().expect("name"), "1.30.6".parse().expect("version"));
        let found = variables(&surroundings, &name, &version, &further);
        let text: Vec<String> = found.into_iter().map(|v| String::from_utf8(v).expect("UTF-8")).collect();
        assert_eq!(
            text,
            [
                "A=1",
                "B=2",
                "PACKAGE_NAME=nginx",
                "PACKAGE_ROOT=/srv",
                "PACKAGE_SCRIPTS=/srv/scripts/nginx",
                "PACKAGE_SETTINGS=/srv/settings/nginx",
                "PACKAGE_SOFTWARE=/srv/software/nginx/current/default",
                "PACKAGE_STORAGE=/srv/storage/nginx",
                "PACKAGE_VERSION=1.30.6",
                "PATH=/boot:/srv/software/nginx/current/default/bin:/srv/software/nginx/current/default/sbin:\
                 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ]
        );
    }
}
