//! The last layer: accounts, the system's name, and the links and folders that the definition asks for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use medic_archive::tree::PLAIN;
use medic_archive::{Node, Tree, TreeError};
use medic_model::image::{AbsPath, ImageDefinition, Link};
use medic_model::{Manifest, RelPath, Version, layout};

use super::PlanError;
use super::accounts::Accounts;
use super::base::literal;

/// Folders in which a definition may put nothing, and why.
const FORBIDDEN: [(&str, &str); 8] = [
    (layout::BUNDLE, "it is where the image keeps its packages"),
    ("srv", "/srv is a volume that may be empty: let a package's setup step make it at boot"),
    ("proc", "it is the kernel's"),
    ("sys", "it is the kernel's"),
    ("dev", "it is made when the container starts"),
    ("etc/hostname", "it is made when the container starts"),
    ("etc/hosts", "it is made when the container starts"),
    ("etc/resolv.conf", "it is made when the container starts"),
];

/// What stands in the layer: each with words that say where it comes from.
struct Layer {
    nodes: BTreeMap<RelPath, (Node, String)>,
}

/// The tree of the configuration layer.
pub(super) fn tree(
    definition: &ImageDefinition,
    chosen: &[&Manifest],
    version: &Version,
    accounts: &Accounts,
    base: &Tree,
) -> Result<Tree, PlanError> {
    let mut layer = Layer { nodes: BTreeMap::new() };
    let files = [
        ("etc/passwd", accounts.passwd()),
        ("etc/group", accounts.group()),
        ("etc/os-release", os_release(definition, chosen, version)),
    ];
    for (path, text) in files {
        layer.add(literal(path), Node::bytes(PLAIN, text), format!("the file '/{path}' of every image"))?;
    }
    for (at, link) in &definition.links {
        let node = Node::link(link_target(at, link, chosen)?);
        layer.add_asked(at, node, format!("the link '{at}'"), definition)?;
    }
    for (at, mode) in &definition.directories {
        let node = Node::Directory { mode: mode.0 };
        layer.add_asked(at, node, format!("the folder '{at}'"), definition)?;
    }
    layer.check_base(base)?;
    layer.into_tree(base)
}

impl Layer {
    fn add(&mut self, path: RelPath, node: Node, words: String) -> Result<(), PlanError> {
        match self.nodes.insert(path, (node, words.clone())) {
            None => Ok(()),
            Some((_, first)) => Err(PlanError::Place { first, second: words }),
        }
    }

    fn add_asked(
        &mut self,
        at: &AbsPath,
        node: Node,
        words: String,
        definition: &ImageDefinition,
    ) -> Result<(), PlanError> {
        let path = at.below_root();
        let within = |folder: &RelPath| path == folder || path.below(folder).is_some();
        let forbidden = FORBIDDEN.iter().find(|(folder, _)| within(&literal(folder))).map(|(_, why)| *why);
        let volume = definition.volumes.iter().any(|volume| path.below(volume.below_root()).is_some());
        let hidden = volume
            .then_some("it is in a volume, which may be empty: let a package's setup step make it at boot");
        match forbidden.or(hidden) {
            Some(why) => Err(PlanError::Forbidden { what: words, why }),
            None => self.add(path.clone(), node, words),
        }
    }

    /// Nothing may stand where the base has something else, nor below what is not a folder.
    fn check_base(&self, base: &Tree) -> Result<(), PlanError> {
        for (path, (node, words)) in &self.nodes {
            let both_folders =
                |other: &Node| matches!((node, other), (Node::Directory { .. }, Node::Directory { .. }));
            if base.get(path).is_some_and(|other| !both_folders(other)) {
                let first = format!("'/{path}' of every image");
                return Err(PlanError::Place { first, second: words.clone() });
            }
            let mut folder = path.parent();
            while let Some(parent) = folder {
                let own = self.nodes.get(&parent).map(|(node, words)| (node, words.clone()));
                let other = base.get(&parent).map(|node| (node, format!("'/{parent}' of every image")));
                if let Some((_, first)) =
                    own.or(other).filter(|(node, _)| !matches!(node, Node::Directory { .. }))
                {
                    return Err(PlanError::Place { first, second: words.clone() });
                }
                folder = parent.parent();
            }
        }
        Ok(())
    }

    fn into_tree(self, base: &Tree) -> Result<Tree, PlanError> {
        let mut tree = Tree::new();
        // A folder that the layer only passes through must not change what the base says about it.
        let above: Vec<RelPath> = self.nodes.keys().flat_map(ancestors).collect();
        let known = above.into_iter().filter_map(|path| base.get(&path).cloned().map(|node| (path, node)));
        let own = self.nodes.into_iter().map(|(path, (node, _))| (path, node));
        for (path, node) in known.collect::<BTreeMap<_, _>>().into_iter().chain(own) {
            tree.insert(path, node).map_err(unforeseen)?;
        }
        Ok(tree)
    }
}

fn ancestors(path: &RelPath) -> Vec<RelPath> {
    std::iter::successors(path.parent(), RelPath::parent).collect()
}

/// `check_base` finds every collision first, with better words; this keeps one that it might miss from being a panic.
fn unforeseen(error: TreeError) -> PlanError {
    PlanError::Place { first: error.to_string(), second: "another path of the image".to_owned() }
}

/// The relative text of a link from `at` to a path in a package's software tree.
fn link_target(at: &AbsPath, link: &Link, chosen: &[&Manifest]) -> Result<String, PlanError> {
    let dangling = || PlanError::Dangling {
        at: at.below_root().clone(),
        package: link.package.clone(),
        path: link.path.clone(),
    };
    let manifest = chosen.iter().find(|manifest| manifest.name == link.package).ok_or_else(dangling)?;
    let software = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let entry = software.join(&link.path).map_err(|_| dangling())?;
    if manifest.entries.binary_search_by(|other| other.path().cmp(&entry)).is_err() {
        return Err(dangling());
    }
    let target =
        layout::bundled(&entry, &manifest.name, &manifest.version, manifest.arch).ok_or_else(dangling)?;
    Ok(relative(at.below_root(), &target))
}

/// How a link at `from` says `to`.
fn relative(from: &RelPath, to: &RelPath) -> String {
    let folder: Vec<&str> = from.parts().rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect();
    let target: Vec<&str> = to.parts().collect();
    let common = folder.iter().zip(&target).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", folder.len() - common);
    up.chain(target[common..].iter().copied()).collect::<Vec<_>>().join("/")
}

/// os-release(5). The system is Medic OS in the version of its runtime; the image is named beside it.
fn os_release(definition: &ImageDefinition, chosen: &[&Manifest], version: &Version) -> String {
    let mut text = "NAME=\"Medic OS\"\nID=medic-os\n".to_owned();
    // Names and versions have no character that a quoted value would have to escape.
    let _ = writeln!(text, "PRETTY_NAME=\"Medic OS {} {version}\"", definition.name);
    if let Some(runtime) = chosen.iter().find(|manifest| manifest.name.as_str() == "medic-os") {
        let _ = writeln!(text, "VERSION_ID=\"{}\"", runtime.version);
    }
    let _ = writeln!(text, "IMAGE_ID=\"{}\"\nIMAGE_VERSION=\"{version}\"", definition.name);
    text
}
