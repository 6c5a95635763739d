//! A manifest's entries by the area they belong to, and what is found in their places.

use std::collections::BTreeMap;

use medic_model::manifest::Entry;
use medic_model::{Manifest, PackageName, RelPath, Sha256, layout};
use medic_sys::files::FileError;

use super::{Look, Observed};

/// A file's or a link's content, by which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    File(Sha256),
    Link(String),
}

impl Item {
    /// Of an entry; none for a folder.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Directory { .. } => None,
            Entry::File { sha256, .. } => Some(Self::File(*sha256)),
            Entry::Link { target, .. } => Some(Self::Link(target.clone())),
        }
    }

    /// Of what is at a path; none when it is neither file nor link.
    pub(super) fn found(look: &dyn Look, path: &RelPath, seen: &Observed) -> Result<Option<Self>, FileError> {
        match seen {
            Observed::File { .. } => look.digest(path).map(|digest| Some(Self::File(digest))),
            Observed::Link(target) => Ok(Some(Self::Link(target.clone()))),
            _ => Ok(None),
        }
    }
}

/// The entries in and below a folder, in the manifest's order.
pub(super) fn within<'m>(manifest: &'m Manifest, area: &RelPath) -> impl Iterator<Item = &'m Entry> {
    let area = area.clone();
    manifest.entries.iter().filter(move |entry| *entry.path() == area || entry.path().below(&area).is_some())
}

/// The entries of scripts and settings, by path.
pub(super) fn live(manifest: &Manifest) -> BTreeMap<&RelPath, &Entry> {
    let areas = areas(&manifest.name);
    areas.iter().flat_map(|area| within(manifest, area)).map(|entry| (entry.path(), entry)).collect()
}

/// The two areas that exist once for all versions of a package: scripts, settings.
pub(super) fn areas(package: &PackageName) -> [RelPath; 2] {
    [layout::scripts(package), layout::settings(package)]
}
