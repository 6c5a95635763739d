//! Twenty sources from a server on this machine, and `curl --parallel`. The builder also digests them, and makes each durable before
//! it is put in place; so the peer's `sha256sum` counts, and is shown without as well.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use medic_build::BuildError;
use medic_build::fetch::{self, Access, Limits, Programs, Proxy};
use medic_model::recipe::{FileSource, Location};
use medic_model::{ByteSize, Sha256};

use super::figure::{Row, Target};
use super::generator::Random;
use super::measure::{BenchError, Series, run};
use super::server::serve;
use super::workspace::{Scratch, write};
use crate::commands::context::Context;
use crate::failure::Failure;

const FILES: usize = 20;
const SMALLEST: f64 = 100e3;
const LARGEST: f64 = 20e6;
const RATIO: f64 = 1.1;

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let scratch = Scratch::new(&context.environment.workspace)?;
    let largest = if quick { LARGEST / 10.0 } else { LARGEST };
    let files = files(largest);
    let all: usize = files.iter().map(Vec::len).sum();
    let list = scratch.join("list");
    let digests = digests(&files, &scratch)?;
    let address = serve(files).map_err(BenchError::file(Path::new("127.0.0.1")))?;
    let urls: Vec<String> = (0..FILES).map(|number| format!("{address}/{number}")).collect();
    let lines: Vec<String> =
        digests.iter().zip(&urls).map(|(digest, url)| format!("{digest} {url}")).collect();
    write(&list, lines.join("\n"))?;
    let program = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
    let mut series: [Series; 4] = Default::default();
    for _ in 0..if quick { 5 } else { 15 } {
        let store = scratch.fresh("store")?;
        let part: [&OsStr; 5] =
            ["bench".as_ref(), "--part".as_ref(), "fetch".as_ref(), list.as_ref(), store.as_ref()];
        series[0].push(run(Command::new(&program).args(part))?);
        for (index, after) in [(1, ""), (2, " && sha256sum *"), (3, " && sha256sum * && sync *")] {
            series[index].push(run(Command::new("sh")
                .arg("-c")
                .arg(curl(&urls, after))
                .current_dir(scratch.fresh("curl")?))?);
        }
    }
    let what = format!("{FILES} files, {}", ByteSize(all as u64));
    let row = |index: usize, peer: &str, target| Row {
        case: what.clone(),
        ours: series[0].time(),
        peer: Some((peer.to_owned(), series[index].time())),
        target,
    };
    Ok(vec![
        row(2, "curl --parallel, sha256sum", Target::Ratio(RATIO)),
        row(3, "curl --parallel, sha256sum, sync", Target::None),
        row(1, "curl --parallel alone", Target::None),
        Row { case: format!("{what}: memory"), ours: series[0].peak(), peer: None, target: Target::None },
    ])
}

fn curl(urls: &[String], after: &str) -> String {
    let each: Vec<String> =
        urls.iter().enumerate().map(|(number, url)| format!("-o {number} {url}")).collect();
    format!("curl --parallel --silent --show-error --fail --noproxy '*' {}{after}", each.join(" "))
}

/// Bytes that nobody can compress, in sizes that grow by the same factor.
fn files(largest: f64) -> Vec<Vec<u8>> {
    let mut random = Random::new(20);
    let factor = (largest / SMALLEST).powf(1.0 / (FILES - 1) as f64);
    let size = |number: usize| (SMALLEST * factor.powf(number as f64)) as usize;
    (0..FILES)
        .map(|number| (0..size(number) / 8).flat_map(|_| random.next().to_le_bytes()).collect())
        .collect()
}

/// By `sha256sum`: that the builder takes the files shows that both agree.
fn digests(files: &[Vec<u8>], scratch: &Scratch) -> Result<Vec<String>, BenchError> {
    let folder = scratch.fresh("digested")?;
    let mut digests = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let path = folder.join(number.to_string());
        write(&path, file)?;
        let output = Command::new("sha256sum").arg(&path).output().map_err(BenchError::file(&path))?;
        digests.push(String::from_utf8_lossy(&output.stdout).chars().take(64).collect());
    }
    Ok(digests)
}

/// `--part fetch LIST STORE`: fetches what a list of digests and addresses names.
pub fn part(arguments: &[OsString]) -> Result<(), Failure> {
    let [list, store] = arguments else { return Err(Failure::Usage("fetch LIST STORE".to_owned())) };
    let text = std::fs::read_to_string(list).map_err(BenchError::file(Path::new(list)))?;
    let sources: Vec<FileSource> = text.lines().filter_map(source).collect();
    let access = Access {
        workspace: Path::new(store).to_owned(),
        mirrors: Vec::new(),
        debian: Vec::new(),
        cargo_home: None,
        proxy: Proxy::None,
        programs: Programs::default(),
        offline: false,
        user_agent: "medic-os-bench".to_owned(),
    };
    let wanted: Vec<&FileSource> = sources.iter().collect();
    let never = AtomicBool::new(false);
    fetch::fetch_all(&wanted, Path::new(store), &access, &Limits::default(), &|_| {}, &never)
        .map_err(BuildError::from)?;
    Ok(())
}

fn source(line: &str) -> Option<FileSource> {
    let (digest, url) = line.split_once(' ')?;
    let sha256: Sha256 = digest.parse().ok()?;
    let locations = vec![Location::Url(url.to_owned())];
    Some(FileSource {
        sha256,
        sha512: None,
        max_size: ByteSize(64 << 20),
        locations,
        into: None,
        unpack: false,
        strip: 0,
    })
}
