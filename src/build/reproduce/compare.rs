//! Two trees, or two package archives, compared.

use std::fs;
use std::path::{Path, PathBuf};

use medic_archive::package::{Limits, PackageReader};
use medic_archive::tree::{Content, Node, Tree};
use medic_archive::{DirectorySink, json};
use medic_model::manifest::FILE_NAME;
use medic_model::{Manifest, RelPath};

use super::difference::{Difference, What, content};
use crate::error::BuildError;
use crate::package::BuiltPackage;
use crate::store::{StoreError, make_folder};

/// What differs between the trees in two folders, in the order of paths.
///
/// # Errors
/// A file cannot be read.
pub fn trees(first: &Path, second: &Path) -> Result<Vec<Difference>, BuildError> {
    let scan = |folder: &Path| {
        Tree::scan(folder).map_err(|error| StoreError::new("read", folder, std::io::Error::other(error)))
    };
    let (first, second) = (scan(first)?, scan(second)?);
    let mut paths: Vec<&RelPath> = first.iter().chain(second.iter()).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    let mut differences = Vec::new();
    for path in paths {
        let what = match (first.get(path), second.get(path)) {
            (Some(first), Some(second)) => nodes(first, second)?,
            (Some(_), None) => vec![What::OnlyFirst],
            (None, _) => vec![What::OnlySecond],
        };
        differences.extend(what.into_iter().map(|what| Difference { path: path.to_string(), what }));
    }
    Ok(differences)
}

fn nodes(first: &Node, second: &Node) -> Result<Vec<What>, StoreError> {
    if kind(first) != kind(second) {
        return Ok(vec![What::Type { first: kind(first), second: kind(second) }]);
    }
    let mut what = Vec::new();
    if let (Some(first), Some(second)) = (mode(first), mode(second))
        && first != second
    {
        what.push(What::Mode { first, second });
    }
    match (first, second) {
        (Node::Link { target: first }, Node::Link { target: second }) if first != second => {
            what.push(What::Link { first: first.clone(), second: second.clone() });
        }
        (Node::File { content: first, .. }, Node::File { content: second, .. }) => {
            what.extend(content(&bytes(first)?, &bytes(second)?).map(What::Content));
        }
        _ => {}
    }
    Ok(what)
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Directory { .. } => "folder",
        Node::File { .. } => "file",
        Node::Link { .. } => "link",
    }
}

fn mode(node: &Node) -> Option<u32> {
    match node {
        Node::Directory { mode } | Node::File { mode, .. } => Some(*mode),
        Node::Link { .. } => None,
    }
}

fn bytes(content: &Content) -> Result<Vec<u8>, StoreError> {
    match content {
        Content::Bytes(bytes) => Ok(bytes.clone()),
        Content::Path(path) => read(path),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(StoreError::from_io("read", path))
}

/// What differs between two archives of one package. What they hold is unpacked into `scratch`. Archives that hold the same
/// differ in their manifest, or in how they were compressed: then that is the difference.
///
/// # Errors
/// An archive cannot be read, or is not whole; the disk.
pub fn archives(
    first: &BuiltPackage,
    second: &BuiltPackage,
    scratch: &Path,
) -> Result<Vec<Difference>, BuildError> {
    if first.sha256 == second.sha256 {
        return Ok(Vec::new());
    }
    let name = first.name.as_str();
    let folder = |side: &str| scratch.join("unpacked").join(side).join(name);
    let (one, two) = (unpack(first, &folder("first"))?, unpack(second, &folder("second"))?);
    let mut differences = trees(&one, &two)?;
    let whole = |path: &str, one: &[u8], two: &[u8]| {
        content(one, two).map(|found| Difference { path: path.to_owned(), what: What::Content(found) })
    };
    if differences.is_empty() {
        differences.extend(whole(FILE_NAME, &text(&first.manifest)?, &text(&second.manifest)?));
    }
    if differences.is_empty() {
        let name = first.manifest.archive_name();
        differences.extend(whole(&name, &read(&first.archive)?, &read(&second.archive)?));
    }
    Ok(differences)
}

fn text(manifest: &Manifest) -> Result<Vec<u8>, StoreError> {
    json::canonical(manifest).map_err(StoreError::from_io("write", Path::new(FILE_NAME)))
}

fn unpack(package: &BuiltPackage, to: &Path) -> Result<PathBuf, BuildError> {
    make_folder(to)?;
    let unread = |error| StoreError::new("read", &package.archive, std::io::Error::other(error));
    let reader = PackageReader::open(&package.archive, Limits::default()).map_err(unread)?;
    let mut sink = DirectorySink::new(to).map_err(StoreError::from_io("write", to))?;
    reader.unpack(&mut sink).map_err(unread)?;
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn folder(fill: impl FnOnce(&Path)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs_err::create_dir(folder.path().join("bin")).expect("made");
        fs_err::write(folder.path().join("bin/a"), "alpha").expect("written");
        symlink("a", folder.path().join("bin/b")).expect("linked");
        fill(folder.path());
        folder
    }

    #[test]
    fn trees_of_the_same_have_no_difference() {
        let (first, second) = (folder(|_| ()), folder(|_| ()));
        assert_eq!(trees(first.path(), second.path()).expect("compared"), []);
    }

    #[test]
    fn every_kind_of_difference_is_named_by_its_path() {
        let first = folder(|folder| {
            fs_err::write(folder.join("only-here"), "").expect("written");
            fs_err::write(folder.join("kind"), "").expect("written");
        });
        let second = folder(|folder| {
            fs_err::write(folder.join("bin/a"), "alpHa").expect("written");
            fs_err::set_permissions(folder.join("bin/a"), fs::Permissions::from_mode(0o755)).expect("set");
            fs_err::remove_file(folder.join("bin/b")).expect("removed");
            symlink("c", folder.join("bin/b")).expect("linked");
            fs_err::write(folder.join("only-there"), "").expect("written");
            fs_err::create_dir(folder.join("kind")).expect("made");
        });
        let found = trees(first.path(), second.path()).expect("compared");
        let shown: Vec<String> = found.iter().map(|one| format!("{} {:?}", one.path, one.what)).collect();
        assert_eq!(shown[0], "bin/a Mode { first: 420, second: 493 }");
        assert!(shown[1].starts_with("bin/a Content(Content { offset: 3"), "{shown:?}");
        assert_eq!(shown[2], "bin/b Link { first: \"a\", second: \"c\" }");
        assert_eq!(shown[3], "kind Type { first: \"file\", second: \"folder\" }");
        assert_eq!(shown[4..], ["only-here OnlyFirst", "only-there OnlySecond"]);
    }
}
