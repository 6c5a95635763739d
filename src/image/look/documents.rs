//! The documents of an image, whoever wrote them: unknown fields are passed over.

use std::io::{self, BufReader, Read};

use medic_archive::digest::{DigestReader, of_bytes};
use medic_model::Arch;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::blobs::Blobs;
use super::error::LookError;
use super::layer;
use super::view::{ImageView, LayerView};

/// How deep indexes may stand in each other.
const DEPTH: usize = 4;
const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A member of the `manifest.json` of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// A configuration document.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub architecture: String,
    #[serde(default)]
    pub created: Option<String>,
    #[serde(default)]
    pub config: serde_json::Value,
    rootfs: RootFs,
    #[serde(default)]
    history: Vec<History>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct History {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: bool,
}

/// A layer's blob: its file, and the digest that it must have.
struct LayerBlob {
    name: String,
    digest: Option<String>,
}

/// The image that is meant.
pub(super) fn read(blobs: &Blobs, tag: Option<&str>, arch: Arch) -> Result<ImageView, LookError> {
    if blobs.has("index.json") {
        return of_layout(blobs, tag, arch);
    }
    if blobs.has("manifest.json") {
        return of_saved(blobs, tag);
    }
    Err(LookError::no_image(&blobs.path, "it has neither index.json nor manifest.json"))
}

/// Reads a configuration document.
pub(super) fn config(json: &[u8]) -> Result<Config, String> {
    serde_json::from_slice(json).map_err(|error| format!("its configuration: {error}"))
}

fn parsed<T: DeserializeOwned>(blobs: &Blobs, what: &str, json: &[u8]) -> Result<T, LookError> {
    serde_json::from_slice(json).map_err(|error| LookError::no_image(&blobs.path, format!("{what}: {error}")))
}

/// A document by its digest.
fn verified(blobs: &Blobs, what: &str, digest: &str) -> Result<Vec<u8>, LookError> {
    let json = blobs.document(&file_of(digest))?;
    let found = of_bytes(&json).sha256.oci();
    if found == digest { Ok(json) } else { Err(damaged(blobs, what, digest, found)) }
}

fn damaged(blobs: &Blobs, what: &str, expected: &str, found: String) -> LookError {
    LookError::Damaged {
        path: blobs.path.clone(),
        what: what.to_owned(),
        expected: expected.to_owned(),
        found,
    }
}

fn file_of(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn of_layout(blobs: &Blobs, tag: Option<&str>, arch: Arch) -> Result<ImageView, LookError> {
    let index: Index = parsed(blobs, "index.json", &blobs.document("index.json")?)?;
    let named = |one: &Descriptor| {
        tag.is_none_or(|tag| one.annotations.get(REF_NAME).is_some_and(|name| name == tag))
    };
    let mut manifests = Vec::new();
    for descriptor in index.manifests.into_iter().filter(named) {
        flatten(blobs, descriptor, DEPTH, &mut manifests)?;
    }
    let mut fitting = Vec::new();
    for (descriptor, manifest) in &manifests {
        let config = config(&verified(blobs, "the configuration", &manifest.config.digest)?)
            .map_err(|why| LookError::no_image(&blobs.path, why))?;
        if config.architecture == arch.oci()
            && !fitting.iter().any(|(other, _, _)| *other == descriptor.digest)
        {
            fitting.push((descriptor.digest.clone(), manifest, config));
        }
    }
    match fitting.as_slice() {
        [(digest, manifest, config)] => {
            let layers = manifest
                .layers
                .iter()
                .map(|layer| LayerBlob { name: file_of(&layer.digest), digest: Some(layer.digest.clone()) });
            view(blobs, Some(digest.clone()), config, layers)
        }
        others => {
            let wanted = tag.map_or_else(|| format!("one for {arch}"), |tag| format!("'{tag}' for {arch}"));
            let found = match others.len() {
                0 => format!("{} images, none of them fitting", manifests.len()),
                many => format!("{many} images for {arch}"),
            };
            Err(LookError::Choice { path: blobs.path.clone(), found, wanted })
        }
    }
}

/// The image manifests below a descriptor. Attestations and other artifacts are none.
fn flatten(
    blobs: &Blobs,
    descriptor: Descriptor,
    depth: usize,
    found: &mut Vec<(Descriptor, Manifest)>,
) -> Result<(), LookError> {
    if depth == 0 {
        return Err(LookError::no_image(&blobs.path, "its indexes stand too deep in each other"));
    }
    let foreign = descriptor.platform.as_ref().is_some_and(|platform| platform.architecture == "unknown");
    if foreign || !blobs.has(&file_of(&descriptor.digest)) {
        return Ok(());
    }
    let json = verified(blobs, "a manifest", &descriptor.digest)?;
    if descriptor.media_type.contains("index") || descriptor.media_type.contains("manifest.list") {
        let index: Index = parsed(blobs, "an index", &json)?;
        return index.manifests.into_iter().try_for_each(|one| flatten(blobs, one, depth - 1, found));
    }
    let manifest: Manifest = parsed(blobs, "a manifest", &json)?;
    if manifest.config.media_type.contains("image.config")
        || manifest.config.media_type.contains("container.image")
    {
        found.push((descriptor, manifest));
    }
    Ok(())
}

fn of_saved(blobs: &Blobs, tag: Option<&str>) -> Result<ImageView, LookError> {
    let saved: Vec<Saved> = parsed(blobs, "manifest.json", &blobs.document("manifest.json")?)?;
    let tagged = |one: &&Saved| {
        let tags = one.repo_tags.as_deref().unwrap_or_default();
        tag.is_none_or(|tag| tags.iter().any(|name| name == tag || name.ends_with(&format!(":{tag}"))))
    };
    let fitting: Vec<&Saved> = saved.iter().filter(tagged).collect();
    let [saved] = fitting.as_slice() else {
        let (found, wanted) = (format!("{} images", fitting.len()), tag.unwrap_or("one").to_owned());
        return Err(LookError::Choice { path: blobs.path.clone(), found, wanted });
    };
    let config =
        config(&blobs.document(&saved.config)?).map_err(|why| LookError::no_image(&blobs.path, why))?;
    let layers = saved.layers.iter().map(|name| LayerBlob { name: name.clone(), digest: None });
    view(blobs, None, &config, layers)
}

fn view(
    blobs: &Blobs,
    digest: Option<String>,
    config: &Config,
    layers: impl ExactSizeIterator<Item = LayerBlob>,
) -> Result<ImageView, LookError> {
    if layers.len() != config.rootfs.diff_ids.len() {
        let why =
            format!("it has {} layers, and its configuration {}", layers.len(), config.rootfs.diff_ids.len());
        return Err(LookError::no_image(&blobs.path, why));
    }
    let mut made_by = config.history.iter().filter(|line| !line.empty_layer);
    let mut views = Vec::new();
    for (blob, diff_id) in layers.zip(&config.rootfs.diff_ids) {
        let mut view = layer_view(blobs, &blob, diff_id)?;
        view.made_by = made_by.next().and_then(|line| line.created_by.clone());
        views.push(view);
    }
    Ok(ImageView {
        digest,
        architecture: config.architecture.clone(),
        created: config.created.clone(),
        config: config.config.clone(),
        layers: views,
    })
}

fn layer_view(blobs: &Blobs, blob: &LayerBlob, diff_id: &str) -> Result<LayerView, LookError> {
    let what = format!("the layer {}", blob.digest.as_deref().unwrap_or(diff_id));
    let (reader, size) = blobs.reader(&blob.name)?;
    let mut reader = DigestReader::new(BufReader::with_capacity(128 << 10, reader));
    let read = plain(&mut reader).and_then(layer::entries);
    io::copy(&mut reader, &mut io::sink()).map_err(LookError::unreadable(&blobs.path))?;
    let digest = reader.finish().sha256.oci();
    if let Some(expected) = blob.digest.as_ref().filter(|expected| **expected != digest) {
        return Err(damaged(blobs, &what, expected, digest));
    }
    let (entries, (found, plain_size)) =
        read.map_err(|error| LookError::no_image(&blobs.path, format!("{what}: {error}")))?;
    if found.oci() != diff_id {
        return Err(damaged(blobs, &format!("the tar of {what}"), diff_id, found.oci()));
    }
    Ok(LayerView { digest, size, diff_id: diff_id.to_owned(), plain_size, made_by: None, entries })
}

/// A layer's tar, told by its first bytes, however it is compressed.
fn plain<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let gzip = head.starts_with(&[0x1f, 0x8b]);
    let zstd = head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let whole = io::Cursor::new(head).chain(reader);
    Ok(if gzip {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else if zstd {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}
