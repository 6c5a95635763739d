//! The first layer: the folders that every image has. The same for all, so that daemons and registries keep one copy.

use medic_archive::{Node, Tree};
use medic_model::RelPath;

/// Folders and their modes. `srv` is empty: it is a volume, and everything in it is made at boot.
const FOLDERS: [(&str, u32); 13] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/lib", 0o755),
    (medic_model::layout::BUNDLE, 0o755),
    ("var", 0o755),
    ("var/tmp", 0o1777),
];

/// Everything of the base layer has this modification time, 1980-01-01: it must not depend on when or from what an image is
/// made.
pub(crate) const MTIME: u64 = 315_532_800;

/// A path that is written in this source.
pub(super) fn literal(text: &str) -> RelPath {
    // Each is plain; the plan's first test makes every one of them.
    text.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

/// The tree of the base layer.
pub(super) fn tree() -> Tree {
    let folders = FOLDERS.map(|(path, mode)| (literal(path), Node::Directory { mode }));
    // Where programs of old keep process numbers.
    let links = [(literal("var/run"), Node::link("../run"))];
    let mut tree = Tree::new();
    for (path, node) in folders.into_iter().chain(links) {
        // No path stands twice above.
        tree.insert(path, node).unwrap_or_else(|error| unreachable!("{error}"));
    }
    tree
}
