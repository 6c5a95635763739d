//! Names that only some file systems can tell apart.

use std::collections::BTreeMap;

use medic_archive::tree::Tree;

use super::check::{Check, Exceptions, Finding, Level, Looks};

/// Names that differ in case only.
pub static CASE: Check = Check {
    id: "case-collision",
    title: "two names that differ in upper and lower case only",
    why: "On a file system that does not tell them apart (macOS's and Windows's own; ext4 folders with casefolding) one \
          overwrites the other: an unpacked source tree, layer or volume there is not what was built.",
    mend: "Rename one of them, or leave it out.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Looks at every name of a tree.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut first = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, _) in tree.iter() {
        if let Some(other) = first.insert(path.as_str().to_lowercase(), path) {
            findings.push(CASE.finds(path, format!("there is '{other}' too")));
        }
    }
    findings
}
