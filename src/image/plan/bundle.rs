//! Where a package's entries stand in an image: once, outside `/srv`, in the bundle.

use std::path::Path;

use medic_archive::tree::PLAIN;
use medic_archive::{Content, Node, Tree, TreeError};
use medic_model::manifest::{Entry, FILE_NAME};
use medic_model::{Manifest, RelPath, layout};

use super::PlanError;
use super::base::literal;

/// The tree of a package's layer: its entries below `usr/lib/medic-os/<package>/v<version>`, and its manifest there.
/// `manifest_json` is the manifest's text, `unpacked` the folder that the archive was unpacked in.
///
/// # Errors
/// A path grows beyond the limits, or stands twice.
pub fn package_tree(manifest: &Manifest, manifest_json: Vec<u8>, unpacked: &Path) -> Result<Tree, TreeError> {
    let mut tree = Tree::new();
    for entry in &manifest.entries {
        // The folders above the package's trees (`srv`, `srv/software`) are not of the bundle.
        if let Some(at) = layout::bundled(entry.path(), &manifest.name, &manifest.version, manifest.arch) {
            tree.insert(at, node(entry, unpacked))?;
        }
    }
    let home = layout::bundle(&manifest.name, &manifest.version);
    let path = home.join(&literal(FILE_NAME)).map_err(TreeError::Path)?;
    tree.insert(path, Node::bytes(PLAIN, manifest_json))?;
    Ok(tree)
}

fn node(entry: &Entry, unpacked: &Path) -> Node {
    match entry {
        Entry::Directory { mode, .. } => Node::Directory { mode: *mode },
        Entry::Link { target, .. } => Node::link(target),
        Entry::File { path, mode, size, .. } => {
            Node::File { mode: *mode, size: *size, content: Content::Path(unpacked.join(path).into()) }
        }
    }
}

/// Whether everything that a package holds can stand in the bundle.
pub(super) fn check(manifest: &Manifest) -> Result<(), PlanError> {
    let roots = layout::package_roots(&manifest.name, &manifest.version, manifest.arch);
    for entry in &manifest.entries {
        if let Entry::Link { path, target } = entry {
            let root = roots.iter().find(|root| path.below(root).is_some());
            if !root.is_some_and(|root| leads_into(path, target, root)) {
                return Err(PlanError::CrossLink {
                    package: manifest.name.clone(),
                    path: path.clone(),
                    target: target.clone(),
                });
            }
        }
        check_length(manifest, entry.path())?;
    }
    Ok(())
}

/// Whether a relative link, resolved by its text alone, never leaves `root`.
fn leads_into(path: &RelPath, target: &str, root: &RelPath) -> bool {
    let Some(folder) = path.parent() else { return false };
    let mut at: Vec<&str> = folder.parts().collect();
    let least = root.parts().count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(at.pop()),
            part => at.push(part),
        }
        if at.len() < least {
            return false;
        }
    }
    true
}

/// The bundle's paths are longer than those in `/srv` by a little.
fn check_length(manifest: &Manifest, path: &RelPath) -> Result<(), PlanError> {
    let longest = path.as_str().len() + layout::BUNDLE.len();
    if longest <= medic_model::path::MAX_PATH && path.parts().count() < medic_model::path::MAX_DEPTH - 3 {
        return Ok(());
    }
    let why = format!("the path '{path}' is too long or too deep for the image's bundle: shorten it");
    Err(PlanError::Path { package: manifest.name.clone(), why })
}
