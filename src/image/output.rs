//! Files that an image is written to: whole or not at all, and not again when nothing changed.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use medic_archive::digest::of_bytes;
use medic_model::Sha256;
use serde::{Deserialize, Serialize};

use crate::assemble::{Image, Written};
use crate::error::ImageError;
use crate::store::{Scratch, Stamp, Store, put, touch};

/// What is known of a file that was written.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    path: PathBuf,
    /// What is in it.
    manifest: Sha256,
    stamp: Stamp,
}

/// Whether this record is of a file that is there as it was written.
pub(crate) fn is_of_an_output(store: &Store, record: &Path) -> bool {
    let record: Option<Record> = store.read_json(record);
    record.is_some_and(|record| Stamp::of(&record.path).is_ok_and(|stamp| stamp == record.stamp))
}

impl Image {
    /// What is in a file of this kind.
    pub(crate) fn identity(&self, kind: &str) -> Sha256 {
        of_bytes(format!("{kind} {}", self.manifest.digest).as_bytes()).sha256
    }

    /// Writes the file `path` by `write`, in place of what is there; a file that this store wrote with the same `identity`, and nobody
    /// touched since, is left as it is.
    pub(crate) fn write_file(
        &self,
        path: &Path,
        identity: Sha256,
        write: impl FnOnce(&mut dyn Write, &Path) -> Result<(), ImageError>,
    ) -> Result<Written, ImageError> {
        let path = std::path::absolute(path).map_err(ImageError::on("find", path))?;
        let record = self.store.written(of_bytes(path.as_os_str().as_encoded_bytes()).sha256);
        let now = |stamp| Record { path: path.clone(), manifest: identity, stamp };
        let stamp = Stamp::of(&path).ok();
        if stamp.is_some() && self.store.read_json(&record) == stamp.map(now) {
            touch(&record);
            return Ok(Written { path, unchanged: true });
        }
        // Beside the destination, so that renaming is enough; hidden, since it is not finished.
        let folder = path.parent().unwrap_or(Path::new("/"));
        let scratch = Scratch::in_folder(folder)?;
        let new = scratch.path().join("archive.tar");
        let file = fs::File::create_new(&new).map_err(ImageError::on("write", &path))?;
        let mut file = BufWriter::with_capacity(128 << 10, file);
        write(&mut file, &path)?;
        file.into_inner().map_err(|error| ImageError::file("write", &path, error.into_error()))?;
        put(&new, &path)?;
        let stamp = Stamp::of(&path).map_err(ImageError::on("read", &path))?;
        self.store.write_json(&record, &now(stamp))?;
        Ok(Written { path, unchanged: false })
    }
}
