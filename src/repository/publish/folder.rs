//! Publishing to a folder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{IndexFiles, Place, PublishError};
use crate::index::Listed;
use crate::transport::{Directory, Transport};

/// What is put aside ends with this, after the number of the process.
const PARTIAL: &str = "partial";

/// A repository in a folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// In this folder; it is made when something is published.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn archive(&self, listed: &Listed) -> PathBuf {
        self.path.join("packages").join(listed.file_name())
    }
}

impl Place for Folder {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn transport(&self) -> Result<Box<dyn Transport>, PublishError> {
        Ok(Box::new(Directory::new(&self.path)))
    }

    fn mark(&self) -> Result<Option<Vec<u8>>, PublishError> {
        match fs::read(self.path.join("latest")) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            mark => Ok(Some(mark?)),
        }
    }

    fn begin(&self) -> Result<Option<File>, PublishError> {
        let packages = self.path.join("packages");
        fs::create_dir_all(&packages)?;
        // The folder itself is the lock: nothing stays behind that would have to be removed.
        let lock = fs::File::open(&self.path)?.into_parts().0;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PublishError::Busy { location: self.location() }),
            // Some network file systems lock no folders: then the mark alone tells of another publisher.
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        for folder in [&self.path, &packages] {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                // Nobody else is at work here: it was left by one that was killed.
                if path.extension().is_some_and(|end| end == PARTIAL) {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(Some(lock))
    }

    fn has(&self, listed: &Listed) -> Result<bool, PublishError> {
        let found = medic_archive::digest::of_file(&self.archive(listed));
        Ok(found.is_ok_and(|found| found.sha256 == listed.sha256))
    }

    fn put_archive(&self, listed: &Listed, archive: &Path) -> Result<(), PublishError> {
        let mut from = fs::File::open(archive)?;
        Ok(put(&self.archive(listed), |file| io::copy(&mut from, file).map(drop))?)
    }

    /// Signatures and index first, under names that no reader is led to; then `latest`, by one rename.
    fn put_index(&self, index: &IndexFiles, mark: Option<&[u8]>) -> Result<bool, PublishError> {
        if self.mark()?.as_deref() != mark {
            return Ok(false);
        }
        for (name, bytes) in &index.files {
            put(&self.path.join(name), |file| file.write_all(bytes))?;
        }
        let latest = format!("{}\n", index.version);
        put(&self.path.join("latest"), |file| file.write_all(latest.as_bytes()))?;
        Ok(true)
    }
}

/// Writes a file whole: aside, durable, renamed.
fn put(path: &Path, write: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<()> {
    let aside = path.with_added_extension(format!("{}.{PARTIAL}", std::process::id()));
    let written = fs::File::create(&aside).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&aside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&aside);
        return renamed;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
