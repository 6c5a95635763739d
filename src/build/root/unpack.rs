//! Keeping what build steps need of the tar that mmdebstrap writes.

use std::io::Read;
use std::path::{Component, Path};

use medic_archive::digest;
use medic_model::RelPath;

use super::{DebianPackage, glob};
use crate::error::BuildError;
use crate::sandbox::ROOT_FOLDERS;
use crate::store::{StoreError, is_full_beneath};

/// Where the packages themselves stand, as apt fetched and verified them.
const ARCHIVES: &str = "var/cache/apt/archives/";

/// Unpacks the visible folders of a root below `tree`, but for what matches `remove`; gives the packages it is made of, in
/// order of their names. Owners are ours, set-uid and the like are dropped.
///
/// # Errors
/// The tar is cut off or names something outside; the disk.
pub fn unpack(tar: &mut dyn Read, tree: &Path, remove: &[RelPath]) -> Result<Vec<DebianPackage>, BuildError> {
    let mut archive = tar::Archive::new(tar);
    archive.set_preserve_mtime(false);
    archive.set_overwrite(false);
    let mut packages = Vec::new();
    for entry in archive.entries().map_err(cut_off)? {
        let mut entry = entry.map_err(cut_off)?;
        let Some(path) = plain(&entry.path().map_err(cut_off)?) else { continue };
        if let Some(file) = path.strip_prefix(ARCHIVES).filter(|file| file.ends_with(".deb")) {
            let sha256 = digest::of_reader(&mut entry).map_err(cut_off)?.sha256;
            packages.push(DebianPackage { file: file.to_owned(), sha256 });
        } else if is_kept(&path, remove) {
            let place = tree.join(&path);
            let inside = entry.unpack_in(tree).map_err(|error| unwritten(&place, error))?;
            if !inside {
                return Err(cut_off(std::io::Error::other(format!("'{path}' leads out of the root"))));
            }
        }
    }
    packages.sort();
    Ok(packages)
}

/// The path without `./`; none for the root itself.
fn plain(path: &Path) -> Option<String> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.is_empty() { None } else { Some(parts.join("/")) }
}

fn is_kept(path: &str, remove: &[RelPath]) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    ROOT_FOLDERS.contains(&first) && !remove.iter().any(|pattern| glob::matches(pattern.as_str(), path))
}

fn cut_off(error: std::io::Error) -> BuildError {
    BuildError::Root { message: format!("the tar that it wrote cannot be used: {error}") }
}

fn unwritten(place: &Path, error: std::io::Error) -> BuildError {
    let error = if is_full_beneath(&error) { std::io::ErrorKind::StorageFull.into() } else { error };
    StoreError::new("write", place, error).into()
}
