//! What this crate has in a store: for whoever makes room, or wants to know whether it is sound.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medic_archive::{Compression, digest};
use medic_model::Sha256;
use medic_model::image::ImageDefinition;

use crate::assemble::{AssembleSettings, PackageArchive, Record as ImageRecord, key};
use crate::error::ImageError;
use crate::layers::{Record as PackageRecord, form};
use crate::output::is_of_an_output;
use crate::report::Layer;
use crate::store::{MARK, Store, is_locked};

/// Sizes are counted in blocks of this many bytes, as file systems give them out.
const BLOCK: u64 = 4096;
/// Every compression that layers may have.
const COMPRESSIONS: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Uncompressed];

/// What something in the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredKind {
    /// A compressed layer.
    Layer,
    /// What is known of a package archive and its layer.
    PackageRecord,
    /// An assembled image.
    Image,
    /// What is known of an archive that was written.
    Output,
    /// An image unpacked for the bubblewrap runner.
    RootFilesystem,
    /// What a killed program left.
    Leftover,
}

/// Something in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it is.
    pub kind: StoredKind,
    /// Its file or folder.
    pub path: PathBuf,
    /// Bytes on disk, in whole blocks of 4 KiB.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
    /// The paths of what names it, for a layer; an empty list for what nothing leads to; none for what stands for itself.
    pub holders: Option<Vec<PathBuf>>,
    /// Whether an image that is current needs it.
    pub needed: bool,
    /// Whether a program uses it at this moment.
    pub in_use: bool,
}

/// An image as it would be assembled now.
#[derive(Debug, Clone)]
pub struct CurrentImage {
    /// Its definition.
    pub definition: ImageDefinition,
    /// The archives of its packages.
    pub packages: Vec<PackageArchive>,
    /// What its assembly would be told.
    pub settings: AssembleSettings,
}

/// Everything of this crate in the store below `root`, but the volumes, which are people's data. Needed are the records and layers
/// of `packages`, the archives that current images are made of, and the records of `images`, in every compression; and what is
/// known of archives that still are where they were written: else the next build would write them again.
///
/// # Errors
/// A folder of the store cannot be read.
pub fn stored(root: &Path, packages: &[Sha256], images: &[CurrentImage]) -> Result<Vec<Stored>, ImageError> {
    let store = Store::new(root);
    let needed = needed(&store, packages, images)?;
    let [blobs, records, assembled, written, unpacked, tmp] = store.folders();
    let mut found = Vec::new();
    let mut holders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut hold = |layers: &[Layer], by: &Path| {
        for layer in layers {
            holders.entry(store.layer(layer.digest)).or_default().push(by.to_owned());
        }
    };
    for path in list(&records)? {
        let record: Option<PackageRecord> = store.read_json(&path);
        hold(record.as_ref().map(|record| std::slice::from_ref(&record.layer)).unwrap_or_default(), &path);
        add(&mut found, StoredKind::PackageRecord, path, record.is_none().then(Vec::new));
    }
    for path in list(&assembled)?.into_iter().filter(|path| *path != written) {
        let record: Option<ImageRecord> = store.read_json(&path);
        hold(record.as_ref().map(|record| record.layers.as_slice()).unwrap_or_default(), &path);
        add(&mut found, StoredKind::Image, path, record.is_none().then(Vec::new));
    }
    let mut outputs = BTreeSet::new();
    for path in list(&written)? {
        if is_of_an_output(&store, &path) {
            outputs.insert(path.clone());
        }
        add(&mut found, StoredKind::Output, path, None);
    }
    for path in list(&blobs)? {
        let holders = holders.remove(&path).unwrap_or_default();
        add(&mut found, StoredKind::Layer, path, Some(holders));
    }
    for path in list(&unpacked)? {
        add(&mut found, StoredKind::RootFilesystem, path, None);
    }
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(MARK));
    for path in list(&tmp)?.into_iter().filter(ours) {
        add(&mut found, StoredKind::Leftover, path, Some(Vec::new()));
    }
    for stored in &mut found {
        stored.needed = needed.contains(&stored.path) || outputs.contains(&stored.path);
        let lockable = matches!(stored.kind, StoredKind::RootFilesystem | StoredKind::Leftover);
        stored.in_use = lockable && is_locked(&stored.path);
    }
    Ok(found)
}

/// The records that current images are found by, and the layers of their packages.
fn needed(
    store: &Store,
    packages: &[Sha256],
    images: &[CurrentImage],
) -> Result<BTreeSet<PathBuf>, ImageError> {
    let mut needed = BTreeSet::new();
    for compression in COMPRESSIONS {
        needed.extend(packages.iter().map(|package| store.package(*package, &form(compression))));
        for image in images {
            let settings = AssembleSettings { compression, ..image.settings.clone() };
            needed.insert(store.image(key(&image.definition, &image.packages, &settings)?));
        }
    }
    Ok(needed)
}

/// Something that was not what its name or record says. It has been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// What it was.
    pub kind: StoredKind,
    /// Where it was.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Objects that were read, the damaged ones among them.
    pub objects: usize,
    /// Their bytes.
    pub size: u64,
    /// Those that were removed.
    pub damaged: Vec<Damaged>,
}

/// Reads all layers, and all records of packages and images, in the store below `root`. Removes what is damaged: the next build
/// makes it again. The caller sees to it that nobody uses the store.
///
/// # Errors
/// A folder cannot be read, or what is damaged cannot be removed.
pub fn verify(root: &Path) -> Result<Verified, ImageError> {
    let store = Store::new(root);
    let mut verified = Verified::default();
    for stored in stored(root, &[], &[])? {
        let fault = match stored.kind {
            StoredKind::Layer => fault_of_layer(&stored.path),
            StoredKind::PackageRecord => fault_of_record(store.read_json::<PackageRecord>(&stored.path)),
            StoredKind::Image => fault_of_record(store.read_json::<ImageRecord>(&stored.path)),
            _ => continue,
        };
        verified.objects += 1;
        verified.size += stored.size;
        if let Some(why) = fault {
            fs::remove_file(&stored.path).map_err(ImageError::on("remove", &stored.path))?;
            verified.damaged.push(Damaged { kind: stored.kind, path: stored.path, why });
        }
    }
    Ok(verified)
}

fn fault_of_layer(path: &Path) -> Option<String> {
    let expected = path.file_name().and_then(|name| name.to_str()?.parse::<Sha256>().ok());
    match (digest::of_file(path), expected) {
        (Ok(found), Some(expected)) if found.sha256 == expected => None,
        (Ok(found), _) => Some(format!("its digest is {}", found.sha256)),
        (Err(error), _) => Some(error.to_string()),
    }
}

fn fault_of_record<T>(record: Option<T>) -> Option<String> {
    record.is_none().then(|| "it cannot be read".to_owned())
}

/// The paths in a folder, sorted; none when it is not there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let names = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    match names() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        names => {
            let mut paths = names.map_err(ImageError::on("read the folder", folder))?;
            paths.sort();
            Ok(paths)
        }
    }
}

/// Adds what is at `path`, unless it is gone.
fn add(found: &mut Vec<Stored>, kind: StoredKind, path: PathBuf, holders: Option<Vec<PathBuf>>) {
    let Ok(used) = fs::symlink_metadata(&path).and_then(|meta| meta.modified()) else { return };
    let size = size_of(&path);
    found.push(Stored { kind, path, size, used, holders, needed: false, in_use: false });
}

/// The size on disk, in whole blocks. What cannot be read counts nothing.
fn size_of(path: &Path) -> u64 {
    let mut size = 0;
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_file() || meta.is_dir() {
            size += meta.size().next_multiple_of(BLOCK);
        }
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    size
}
