//! A backup as a tar: what would be a folder's files, in the order in which they are made.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use medic_model::ByteSize;

use crate::couch::MAX_ANSWER;
use crate::error::Error;
use crate::folder::{Folder, Progress, Sink};
use crate::index::{self, DatabaseName};

/// The most bytes of one file: a part is 8 MiB of documents and one more, however large, and what gzip adds to it.
const LIMIT: u64 = MAX_ANSWER + (64 << 20);
/// The most bytes between two files: a name is in a header of its own when it is long.
const HEADERS: u64 = 16 << 10;
/// Bytes of the disk that are left free: the database may be on it, too.
const RESERVE: u64 = 64 << 20;

/// A tar that is written.
pub struct Stream<W: Write> {
    tar: tar::Builder<Gate<W>>,
    /// Seconds since 1970, which every member has.
    now: u64,
}

impl<W: Write> Stream<W> {
    /// Writes to `out`.
    pub fn new(out: W, now: u64) -> Self {
        Self { tar: tar::Builder::new(Gate { out, is_open: false }), now }
    }

    /// Writes the end, without which a tar is not whole.
    pub fn finish(mut self) -> Result<(), Error> {
        self.tar.get_mut().is_open = true;
        self.tar.into_inner().and_then(|mut gate| gate.out.flush()).map_err(written)
    }
}

/// A writer that takes nothing while it is shut: a tar that is dropped writes its end, as if it were whole.
struct Gate<W> {
    out: W,
    is_open: bool,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open { self.out.write(bytes) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn written(source: io::Error) -> Error {
    Error::Stream { verb: "written", source }
}

impl<W: Write> Sink for Stream<W> {
    fn progress(&mut self, _: &DatabaseName, _: &str, _: &str) -> Result<Progress, Error> {
        Ok(Progress::none())
    }

    fn put(&mut self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.now);
        self.tar.get_mut().is_open = true;
        let result = self.tar.append_data(&mut header, file, bytes).map_err(written);
        self.tar.get_mut().is_open = false;
        result
    }
}

/// Puts what a tar holds into an empty folder: the parts of each database in their order, and `backup.json` behind all of them, which
/// names no others. Nothing else is taken, nothing is held in memory, and the disk is not filled. What the files hold is for
/// [`verify`](crate::verify()) to see.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Cut`], [`Error::NoRoom`], or the reader's and the folder's.
pub fn unpack(from: &mut dyn Read, folder: &mut Folder) -> Result<(), Error> {
    let (left, end) = (Cell::new(HEADERS), Cell::new(End::NotYet));
    let mut archive = tar::Archive::new(Metered { from, left: &left, end: &end });
    let read = |source| match end.get() {
        End::NotYet => Error::Foreign { what: plain(&source) },
        End::Reached => Error::Cut,
        End::Failed => Error::Stream { verb: "read", source },
    };
    let mut parts: BTreeMap<DatabaseName, usize> = BTreeMap::new();
    let mut is_done = false;
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (kind, size) = (entry.header().entry_type(), entry.size());
        let foreign = |why: &str| Err(Error::Foreign { what: format!("'{}' {why}", path.escape_debug()) });
        if !kind.is_file() {
            return foreign("is no file");
        }
        if is_done {
            return foreign("comes behind backup.json, which is the last");
        }
        if path == index::FILE_NAME {
            is_done = true;
        } else {
            let Some((database, number)) = part(&path) else {
                return foreign("is no name of a file of a backup");
            };
            let last = parts.entry(database).or_default();
            if number != *last + 1 {
                return foreign("does not follow the part before it");
            }
            *last = number;
        }
        if size > if is_done { index::LIMIT } else { LIMIT } {
            return foreign(&format!("has {size} bytes: none of a backup has"));
        }
        let space = folder.space()?;
        if space.bytes < RESERVE.saturating_add(size) {
            let (free, reserve) = (ByteSize(space.bytes), ByteSize(RESERVE));
            return Err(Error::NoRoom { place: folder.shown(), free, reserve });
        }
        left.set(size);
        folder.put_from(&path, &mut entry, size)?;
        left.set(HEADERS);
    }
    if !is_done {
        return Err(Error::Cut);
    }
    let listed = folder.index()?.databases.into_iter().filter(|database| !database.parts.is_empty());
    let listed: BTreeMap<_, _> = listed.map(|database| (database.name, database.parts.len())).collect();
    let odd = parts.iter().find(|(name, count)| listed.get(*name) != Some(count)).map(|(name, _)| name);
    match odd.or_else(|| listed.keys().find(|name| !parts.contains_key(*name))) {
        Some(name) => {
            Err(Error::Foreign { what: format!("its parts of '{name}' are not those of its backup.json") })
        }
        None => Ok(()),
    }
}

/// What the reader of tars says, which may repeat words of the tar.
fn plain(error: &io::Error) -> String {
    error.to_string().replace(char::is_control, "\u{fffd}")
}

/// Whether a reader still had something to give when it was last asked.
#[derive(Debug, Clone, Copy)]
enum End {
    NotYet,
    Reached,
    Failed,
}

/// A reader that gives so many bytes and no more: the reader of tars takes the names of members into memory, however long they are.
struct Metered<'a> {
    from: &'a mut dyn Read,
    left: &'a Cell<u64>,
    end: &'a Cell<End>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a name in it is longer than any of a backup"));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let result = self.from.read(&mut buffer[..most]);
        match &result {
            Ok(0) if most > 0 => self.end.set(End::Reached),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.end.set(End::Failed),
            _ => {}
        }
        self.left.set(left - *result.as_ref().unwrap_or(&0) as u64);
        result
    }
}

/// Of which database, and which of its parts, a file of that name is.
fn part(path: &str) -> Option<(DatabaseName, usize)> {
    let (folder, name) = path.split_once('/')?;
    let database: DatabaseName = folder.replace("%2F", "/").parse().ok()?;
    let number = name.strip_suffix(".jsonl.gz")?.parse().ok()?;
    (database.part(number) == path).then_some((database, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_backups_names_are_taken() {
        for (right, database, number) in
            [("_users/00000001.jsonl.gz", "_users", 1), ("a%2Fb/00012345.jsonl.gz", "a/b", 12_345)]
        {
            assert_eq!(part(right), Some((database.parse().expect("a name"), number)), "{right}");
        }
        for wrong in [
            "",
            "x",
            "backup.json",
            "../00000001.jsonl.gz",
            "/a/00000001.jsonl.gz",
            "a/1.jsonl.gz",
            "a/+0000001.jsonl.gz",
            "a/b/00000001.jsonl.gz",
            "a/..",
            "A/00000001.jsonl.gz",
            "a%2F..%2Fb/00000001.jsonl.gz",
        ] {
            assert_eq!(part(wrong), None, "{wrong}");
        }
    }
}
