//! `cache`: results that other builders take instead of building.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medic_build::{BuildError, Pushed, PushedResult, cache};
use medic_model::{Arch, ByteSize, ComponentName};
use serde_json::json;

use super::context::Context;
use super::keys;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask cache key ~/cache-key                   once: makes ~/cache-key and ~/cache-key.pub
  cargo xtask cache push /srv/cache --key ~/cache-key
  MEDIC_OS_CACHE=https://ci.example/cache MEDIC_OS_CACHE_KEY=~/cache-key.pub cargo xtask build-image nginx";

/// `cache`.
#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Put results of this store into a folder that serves as a cache (MEDIC_OS_CACHE) for others, signed
    Push(Push),
    /// Make a key: FILE, which signs, and FILE.pub, which users of the cache trust
    Key(Key),
}

/// `cache push`.
#[derive(Debug, Args)]
pub struct Push {
    /// The folder; it is made when it is not there
    pub folder: PathBuf,
    /// Components of recipes/, such as openssl; what they need is put there too [default: those of all packages]
    pub components: Vec<ComponentName>,
    /// The file of the key that signs, as 'cache key' or 'minisign -G -W' writes it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The architecture whose results are meant: x64 or arm64 [default: this machine's]
    #[arg(long)]
    pub arch: Option<Arch>,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
}

/// `cache key`.
#[derive(Debug, Args)]
pub struct Key {
    /// Where the key goes; nothing may be there yet
    pub file: PathBuf,
}

/// Carries the command out.
pub fn cache(command: &Cache) -> Result<(), Failure> {
    match command {
        Cache::Push(arguments) => push(arguments),
        Cache::Key(arguments) => key(arguments),
    }
}

fn push(arguments: &Push) -> Result<(), Failure> {
    let context =
        Context::new(&BuildOptions { arch: arguments.arch, offline: true, ..BuildOptions::default() })?;
    let folder = std::path::absolute(&arguments.folder)?;
    let signer = cache::signing_key(&read(&arguments.key)?)?;
    let pushed = context.push(&arguments.components, &folder, &signer)?;
    let mut out = std::io::stdout();
    if arguments.json {
        let components: Vec<_> = pushed.iter().map(in_json).collect();
        let answer =
            json!({"format": FORMAT, "arch": context.arch, "folder": folder, "components": components});
        return Ok(writeln!(out, "{answer}")?);
    }
    let there: Vec<&PushedResult> = pushed.iter().filter_map(|one| one.result.as_ref()).collect();
    let fresh = there.iter().filter(|one| one.fresh).count();
    let size = there.iter().map(|one| one.size).sum();
    for one in pushed.iter().filter(|one| one.result.is_none()) {
        writeln!(out, "{} {}: not built as its recipe is now; left out", one.name, one.version)?;
    }
    let folder = context.shown(&folder);
    writeln!(out, "{folder}: {} results, {}; {fresh} of them written now", there.len(), ByteSize(size))?;
    writeln!(
        out,
        "signed by key {}; others trust it with MEDIC_OS_CACHE_KEY or recipes/cache.pub",
        signer.public().id()
    )?;
    Ok(())
}

fn in_json(one: &Pushed) -> serde_json::Value {
    let result = one.result.as_ref();
    json!({
        "name": one.name,
        "version": one.version,
        "key": result.map(|result| result.key),
        "object": result.map(|result| result.object),
        "size": result.map(|result| result.size),
        "fresh": result.map(|result| result.fresh),
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error| BuildError::CacheKey(format!("cannot read '{}': {error}", path.display()));
    Ok(std::fs::read_to_string(path).map_err(failed)?)
}

fn key(arguments: &Key) -> Result<(), Failure> {
    let (secret, public) = keys::make(&arguments.file, None)?;
    let (secret, public) = (secret.display(), public.display());
    Ok(writeln!(std::io::stdout(), "{secret}: signs; keep it to yourself\n{public}: for users of the cache")?)
}
