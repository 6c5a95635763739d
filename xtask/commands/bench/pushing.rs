//! A layout of five layers, 100 MB, pushed to a registry on this machine, and `skopeo copy`. Each run begins with an empty registry.

use std::ffi::{OsStr, OsString};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medic_build::publish::Network;
use medic_build::publish::registry::{Client, Machine, Scheme};
use medic_image::oci::documents::{CONFIG, LAYER_GZIP, MANIFEST};
use medic_image::push::{Blob, Document, Plan, PushError, Release, Source, WantedTag, carry_out, look};
use medic_model::{ByteSize, Sha256};
use serde_json::{Value, json};

use super::figure::{Row, Target};
use super::generator::Random;
use super::measure::{BenchError, Series, run};
use super::workspace::{Scratch, write};
use crate::commands::context::Context;
use crate::failure::Failure;

/// Bytes of each layer.
const LAYERS: [usize; 5] = [40_000_000, 30_000_000, 20_000_000, 8_000_000, 2_000_000];
const RATIO: f64 = 1.0;
const REGISTRY: &str = "docker-registry";
const SKOPEO: &str = "skopeo";

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let scratch = Scratch::new(&context.environment.workspace)?;
    let layout = scratch.fresh("layout")?;
    let sizes = LAYERS.map(|size| if quick { size / 10 } else { size });
    write_layout(&layout, &sizes)?;
    let program = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
    let ours = |host: &str| {
        let part: [&OsStr; 5] =
            ["bench".as_ref(), "--part".as_ref(), "push".as_ref(), layout.as_ref(), host.as_ref()];
        run(Command::new(&program).args(part))
    };
    let from = format!("oci:{}:1", layout.display());
    let theirs = |host: &str| {
        let to = format!("docker://{host}/app:1");
        run(Command::new(SKOPEO).args(["copy", "--preserve-digests", "--dest-tls-verify=false", &from, &to]))
    };
    let mut series: [Series; 4] = Default::default();
    for _ in 0..if quick { 3 } else { 9 } {
        let registry = Registry::start(&scratch.fresh("registry")?)?;
        series[0].push(ours(&registry.host)?);
        series[1].push(ours(&registry.host)?);
        drop(registry);
        let registry = Registry::start(&scratch.fresh("registry")?)?;
        series[2].push(theirs(&registry.host)?);
        series[3].push(theirs(&registry.host)?);
    }
    let what = format!("{} layers, {}", sizes.len(), ByteSize(sizes.iter().sum::<usize>() as u64));
    let row = |case: String, ours, theirs, target| Row {
        case,
        ours,
        peer: Some(("skopeo copy".to_owned(), theirs)),
        target,
    };
    Ok(vec![
        row(what.clone(), series[0].time(), series[2].time(), Target::Ratio(RATIO)),
        row(format!("{what}: memory"), series[0].peak(), series[2].peak(), Target::None),
        row(
            format!("{what}: all of it there already"),
            series[1].time(),
            series[3].time(),
            Target::Ratio(RATIO),
        ),
    ])
}

/// `--part push LAYOUT HOST`: pushes what a layout's only manifest names.
pub fn part(arguments: &[OsString]) -> Result<(), Failure> {
    let [layout, host] = arguments else { return Err(Failure::Usage("push LAYOUT HOST".to_owned())) };
    let host = host.to_string_lossy();
    let release = release(Path::new(layout))?;
    let (network, nobody) = (Network::default(), Arc::new(|| Ok(None)));
    let client = Client::new(Scheme::Http, &host, "app", &network, nobody, Arc::new(Machine))?;
    let tag = "1".parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let wanted = [WantedTag { tag, may_move: false }];
    let push = || -> Result<(), PushError> {
        let found = look(&client, &release, &wanted)?;
        let plan = Plan::new(&release, &found, &wanted, &host)?;
        carry_out(&plan, &client, &[], &()).map(drop)
    };
    Ok(push()?)
}

fn read(path: &Path) -> Result<Vec<u8>, BenchError> {
    std::fs::read(path).map_err(BenchError::file(path))
}

fn blob_path(layout: &Path, digest: Sha256) -> PathBuf {
    layout.join("blobs/sha256").join(digest.to_string())
}

fn release(layout: &Path) -> Result<Release, BenchError> {
    let broken = |what: &str| BenchError::Failed {
        what: what.to_owned(),
        message: "it is not as it was written".to_owned(),
    };
    let digest = |value: &Value| -> Result<Sha256, BenchError> {
        value["digest"].as_str().and_then(|text| text.parse().ok()).ok_or_else(|| broken("the layout"))
    };
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map_err(|_| broken("the layout"));
    let index = parse(&read(&layout.join("index.json"))?)?;
    let text = read(&blob_path(layout, digest(&index["manifests"][0])?))?;
    let manifest = parse(&text)?;
    let layers = manifest["layers"].as_array().ok_or_else(|| broken("the manifest"))?;
    let blobs = layers.iter().map(|layer| (layer, LAYER_GZIP)).chain([(&manifest["config"], CONFIG)]);
    let blob = |(described, media_type): (&Value, &'static str)| {
        let digest = digest(described)?;
        let size = described["size"].as_u64().ok_or_else(|| broken("the manifest"))?;
        let source = Source::File(blob_path(layout, digest));
        Ok(Blob { digest, size, media_type, what: "a layer".to_owned(), source })
    };
    let blobs = blobs.map(blob).collect::<Result<Vec<_>, BenchError>>()?;
    Ok(Release { blobs, children: Vec::new(), top: Document::new(MANIFEST, text) })
}

/// A layout whose layers are gzip streams of stored blocks: what is pushed is never unpacked.
fn write_layout(layout: &Path, sizes: &[usize]) -> Result<(), BenchError> {
    let mut random = Random::new(5);
    let put = |media_type: &'static str, bytes: Vec<u8>| -> Result<Value, BenchError> {
        let document = Document::new(media_type, bytes);
        write(&blob_path(layout, document.digest), &document.json)?;
        Ok(json!({"mediaType": media_type, "digest": document.digest.oci(), "size": document.json.len()}))
    };
    let mut layers = Vec::new();
    for size in sizes {
        layers.push(put(LAYER_GZIP, (0..size / 8).flat_map(|_| random.next().to_le_bytes()).collect())?);
    }
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = put(CONFIG, config.to_string().into_bytes())?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let mut line = put(MANIFEST, manifest.to_string().into_bytes())?;
    line["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    write(&layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [line]}).to_string())?;
    write(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
}

/// Debian's registry; ends when dropped.
struct Registry {
    child: Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // One that has ended by itself need not be ended.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Registry {
    fn start(folder: &Path) -> Result<Self, BenchError> {
        let failed = |message: String| BenchError::Failed { what: REGISTRY.to_owned(), message };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let host = free.map_err(|error| failed(error.to_string()))?.to_string();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '{host}'}}\n",
            folder.join("storage").display()
        );
        let file = folder.join("config.yml");
        write(&file, config)?;
        let child = Command::new(REGISTRY)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| BenchError::Missing { program: REGISTRY.to_owned(), package: REGISTRY })?;
        let registry = Self { child, host };
        let begin = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            if begin.elapsed() > Duration::from_secs(30) {
                return Err(failed("it does not listen".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(registry)
    }
}
