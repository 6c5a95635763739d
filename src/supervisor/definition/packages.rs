//! Installed packages, in the order of their dependencies, from their receipts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use medic_model::document::from_json;
use medic_model::service::Service;
use medic_model::{Dependency, DocumentError, PackageName, ServiceName, Version, layout, receipt};
use medic_sys::files::list;
use serde::Deserialize;

use crate::machine::order::sorted;
use crate::place::Place;

/// An installed package, as far as it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its services.
    pub services: BTreeMap<ServiceName, Service>,
    depends: Vec<Dependency>,
    provides: Vec<Dependency>,
}

/// A receipt ([`medic_model::Receipt`]), as far as it is needed here: the list of files, which is nearly all of it, is
/// skipped, not read, and the rest is `pkg`'s to check. A test holds that both understand the same.
#[derive(Debug, Deserialize)]
struct Excerpt {
    format: u32,
    manifest: ManifestExcerpt,
}

#[derive(Debug, Deserialize)]
struct ManifestExcerpt {
    name: PackageName,
    version: Version,
    #[serde(default)]
    depends: Vec<Dependency>,
    #[serde(default)]
    provides: Vec<Dependency>,
    #[serde(default)]
    services: BTreeMap<ServiceName, Service>,
}

/// Why it is not known what is installed.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// A folder or file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// It.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A receipt that is none.
    #[error("{0}: run 'pkg doctor', or install the package again")]
    Receipt(DocumentError),
    /// A receipt under another package's name.
    #[error("{} is the receipt of '{name}': give it that name, or remove it", path.display())]
    Name {
        /// The receipt.
        path: PathBuf,
        /// The package it is for.
        name: PackageName,
    },
}

/// The names of the installed packages, in alphabetical order, from the receipts' file names alone.
///
/// # Errors
/// The folder cannot be read. A folder that is not there means that nothing is installed.
pub fn names(place: &Place) -> Result<Vec<PackageName>, PackagesError> {
    let folder = place.at(layout::RECEIPTS);
    let read = |source| PackagesError::Read { path: folder.clone(), source };
    let entries = match list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    // Anything else, such as a receipt that is being written, is not a package.
    let package = |name: &OsString| name.to_str()?.strip_suffix(".json")?.parse().ok();
    let mut names: Vec<PackageName> = entries.iter().filter_map(package).collect();
    names.sort();
    Ok(names)
}

/// The installed packages, each after those it depends on, otherwise in alphabetical order.
///
/// # Errors
/// A receipt that cannot be read or understood: what is installed is then not known, and nothing is guessed.
pub fn installed(place: &Place) -> Result<Vec<Package>, PackagesError> {
    let mut packages = Vec::new();
    for name in names(place)? {
        let path = place.at(layout::receipt(&name).as_str());
        // Removed since the folder was read.
        if let Some(package) = read(&path, &name)? {
            packages.push(package);
        }
    }
    let needs = |package: &Package, other: &Package| {
        let is_called =
            |name: &PackageName| *name == other.name || other.provides.iter().any(|it| it.name == *name);
        package.name != other.name && package.depends.iter().any(|need| is_called(&need.name))
    };
    let needed = |package| (0..packages.len()).filter(|at| needs(package, &packages[*at])).collect();
    let after: Vec<Vec<usize>> = packages.iter().map(needed).collect();
    // Packages that depend on each other in a circle come in alphabetical order: none can ask to be first.
    let (order, _) = sorted(&after);
    let mut packages: Vec<Option<Package>> = packages.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|i| packages[i].take()).collect())
}

fn read(path: &Path, name: &PackageName) -> Result<Option<Package>, PackagesError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PackagesError::Read { path: path.to_owned(), source }),
    };
    let file = path.to_string_lossy();
    let excerpt: Excerpt = from_json(&file, &bytes).map_err(PackagesError::Receipt)?;
    if excerpt.format != receipt::FORMAT {
        let message =
            format!("the receipt has format {}, and this program reads {}", excerpt.format, receipt::FORMAT);
        return Err(PackagesError::Receipt(DocumentError::whole(&file, message)));
    }
    let manifest = excerpt.manifest;
    if manifest.name != *name {
        return Err(PackagesError::Name { path: path.to_owned(), name: manifest.name });
    }
    let ManifestExcerpt { name, version, depends, provides, services } = manifest;
    Ok(Some(Package { name, version, services, depends, provides }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(name: &str, depends: &str) -> String {
        format!(
            r#"{{"format":1,"origin":{{"from":"bundle"}},"installed_at":0,"manifest":{{"format":1,"name":"{name}","version":"1.0",
            "arch":"x64","summary":"","licence":"MIT","depends":[{depends}],"services":{{"{name}d":{{}}}},"entries":[],
            "provenance":{{"action_key":"{}","components":[]}}}}}}"#,
            "0".repeat(64)
        )
    }

    #[test]
    fn packages_come_after_those_they_depend_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path());
        assert_eq!(installed(&place).expect("nothing is installed"), []);
        let receipts = folder.path().join(layout::RECEIPTS);
        std::fs::create_dir_all(&receipts).expect("made");
        for (name, depends) in [("a", "\"c\""), ("b", ""), ("c", "\"b>=1\""), ("d", "\"missing\"")] {
            std::fs::write(receipts.join(format!("{name}.json")), receipt(name, depends)).expect("written");
        }
        std::fs::write(receipts.join(".new"), "half").expect("written");
        let found = installed(&place).expect("read");
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "c", "a"]);
        assert!(found[0].services.contains_key(&"bd".parse().expect("name")));
    }

    #[test]
    fn packages_come_after_those_that_provide_what_they_need() {
        let folder = tempfile::tempdir().expect("a folder");
        let receipts = folder.path().join(layout::RECEIPTS);
        std::fs::create_dir_all(&receipts).expect("made");
        let provides = |text: String| text.replace("\"services\"", "\"provides\":[\"mail =2\"],\"services\"");
        std::fs::write(receipts.join("app.json"), receipt("app", "\"mail\"")).expect("written");
        std::fs::write(receipts.join("exim.json"), provides(receipt("exim", "\"mail\""))).expect("written");
        let found = installed(&Place::new(folder.path())).expect("read");
        assert_eq!(found.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["exim", "app"]);
    }

    #[test]
    fn a_receipt_says_the_same_here_and_in_the_model() {
        let text = receipt("a", "\"c>=1\"")
            .replace("\"ad\":{}", r#""ad":{"stop":{"signal":"QUIT","grace":"3s"},"after":["x/y"]}"#);
        let whole = medic_model::Receipt::from_json("a.json", text.as_bytes()).expect("a receipt").manifest;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).expect("written");
        let package = read(&path, &whole.name).expect("read").expect("there");
        assert_eq!(
            (package.name, package.version, package.services),
            (whole.name, whole.version, whole.services)
        );
        assert_eq!(package.depends, whole.depends);
    }

    #[test]
    fn a_bad_receipt_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path());
        let receipts = folder.path().join(layout::RECEIPTS);
        std::fs::create_dir_all(&receipts).expect("made");
        std::fs::write(receipts.join("a.json"), "{\"format\":1,").expect("written");
        let error = installed(&place).expect_err("refused").to_string();
        assert!(error.contains("receipts/a.json:1:") && error.contains("pkg doctor"), "{error}");
        std::fs::write(receipts.join("a.json"), receipt("b", "")).expect("written");
        let error = installed(&place).expect_err("refused").to_string();
        assert!(error.contains("receipts/a.json is the receipt of 'b'"), "{error}");
    }
}
