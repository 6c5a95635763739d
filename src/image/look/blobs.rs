//! Where an image's bytes are: the files of a folder, or the members of an archive.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::LookError;

/// The most bytes that a document may have.
const MOST: u64 = 16 << 20;

/// A folder or an archive.
#[derive(Debug)]
pub(super) struct Blobs {
    pub path: PathBuf,
    /// The members of an archive: where their bytes begin, and how many there are.
    members: Option<BTreeMap<String, (u64, u64)>>,
}

impl Blobs {
    pub(super) fn open(path: &Path) -> Result<Self, LookError> {
        let failed = LookError::unreadable(path);
        let members = if fs::metadata(path).map_err(&failed)?.is_dir() {
            None
        } else {
            let mut file = fs::File::open(path).map_err(&failed)?;
            Some(members(&mut file).map_err(|error| LookError::no_image(path, error.to_string()))?)
        };
        Ok(Self { path: path.to_owned(), members })
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.members {
            Some(members) => members.contains_key(name),
            None => self.path.join(name).is_file(),
        }
    }

    /// The bytes of a file, and how many there are.
    pub(super) fn reader(&self, name: &str) -> Result<(impl Read, u64), LookError> {
        let lacking = || LookError::no_image(&self.path, format!("it has no '{name}'"));
        let Some(members) = &self.members else {
            let path = self.path.join(name);
            let file = fs::File::open(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => lacking(),
                _ => LookError::unreadable(&path)(error),
            })?;
            let size = file.metadata().map_err(LookError::unreadable(&path))?.len();
            return Ok((file.take(size), size));
        };
        let (at, size) = *members.get(name).ok_or_else(lacking)?;
        let failed = LookError::unreadable(&self.path);
        let mut file = fs::File::open(&self.path).map_err(&failed)?;
        file.seek(SeekFrom::Start(at)).map_err(&failed)?;
        Ok((file.take(size), size))
    }

    /// All bytes of a small file.
    pub(super) fn document(&self, name: &str) -> Result<Vec<u8>, LookError> {
        let (reader, size) = self.reader(name)?;
        if size > MOST {
            return Err(LookError::no_image(&self.path, format!("'{name}' is larger than 16 MiB")));
        }
        let mut bytes = Vec::new();
        reader.take(MOST).read_to_end(&mut bytes).map_err(LookError::unreadable(&self.path))?;
        Ok(bytes)
    }
}

/// The regular files of a tar by name, and the links to them.
fn members(file: &mut fs::File) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let mut found = BTreeMap::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        match entry.header().entry_type() {
            tar::EntryType::Regular => drop(found.insert(name, (entry.raw_file_position(), entry.size()))),
            // `docker save` of old wrote a layer that two images share once.
            tar::EntryType::Symlink => {
                if let Some(target) = entry.link_name_bytes() {
                    links.push((name, String::from_utf8_lossy(&target).into_owned()));
                }
            }
            _ => {}
        }
    }
    for (name, target) in links {
        if let Some(place) = found.get(&resolved(&name, &target)).copied() {
            found.insert(name, place);
        }
    }
    Ok(found)
}

/// Where a relative link leads, by its text.
fn resolved(link: &str, target: &str) -> String {
    let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
