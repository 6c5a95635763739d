//! The packages that the image itself holds: `usr/lib/medic-os/<pkg>/v<version>/manifest.json`.

use std::collections::BTreeMap;

use medic_archive::digest;
use medic_model::document::MAX_DOCUMENT;
use medic_model::{Arch, Manifest, PackageName, Sha256, Version, layout};

use crate::error::Error;
use crate::installed::version_names;
use crate::paths;
use crate::root::Root;

/// A bundled package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its version: the highest, should the image have several.
    pub version: Version,
    /// The digest of its manifest.
    pub digest: Sha256,
    text: Vec<u8>,
}

/// What the image bundles, by name. Empty where there is no bundle.
///
/// # Errors
/// A folder or a manifest cannot be read.
pub fn all(root: &Root) -> Result<BTreeMap<PackageName, Bundled>, Error> {
    let folder = paths::path(layout::BUNDLE.to_owned());
    let mut all = BTreeMap::new();
    for name in root.names(&folder)?.iter().filter_map(|name| name.parse().ok()) {
        if let Some(bundled) = one(root, &name)? {
            all.insert(name, bundled);
        }
    }
    Ok(all)
}

/// The manifest of a version that the image bundles; none when it has it not.
///
/// # Errors
/// It cannot be read or understood.
pub fn version(root: &Root, name: &PackageName, version: &Version) -> Result<Option<Manifest>, Error> {
    let path = paths::path(format!("{}/manifest.json", layout::bundle(name, version)));
    match root.read(&path, MAX_DOCUMENT as u64)? {
        Some(text) => {
            let digest = digest::of_bytes(&text).sha256;
            Bundled { version: version.clone(), digest, text }.manifest(name).map(Some)
        }
        None => Ok(None),
    }
}

fn one(root: &Root, name: &PackageName) -> Result<Option<Bundled>, Error> {
    let folder = paths::path(format!("{}/{name}", layout::BUNDLE));
    let Some(version) = version_names(root, &folder)?.into_iter().max() else { return Ok(None) };
    let path = paths::path(format!("{}/manifest.json", layout::bundle(name, &version)));
    let text = root.read(&path, MAX_DOCUMENT as u64)?.ok_or_else(|| {
        Error::Bundle(format!("'/{path}' is missing: the image is damaged; use another, or build it anew"))
    })?;
    Ok(Some(Bundled { version, digest: digest::of_bytes(&text).sha256, text }))
}

impl Bundled {
    /// Reads the manifest, which must be of the package and version that its folder says.
    ///
    /// # Errors
    /// It cannot be understood, is another's, or is for another machine.
    pub fn manifest(&self, name: &PackageName) -> Result<Manifest, Error> {
        let path = paths::path(format!("{}/manifest.json", layout::bundle(name, &self.version)));
        let manifest = Manifest::from_json(&format!("/{path}"), &self.text)?;
        if manifest.name != *name || manifest.version != self.version {
            return Err(Error::Bundle(format!(
                "'/{path}' is the manifest of {} {}: the image is damaged",
                manifest.name, manifest.version
            )));
        }
        check_arch(&manifest)?;
        Ok(manifest)
    }
}

/// A package can only be installed on the machine that it was compiled for.
///
/// # Errors
/// [`Error::WrongArch`].
pub fn check_arch(manifest: &Manifest) -> Result<(), Error> {
    match Arch::host() {
        Some(host) if host == manifest.arch => Ok(()),
        host => Err(Error::WrongArch {
            package: manifest.name.clone(),
            version: manifest.version.clone(),
            arch: manifest.arch,
            host: host.map_or_else(|| "another machine".to_owned(), |host| host.to_string()),
        }),
    }
}
