//! The members of a tar.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use tar::EntryType;

use super::UnpackError;
use super::placer::{Kind, Placer};

/// The most bytes that stand between two contents: headers, and the extended ones that the tar crate keeps in memory.
const MAX_HEADERS: u64 = 1 << 20;

/// A reader that stops when its allowance is used up, so that nothing is read into memory without a limit.
struct Metered<R> {
    inner: R,
    allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowance = self.allowance.get();
        if allowance == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the headers of a member are larger than 1 MiB"));
        }
        let room = buffer.len().min(usize::try_from(allowance).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..room])?;
        self.allowance.set(allowance - count as u64);
        Ok(count)
    }
}

pub(super) fn unpack(reader: impl Read, placer: &mut Placer) -> Result<(), UnpackError> {
    let allowance = Rc::new(Cell::new(MAX_HEADERS));
    let mut archive = tar::Archive::new(Metered { inner: reader, allowance: Rc::clone(&allowance) });
    let mut entries = archive.entries().map_err(|source| placer.unreadable(None, source))?;
    let mut last = None;
    loop {
        allowance.set(MAX_HEADERS);
        let Some(entry) = entries.next() else { return Ok(()) };
        let mut entry = entry.map_err(|source| placer.unreadable(last.as_deref(), source))?;
        let name = entry.path_bytes().into_owned();
        // Contents are limited by the placer, which reads them all.
        allowance.set(u64::MAX);
        place(&mut entry, &name, placer)?;
        last = Some(name);
    }
}

fn place<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    name: &[u8],
    placer: &mut Placer,
) -> Result<(), UnpackError> {
    let header = entry.header();
    let number = |value: io::Result<u64>| value.map_err(|source| placer.unreadable(Some(name), source));
    let (mtime, mode) = (number(header.mtime())?, number(header.mode().map(u64::from))?);
    let target = || entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
    let kind = match header.entry_type() {
        // What a commit is called, by git archive: not a member.
        EntryType::XGlobalHeader => return Ok(()),
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Link { target: target() },
        EntryType::Link => Kind::HardLink { target: target() },
        // Tars of before 1988 mark a folder by a slash only.
        EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            Kind::File { mode: mode as u32, content: entry }
        }
        EntryType::Char | EntryType::Block => Kind::Special("device"),
        EntryType::Fifo => Kind::Special("pipe"),
        _ => Kind::Special("member of an unknown type"),
    };
    placer.place(name, mtime, kind)
}
