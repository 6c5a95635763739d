//! The digests of all contents, made in the thread that decompresses: another one writes files meanwhile.

use std::io::{self, Read};
use std::slice::Iter;
use std::sync::mpsc::{Receiver, Sender, channel};

use medic_model::Sha256;
use medic_model::manifest::Entry;

use super::member;
use crate::digest::Digester;
use crate::header::BLOCK;

/// The entries' part of an archive, which gives its bytes on as they are. Where contents begin and end is known from the manifest:
/// that the headers between them are the manifest's is verified by whoever reads on.
pub(super) struct Contents<'m, T> {
    reader: T,
    entries: Iter<'m, Entry>,
    /// Bytes before the next content.
    gap: u64,
    /// Bytes of the content that are still to come.
    left: u64,
    /// Bytes between its end and the next header.
    padding: u64,
    digester: Digester,
    digests: Sender<Sha256>,
}

impl<'m, T> Contents<'m, T> {
    /// Reads these entries. The digests of the files come in their order: each has been sent once the last byte
    /// of its content, or of its header if it is empty, has been read.
    pub(super) fn new(reader: T, entries: &'m [Entry]) -> (Self, Receiver<Sha256>) {
        let (digests, receiver) = channel();
        let (entries, digester) = (entries.iter(), Digester::default());
        let mut contents = Self { reader, entries, gap: 0, left: 0, padding: 0, digester, digests };
        contents.next_file();
        (contents, receiver)
    }

    /// The reader beneath.
    pub(super) fn into_inner(self) -> T {
        self.reader
    }

    fn next_file(&mut self) {
        self.gap = std::mem::take(&mut self.padding);
        for entry in self.entries.by_ref() {
            self.gap += member(entry, 0).header_size();
            if let Entry::File { size, .. } = entry {
                self.left = *size;
                self.padding = size.next_multiple_of(BLOCK as u64) - size;
                return;
            }
        }
        self.gap = u64::MAX;
    }

    fn pass(&mut self, mut bytes: &[u8]) {
        loop {
            // Nothing is left of the bytes while there is a gap.
            part(&mut bytes, &mut self.gap);
            self.digester.update(part(&mut bytes, &mut self.left));
            if self.gap > 0 || self.left > 0 {
                return;
            }
            // Nobody listens any more when a sink has failed.
            let _ = self.digests.send(std::mem::take(&mut self.digester).finish().sha256);
            self.next_file();
        }
    }
}

/// Takes as many bytes as there are, `left` at most, and counts them off.
fn part<'a>(bytes: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let count = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    *left -= count as u64;
    taken
}

impl<T: Read> Read for Contents<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.pass(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: usize) -> Entry {
        let path = path.parse().expect("a path");
        Entry::File { path, mode: 0o644, size: size as u64, sha256: Sha256::from_bytes([0; 32]) }
    }

    fn entries() -> Vec<Entry> {
        vec![
            Entry::Directory { path: "a".parse().expect("a path"), mode: 0o755 },
            file("a/empty", 0),
            file("a/five", 5),
            file("a/block", BLOCK),
            Entry::Link { path: "a/link".parse().expect("a path"), target: "five".to_owned() },
            file(&format!("a/{}end", "long/".repeat(30)), 0),
            file("b", 100_001),
        ]
    }

    /// What the entries' part of an archive is, and each content with the place of its end.
    fn archive(entries: &[Entry]) -> (Vec<u8>, Vec<(usize, Sha256)>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (number, entry) in entries.iter().enumerate() {
            bytes.extend(member(entry, 7).header());
            if let Entry::File { size, .. } = entry {
                let content = vec![number as u8; *size as usize];
                bytes.extend(&content);
                ends.push((bytes.len(), crate::digest::of_bytes(&content).sha256));
                bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
            }
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        (bytes, ends)
    }

    #[test]
    fn a_digest_is_there_when_its_content_has_been_read_and_not_before() {
        let entries = entries();
        let (bytes, ends) = archive(&entries);
        for step in [1, 7, 511, BLOCK, 4 * BLOCK + 1, bytes.len()] {
            let (mut contents, digests) = Contents::new(&bytes[..], &entries);
            let (mut read, mut found) = (0, Vec::new());
            let mut buffer = vec![0; step];
            loop {
                let count = contents.read(&mut buffer).expect("a slice");
                assert_eq!(buffer[..count], bytes[read..read + count]);
                read += count;
                found.extend(digests.try_iter());
                let due: Vec<Sha256> =
                    ends.iter().filter(|(end, _)| *end <= read).map(|(_, digest)| *digest).collect();
                assert_eq!(found, due, "after {read} bytes, {step} at a time");
                if count == 0 {
                    break;
                }
            }
            assert_eq!(found.len(), 5);
        }
    }
}
