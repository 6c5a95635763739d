//! What is in a layer's tar.

use std::io::{self, Read};

use medic_archive::digest::DigestReader;
use medic_model::Sha256;

use super::view::{Entry, Kind};

/// The most entries that a layer may have.
const MOST: usize = 2_000_000;

/// Every entry of a tar, read to its end; with the tar's digest and size.
pub(super) fn entries(tar: impl Read) -> io::Result<(Vec<Entry>, (Sha256, u64))> {
    let mut reader = DigestReader::new(tar);
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(&mut reader);
    for entry in archive.entries()? {
        if found.len() == MOST {
            return Err(io::Error::other(format!("it has more than {MOST} files")));
        }
        if let Some(entry) = of(&mut entry?)? {
            found.push(entry);
        }
    }
    io::copy(&mut reader, &mut io::sink())?;
    let digested = reader.finish();
    Ok((found, (digested.sha256, digested.size)))
}

/// None for the root itself.
fn of(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<Entry>> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let path = path.trim_start_matches("./").trim_matches('/').to_owned();
    if path.is_empty() || path == "." {
        return Ok(None);
    }
    let header = entry.header();
    let (mode, uid, gid) = (header.mode()? & 0o7777, header.uid()?, header.gid()?);
    let kind = match header.entry_type() {
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
        tar::EntryType::Symlink => Kind::Link,
        tar::EntryType::Link => Kind::Hardlink,
        _ => Kind::Special,
    };
    let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
    let (size, sha256) = if kind == Kind::File {
        let mut reader = DigestReader::new(entry);
        io::copy(&mut reader, &mut io::sink())?;
        let digested = reader.finish();
        (digested.size, Some(digested.sha256))
    } else {
        (0, None)
    };
    Ok(Some(Entry { path, kind, mode: format!("{mode:04o}"), uid, gid, size, target, sha256 }))
}
