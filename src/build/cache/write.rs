//! Putting a result into a cache that is a folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::num::NonZero;
use std::path::Path;

use medic_archive::compress::Compressor;
use medic_archive::{Compression, Tree};
use medic_model::document::from_json;
use medic_repository::key;
use medic_repository::publish::SigningKey;

use super::keys::of_signing;
use super::record::{OBJECTS, SIGNATURE, path_of};
use super::{CacheRecord, FORMAT, ObjectRecord};
use crate::error::BuildError;
use crate::loaded::LoadError;
use crate::store::{ComponentRecord, StoreError, make_folder};

/// Puts a result and its tree into the cache, unless it is there, signed with this key: the object first and the record last, each
/// written aside, made durable and renamed. So whoever reads the cache meanwhile finds a result whole or not at all. Says what the
/// record is, and whether it was written now.
///
/// # Errors
/// The tree cannot be read, the cache not be written.
pub fn write(
    cache: &Path,
    result: &ComponentRecord,
    tree: &Path,
    signer: &SigningKey,
    threads: NonZero<u32>,
) -> Result<(CacheRecord, bool), BuildError> {
    let place = cache.join(path_of(&result.key));
    if let Some(record) = present(cache, &place, result, signer) {
        return Ok((record, false));
    }
    let object = write_object(&cache.join(OBJECTS).join("sha256"), tree, threads)?;
    let record = CacheRecord { format: FORMAT, result: result.clone(), object };
    // Not as canonical JSON: that leaves the line ends of a recipe's steps as they are, which no reader of JSON takes.
    let text = serde_json::to_vec(&record)
        .map_err(|error| StoreError::new("write", &place, std::io::Error::other(error)))?;
    let comment = format!("medic-os result of {} {}", result.inputs.component, result.inputs.version);
    let signature = signer.sign(&text, &comment).map_err(of_signing)?;
    make_folder(place.parent().unwrap_or(cache))?;
    put(&place.with_added_extension(&SIGNATURE[1..]), |file| file.write_all(signature.as_bytes()))?;
    put(&place, |file| file.write_all(&text))?;
    Ok((record, true))
}

/// The record that is there, if it is of this result, signed with this key, and its object has the right size.
fn present(cache: &Path, place: &Path, result: &ComponentRecord, signer: &SigningKey) -> Option<CacheRecord> {
    let text = fs::read(place).ok()?;
    let signature = fs::read(place.with_added_extension(&SIGNATURE[1..])).ok()?;
    key::verify(std::slice::from_ref(signer.public()), &text, &signature).ok()?;
    let record: CacheRecord = from_json("the cache's record", &text).ok()?;
    let object = cache.join(OBJECTS).join("sha256").join(record.object.sha256.to_string());
    let whole = fs::metadata(object).is_ok_and(|meta| meta.len() == record.object.size);
    let same =
        record.format == FORMAT && record.result.key == result.key && record.result.tree == result.tree;
    (whole && same).then_some(record)
}

/// Writes a tree as an object. Its bytes are a function of the tree alone.
fn write_object(folder: &Path, tree: &Path, threads: NonZero<u32>) -> Result<ObjectRecord, BuildError> {
    make_folder(folder)?;
    let failed = |error: std::io::Error| StoreError::new("write", folder, error);
    let scanned = Tree::scan(tree).map_err(LoadError::from)?;
    let aside = aside(folder)?;
    let file = aside.reopen().map_err(failed)?;
    let compressor = Compressor::new(file, Compression::Zstd, scanned.tar_size(), threads).map_err(failed)?;
    let written =
        scanned.write(BufWriter::with_capacity(128 << 10, compressor), 0).map_err(LoadError::from)?;
    let compressor = written.into_inner().map_err(|error| failed(error.into_error()))?;
    let (_, packed) = compressor.finish().map_err(failed)?;
    persist(aside, &folder.join(packed.sha256.to_string()))?;
    Ok(ObjectRecord { sha256: packed.sha256, size: packed.size })
}

fn put(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), StoreError> {
    let mut aside = aside(path.parent().unwrap_or(path))?;
    write(aside.as_file_mut()).map_err(StoreError::from_io("write", path))?;
    persist(aside, path)
}

fn aside(folder: &Path) -> Result<tempfile::NamedTempFile, StoreError> {
    let made = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder);
    made.map_err(|error| StoreError::new("write", folder, error))
}

fn persist(aside: tempfile::NamedTempFile, path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::new("write", path, error);
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    aside.as_file().set_permissions(everybody).map_err(failed)?;
    aside.as_file().sync_all().map_err(failed)?;
    aside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
