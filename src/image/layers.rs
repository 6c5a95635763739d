//! Layers: trees become compressed tars in the store. Their bytes are a function of their content alone.

use std::io::{self, BufReader, BufWriter, Read};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use medic_archive::compress::Compressor;
use medic_archive::digest::DigestReader;
use medic_archive::package::Limits;
use medic_archive::tree::Tree;
use medic_archive::{Compressed, Compression, DirectorySink, PackageReader};
use medic_model::{ByteSize, Manifest, Sha256};
use serde::{Deserialize, Serialize};
use std::fs;

use crate::assemble::PackageArchive;
use crate::error::ImageError;
use crate::plan::package_tree;
use crate::progress::{Event, Reporter};
use crate::report::{Held, Layer, LayerContent};
use crate::store::{Scratch, Store, put, touch};

/// The version of the form in which layers are written: another one when the same tree gives other bytes.
pub(crate) const FORMAT: u32 = 1;

/// The name of a compression in the store.
pub(crate) fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Uncompressed => "plain",
    }
}

/// What a record's name ends with: how the layer was written.
pub(crate) fn form(compression: Compression) -> String {
    format!("{}-v{FORMAT}", compression_name(compression))
}

/// What is known of a package archive that has been read to its end once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) manifest: Manifest,
    pub(crate) layer: Layer,
}

/// A package archive: its manifest, and its layer if the store has it.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    archive: &'a PackageArchive,
    pub(crate) manifest: Manifest,
    layer: Option<Layer>,
}

impl<'a> Package<'a> {
    /// What the store knows of an archive; else its manifest is read, and the archive verified when its layer is made.
    pub(crate) fn open(
        archive: &'a PackageArchive,
        store: &Store,
        compression: Compression,
    ) -> Result<Self, ImageError> {
        let known: Option<Record> = store.read_json(&store.package(archive.sha256, &form(compression)));
        if let Some(record) = known.filter(|record| is_whole(store, &record.layer)) {
            touch(&store.package(archive.sha256, &form(compression)));
            return Ok(Self { archive, manifest: record.manifest, layer: Some(record.layer) });
        }
        let reader = PackageReader::open(&archive.path, Limits::default())?;
        Ok(Self { archive, manifest: reader.manifest().clone(), layer: None })
    }

    /// The package's layer, from the store or made now.
    fn layer(&self, maker: &Maker<'_>) -> Result<Layer, ImageError> {
        let (package, version) = (&self.manifest.name, &self.manifest.version);
        if let Some(layer) = &self.layer {
            maker.reporter.event(Event::LayerReused { package, version });
            return Ok(layer.clone());
        }
        let size = ByteSize(self.manifest.installed_size());
        maker.reporter.event(Event::LayerStarted { package, version, size });
        let layer = self.make(maker)?;
        maker.reporter.event(Event::LayerDone { package, version, size: ByteSize(layer.size) });
        Ok(layer)
    }

    /// The package's part of a layer, unpacked into a folder of its own that lives as long as the value; with the time that its
    /// members have.
    fn tree(
        &self,
        maker: &Maker<'_>,
        content: &LayerContent,
    ) -> Result<(Tree, u64, tempfile::TempDir), ImageError> {
        let parent = maker.scratch.path();
        let unpacked = tempfile::tempdir_in(parent).map_err(ImageError::on("make a folder in", parent))?;
        let mtime = self.unpack(unpacked.path())?;
        let json = serde_json::to_vec(&self.manifest)
            .map_err(|source| ImageError::Json { document: "manifest of a package", source })?;
        let in_words = |source| ImageError::Tree { what: content.words(), source };
        let tree = package_tree(&self.manifest, json, unpacked.path()).map_err(in_words)?;
        Ok((tree, mtime, unpacked))
    }

    fn make(&self, maker: &Maker<'_>) -> Result<Layer, ImageError> {
        let content = LayerContent::Package {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
        };
        let (tree, mtime, _unpacked) = self.tree(maker, &content)?;
        let layer = maker.write(content, &tree, mtime)?;
        let record = Record { manifest: self.manifest.clone(), layer: layer.clone() };
        maker
            .store
            .write_json(&maker.store.package(self.archive.sha256, &form(maker.compression)), &record)?;
        Ok(layer)
    }

    /// Unpacks and verifies the whole archive; gives the time that its members have.
    fn unpack(&self, to: &Path) -> Result<u64, ImageError> {
        let path = &self.archive.path;
        let reader = PackageReader::open(path, Limits::default())?;
        let mtime = reader.mtime();
        let mut sink = DirectorySink::new(to).map_err(ImageError::on("open the folder", to))?;
        let (manifest, found) = reader.unpack(&mut sink).map_err(|error| ImageError::unpacking(error, to))?;
        if found.sha256 != self.archive.sha256 {
            let (expected, found) = (self.archive.sha256, found.sha256);
            return Err(ImageError::WrongDigest { path: path.clone(), expected, found });
        }
        if manifest == self.manifest { Ok(mtime) } else { Err(ImageError::Changed { path: path.clone() }) }
    }
}

/// Whether the store has all bytes of a layer. They are digested when they are used.
pub(crate) fn is_whole(store: &Store, layer: &Layer) -> bool {
    fs::metadata(store.layer(layer.digest)).is_ok_and(|meta| meta.is_file() && meta.len() == layer.size)
}

/// Makes layers.
pub(crate) struct Maker<'a> {
    pub(crate) store: &'a Store,
    pub(crate) scratch: &'a Scratch,
    pub(crate) compression: Compression,
    pub(crate) jobs: NonZero<u32>,
    pub(crate) reporter: &'a dyn Reporter,
}

impl Maker<'_> {
    /// The layers of packages, in their order; several are made at once. Most hold one package.
    pub(crate) fn packages(&self, layers: &[Vec<&Package<'_>>]) -> Result<Vec<Layer>, ImageError> {
        let next = AtomicUsize::new(0);
        let workers = layers.len().min(self.jobs.get() as usize);
        let mut done: Vec<(usize, Result<Layer, ImageError>)> = std::thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(packages) = layers.get(index) else { return done };
                    let result = self.layer_of(packages);
                    if result.is_err() {
                        // Nobody needs to start another.
                        next.store(layers.len(), Ordering::Relaxed);
                    }
                    done.push((index, result));
                }
            };
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(join).collect()
        });
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    fn layer_of(&self, packages: &[&Package<'_>]) -> Result<Layer, ImageError> {
        match packages {
            [package] => package.layer(self),
            packages => self.shared(packages),
        }
    }

    /// A layer of several packages. Only images keep it in the store: it is made anew when the image is another.
    fn shared(&self, packages: &[&Package<'_>]) -> Result<Layer, ImageError> {
        let held = |package: &&Package<'_>| Held {
            name: package.manifest.name.clone(),
            version: package.manifest.version.clone(),
        };
        let content = LayerContent::Packages { packages: packages.iter().map(held).collect() };
        let (mut tree, mut mtime, mut unpacked) = (Tree::new(), 0, Vec::new());
        for package in packages {
            let (own, time, folder) = package.tree(self, &content)?;
            let in_words = |source| ImageError::Tree { what: content.words(), source };
            tree.graft(None, own).map_err(in_words)?;
            mtime = time.max(mtime);
            unpacked.push(folder);
        }
        self.write(content, &tree, mtime)
    }

    /// Writes a tree as a layer into the store.
    pub(crate) fn write(&self, content: LayerContent, tree: &Tree, mtime: u64) -> Result<Layer, ImageError> {
        let new = tempfile::Builder::new()
            .prefix("layer-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(self.scratch.path())
            .map_err(ImageError::on("write a layer in", self.scratch.path()))?;
        let (file, new) = new.into_parts();
        let packed = self.compress(file, &new, &content, tree, mtime)?;
        let layer = Layer {
            content,
            digest: packed.sha256,
            size: packed.size,
            diff_id: packed.plain_sha256,
            plain_size: packed.plain_size,
            files: tree.len() as u64,
        };
        put(&new, &self.store.layer(layer.digest))?;
        Ok(layer)
    }

    fn compress(
        &self,
        file: fs::File,
        path: &Path,
        content: &LayerContent,
        tree: &Tree,
        mtime: u64,
    ) -> Result<Compressed, ImageError> {
        let written = ImageError::on("write the layer", path);
        let compressor =
            Compressor::new(file, self.compression, tree.tar_size(), self.jobs).map_err(&written)?;
        let buffered = BufWriter::with_capacity(128 << 10, compressor);
        let buffered =
            tree.write(buffered, mtime).map_err(|error| ImageError::layer(error, &content.words(), path))?;
        let compressor = buffered.into_inner().map_err(|error| written(error.into_error()))?;
        compressor.finish().map(|(_, packed)| packed).map_err(written)
    }
}

/// A worker's results; its panic goes on here.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Reads a layer's tar through `read`. What `read` made of bytes that turn out not to be the layer's is not used.
pub(crate) fn use_plain_layer<T>(
    store: &Store,
    layer: &Layer,
    compression: Compression,
    read: impl FnOnce(&mut dyn Read) -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    let path = store.layer(layer.digest);
    let failed = ImageError::on("read the layer", &path);
    use_layer(store, layer, |file| {
        let mut reader = DigestReader::new(BufReader::with_capacity(128 << 10, file));
        let result = match compression {
            Compression::Gzip => read(&mut flate2::read::MultiGzDecoder::new(&mut reader)),
            Compression::Zstd => {
                zstd::Decoder::new(&mut reader).map_err(&failed).and_then(|mut plain| read(&mut plain))
            }
            Compression::Uncompressed => read(&mut reader),
        };
        // The end too, whatever came of the rest: a damaged layer is told by its digest.
        io::copy(&mut reader, &mut io::sink()).map_err(&failed)?;
        Ok((result, reader.finish().sha256))
    })?
}

/// Reads a layer's bytes from the store to their end through `copy`, which gives the digest of what it read. Bytes that
/// are not the layer's are removed from the store.
pub(crate) fn use_layer<T>(
    store: &Store,
    layer: &Layer,
    copy: impl FnOnce(fs::File) -> Result<(T, Sha256), ImageError>,
) -> Result<T, ImageError> {
    let path = store.layer(layer.digest);
    let file = fs::File::open(&path).map_err(ImageError::on("read the layer", &path))?;
    let (value, found) = copy(file)?;
    if found == layer.digest {
        return Ok(value);
    }
    drop(fs::remove_file(&path));
    Err(ImageError::DamagedLayer { path })
}
