//! Small trees held in memory, so that what was digested is what is written later, whatever becomes of the files meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use medic_archive::tree::{Content, Node, Tree, TreeError};

use crate::store::{StoreError, make_folder};

/// Why a tree cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be put together.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tree with the content of all its files.
///
/// # Errors
/// A file cannot be read.
pub fn load(tree: &Tree) -> Result<Tree, LoadError> {
    let mut loaded = Tree::new();
    for (path, node) in tree.iter() {
        let node = match node {
            Node::File { mode, content: Content::Path(from), .. } => {
                Node::bytes(*mode, fs::read(from).map_err(StoreError::from_io("read", from))?)
            }
            other => other.clone(),
        };
        loaded.insert(path.clone(), node)?;
    }
    Ok(loaded)
}

/// Writes a tree below a folder.
///
/// # Errors
/// The disk; something is in the way.
pub fn write(tree: &Tree, to: &Path) -> Result<(), StoreError> {
    for (path, node) in tree.iter() {
        let place = to.join(path);
        match node {
            Node::Directory { .. } => make_folder(&place)?,
            Node::Link { target } => {
                symlink(target, &place).map_err(StoreError::from_io("make the link", &place))?;
            }
            Node::File { mode, content, .. } => {
                let written = match content {
                    Content::Bytes(bytes) => fs::write(&place, bytes),
                    Content::Path(from) => fs::copy(from, &place).map(drop),
                };
                written
                    .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(*mode)))
                    .map_err(StoreError::from_io("write", &place))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_loaded_is_what_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("a")).expect("made");
        fs::create_dir(&to).expect("made");
        fs::write(from.join("a/file"), "before").expect("written");
        fs::set_permissions(from.join("a/file"), fs::Permissions::from_mode(0o755)).expect("set");
        symlink("a/file", from.join("link")).expect("linked");
        let tree = load(&Tree::scan(&from).expect("scanned")).expect("loaded");
        fs::write(from.join("a/file"), "after").expect("written");
        write(&tree, &to).expect("written");
        assert_eq!(fs::read_to_string(to.join("link")).expect("there"), "before");
        let written = Tree::scan(&to).and_then(|tree| tree.digest()).expect("scanned");
        assert_eq!(written, tree.digest().expect("digested"));
    }
}
