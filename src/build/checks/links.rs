//! Links that lead nowhere, or elsewhere once the tree is installed.

use std::collections::BTreeSet;

use medic_archive::tree::{Node, Tree};
use medic_model::RelPath;

use super::check::{Check, Exceptions, Finding, Level, Looks};

/// A link that leaves the tree.
pub static LEAVING: Check = Check {
    id: "link-leaves-tree",
    title: "a link that is absolute or leads out of the tree",
    why: "A tree is installed at another place than it is built at, is unpacked below other folders, and is verified: a link \
          out of it leads to another file, or to one of the machine that unpacks it.",
    mend: "Make it relative and keep its target in $PREFIX: ln -sr.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Never("a manifest with such a link is refused"),
};

/// A link that leads nowhere.
pub static BROKEN: Check = Check {
    id: "broken-link",
    title: "a link to something that is not there",
    why: "Whoever opens it is told that there is no such file, though the file is listed.",
    mend: "Install its target too, or remove the link. A target that a package leaves out by 'exclude' takes its links with it.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// The most links followed one after another (Linux: 40).
const MOST_LINKS: usize = 40;

/// Looks at every link of a tree.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, node) in tree.iter() {
        let Node::Link { target } = node else { continue };
        match follow(tree, path, target) {
            End::Found => {}
            End::Leaves(why) => findings.push(LEAVING.finds(path, format!("its target '{target}' {why}"))),
            End::Nothing(at) => {
                findings.push(BROKEN.finds(path, format!("its target '{target}' is not there: no '{at}'")))
            }
            End::Circle => {
                findings.push(BROKEN.finds(path, format!("its target '{target}' leads round in a circle")))
            }
        }
    }
    findings
}

enum End {
    Found,
    Leaves(&'static str),
    Nothing(String),
    Circle,
}

/// Why a link cannot stand in any manifest, by its text alone.
fn leaves(link: &RelPath, target: &str) -> Option<&'static str> {
    if target.starts_with('/') {
        return Some("is absolute");
    }
    let mut depth = link.parts().count() - 1;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return Some("leads out of the tree"),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    None
}

/// Follows a link as the kernel would, folder by folder, inside the tree.
fn follow(tree: &Tree, link: &RelPath, target: &str) -> End {
    if let Some(why) = leaves(link, target) {
        return End::Leaves(why);
    }
    let mut at: Vec<String> = link.parent().iter().flat_map(RelPath::parts).map(str::to_owned).collect();
    let mut open: Vec<String> = parts(target);
    let mut followed = BTreeSet::new();
    while let Some(part) = open.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                if at.pop().is_none() {
                    return End::Leaves("leads out of the tree");
                }
                continue;
            }
            _ => at.push(part),
        }
        let here = at.join("/");
        let node = here.parse::<RelPath>().ok().and_then(|path| tree.get(&path));
        match node {
            None => return End::Nothing(here),
            Some(Node::Link { target }) => {
                if followed.len() == MOST_LINKS || !followed.insert((here, open.len())) {
                    return End::Circle;
                }
                if target.starts_with('/') {
                    // The other link is a finding of its own.
                    return End::Found;
                }
                at.pop();
                open.extend(parts(target));
            }
            Some(Node::Directory { .. }) => {}
            // A slash behind a file asks for a folder.
            Some(Node::File { .. }) if !open.is_empty() => {
                return End::Nothing(format!("{here}/"));
            }
            Some(Node::File { .. }) => {}
        }
    }
    End::Found
}

/// The parts of a target, the first one last.
fn parts(target: &str) -> Vec<String> {
    target.split('/').rev().map(str::to_owned).collect()
}
