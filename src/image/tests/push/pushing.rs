//! A small release, a client without real time, and one push from looking to tags.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use medic_image::oci::documents::{INDEX, LAYER_GZIP, MANIFEST};
use medic_image::push::{
    Blob, Document, Plan, PushError, Pushed, Release, Source, WantedTag, carry_out, look,
};
use medic_repository::Network;
use medic_repository::registry::{Client, RegistryError, Scheme, Waiting};
use medic_repository::session::Login;
use serde_json::json;

use crate::double::Double;
use crate::double::faults::Chance;

pub const REPOSITORY: &str = "app";

/// Time that passes only when somebody waits for it.
pub struct Still {
    chance: Mutex<Chance>,
    /// Milliseconds so far.
    pub waited: AtomicU64,
}

impl Still {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { chance: Mutex::new(Chance(seed)), waited: AtomicU64::new(0) })
    }
}

impl Waiting for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(590_000 + self.waited.load(Ordering::Relaxed))
    }

    fn wait(&self, time: Duration, _: &RegistryError) {
        self.waited.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    fn chance(&self) -> f64 {
        self.chance.lock().expect("whole").below(1000) as f64 / 1000.0
    }
}

fn bytes_of(seed: u64, size: usize) -> Vec<u8> {
    let mut chance = Chance(seed);
    (0..size).map(|_| chance.next() as u8).collect()
}

fn blob(what: &str, bytes: Vec<u8>, folder: Option<&Path>) -> Blob {
    let digest = medic_archive::digest::of_bytes(&bytes).sha256;
    let size = bytes.len() as u64;
    let source = match folder {
        None => Source::Bytes(bytes),
        Some(folder) => {
            let path = folder.join(digest.to_string());
            std::fs::write(&path, bytes).expect("written");
            Source::File(path)
        }
    };
    Blob { digest, size, media_type: LAYER_GZIP, what: what.to_owned(), source }
}

fn described(blob: &Blob) -> serde_json::Value {
    json!({"mediaType": blob.media_type, "digest": blob.digest.oci(), "size": blob.size})
}

/// An index of two images that share a layer; its layers are files in `folder`.
pub fn release(folder: &Path, seed: u64, sizes: &[usize]) -> Release {
    let layers: Vec<Blob> = sizes
        .iter()
        .enumerate()
        .map(|(number, size)| {
            blob("a layer", bytes_of(seed.wrapping_add(number as u64), *size), Some(folder))
        })
        .collect();
    let mut blobs = layers.clone();
    let mut children = Vec::new();
    for arch in ["amd64", "arm64"] {
        let config = blob(
            "a configuration",
            format!("{{\"architecture\":\"{arch}\",\"n\":{seed}}}").into_bytes(),
            None,
        );
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": described(&config),
                              "layers": layers.iter().map(described).collect::<Vec<_>>()});
        children.push(Document::new(MANIFEST, manifest.to_string().into_bytes()));
        blobs.push(config);
    }
    let lines: Vec<_> = children
        .iter()
        .map(|child| json!({"mediaType": MANIFEST, "digest": child.digest.oci(), "size": child.json.len()}))
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": lines});
    Release { blobs, children, top: Document::new(INDEX, index.to_string().into_bytes()) }
}

pub fn wanted(tag: &str, may_move: bool) -> WantedTag {
    WantedTag { tag: tag.parse().expect("a tag"), may_move }
}

/// A client of the double, with the login that is good whenever it is asked for.
pub fn client(double: &Double, waiting: Arc<dyn Waiting>) -> Client {
    let shared = double.clone();
    let login = Arc::new(move || Ok(Some(Login(shared.state().good_login()))));
    let host = double.address.to_string();
    Client::new(Scheme::Http, &host, REPOSITORY, &Network::default(), login, waiting).expect("a client")
}

/// One push, from looking to tags.
pub fn push(
    client: &Client,
    release: &Release,
    tags: &[WantedTag],
    others: &[String],
) -> Result<Pushed, PushError> {
    let found = look(client, release, tags)?;
    let place = format!("{}/{}", client.host(), client.name());
    let plan = Plan::new(release, &found, tags, &place)?;
    carry_out(&plan, client, others, &())
}

/// What the tag leads to.
pub fn tag(double: &Double, tag: &str) -> Option<String> {
    double.state().store.tags.get(&(REPOSITORY.to_owned(), tag.to_owned())).cloned()
}

pub fn is_whole(double: &Double, digest: &str) -> bool {
    double.state().store.is_whole(REPOSITORY, digest)
}
