//! What is installed, by its receipts; and what of it is in the volume.

use std::collections::BTreeMap;

use medic_model::document::MAX_DOCUMENT;
use medic_model::{Arch, DocumentError, PackageName, Receipt, RelPath, Version, layout};
use serde::Deserialize;

use crate::error::Error;
use crate::paths;
use crate::plan::{Look, Observed};
use crate::root::Root;

const LIMIT: u64 = MAX_DOCUMENT as u64;

/// Every installed package. A receipt that cannot be read is an error that names it.
///
/// # Errors
/// A receipt cannot be read or understood.
pub fn all(root: &Root) -> Result<BTreeMap<PackageName, Receipt>, Error> {
    let mut all = BTreeMap::new();
    for name in names(root)? {
        if let Some(receipt) = one(root, &name)? {
            all.insert(name, receipt);
        }
    }
    Ok(all)
}

/// The names of all installed packages, ascending.
///
/// # Errors
/// The folder cannot be listed.
pub fn names(root: &Root) -> Result<Vec<PackageName>, Error> {
    let names = root.names(&paths::receipts())?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect())
}

/// A package's receipt; none when it is not installed.
///
/// # Errors
/// It cannot be read or understood, or is another package's.
pub fn one(root: &Root, package: &PackageName) -> Result<Option<Receipt>, Error> {
    let receipt = read(root, &layout::receipt(package))?;
    match receipt {
        Some(receipt) if receipt.manifest.name != *package => {
            let file = root.path_of(&layout::receipt(package)).display().to_string();
            let text = format!("it is the receipt of '{}'", receipt.manifest.name);
            Err(DocumentError::whole(&file, text).into())
        }
        receipt => Ok(receipt),
    }
}

/// As [`one`], but an error when it is not installed.
///
/// # Errors
/// [`Error::NotInstalled`], and as [`one`].
pub fn required(root: &Root, package: &PackageName) -> Result<Receipt, Error> {
    one(root, package)?.ok_or_else(|| Error::NotInstalled { package: package.clone() })
}

fn read(root: &Root, path: &RelPath) -> Result<Option<Receipt>, Error> {
    match root.read(path, LIMIT)? {
        Some(text) => Ok(Some(Receipt::from_json(&root.path_of(path).display().to_string(), &text)?)),
        None => Ok(None),
    }
}

/// What `pkg list` shows of a package, without reading what it installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Brief {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// One line for people.
    pub summary: String,
}

/// A receipt, of which only that is looked at.
#[derive(Deserialize)]
struct Outline {
    manifest: Brief,
}

/// How much of a receipt is read for a [`Brief`]: what stands before the entries is rarely a tenth of it.
const START: u64 = 32 << 10;

/// What stands before the entries, of which there may be very many; none when they do not begin in this part of a receipt.
/// These bytes cannot be within a string: a quotation mark there is escaped.
fn start(text: &[u8]) -> Option<Brief> {
    let entries = b",\"entries\":[";
    let at = text.windows(entries.len()).position(|part| part == entries)?;
    let outline: Outline = serde_json::from_slice(&[&text[..at], b"}}"].concat()).ok()?;
    Some(outline.manifest)
}

/// Every installed package in brief, ascending by name. What a receipt says of entries is not looked at.
///
/// # Errors
/// A receipt cannot be read or understood.
pub fn briefs(root: &Root) -> Result<Vec<Brief>, Error> {
    let mut briefs = Vec::new();
    for name in names(root)? {
        let path = layout::receipt(&name);
        if let Some(brief) = root.read_start(&path, START)?.as_deref().and_then(start) {
            briefs.push(brief);
            continue;
        }
        if let Some(text) = root.read(&path, LIMIT)? {
            let file = root.path_of(&path).display().to_string();
            briefs.push(medic_model::document::from_json::<Outline>(&file, &text)?.manifest);
        }
    }
    Ok(briefs)
}

/// A version of a package that is in the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The version.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// Whether it is whole in the volume; else its tree is a link into the image.
    pub whole: bool,
}

/// The versions of a package whose software is in the volume, ascending.
///
/// # Errors
/// A folder cannot be listed.
pub fn versions(root: &Root, package: &PackageName) -> Result<Vec<Present>, Error> {
    let mut present = Vec::new();
    for version in version_names(root, &layout::software(package))? {
        for arch in Arch::ALL {
            let whole = match root.look(&layout::software_tree(package, &version, arch))? {
                Observed::Folder => kept_receipt(root, package, &version)?.is_some(),
                Observed::Link(target) if target == paths::bundle_target(package, &version, arch) => false,
                _ => continue,
            };
            present.push(Present { version: version.clone(), arch, whole });
        }
    }
    present.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(present)
}

/// The versions that a folder has as `v<version>`, unsorted.
///
/// # Errors
/// The folder cannot be listed.
pub fn version_names(root: &Root, folder: &RelPath) -> Result<Vec<Version>, Error> {
    let names = root.names(folder)?;
    Ok(names.iter().filter_map(|name| name.strip_prefix('v')?.parse().ok()).collect())
}

/// The receipt of a version that is whole in the volume, current or not.
///
/// # Errors
/// It cannot be read or understood.
pub fn kept_receipt(root: &Root, package: &PackageName, version: &Version) -> Result<Option<Receipt>, Error> {
    read(root, &paths::path(format!("{}/receipt.json", paths::version(package, version))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_entries_is_enough() {
        let mut manifest = crate::fixture::manifest("web", "1.2");
        manifest.summary = "says \",\"entries\":[ and more".to_owned();
        let receipt = Receipt {
            format: medic_model::receipt::FORMAT,
            manifest,
            origin: medic_model::receipt::Origin::Bundle,
            installed_at: 7,
            settings: BTreeMap::new(),
            previous: None,
        };
        let text = serde_json::to_vec(&receipt).expect("JSON");
        let brief = start(&text).expect("it is there");
        assert_eq!((brief.name, brief.version), (receipt.manifest.name, receipt.manifest.version));
        assert_eq!(brief.summary, receipt.manifest.summary);
        // A part in which they do not begin is not enough, nor is something else.
        assert_eq!(start(&text[..60]), None);
        assert_eq!(start(b"{\"x\":1,\"entries\":[]}"), None);
    }
}
