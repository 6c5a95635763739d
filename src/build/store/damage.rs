//! What is in the store compared with its digest, and put away when it is not what it was.

use std::path::Path;

use medic_archive::{Tree, digest};
use medic_model::Sha256;

use super::{ComponentRecord, Store, StoreError, remove_all, warn_of_damage};
use crate::report::Reporter;

/// What is wrong with a tree; nothing when it is what its digest says. All of it is read.
pub(crate) fn of_tree(tree: &Path, expected: &Sha256) -> Option<String> {
    match Tree::scan(tree).and_then(|tree| tree.digest()) {
        Ok(found) if found.sha256 == *expected => None,
        Ok(found) => Some(format!("the digest of what is in it is {}", found.sha256)),
        Err(error) => Some(error.to_string()),
    }
}

/// What is wrong with a file; nothing when it is what its digest says. All of it is read.
pub(super) fn of_file(file: &Path, expected: &Sha256) -> Option<String> {
    match digest::of_file(file) {
        Ok(found) if found.sha256 == *expected => None,
        Ok(found) => Some(format!("its digest is {}", found.sha256)),
        Err(error) => Some(error.to_string()),
    }
}

impl Store {
    /// Whether the tree of a result is what it was when it was made: it is read to its end. If not, that is a warning, and the
    /// result is removed.
    ///
    /// # Errors
    /// It is damaged, and cannot be removed.
    pub fn is_sound(&self, record: &ComponentRecord, reporter: &dyn Reporter) -> Result<bool, StoreError> {
        let tree = self.layout.tree(&record.tree);
        let Some(why) = of_tree(&tree, &record.tree) else { return Ok(true) };
        warn_of_damage(reporter, &tree, &why);
        self.discard_tree(&record.tree)?;
        Ok(false)
    }

    /// Removes the package whose archive this is, when the archive has not the digest that it should have; says whether.
    ///
    /// # Errors
    /// It is damaged, and cannot be removed.
    pub fn discard_damaged_package(
        &self,
        archive: &Path,
        sha256: &Sha256,
        reporter: &dyn Reporter,
    ) -> Result<bool, StoreError> {
        let Some(why) = of_file(archive, sha256) else { return Ok(false) };
        let Some(folder) = archive.parent().filter(|folder| folder.starts_with(self.layout.packages()))
        else {
            return Ok(false);
        };
        warn_of_damage(reporter, archive, &why);
        self.discard(folder)?;
        Ok(true)
    }

    /// Removes a tree, and before it every record that names it.
    pub(super) fn discard_tree(&self, digest: &Sha256) -> Result<(), StoreError> {
        for (_, record) in self.records()?.iter().filter(|(_, record)| record.tree == *digest) {
            remove_all(&self.layout.result(&record.key))?;
        }
        self.discard(&self.layout.tree(digest))
    }

    /// Removes a file or folder of the store. A folder is renamed out of the way first, so that it is never there in part: what
    /// a killed builder leaves of it is removed with the rest of `work/`.
    pub(super) fn discard(&self, path: &Path) -> Result<(), StoreError> {
        if !std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
            return remove_all(path);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = self.layout.work().join(format!("discarded-{name}"));
        remove_all(&aside)?;
        match std::fs::rename(path, &aside) {
            // Two threads found the damage.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            renamed => {
                renamed.map_err(StoreError::from_io("remove", path))?;
                remove_all(&aside)
            }
        }
    }
}
