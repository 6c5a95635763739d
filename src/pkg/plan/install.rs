//! The plan of an installation, an upgrade, a reinstallation, or a switch to a version that is there already.

use std::collections::{BTreeMap, BTreeSet};

use medic_model::manifest::Entry;
use medic_model::{Manifest, PackageName, Receipt, RelPath, layout};

use super::entries::{Item, areas, live, within};
use super::settings::{SettingsFate, fate};
use super::{Change, Content, Gone, Look, Need, Notice, Observed, Over, Plan, Script, Step};
use crate::error::Error;
use crate::paths;

/// A version of a package that is to be current.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What it is.
    pub manifest: &'a Manifest,
    /// Where it comes from.
    pub from: From,
}

/// Where a version comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// A package archive: everything is unpacked into the volume.
    Archive,
    /// The image's bundle: the software tree is a link to it.
    Bundle,
    /// It was installed from an archive before, and is still whole in the volume.
    Kept,
}

/// The plan by which `candidate` takes the place of `old`, if any. Nothing that only the old version needs is removed, except what
/// a rollback could not use.
///
/// # Errors
/// The file system cannot be looked at, or a path of the package gets too long.
pub fn install(look: &dyn Look, candidate: Candidate<'_>, old: Option<&Receipt>) -> Result<Plan, Error> {
    let mut maker = Maker {
        look,
        manifest: candidate.manifest,
        from: candidate.from,
        old,
        was: old.map(|old| live(&old.manifest)).unwrap_or_default(),
        plan: Plan::default(),
        made: BTreeSet::new(),
    };
    maker.software()?;
    maker.live_entries()?;
    maker.script();
    maker.links()?;
    maker.obsolete_entries()?;
    maker.obsolete_software()?;
    maker.change();
    Ok(maker.plan)
}

struct Maker<'a> {
    look: &'a dyn Look,
    manifest: &'a Manifest,
    from: From,
    old: Option<&'a Receipt>,
    /// The old version's scripts and settings.
    was: BTreeMap<&'a RelPath, &'a Entry>,
    plan: Plan,
    /// Folders that the plan makes.
    made: BTreeSet<RelPath>,
}

/// What a file of `size` bytes takes.
fn blocks(size: u64) -> u64 {
    size.div_ceil(4096).max(1) * 4096
}

impl Maker<'_> {
    fn name(&self) -> &PackageName {
        &self.manifest.name
    }

    /// Where the version's scripts and default settings are to be had when the others are staged.
    fn home(&self) -> RelPath {
        match self.from {
            From::Bundle => layout::bundle(self.name(), &self.manifest.version),
            From::Archive | From::Kept => paths::version(self.name(), &self.manifest.version),
        }
    }

    fn place(&mut self, path: RelPath, content: Content, over: Over) -> Result<(), Error> {
        self.folders_above(&path)?;
        self.plan.before.push(Step::Place { path, content, over });
        Ok(())
    }

    fn need(&mut self, path: &RelPath, entries: impl Iterator<Item = u64>) {
        let (mut bytes, mut files) = (0, 0);
        for size in entries {
            (bytes, files) = (bytes + blocks(size), files + 1);
        }
        self.plan.needs.push(Need { path: path.clone(), bytes, files });
    }

    /// Makes sure that the folder of a path will be there.
    fn folders_above(&mut self, path: &RelPath) -> Result<(), Error> {
        match path.parent() {
            Some(parent) => self.folder(&parent, 0o755),
            None => Ok(()),
        }
    }

    fn folder(&mut self, path: &RelPath, mode: u32) -> Result<(), Error> {
        if self.made.contains(path) {
            return Ok(());
        }
        match self.look.look(path)? {
            Observed::Folder => return Ok(()),
            Observed::Absent => {}
            seen => self.clear(path, &seen)?,
        }
        self.folders_above(path)?;
        self.made.insert(path.clone());
        self.plan.before.push(Step::Folder { path: path.clone(), mode });
        Ok(())
    }

    fn clear(&mut self, path: &RelPath, seen: &Observed) -> Result<(), Error> {
        let over = self.over(path, seen)?;
        self.plan.before.push(Step::Clear { path: path.clone(), over });
        Ok(())
    }

    /// What happens to what is found where something else is to be.
    fn over(&mut self, path: &RelPath, seen: &Observed) -> Result<Over, Error> {
        if *seen == Observed::Absent {
            return Ok(Over::Nothing);
        }
        let was = self.was.get(path).copied();
        let found = Item::found(self.look, path, seen)?;
        if found.is_some() && was.and_then(Item::of) == found {
            return Ok(Over::Ours);
        }
        let kept = self.kept(path)?;
        let text = format!("was edited or did not come from the package: it is kept as /{kept}");
        self.plan.notices.push(Notice { path: path.clone(), text });
        Ok(Over::Theirs { kept })
    }

    /// Where that goes which is not ours and stands in the way.
    fn kept(&self, path: &RelPath) -> Result<RelPath, Error> {
        let scripts = layout::scripts(self.name());
        match path.below(&scripts) {
            Some(below) => Ok(paths::old_scripts(self.name()).join(&below)?),
            None => free(self.look, path),
        }
    }

    fn software(&mut self) -> Result<(), Error> {
        let (name, version, arch) = (self.name().clone(), self.manifest.version.clone(), self.manifest.arch);
        let tree = layout::software_tree(&name, &version, arch);
        let seen = self.look.look(&tree)?;
        let target = paths::bundle_target(&name, &version, arch);
        match self.from {
            From::Kept => {}
            From::Bundle if seen == Observed::Link(target.clone()) => {}
            From::Bundle => {
                let over = self.over_tree(&tree, &seen)?;
                self.place(tree, Content::Link { target }, over)?;
            }
            From::Archive => {
                let over = self.over_tree(&tree, &seen)?;
                self.need_of(&tree);
                self.place(tree, Content::Software { package: name.clone() }, over)?;
                self.kept_version()?;
            }
        }
        let default = paths::default_arch(&name, &version);
        self.link(default, arch.to_string())
    }

    fn kept_version(&mut self) -> Result<(), Error> {
        let kept = paths::version(self.name(), &self.manifest.version);
        let over = if self.look.look(&kept)? == Observed::Absent { Over::Nothing } else { Over::Ours };
        for area in areas(self.name()) {
            self.need_of(&area);
            let sizes: Vec<u64> = within(self.manifest, &area).map(size).collect();
            self.need(&kept, sizes.into_iter());
        }
        self.place(kept, Content::Version { package: self.name().clone() }, over)
    }

    fn need_of(&mut self, area: &RelPath) {
        let sizes: Vec<u64> = within(self.manifest, area).map(size).collect();
        self.need(area, sizes.into_iter());
    }

    /// A tree that pkg knows of can be had again; any other is kept.
    fn over_tree(&mut self, tree: &RelPath, seen: &Observed) -> Result<Over, Error> {
        let kept = paths::version(self.name(), &self.manifest.version);
        match seen {
            Observed::Absent => Ok(Over::Nothing),
            Observed::Link(_) => Ok(Over::Ours),
            _ if self.look.look(&kept)? != Observed::Absent => Ok(Over::Ours),
            seen => self.over(tree, seen),
        }
    }

    fn link(&mut self, path: RelPath, target: String) -> Result<(), Error> {
        let seen = self.look.look(&path)?;
        if seen == Observed::Link(target.clone()) {
            return Ok(());
        }
        let over = match &seen {
            Observed::Link(_) => Over::Ours,
            seen => self.over(&path, seen)?,
        };
        self.place(path, Content::Link { target }, over)
    }

    /// Scripts and settings: what exists once, whatever the version.
    fn live_entries(&mut self) -> Result<(), Error> {
        let settings = layout::settings(self.name());
        for (path, entry) in live(self.manifest) {
            let is_setting = path.below(&settings).is_some();
            match entry {
                Entry::Directory { mode, .. } => self.live_folder(path, *mode)?,
                entry if is_setting => self.setting(entry)?,
                entry => self.script_file(entry)?,
            }
        }
        Ok(())
    }

    fn live_folder(&mut self, path: &RelPath, mode: u32) -> Result<(), Error> {
        let is_setting = path.below(&layout::settings(self.name())).is_some();
        if is_setting && self.look.look(path)? == Observed::Absent && self.look.is_fixed(path)? {
            return Ok(());
        }
        let changed = self.was.get(path).copied().and_then(Entry::mode).is_some_and(|was| was != mode);
        if changed && self.look.look(path)? == Observed::Folder {
            self.plan.after.push(Step::Mode { path: path.clone(), mode });
        }
        self.folder(path, mode)
    }

    fn script_file(&mut self, entry: &Entry) -> Result<(), Error> {
        let path = entry.path();
        let seen = self.look.look(path)?;
        let same_mode = match (&seen, entry.mode()) {
            (Observed::File { mode, .. }, Some(wanted)) => *mode == wanted,
            _ => true,
        };
        if same_mode && Item::found(self.look, path, &seen)? == Item::of(entry) {
            return Ok(());
        }
        let over = self.over(path, &seen)?;
        let content = self.content(entry, None)?;
        self.place(path.clone(), content, over)
    }

    fn setting(&mut self, entry: &Entry) -> Result<(), Error> {
        let path = entry.path();
        let Some(theirs) = Item::of(entry) else { return Ok(()) };
        let was = self.was.get(path).copied();
        let base = was.and_then(Item::of);
        let seen = self.look.look(path)?;
        let found = Item::found(self.look, path, &seen)?;
        let mine = (seen != Observed::Absent).then_some(found.as_ref());
        let fate = fate(base.as_ref(), mine, &theirs);
        if !matches!(fate, SettingsFate::Same | SettingsFate::Keep) && self.look.is_fixed(path)? {
            let text = "is mounted from elsewhere and is left so; the package has another default".to_owned();
            self.plan.notices.push(Notice { path: path.clone(), text });
            return Ok(());
        }
        match fate {
            SettingsFate::Create => {
                let content = self.content(entry, None)?;
                self.place(path.clone(), content, Over::Nothing)
            }
            SettingsFate::Replace => {
                let content = self.content(entry, Some((&seen, was)))?;
                self.place(path.clone(), content, Over::Ours)
            }
            SettingsFate::Same => self.stale_default(path),
            SettingsFate::Keep => Ok(()),
            SettingsFate::KeepAndShow => self.show_default(entry, &seen),
        }
    }

    /// A new default that was put aside once and that the operator has taken over.
    fn stale_default(&mut self, path: &RelPath) -> Result<(), Error> {
        let aside = self.aside(path)?;
        if self.look.look(&aside)? != Observed::Absent {
            self.plan.after.push(Step::Remove { path: aside, gone: Gone::All });
        }
        Ok(())
    }

    fn aside(&self, path: &RelPath) -> Result<RelPath, Error> {
        let new = paths::new_settings(self.name());
        match path.below(&layout::settings(self.name())) {
            Some(below) => Ok(new.join(&below)?),
            None => Ok(new),
        }
    }

    fn show_default(&mut self, entry: &Entry, seen: &Observed) -> Result<(), Error> {
        let path = entry.path();
        let aside = self.aside(path)?;
        let content = self.content(entry, None)?;
        let over = if self.look.look(&aside)? == Observed::Absent { Over::Nothing } else { Over::Ours };
        let done = if *seen == Observed::Absent { "was removed" } else { "was edited" };
        let text = format!("{done} and is left so; the new default is /{aside}");
        self.plan.notices.push(Notice { path: path.clone(), text });
        self.place(aside, content, over)
    }

    /// The content of a script or a setting. `replaced`: owner and permissions that the operator gave the old one stay.
    fn content(
        &self,
        entry: &Entry,
        replaced: Option<(&Observed, Option<&Entry>)>,
    ) -> Result<Content, Error> {
        match entry {
            Entry::Link { target, .. } => Ok(Content::Link { target: target.clone() }),
            Entry::File { path, mode, sha256, .. } => {
                let from = paths::in_version(&self.home(), path, self.name())
                    .ok_or_else(|| Error::LongPath { path: path.clone() })?;
                let (mode, owner) = match replaced {
                    Some((Observed::File { mode: found, owner }, was)) => {
                        let untouched = was.and_then(Entry::mode) == Some(*found);
                        (if untouched { *mode } else { *found }, Some(*owner))
                    }
                    _ => (*mode, None),
                };
                Ok(Content::Copy { from, sha256: *sha256, mode, owner })
            }
            Entry::Directory { path, .. } => Err(Error::LongPath { path: path.clone() }),
        }
    }

    fn script(&mut self) {
        let script = paths::path(format!("{}/install", layout::scripts(self.name())));
        if self.manifest.entries.iter().any(|entry| *entry.path() == script) {
            self.plan.scripts.push(Script {
                package: self.name().clone(),
                script: "install".to_owned(),
                from: self.old.map(|old| old.manifest.version.clone()),
                to: Some(self.manifest.version.clone()),
                software: paths::default_arch(self.name(), &self.manifest.version),
            });
        }
    }

    /// The switch and the receipt: the last things that are placed.
    fn links(&mut self) -> Result<(), Error> {
        let name = self.name().clone();
        let (current, target) = (paths::current(&name), format!("v{}", self.manifest.version));
        match self.look.look(&current)? {
            Observed::Link(found) if found == target => {}
            Observed::Link(_) | Observed::Absent => {
                let content = Content::Link { target };
                self.plan.after.push(Step::Place { path: current, content, over: Over::Ours });
            }
            seen => {
                self.clear(&current, &seen)?;
                let content = Content::Link { target };
                self.plan.after.push(Step::Place { path: current, content, over: Over::Ours });
            }
        }
        let receipt = layout::receipt(&name);
        let content = Content::Receipt { package: name };
        self.plan.after.push(Step::Place { path: receipt, content, over: Over::Ours });
        Ok(())
    }

    /// Scripts and settings of the old version that the new one has not.
    fn obsolete_entries(&mut self) -> Result<(), Error> {
        let Some(old) = self.old else { return Ok(()) };
        let new = live(self.manifest);
        for (path, entry) in live(&old.manifest).into_iter().rev() {
            if !new.contains_key(path) {
                let gone = super::remove::live_entry(self.look, &old.manifest.name, entry, &mut self.plan)?;
                self.plan.after.extend(gone);
            }
        }
        Ok(())
    }

    /// The old version's links into an image that is no longer there.
    fn obsolete_software(&mut self) -> Result<(), Error> {
        let Some(old) = self.old.map(|old| &old.manifest) else { return Ok(()) };
        if old.version == self.manifest.version {
            return Ok(());
        }
        let tree = layout::software_tree(&old.name, &old.version, old.arch);
        let is_link = matches!(self.look.look(&tree)?, Observed::Link(_));
        let bundle = layout::bundle(&old.name, &old.version);
        if is_link && self.look.look(&bundle)? == Observed::Absent {
            self.plan.after.extend(super::remove::linked_version(&old.name, &old.version, old.arch));
        }
        Ok(())
    }

    fn change(&mut self) {
        let services = !self.manifest.services.is_empty()
            || self.old.is_some_and(|old| !old.manifest.services.is_empty());
        self.plan.changes.push(Change {
            package: self.name().clone(),
            from: self.old.map(|old| old.manifest.version.clone()),
            to: Some(self.manifest.version.clone()),
            services,
        });
    }
}

/// A name beside a path that is free: what is kept there from an earlier time, or is somebody else's, stays.
pub(crate) fn free(look: &dyn Look, path: &RelPath) -> Result<RelPath, Error> {
    let mut kept: RelPath = format!("{path}.old").parse()?;
    let mut number = 2;
    while look.look(&kept)? != Observed::Absent {
        kept = format!("{path}.old-{number}").parse()?;
        number += 1;
    }
    Ok(kept)
}

fn size(entry: &Entry) -> u64 {
    if let Entry::File { size, .. } = entry { *size } else { 0 }
}
