//! Where an archive's entries go: software into one staged folder, scripts and default settings into another.

use std::io::{self, Read, Write};

use medic_archive::Sink;
use medic_model::{Manifest, PackageName, RelPath, layout};
use medic_sys::files::{FileError, Folder};

use super::writeback::Writeback;
use crate::error::Error;
use crate::reporter::{Event, Reporter};

/// Bytes between two events of progress.
const PROGRESS: u64 = 1 << 20;

/// Unpacks one archive into two staged folders.
pub(super) struct Unpacker<'a> {
    areas: [Area<'a>; 3],
    /// The folder written to last, with its number of area: the next entry is mostly in the same.
    open: Option<(usize, Option<RelPath>, Folder)>,
    /// Permission bits that folders get at the end, since they may forbid writing.
    modes: Vec<(usize, RelPath, u32)>,
    buffer: Vec<u8>,
    reporter: &'a dyn Reporter,
    unreported: u64,
    writeback: Writeback,
}

/// A folder of the package, and the staged folder that stands for it.
struct Area<'a> {
    of: RelPath,
    staged: &'a Folder,
    /// The folder within the staged one; none is the staged one itself.
    within: Option<&'static str>,
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(
        manifest: &Manifest,
        tree: &'a Folder,
        version: &'a Folder,
        reporter: &'a dyn Reporter,
        writeback: Writeback,
    ) -> Result<Self, Error> {
        let name: &PackageName = &manifest.name;
        let software = layout::software_tree(name, &manifest.version, manifest.arch);
        let area = |of, staged, within| Area { of, staged, within };
        let areas = [
            area(software, tree, None),
            area(layout::scripts(name), version, Some("scripts")),
            area(layout::settings(name), version, Some("settings")),
        ];
        for within in areas.iter().filter_map(|area| area.within) {
            version.make_folder(within, 0o755)?;
        }
        let buffer = vec![0; 128 << 10];
        Ok(Self { areas, open: None, modes: Vec::new(), buffer, reporter, unreported: 0, writeback })
    }

    /// Gives the folders their final permission bits.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.report(0);
        for (area, path, mode) in std::mem::take(&mut self.modes) {
            self.folder(area, path.parent())?.set_mode(path.file_name(), mode)?;
        }
        Ok(())
    }

    fn report(&mut self, bytes: u64) {
        self.unreported += bytes;
        if self.unreported > 0 && (bytes == 0 || self.unreported >= PROGRESS) {
            self.reporter.event(&Event::Unpacked { bytes: self.unreported });
            self.unreported = 0;
        }
    }

    /// The area that a path is in, and the path below it; none for a folder above the areas, or an area itself.
    fn locate(&self, path: &RelPath) -> Option<(usize, RelPath)> {
        self.areas.iter().enumerate().find_map(|(number, area)| Some((number, path.below(&area.of)?)))
    }

    fn folder(&mut self, area: usize, below: Option<RelPath>) -> Result<&Folder, FileError> {
        let is_open = self.open.as_ref().is_some_and(|(number, path, _)| *number == area && *path == below);
        if !is_open {
            let Area { staged, within, .. } = &self.areas[area];
            let base = staged.folder(within.unwrap_or_default())?;
            let folder = match &below {
                Some(below) => base.folder(below)?,
                None => base,
            };
            self.open = Some((area, below, folder));
        }
        match &self.open {
            Some((_, _, folder)) => Ok(folder),
            None => unreachable!("it was opened above"),
        }
    }
}

/// Keeps the kind (a full disk is told from a fault) and the words with the path.
fn io_error(error: FileError) -> io::Error {
    io::Error::new(error.source.kind(), error)
}

impl Sink for Unpacker<'_> {
    fn directory(&mut self, path: &RelPath, mode: u32) -> io::Result<()> {
        let Some((area, below)) = self.locate(path) else { return Ok(()) };
        let name = below.file_name().to_owned();
        self.folder(area, below.parent())
            .and_then(|f| f.make_folder(&name, mode | 0o700))
            .map_err(io_error)?;
        if mode & 0o700 != 0o700 {
            self.modes.push((area, below, mode));
        }
        Ok(())
    }

    fn file(&mut self, path: &RelPath, mode: u32, _: u64, content: &mut dyn Read) -> io::Result<()> {
        let Some((area, below)) = self.locate(path) else { return Err(outside(path)) };
        let folder = self.folder(area, below.parent()).map_err(io_error)?;
        let mut file = folder.create_new(below.file_name(), mode).map_err(io_error)?;
        let shown = folder.path_of(below.file_name());
        loop {
            let count = content.read(&mut self.buffer)?;
            if count == 0 {
                return Ok(());
            }
            let written = file.write_all(&self.buffer[..count]);
            written.map_err(|error| io_error(FileError::new("write", &shown, error)))?;
            self.report(count as u64);
            self.writeback.written(count as u64);
        }
    }

    fn link(&mut self, path: &RelPath, target: &str) -> io::Result<()> {
        let Some((area, below)) = self.locate(path) else { return Err(outside(path)) };
        let folder = self.folder(area, below.parent()).map_err(io_error)?;
        folder.make_link(below.file_name(), target).map_err(io_error)
    }
}

fn outside(path: &RelPath) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("'{path}' is not inside the package's own folders"))
}
