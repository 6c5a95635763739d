//! Making a folder durable before it is renamed to its place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use medic_sys::files::Folder;

use super::StoreError;

/// Up to so many files and folders are synced one by one. For more it is cheaper to sync the whole file system, though that
/// waits for what all other programs have written, too.
const ONE_BY_ONE: usize = 256;

/// Makes everything in a folder durable.
///
/// # Errors
/// The disk.
pub fn make_durable(folder: &Path) -> Result<(), StoreError> {
    match list(folder)? {
        None => Ok(Folder::open(folder)?.sync_filesystem()?),
        Some(paths) => paths.iter().try_for_each(|path| {
            File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::from_io("sync", path))
        }),
    }
}

/// Every file and folder (links are part of their folder), each folder after what it holds; none when they are too many.
fn list(folder: &Path) -> Result<Option<Vec<PathBuf>>, StoreError> {
    let mut found = vec![folder.to_owned()];
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(StoreError::from_io("read the folder", &folder))? {
            let entry = entry.map_err(StoreError::from_io("read the folder", &folder))?;
            let kind = entry.file_type().map_err(StoreError::from_io("read", &entry.path()))?;
            if kind.is_dir() {
                open.push(entry.path());
            }
            if kind.is_dir() || kind.is_file() {
                found.push(entry.path());
            }
            if found.len() > ONE_BY_ONE {
                return Ok(None);
            }
        }
    }
    found.reverse();
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_listed_from_the_inside_out_and_many_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("made");
        fs::write(folder.path().join("a/b/c"), "x").expect("written");
        std::os::unix::fs::symlink("/nowhere", folder.path().join("link")).expect("linked");
        let below = |path: &PathBuf| path.strip_prefix(folder.path()).expect("below").to_owned();
        let paths: Vec<_> = list(folder.path()).expect("listed").expect("few").iter().map(below).collect();
        assert_eq!(paths, ["a/b/c", "a/b", "a", ""].map(PathBuf::from));
        make_durable(folder.path()).expect("synced");
        for number in 0..ONE_BY_ONE {
            fs::write(folder.path().join(number.to_string()), "").expect("written");
        }
        assert_eq!(list(folder.path()).expect("listed"), None);
        make_durable(folder.path()).expect("synced");
    }
}
