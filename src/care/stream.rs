//! A backup as a tar: what would be a folder's files, in the order in which they are made.

use std::io::{Read, Write};

use crate::error::Error;
use crate::folder::{Folder, Progress, Sink};
use crate::index::{self, DatabaseName};

/// The most bytes of one file: a part is 8 MiB of documents and one more, however large.
const LIMIT: u64 = 4 << 30;

/// A tar that is written.
pub struct Stream<W: Write> {
    tar: tar::Builder<W>,
    /// Seconds since 1970, which every member has.
    now: u64,
}

impl<W: Write> Stream<W> {
    /// Writes to `out`.
    pub fn new(out: W, now: u64) -> Self {
        Self { tar: tar::Builder::new(out), now }
    }

    /// Writes the end, without which a tar is not whole.
    pub fn finish(self) -> Result<(), Error> {
        self.tar.into_inner().and_then(|mut out| out.flush()).map_err(written)
    }
}

fn written(source: std::io::Error) -> Error {
    Error::Stream { verb: "written", source }
}

impl<W: Write> Sink for Stream<W> {
    fn progress(&mut self, _: &DatabaseName, _: &str) -> Result<Progress, Error> {
        Ok(Progress::none())
    }

    fn put(&mut self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.now);
        self.tar.append_data(&mut header, file, bytes).map_err(written)
    }
}

/// Puts what a tar holds into an empty folder. Nothing of it is used that a backup does not have.
pub fn unpack(from: impl Read, folder: &mut Folder) -> Result<(), Error> {
    let read = |source| Error::Stream { verb: "read", source };
    let strange = |what: String| read(std::io::Error::other(what));
    let mut archive = tar::Archive::new(from);
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || !is_ours(&path) || entry.size() > LIMIT {
            return Err(strange(format!("'{}' is nothing that a backup holds", path.escape_debug())));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(read)?;
        folder.put(&path, &bytes)?;
    }
    Ok(())
}

/// Whether a backup has a file of that name.
fn is_ours(path: &str) -> bool {
    let part = |(folder, name): (&str, &str)| {
        let database = folder.replace("%2F", "/").parse::<DatabaseName>();
        let number = name.strip_suffix(".jsonl.gz").and_then(|number| number.parse().ok());
        database.ok().zip(number).is_some_and(|(database, number)| database.part(number) == path)
    };
    path == index::FILE_NAME || path.split_once('/').is_some_and(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_backups_names_are_taken() {
        for right in ["backup.json", "_users/00000001.jsonl.gz", "a%2Fb/00012345.jsonl.gz"] {
            assert!(is_ours(right), "{right}");
        }
        for wrong in
            ["", "x", "../00000001.jsonl.gz", "/a/00000001.jsonl.gz", "a/1.jsonl.gz", "a/b/00000001.jsonl.gz", "a/..", "A/00000001.jsonl.gz"]
        {
            assert!(!is_ours(wrong), "{wrong}");
        }
    }
}
