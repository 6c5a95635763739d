//! The documents of a package in the store: beside its archive, made once.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use medic_archive::digest::{self, DigestWriter};
use medic_archive::tree::Tree;
use medic_model::recipe::Recipe;
use medic_model::roots::Toolchain;
use medic_model::{Manifest, Sha256};
use medic_sys::files::{stream_durable, write_durable};
use serde::{Deserialize, Serialize};

use super::facts::{Facts, ToolchainFact};
use super::{AttestError, Evidence, gather, json, provenance, spdx};
use crate::error::BuildError;
use crate::key::digest_of;
use crate::package::Source;
use crate::report::Reporter;
use crate::store::{Store, StoreError, read_record};

/// Raised when documents come to be made differently of the same package: those in stores are then made again.
const FORMAT: u32 = 2;
/// The record's name in a package's folder.
const RECORD: &str = "documents.json";

/// Where the documents of a package are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// SPDX 2.3, JSON.
    pub spdx: PathBuf,
    /// An in-toto statement with SLSA provenance.
    pub provenance: PathBuf,
}

impl Documents {
    /// Where those of a package are in its folder.
    pub fn in_folder(folder: &Path, manifest: &Manifest) -> Self {
        let place = |kind| folder.join(document_name(manifest, kind));
        Self { spdx: place("spdx"), provenance: place("provenance") }
    }
}

/// `documents.json`: what documents were made of; written after them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    /// The digest of what they are a function of, but for the files in the archive, which its digest stands for.
    basis: Sha256,
    /// The commit at which the package was packed. Documents that are made again say the same.
    revision: Option<String>,
    spdx: Sha256,
    provenance: Sha256,
}

/// An archive, and what the package's own parts are.
pub struct Archived<'a> {
    /// What it holds.
    pub manifest: &'a Manifest,
    /// Its digest.
    pub sha256: Sha256,
    /// The trees of the package's scripts and settings, by their place in the workspace.
    pub own: Vec<(String, Sha256)>,
    /// What it holds, when it is at hand; else it is put together again.
    pub tree: &'a dyn Fn() -> Result<Tree, BuildError>,
}

/// The file name of a document: `<name>-v<version>-<arch>.<kind>.json`.
pub fn document_name(manifest: &Manifest, kind: &str) -> String {
    format!("{}-v{}-{}.{kind}.json", manifest.name, manifest.version, manifest.arch)
}

/// Sees to it that a package's folder has its documents: they are made when they lack, were changed, or are not what they would be
/// now.
///
/// # Errors
/// What they are made of cannot be read or had; the disk.
pub fn keep(
    source: &Source<'_>,
    archived: &Archived<'_>,
    evidence: &Evidence<'_>,
    folder: &Path,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Documents, BuildError> {
    let documents = Documents::in_folder(folder, archived.manifest);
    let basis = basis(source, archived, evidence);
    let record: Option<Record> = read_record(&folder.join(RECORD), reporter);
    if record.as_ref().is_some_and(|record| is_whole(record, basis, &documents)) {
        return Ok(documents);
    }
    let revision = match record {
        Some(record) => record.revision,
        None => evidence.revision.map(str::to_owned),
    };
    let facts = facts(source, archived, evidence, revision.as_deref(), store)?;
    let spdx = stream_durable(&documents.spdx, 0o644, |file| {
        let mut digested = DigestWriter::new(file);
        let mut buffered = BufWriter::with_capacity(128 << 10, &mut digested);
        json::write(&spdx::of_package(&facts), &mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        Ok(digested.finish().1.sha256)
    });
    let spdx = spdx.map_err(StoreError::from)?;
    let text = json::text(&provenance::of_package(&facts));
    write_durable(&documents.provenance, text.as_bytes(), 0o644).map_err(StoreError::from)?;
    let provenance = digest::of_bytes(text.as_bytes()).sha256;
    let record = Record { format: FORMAT, basis, revision, spdx, provenance };
    store.keep_record(&folder.join(RECORD), &record)?;
    Ok(documents)
}

fn is_whole(record: &Record, basis: Sha256, documents: &Documents) -> bool {
    let same = |path: &Path, sha256| digest::of_file(path).is_ok_and(|found| found.sha256 == sha256);
    (record.format, record.basis) == (FORMAT, basis)
        && same(&documents.spdx, record.spdx)
        && same(&documents.provenance, record.provenance)
}

/// Everything that documents are made of, by digest: cheap to have, each time. The archive's digest stands for its manifest.
fn basis(source: &Source<'_>, archived: &Archived<'_>, evidence: &Evidence<'_>) -> Sha256 {
    #[derive(Serialize)]
    struct Basis<'a> {
        format: u32,
        tool: (&'a str, &'a str),
        archive: Sha256,
        toolchain: (&'a Toolchain, Sha256),
        components: Vec<(&'a Recipe, Option<Sha256>)>,
    }
    let parts = source.components.iter().chain(&source.linked);
    let key = |recipe: &Recipe| evidence.made.get(&recipe.name).map(|made| made.record.key);
    digest_of(&Basis {
        format: FORMAT,
        tool: (super::TOOL, super::HOME),
        archive: archived.sha256,
        toolchain: (&evidence.toolchain.definition, evidence.toolchain.identity),
        components: parts.map(|part| (part.recipe, key(part.recipe))).collect(),
    })
}

fn facts<'a>(
    source: &'a Source<'a>,
    archived: &Archived<'a>,
    evidence: &'a Evidence<'a>,
    revision: Option<&'a str>,
    store: &Store,
) -> Result<Facts<'a>, BuildError> {
    let name = source.definition.name.as_str();
    let nothing = || AttestError::new(name, &std::io::Error::other("it has no component"));
    let first = source.components.first().ok_or_else(nothing)?;
    let files = gather::files(&(archived.tree)()?).map_err(|error| AttestError::new(name, &error))?;
    let shipped = source.components.iter().map(|part| (part, true));
    let linked = source.linked.iter().map(|part| (part, false));
    let components = shipped
        .chain(linked)
        .map(|(part, shipped)| gather::component(part, shipped, evidence, store))
        .collect::<Result<_, _>>()?;
    Ok(Facts {
        manifest: archived.manifest,
        archive: archived.sha256,
        released: first.recipe.released,
        files,
        own: archived.own.clone(),
        components,
        toolchain: ToolchainFact {
            definition: &evidence.toolchain.definition,
            source: &evidence.toolchain.source,
            identity: evidence.toolchain.identity,
        },
        revision,
    })
}
