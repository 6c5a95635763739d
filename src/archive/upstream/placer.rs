//! Puts members below the folder, and knows what may not stand there.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::links::Links;
use super::names::{above, shown, stripped};
use super::{Mtime, Options, UnpackError, Unpacked};
use crate::beneath::Beneath;
use crate::tree::{PLAIN, RUNNABLE};

/// What a member is, as both kinds of archives say it.
pub(super) enum Kind<'a> {
    Directory,
    File { mode: u32, content: &'a mut dyn Read },
    Link { target: Vec<u8> },
    HardLink { target: Vec<u8> },
    Special(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// With the archive's time for it, where it names the folder.
    Directory(Option<u64>),
    File {
        mode: u32,
    },
    Link,
}

pub(super) struct Placer {
    archive: String,
    into: PathBuf,
    options: Options,
    beneath: Beneath,
    placed: HashMap<Vec<u8>, Placed>,
    /// Links are made last: until then nothing can be written through one.
    links: BTreeMap<Vec<u8>, Vec<u8>>,
    link_times: HashMap<Vec<u8>, u64>,
    latest: u64,
    seen: u64,
    done: Unpacked,
    buffer: Vec<u8>,
}

impl Placer {
    pub(super) fn new(archive: String, into: &Path, options: Options) -> Result<Self, UnpackError> {
        let beneath = Beneath::open(into).map_err(|source| UnpackError::Write {
            archive: archive.clone(),
            member: ".".to_owned(),
            source,
        })?;
        Ok(Self {
            archive,
            into: into.to_owned(),
            options,
            beneath,
            placed: HashMap::new(),
            links: BTreeMap::new(),
            link_times: HashMap::new(),
            latest: 0,
            seen: 0,
            done: Unpacked::default(),
            buffer: vec![0; 64 << 10],
        })
    }

    /// Takes one member.
    pub(super) fn place(&mut self, name: &[u8], mtime: u64, kind: Kind<'_>) -> Result<(), UnpackError> {
        self.seen += 1;
        if self.seen > self.options.limits.members {
            return Err(UnpackError::TooMany {
                archive: self.archive.clone(),
                limit: self.options.limits.members,
            });
        }
        let path = self.path(name)?;
        if let Kind::Special(kind) = kind {
            return Err(UnpackError::Special { archive: self.archive.clone(), member: shown(name), kind });
        }
        let Some(path) = path else { return self.leave_out(name, kind) };
        self.latest = self.latest.max(mtime);
        self.claim(&path, matches!(kind, Kind::Directory))?;
        match kind {
            Kind::Directory => self.directory(&path, mtime)?,
            Kind::File { mode, content } => self.file(&path, mode, mtime, content)?,
            Kind::Link { target } => self.link(path, target, mtime),
            Kind::HardLink { target } => self.hard_link(path, &target, mtime)?,
            Kind::Special(_) => {}
        }
        self.done.members += 1;
        Ok(())
    }

    /// An error of reading the archive.
    pub(super) fn unreadable(&self, member: Option<&[u8]>, source: io::Error) -> UnpackError {
        UnpackError::Read { archive: self.archive.clone(), member: member.map(shown), source }
    }

    /// Makes the links and sets the times of folders.
    pub(super) fn finish(mut self) -> Result<Unpacked, UnpackError> {
        if self.done.members == 0 {
            return Err(UnpackError::Empty { archive: self.archive, strip: self.options.strip });
        }
        let links = std::mem::take(&mut self.links);
        let walk = Links { root: &self.into, new: &links };
        if let Some((path, target)) = links.iter().find(|(path, _)| walk.leads_out(path)) {
            let (member, target) = (shown(path), shown(target));
            return Err(UnpackError::LinkOut { archive: self.archive, member, target });
        }
        for (path, target) in &links {
            let time = self.time(self.link_times.get(path).copied());
            let made = self.beneath.link(path, target).and_then(|()| self.beneath.set_mtime(path, time));
            made.map_err(|source| self.unwritable(path, source))?;
        }
        self.folder_times()?;
        Ok(self.done)
    }

    fn folder_times(&mut self) -> Result<(), UnpackError> {
        let placed = std::mem::take(&mut self.placed);
        for (path, placed) in &placed {
            if let Placed::Directory(mtime) = placed {
                let time = self.time(*mtime);
                self.beneath.set_mtime(path, time).map_err(|source| self.unwritable(path, source))?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &[u8]) -> Result<Option<Vec<u8>>, UnpackError> {
        stripped(name, self.options.strip, self.options.limits.depth).map_err(|why| UnpackError::Name {
            archive: self.archive.clone(),
            member: shown(name),
            why,
        })
    }

    /// Marks a place as taken, and the folders above it as there.
    fn claim(&mut self, path: &[u8], directory: bool) -> Result<(), UnpackError> {
        match self.placed.get(path) {
            None => {}
            Some(Placed::Directory(_)) if directory => {}
            Some(_) => {
                return Err(UnpackError::Duplicate { archive: self.archive.clone(), member: shown(path) });
            }
        }
        for folder in above(path) {
            let kind = match self.placed.get(folder) {
                Some(Placed::Directory(_)) => break,
                Some(Placed::File { .. }) => "file",
                Some(Placed::Link) => "link",
                None => {
                    self.placed.insert(folder.to_vec(), Placed::Directory(None));
                    continue;
                }
            };
            let (member, above) = (shown(path), shown(folder));
            return Err(UnpackError::Through { archive: self.archive.clone(), member, above, kind });
        }
        Ok(())
    }

    fn directory(&mut self, path: &[u8], mtime: u64) -> Result<(), UnpackError> {
        self.beneath.directory(path, RUNNABLE).map_err(|source| self.unwritable(path, source))?;
        self.placed.insert(path.to_vec(), Placed::Directory(Some(mtime)));
        Ok(())
    }

    fn file(
        &mut self,
        path: &[u8],
        mode: u32,
        mtime: u64,
        content: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        let mode = if mode & 0o100 != 0 { RUNNABLE } else { PLAIN };
        let mut file = self.beneath.file(path, mode).map_err(|source| self.unwritable(path, source))?;
        self.copy(path, content, Some(&mut file))?;
        drop(file);
        let time = self.time(Some(mtime));
        self.beneath.set_mtime(path, time).map_err(|source| self.unwritable(path, source))?;
        self.placed.insert(path.to_vec(), Placed::File { mode });
        Ok(())
    }

    fn link(&mut self, path: Vec<u8>, target: Vec<u8>, mtime: u64) {
        self.placed.insert(path.clone(), Placed::Link);
        self.link_times.insert(path.clone(), mtime);
        self.links.insert(path, target);
    }

    /// A hard link becomes a copy: what was made by unpacking is then not changed by changing another name of it.
    fn hard_link(&mut self, path: Vec<u8>, target: &[u8], mtime: u64) -> Result<(), UnpackError> {
        let refused = || UnpackError::HardLink {
            archive: self.archive.clone(),
            member: shown(&path),
            target: shown(target),
        };
        let from = self.path(target)?.ok_or_else(refused)?;
        match self.placed.get(&from).copied() {
            Some(Placed::File { mode }) => {
                let mut source =
                    self.beneath.reopen(&from).map_err(|source| self.unwritable(&from, source))?;
                self.file(&path, mode, mtime, &mut source)
            }
            Some(Placed::Link) => {
                let target = self.links.get(&from).cloned().ok_or_else(refused)?;
                self.link(path, target, mtime);
                Ok(())
            }
            Some(Placed::Directory(_)) | None => Err(refused()),
        }
    }

    /// What is left out is read all the same: a bomb in it is one, too.
    fn leave_out(&mut self, name: &[u8], kind: Kind<'_>) -> Result<(), UnpackError> {
        if let Kind::File { content, .. } = kind {
            self.copy(name, content, None)?;
        }
        self.done.left_out += 1;
        Ok(())
    }

    fn copy(
        &mut self,
        path: &[u8],
        content: &mut dyn Read,
        mut to: Option<&mut std::fs::File>,
    ) -> Result<(), UnpackError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.unreadable(Some(path), source)),
            };
            self.done.size += count as u64;
            if self.done.size > self.options.limits.size {
                let limit = self.options.limits.size;
                return Err(UnpackError::TooLarge {
                    archive: self.archive.clone(),
                    member: shown(path),
                    limit,
                });
            }
            if let Some(file) = &mut to {
                file.write_all(&buffer[..count]).map_err(|source| self.unwritable(path, source))?;
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn time(&self, member: Option<u64>) -> u64 {
        match self.options.mtime {
            Mtime::Fixed(seconds) => seconds,
            Mtime::Member => member.unwrap_or(self.latest),
        }
    }

    fn unwritable(&self, member: &[u8], source: io::Error) -> UnpackError {
        UnpackError::Write { archive: self.archive.clone(), member: shown(member), source }
    }
}
