//! Licence texts: most licences allow a program to be passed on only with their text.

use medic_archive::tree::{Node, Tree};
use medic_model::{ComponentName, RelPath};

use super::check::{Check, Exceptions, Finding, Level, Looks};

/// A component without its licence's text.
pub static MISSING: Check = Check {
    id: "licence-missing",
    title: "no licence text of a component",
    why: "The MIT, BSD, Apache and GPL licences all demand that their text goes with every copy, that of a library linked into a \
          program included. A package holds share/licenses/<component>/ for every component in it.",
    mend: "List the text under 'licence_files' in the component's recipe (a path below the source folder), and do not \
           'exclude' share/licenses in the package.",
    looks: Looks::AtPackage,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Where licence texts stand in a tree, each in the folder of its component.
pub const FOLDER: &str = "share/licenses";

/// Where the licence texts of a component stand in a tree.
pub fn place(component: &ComponentName) -> String {
    format!("{FOLDER}/{component}")
}

/// Looks for the licence texts of each of `components` in the software tree of a package.
pub fn licences<'a>(
    software: &Tree,
    components: impl Iterator<Item = (&'a ComponentName, &'a str)>,
) -> Vec<Finding> {
    let missing = |(component, licence): (&ComponentName, &str)| {
        let place = place(component);
        let folder: RelPath = place.parse().ok()?;
        let has_text = |(path, node): (&RelPath, &Node)| {
            path.below(&folder).is_some() && matches!(node, Node::File { size, .. } if *size > 0)
        };
        let what = format!("'{component}' is in the package ({licence}) and its licence text is not");
        (!software.iter().any(has_text)).then(|| MISSING.finds(place, what))
    };
    components.filter_map(missing).collect()
}
