//! Packages to an image: the plan is carried out, unless the store has the very same image already.

use std::num::NonZero;
use std::path::PathBuf;

use medic_archive::Compression;
use medic_archive::digest::of_bytes;
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ImageName, Manifest, Sha256, Version};
use serde::{Deserialize, Serialize};

use crate::error::ImageError;
use crate::layers::{self, Maker, Package, compression_name, form, is_whole};
use crate::oci::documents::{
    CONFIG, Descriptor, History, ImageConfig, ImageManifest, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST, RootFs,
    variant,
};
use crate::plan::{BASE_MTIME, Facts, Plan};
use crate::progress::Reporter;
use crate::report::{Layer, LayerContent, SizeTable};
use crate::store::{Store, touch};
use crate::time::rfc3339;

/// The version of the form of the records of assembled images.
const FORMAT: u32 = 1;

/// The label with the commit that an image is made from.
pub(crate) const REVISION: &str = "org.opencontainers.image.revision";

/// A package archive on disk, and the digest that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageArchive {
    /// The file.
    pub path: PathBuf,
    /// Of the whole file.
    pub sha256: Sha256,
}

/// What an assembly is told from outside.
#[derive(Debug, Clone)]
pub struct AssembleSettings {
    /// The store's folder; it is made when it is not there.
    pub store: PathBuf,
    /// What the image is for.
    pub arch: Arch,
    /// How layers are compressed. gzip is what every daemon reads; zstd needs Docker 23 or newer.
    pub compression: Compression,
    /// Seconds since 1970-01-01T00:00:00Z: the image's time of creation.
    pub created: u64,
    /// The commit that the image is made from.
    pub revision: Option<String>,
    /// Where the sources of the image's definition are.
    pub source: Option<String>,
    /// How many layers may be made at once.
    pub jobs: NonZero<u32>,
}

/// An assembled image: its layers are in the store, its documents here.
#[derive(Debug, Clone)]
pub struct Image {
    /// The image.
    pub name: ImageName,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// How its layers are compressed.
    pub compression: Compression,
    /// The layers, bottom first.
    pub layers: Vec<Layer>,
    /// The configuration document.
    pub config: Document,
    /// The manifest.
    pub manifest: Document,
    /// The configuration document's content.
    pub configuration: ImageConfig,
    /// Whether it was assembled now; else the store had it, with nothing changed.
    pub fresh: bool,
    pub(crate) store: Store,
}

/// A JSON document of an image, and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The bytes.
    pub json: Vec<u8>,
    /// Of the bytes.
    pub digest: Sha256,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// Whether it was there already, with nothing changed.
    pub unchanged: bool,
}

impl Document {
    fn new(name: &'static str, value: &impl Serialize) -> Result<Self, ImageError> {
        let json = serde_json::to_vec(value).map_err(|source| ImageError::Json { document: name, source })?;
        Ok(Self::of(json))
    }

    fn of(json: Vec<u8>) -> Self {
        let digest = of_bytes(&json).sha256;
        Self { json, digest }
    }
}

/// Everything that an image is a function of.
#[derive(Serialize)]
struct Key<'a> {
    format: u32,
    layers: u32,
    definition: &'a ImageDefinition,
    packages: Vec<Sha256>,
    arch: Arch,
    compression: &'a str,
    created: u64,
    revision: Option<&'a str>,
    source: Option<&'a str>,
    /// The builder's own part: what the base layer and the documents look like.
    builder: &'a str,
}

/// An assembled image, in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: Version,
    pub(crate) layers: Vec<Layer>,
    pub(crate) config: String,
    pub(crate) manifest: String,
}

/// Assembles the image of `definition` from the archives of exactly its packages, in any order.
///
/// With nothing changed since the last time, nothing is made: only one record of the store is read.
///
/// # Errors
/// [`ImageError`]: packages that do not go together, a damaged archive, a full disk. The store is in good order after each.
pub fn assemble(
    definition: &ImageDefinition,
    packages: &[PackageArchive],
    settings: &AssembleSettings,
    reporter: &dyn Reporter,
) -> Result<Image, ImageError> {
    let store = Store::new(&settings.store);
    let key = key(definition, packages, settings)?;
    if let Some(record) = store.read_json::<Record>(&store.image(key))
        && let Some(image) = from_record(record, definition, settings, &store)
    {
        touch(&store.image(key));
        packages
            .iter()
            .for_each(|package| touch(&store.package(package.sha256, &form(settings.compression))));
        return Ok(image);
    }
    let opened = packages
        .iter()
        .map(|archive| Package::open(archive, &store, settings.compression))
        .collect::<Result<Vec<_>, _>>()?;
    let manifests: Vec<Manifest> = opened.iter().map(|package| package.manifest.clone()).collect();
    let facts = Facts {
        created: settings.created,
        revision: settings.revision.clone(),
        source: settings.source.clone(),
    };
    let plan = Plan::new(definition, &manifests, settings.arch, &facts)?;
    let layers = make_layers(&plan, &opened, settings, &store, reporter)?;
    let image = document(plan, layers, settings, store)?;
    remember(&image, key)?;
    Ok(image)
}

/// The digest of everything that an image is a function of.
pub(crate) fn key(
    definition: &ImageDefinition,
    packages: &[PackageArchive],
    settings: &AssembleSettings,
) -> Result<Sha256, ImageError> {
    let mut digests: Vec<Sha256> = packages.iter().map(|package| package.sha256).collect();
    digests.sort_unstable();
    let key = Key {
        format: FORMAT,
        layers: layers::FORMAT,
        definition,
        packages: digests,
        arch: settings.arch,
        compression: compression_name(settings.compression),
        created: settings.created,
        revision: settings.revision.as_deref(),
        source: settings.source.as_deref(),
        builder: env!("CARGO_PKG_VERSION"),
    };
    Ok(Document::new("key", &key)?.digest)
}

fn from_record(
    record: Record,
    definition: &ImageDefinition,
    settings: &AssembleSettings,
    store: &Store,
) -> Option<Image> {
    let whole = record.layers.iter().all(|layer| is_whole(store, layer));
    let configuration = serde_json::from_str(&record.config).ok()?;
    whole.then(|| Image {
        name: definition.name.clone(),
        version: record.version,
        arch: settings.arch,
        compression: settings.compression,
        layers: record.layers,
        config: Document::of(record.config.into_bytes()),
        manifest: Document::of(record.manifest.into_bytes()),
        configuration,
        fresh: false,
        store: store.clone(),
    })
}

fn make_layers(
    plan: &Plan,
    opened: &[Package<'_>],
    settings: &AssembleSettings,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Vec<Layer>, ImageError> {
    let scratch = store.scratch()?;
    let (compression, jobs) = (settings.compression, settings.jobs);
    let maker = Maker { store, scratch: &scratch, compression, jobs, reporter };
    let package = |place: &usize| &opened[plan.packages[*place].index];
    let chosen: Vec<Vec<&Package<'_>>> =
        plan.layers.iter().map(|layer| layer.iter().map(package).collect()).collect();
    let mut layers = vec![maker.write(LayerContent::Base {}, &plan.base, BASE_MTIME)?];
    layers.extend(maker.packages(&chosen)?);
    layers.push(maker.write(LayerContent::Configuration {}, &plan.configuration, BASE_MTIME)?);
    Ok(layers)
}

/// The documents of an image whose layers are made.
fn document(
    plan: Plan,
    layers: Vec<Layer>,
    settings: &AssembleSettings,
    store: Store,
) -> Result<Image, ImageError> {
    let created = rfc3339(settings.created);
    let history = |layer: &Layer| History {
        created: created.clone(),
        created_by: format!("medic-os: {}", layer.content.words()),
        comment: None,
    };
    let configuration = ImageConfig {
        architecture: plan.arch.oci().to_owned(),
        variant: variant(plan.arch),
        os: "linux".to_owned(),
        config: plan.container,
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|layer| layer.diff_id.oci()).collect(),
        },
        history: layers.iter().map(history).collect(),
        created,
    };
    let config = Document::new("configuration", &configuration)?;
    let layer_type = layer_type(settings.compression);
    let manifest = ImageManifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        config: Descriptor::new(CONFIG, config.digest, config.json.len() as u64),
        layers: layers.iter().map(|layer| Descriptor::new(layer_type, layer.digest, layer.size)).collect(),
    };
    let manifest = Document::new("manifest", &manifest)?;
    let (name, version, arch) = (plan.name, plan.version, plan.arch);
    let compression = settings.compression;
    Ok(Image {
        name,
        version,
        arch,
        compression,
        layers,
        config,
        manifest,
        configuration,
        fresh: true,
        store,
    })
}

pub(crate) fn layer_type(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => LAYER_GZIP,
        Compression::Zstd => LAYER_ZSTD,
        Compression::Uncompressed => LAYER,
    }
}

fn remember(image: &Image, key: Sha256) -> Result<(), ImageError> {
    let text = |document: &Document| String::from_utf8_lossy(&document.json).into_owned();
    let record = Record {
        version: image.version.clone(),
        layers: image.layers.clone(),
        config: text(&image.config),
        manifest: text(&image.manifest),
    };
    image.store.write_json(&image.store.image(key), &record)
}

impl Image {
    /// `medic-os/<image>`: its repository in a daemon.
    pub fn repository(&self) -> String {
        format!("medic-os/{}", self.name)
    }

    /// The image's version as a tag: what a tag cannot hold (`+`, `~`) becomes `-`.
    pub fn version_tag(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        self.version.as_str().chars().map(|c| if fits(c) { c } else { '-' }).collect()
    }

    /// `medic-os/<image>:<version>`, then `medic-os/<image>:latest`.
    pub fn tags(&self) -> [String; 2] {
        let repository = self.repository();
        [format!("{repository}:{}", self.version_tag()), format!("{repository}:latest")]
    }

    /// The commit that it says it is made from.
    pub fn revision(&self) -> Option<&str> {
        self.configuration.config.labels.get(REVISION).map(String::as_str)
    }

    /// How many seconds a container of the image may take to end: what the image says, or `default`.
    pub(crate) fn stop_seconds(&self, default: u8) -> i64 {
        let said = self.configuration.config.labels.get(crate::plan::STOP_GRACE);
        said.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| default.into())
    }

    /// What it weighs, layer by layer.
    pub fn table(&self) -> SizeTable {
        SizeTable::new(&self.layers, (self.config.json.len() + self.manifest.json.len()) as u64)
    }
}
