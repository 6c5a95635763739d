//! What is wrong with a header that is not the one expected.

use medic_model::manifest::{Entry, FILE_NAME};
use medic_model::{Manifest, RelPath};
use tar::{EntryType, Header};

use crate::header::BLOCK;
use crate::package::PackageError;

/// Says how `block` differs from the header of the entry at `index`, or, past the last one, what it is doing there.
pub(super) fn diagnose(
    archive: &str,
    block: &[u8; BLOCK],
    manifest: &Manifest,
    index: usize,
    mtime: u64,
) -> PackageError {
    let expected = manifest.entries.get(index);
    let archive = archive.to_owned();
    if let (Some(entry), true) = (expected, block.iter().all(|byte| *byte == 0)) {
        return PackageError::Missing { archive, member: entry.path().to_string() };
    }
    let header = Header::from_byte_slice(block);
    let name = header.path_bytes();
    let shown = String::from_utf8_lossy(&name).escape_debug().to_string();
    let at = Found { archive, header, member: shown };
    if let Some(error) = at.unwelcome() {
        return error;
    }
    let folder = header.entry_type() == EntryType::Directory;
    let name = if folder { name.strip_suffix(b"/").unwrap_or(&name) } else { &name };
    let Some(path) = str::from_utf8(name).ok().and_then(|name| name.parse::<RelPath>().ok()) else {
        return PackageError::BadName { archive: at.archive, member: at.member };
    };
    match expected {
        Some(entry) if *entry.path() == path => at.different(entry, mtime),
        _ => at.misplaced(&path, manifest, index),
    }
}

struct Found<'a> {
    archive: String,
    header: &'a Header,
    member: String,
}

impl Found<'_> {
    /// What no member may be, whatever its name.
    fn unwelcome(&self) -> Option<PackageError> {
        let (archive, member) = (self.archive.clone(), self.member.clone());
        let special = |kind| PackageError::Special { archive: archive.clone(), member: member.clone(), kind };
        let not_canonical =
            |why| PackageError::NotCanonical { archive: archive.clone(), member: member.clone(), why };
        if !checksum_is_right(self.header) {
            return Some(not_canonical("its header is damaged: the checksum is wrong"));
        }
        match self.header.entry_type() {
            EntryType::Regular | EntryType::Directory | EntryType::Symlink => {}
            EntryType::Link => return Some(PackageError::HardLink { archive, member }),
            EntryType::Char => return Some(special("character device")),
            EntryType::Block => return Some(special("block device")),
            EntryType::Fifo => return Some(special("pipe")),
            EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => {
                return Some(not_canonical(
                    "it has an extended header that it does not need, or another one",
                ));
            }
            _ => return Some(special("member of an unknown type")),
        }
        match self.header.mode() {
            Ok(mode) if mode & 0o7000 != 0 => Some(PackageError::SpecialMode { archive, member, mode }),
            _ => None,
        }
    }

    /// Another member than the one expected.
    fn misplaced(self, path: &RelPath, manifest: &Manifest, index: usize) -> PackageError {
        let (archive, member) = (self.archive, self.member);
        let place = manifest.entries.binary_search_by(|entry| entry.path().cmp(path));
        match (place, manifest.entries.get(index)) {
            (Ok(place), _) if place < index => PackageError::Duplicate { archive, member },
            (Ok(_), Some(expected)) => {
                PackageError::OutOfOrder { archive, member, expected: expected.path().to_string() }
            }
            _ if path.as_str() == FILE_NAME => PackageError::Duplicate { archive, member },
            _ => PackageError::Unlisted { archive, member },
        }
    }

    /// The member that is expected, but not as it should be.
    fn different(self, entry: &Entry, mtime: u64) -> PackageError {
        let (archive, member, header) = (self.archive, self.member, self.header);
        let not_canonical =
            |why| PackageError::NotCanonical { archive: archive.clone(), member: member.clone(), why };
        let found = kind(header.entry_type());
        let expected = match entry {
            Entry::Directory { .. } => "folder",
            Entry::File { .. } => "file",
            Entry::Link { .. } => "link",
        };
        if found != expected {
            return PackageError::WrongType { archive, member, expected, found };
        }
        if let (Some(expected), Ok(found)) = (entry.mode(), header.mode())
            && expected != found
        {
            return PackageError::WrongMode { archive, member, expected, found };
        }
        if let Ok(found) = header.entry_size()
            && found != super::member(entry, mtime).size()
        {
            return PackageError::WrongSize {
                expected: super::member(entry, mtime).size(),
                archive,
                member,
                found,
            };
        }
        if let (Entry::Link { target, .. }, Some(found)) = (entry, header.link_name_bytes())
            && *found != *target.as_bytes()
        {
            let found = String::from_utf8_lossy(&found).escape_debug().to_string();
            return PackageError::WrongTarget { archive, member, expected: target.clone(), found };
        }
        if header.uid().ok() != Some(0) || header.gid().ok() != Some(0) {
            return not_canonical("its owner and group are not 0");
        }
        if header.mtime().ok() != Some(mtime) {
            return not_canonical("its time is not that of the manifest");
        }
        not_canonical("its header has other fields than a package's")
    }
}

fn kind(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Directory => "folder",
        EntryType::Symlink => "link",
        _ => "file",
    }
}

fn checksum_is_right(header: &Header) -> bool {
    let mut copy = header.clone();
    copy.set_cksum();
    copy.cksum().ok() == header.cksum().ok()
}
