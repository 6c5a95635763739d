//! A package of many files, and `tar | zstd -19`. The builder also digests every file, and the tar, and the archive.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use medic_build::attest::{Evidence, Made};
use medic_build::definitions::Definitions;
use medic_build::key::{BUILDER_FORMAT, KeyInputs};
use medic_build::package::{Part, Source, find, pack};
use medic_build::report::Silent;
use medic_build::store::{ComponentRecord, FORMAT, Store};
use medic_build::toolchain::ToolchainPlan;
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::{Arch, DocumentError, Sha256};

use super::figure::{Figure, Row, Target};
use super::generator;
use super::measure::{BenchError, Series, pipe, run};
use super::workspace::Scratch;
use crate::commands::context::Context;
use crate::environment::Environment;
use crate::failure::Failure;

const TIME: f64 = 1.05;
const MEMORY: f64 = 300e6;

const RECIPE: &str = "name: many\nversion: \"1\"\nreleased: 2026-01-01\nsummary: Many files\nhomepage: https://example.org\n\
                      licence: MIT\nsteps:\n  - {name: build, run: make}\n";
const PACKAGE: &str = "name: many\nsummary: Many files\ncomponents: [many]\n";

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let (files, bytes, runs) = if quick { (10_000, 100_000_000, 1) } else { (100_000, 1_000_000_000, 1) };
    let scratch = Scratch::new(&context.environment.workspace)?;
    let tree = scratch.fresh("tree")?;
    generator::tree(&tree, files, bytes)?;
    let licences = tree.join("share/licenses/many");
    fs::create_dir_all(&licences)
        .and_then(|()| fs::write(licences.join("LICENSE"), "MIT"))
        .map_err(BenchError::file(&licences))?;
    let archive = scratch.join("peer.tar.zst");
    let jobs = context.jobs.to_string();
    let (mut ours, mut theirs, mut sizes) = (Series::default(), Series::default(), Vec::new());
    let program = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
    for _ in 0..runs {
        let store = scratch.fresh("store")?;
        let part: [&OsStr; 6] = [
            "bench".as_ref(),
            "--part".as_ref(),
            "pack".as_ref(),
            tree.as_ref(),
            store.as_ref(),
            jobs.as_ref(),
        ];
        ours.push(run(Command::new(&program).args(part))?);
        let archive = packed(&store.join("packages"))?;
        sizes.push(fs::metadata(&archive).map_err(BenchError::file(&archive))?.len());
        theirs.push(pipe(
            &mut tar(&tree),
            Command::new("zstd").args(["-19", &format!("-T{jobs}"), "-q", "-f", "-o"]).arg(&archive),
        )?);
    }
    let peer = format!("tar | zstd -19 -T{jobs}");
    let size = fs::metadata(&archive).map_err(BenchError::file(&archive))?.len();
    let what = format!("{} in {files} files", medic_model::ByteSize(bytes));
    let row = |case: &str, ours, theirs, target| Row {
        case: format!("{what}: {case}"),
        ours,
        peer: Some((peer.clone(), theirs)),
        target,
    };
    Ok(vec![
        row("time", ours.time(), theirs.time(), Target::Ratio(TIME)),
        row("memory (the peer's: zstd alone)", ours.peak(), theirs.peak(), Target::Most(MEMORY)),
        row("size", Figure::bytes(sizes), Figure::bytes([size]), Target::None),
    ])
}

/// The archive of a tree, to standard output.
pub fn tar(tree: &Path) -> Command {
    let mut command = Command::new("tar");
    command.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-C"]);
    command.arg(tree).args(["-cf", "-", "."]);
    command
}

/// The archive below a store's packages.
pub fn packed(packages: &Path) -> Result<PathBuf, BenchError> {
    let read = |folder: &Path| fs::read_dir(folder).map_err(BenchError::file(folder));
    for package in read(packages)?.flatten() {
        for file in read(&package.path())?.flatten() {
            if file.file_name().to_string_lossy().ends_with(".pkg.tar.zst") {
                return Ok(file.path());
            }
        }
    }
    Err(BenchError::Failed { what: "packing".to_owned(), message: "there is no archive".to_owned() })
}

/// `--part pack TREE STORE JOBS [NAME]`: packs a tree as the builder packs a component's.
pub fn part(arguments: &[OsString]) -> Result<(), Failure> {
    let (tree, store, jobs, name) = match arguments {
        [tree, store, jobs] => (tree, store, jobs, "many".into()),
        [tree, store, jobs, name] => (tree, store, jobs, name.to_string_lossy()),
        _ => return Err(Failure::Usage("pack TREE STORE JOBS [NAME]".to_owned())),
    };
    let jobs = jobs.to_string_lossy().parse().map_err(|error| Failure::Usage(format!("JOBS: {error}")))?;
    let definition =
        |error: DocumentError| BenchError::Failed { what: "reading".to_owned(), message: error.to_string() };
    let recipe = Recipe::from_yaml("recipe.yaml", &RECIPE.replace("many", &name)).map_err(definition)?;
    let package =
        PackageDefinition::from_yaml("package.yaml", &PACKAGE.replace("many", &name)).map_err(definition)?;
    let store =
        Store::open(Path::new(store), "cargo xtask bench", &Silent).map_err(medic_build::BuildError::from)?;
    let definitions = Definitions::new(&Environment::read()?.workspace);
    let toolchain = ToolchainPlan::new(&definitions, Arch::host()).map_err(Failure::from)?;
    let record = record(&recipe);
    let (folder, root) = (Path::new(NOWHERE).to_owned(), Path::new(NOWHERE).to_owned());
    let made = Made { record: &record, folder, root, packages: Vec::new() };
    let made = [(recipe.name.clone(), made)].into();
    let evidence = Evidence { toolchain: &toolchain, made, revision: None, fetch: &|_| Ok(()) };
    let component =
        Part { recipe: &recipe, sources: &[], tree: tree.into(), digest: Sha256::from_bytes([0; 32]) };
    let source = Source {
        definition: &package,
        folder: NOWHERE.into(),
        arch: Arch::X64,
        components: vec![component],
        linked: Vec::new(),
        toolchain_licences: definitions.toolchain_licences(),
        jobs,
        own_paths: Vec::new(),
    };
    if let Err(unpacked) = find(&source, &evidence, &store, &Silent)? {
        pack(&source, unpacked, &evidence, &store, &Silent)?;
    }
    Ok(())
}

/// A folder that the component does not have.
const NOWHERE: &str = "/nowhere";

/// What the store would know of the component: it was not built.
fn record(recipe: &Recipe) -> ComponentRecord {
    let nothing = Sha256::from_bytes([0; 32]);
    let inputs = KeyInputs {
        builder: BUILDER_FORMAT,
        component: recipe.name.clone(),
        version: recipe.version.clone(),
        arch: Arch::X64,
        toolchain: nothing,
        root: nothing,
        sources: Vec::new(),
        patches: Vec::new(),
        files: Vec::new(),
        needs: Default::default(),
        environment: Default::default(),
        steps: recipe.steps.clone(),
        test: None,
        licence_files: Vec::new(),
    };
    let (key, tree) = (inputs.key(), nothing);
    ComponentRecord { format: FORMAT, key, inputs, tree, size: 0, milliseconds: 0, isolation: None }
}
