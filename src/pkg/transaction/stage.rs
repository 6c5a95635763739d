//! Staging: every new thing is made beside its place, under a passing name. Nothing that is live changes.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read, Write};

use medic_archive::digest::Digester;
use medic_model::{PackageName, RelPath, Sha256};
use medic_sys::files::{FileError, Folder};

use super::sink::Unpacker;
use super::touched::Touched;
use super::writeback::Writeback;
use super::{Context, Materials, apply};
use crate::error::Error;
use crate::paths;
use crate::plan::{Content, Plan, Step};
use crate::reporter::Event;
use crate::root::Place;

pub(super) fn stage(
    context: Context<'_>,
    plan: &Plan,
    materials: Materials,
    touched: &mut Touched,
) -> Result<(), Error> {
    let mut staging = Staging { context, materials, trees: BTreeMap::new(), versions: BTreeMap::new() };
    for (number, step) in plan.steps() {
        match step {
            Step::Folder { path, mode } => make_folder(context, path, *mode, touched)?,
            Step::Clear { path, .. } => apply::clear(context.root, context.id, number, path)?,
            Step::Place { path, content, .. } => {
                let place = context.root.place(path)?;
                touched.note(&place.folder)?;
                staging.content(number, path, &place, content)?;
            }
            Step::Mode { .. } | Step::Remove { .. } => {}
        }
    }
    Ok(())
}

fn make_folder(context: Context<'_>, path: &RelPath, mode: u32, touched: &mut Touched) -> Result<(), Error> {
    let place = context.root.place(path)?;
    touched.note(&place.folder)?;
    match place.folder.make_folder(&place.name, mode) {
        Err(error) if error.is_taken() && context.root.folder(path).is_ok() => Ok(()),
        result => Ok(result?),
    }
}

struct Staging<'a> {
    context: Context<'a>,
    materials: Materials,
    /// The staged software trees of archives that are still to be unpacked.
    trees: BTreeMap<PackageName, Folder>,
    /// The staged folder of each version that the plan brings, by its place.
    versions: BTreeMap<RelPath, Folder>,
}

impl Staging<'_> {
    fn content(
        &mut self,
        number: usize,
        path: &RelPath,
        place: &Place,
        content: &Content,
    ) -> Result<(), Error> {
        let (folder, name) = (&place.folder, paths::staged(self.context.id, number));
        match content {
            Content::Link { target } => folder.make_link(&name, target)?,
            Content::Text { text } => folder.write_new(&name, text.as_bytes(), 0o644)?,
            Content::Copy { from, sha256, mode, owner } => {
                let wanted = Wanted { sha256: *sha256, mode: *mode, owner: *owner };
                self.copy(from, folder, &name, wanted)?;
            }
            Content::Software { package } => {
                folder.make_folder(&name, 0o755)?;
                self.trees.insert(package.clone(), folder.folder(&name)?);
            }
            Content::Version { package } => {
                folder.make_folder(&name, 0o755)?;
                let version = folder.folder(&name)?;
                self.unpack(package, &version)?;
                self.versions.insert(path.clone(), version);
            }
            Content::Receipt { package } => self.receipt(folder, &name, package)?,
        }
        Ok(())
    }

    /// Written as it is made: of many entries there is much text.
    fn receipt(&self, folder: &Folder, name: &str, package: &PackageName) -> Result<(), Error> {
        let receipt = self.materials.receipts.get(package);
        let receipt = receipt.ok_or_else(|| Error::NotInstalled { package: package.clone() })?;
        let mut file = BufWriter::with_capacity(128 << 10, folder.create_new(name, 0o644)?);
        let written = serde_json::to_writer(&mut file, receipt).map_err(std::io::Error::from);
        let written = written.and_then(|()| file.flush());
        Ok(written.map_err(|error| FileError::new("write", folder.path_of(name), error))?)
    }

    /// Unpacks an archive: its software into the tree staged before, the rest into `version`. Completes its receipt.
    fn unpack(&mut self, package: &PackageName, version: &Folder) -> Result<(), Error> {
        let missing = || Error::NotInstalled { package: package.clone() };
        let archive = self.materials.archives.remove(package).ok_or_else(missing)?;
        let tree = self.trees.remove(package).ok_or_else(missing)?;
        let manifest = archive.reader.manifest();
        self.context.reporter.event(&Event::Unpacking {
            package,
            version: &manifest.version,
            size: manifest.installed_size(),
        });
        let receipt = self.materials.receipts.get_mut(package).ok_or_else(missing)?;
        // Of many entries there need not be two copies in memory while there is much else.
        if receipt.manifest == *manifest {
            receipt.manifest.entries = Vec::new();
        }
        let (manifest, digested) = std::thread::scope(|scope| {
            let writeback = Writeback::new(scope, &tree);
            let manifest = archive.reader.manifest();
            let mut sink = Unpacker::new(manifest, &tree, version, self.context.reporter, writeback)?;
            let unpacked = archive.reader.unpack(&mut sink)?;
            sink.finish()?;
            Ok::<_, Error>(unpacked)
        })?;
        if let Some(expected) = archive.expected.filter(|expected| *expected != digested.sha256) {
            let (location, found) = (archive.location, digested.sha256);
            return Err(Error::WrongDigest { location, expected, found });
        }
        if receipt.manifest.entries.is_empty() {
            receipt.manifest = manifest;
        }
        receipt.origin =
            medic_model::receipt::Origin::Archive { sha256: digested.sha256, location: archive.location };
        self.receipt(version, "receipt.json", package)
    }

    fn copy(&self, from: &RelPath, to: &Folder, name: &str, wanted: Wanted) -> Result<(), Error> {
        let staged = self.versions.iter().find_map(|(version, folder)| Some((folder, from.below(version)?)));
        let source = match staged {
            Some((version, below)) => {
                let folder = match below.parent() {
                    Some(parent) => version.folder(&parent)?,
                    None => version.again()?,
                };
                Place { folder, name: below.file_name().to_owned() }
            }
            None => self.context.root.place(from)?,
        };
        let file = source.folder.open_file(&source.name)?;
        let found = copy_file(file, to, name, wanted.mode)
            .map_err(|error| FileError::new("copy", source.folder.path_of(&source.name), error))?;
        if found != wanted.sha256 {
            return Err(Error::Damaged { path: from.clone(), expected: wanted.sha256, found });
        }
        if let Some((uid, gid)) = wanted.owner {
            let own = to.node(name)?.map(|node| (node.uid, node.gid));
            if own != Some((uid, gid)) {
                to.set_owner(name, uid, gid)?;
                // Giving a file away drops bits of its mode.
                to.set_mode(name, wanted.mode)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Wanted {
    sha256: Sha256,
    mode: u32,
    owner: Option<(u32, u32)>,
}

fn copy_file(mut from: impl Read, to: &Folder, name: &str, mode: u32) -> std::io::Result<Sha256> {
    let mut file = to.create_new(name, mode).map_err(|error| error.source)?;
    let mut digester = Digester::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digester.finish().sha256),
            count => {
                digester.update(&buffer[..count]);
                file.write_all(&buffer[..count])?;
            }
        }
    }
}
