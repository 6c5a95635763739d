//! `store`: the folder where everything fetched and built is kept.

use std::io::Write;

use clap::Args;
use medic_image::garbage;
use medic_model::{Arch, ByteSize};
use serde_json::json;

use super::context::Context;
use super::gc::kind_of;
use crate::arguments::{BuildOptions, Store};
use crate::environment::Environment;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// `store verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
}

/// Carries the command out.
pub fn store(command: &Store) -> Result<(), Failure> {
    match command {
        Store::Path => {
            let environment = Environment::read()?;
            writeln!(std::io::stdout(), "{}", environment.store.display())?;
            Ok(())
        }
        Store::Verify(arguments) => verify(arguments),
    }
}

fn verify(arguments: &Verify) -> Result<(), Failure> {
    let arch = Arch::host().unwrap_or(Arch::X64);
    let context = Context::new(&BuildOptions { arch: Some(arch), offline: true, ..BuildOptions::default() })?;
    let built = context.verify_store()?;
    // Nobody else removes layers, and what is used meanwhile is sound or found to be damaged by its user, too.
    let images = garbage::verify(&context.environment.store)?;
    let of_builds = built.damaged.into_iter().map(|one| (one.kind, one.path, one.why));
    let of_images = images.damaged.into_iter().map(|one| (kind_of(one.kind), one.path, one.why));
    let damaged: Vec<_> = of_builds.chain(of_images).collect();
    let (objects, size) = (built.objects + images.objects, built.size + images.size);
    let mut out = std::io::stdout();
    if arguments.json {
        let one = |(kind, path, why): &(_, std::path::PathBuf, String)| json!({"kind": kind as &medic_build::store::gc::Kind, "path": path, "why": why});
        let list: Vec<_> = damaged.iter().map(one).collect();
        let answer = json!({"format": FORMAT, "store": context.environment.store, "objects": objects, "size": size, "damaged": list});
        writeln!(out, "{answer}")?;
    } else {
        for (_, path, why) in &damaged {
            writeln!(out, "{}: damaged ({why}); removed", path.display())?;
        }
        writeln!(
            out,
            "{objects} objects, {}, were read; {} of them were damaged",
            ByteSize(size),
            damaged.len()
        )?;
    }
    if damaged.is_empty() { Ok(()) } else { Err(Failure::DamagedStore(damaged.len())) }
}
