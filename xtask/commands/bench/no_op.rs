//! Builds that have nothing to do: of every image, and of more and more recipes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use medic_build::report::Silent;
use medic_build::{BuildError, Settings, build_components, build_components_by, definitions};
use medic_model::ComponentName;

use super::figure::{Figure, Row, Target};
use super::measure::{BenchError, Series, run};
use super::recorder::OneFile;
use super::workspace::{Scratch, beside, write};
use crate::commands::context::Context;
use crate::environment::{STORE, WORKSPACE};
use crate::failure::Failure;

/// All images together may take so many seconds.
const IMAGES: f64 = 0.3;
/// A thousand recipes may take so many seconds.
const THOUSAND: f64 = 2.0;
/// Linear growth, as far as can be told of times that differ by some hundredths from run to run.
const LINEAR: f64 = 1.1;
/// Recipes in a package; each needs the one before it.
const CHAIN: usize = 10;

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let runs = if quick { 3 } else { 10 };
    let mut rows = vec![images(context, runs)?];
    let sizes: &[usize] = if quick { &[10, 100] } else { &[10, 100, 1000] };
    let mut figures = Vec::new();
    for size in sizes {
        figures.push(synthetic(context, *size, runs)?);
    }
    for (size, figure) in sizes.iter().zip(&figures) {
        let target = if *size == 1000 { Target::Most(THOUSAND) } else { Target::None };
        rows.push(Row { case: format!("{size} recipes"), ours: figure.clone(), peer: None, target });
    }
    if let [.., before, last] = &figures[..] {
        let case = "growth: the last, and ten times the one before".to_owned();
        let peer = Some(("ten times the one before".to_owned(), before.times(10.0)));
        rows.push(Row { case, ours: last.clone(), peer, target: Target::Ratio(LINEAR) });
    }
    Ok(rows)
}

/// This program, with another workspace and store or the user's own.
fn program() -> Result<Command, BenchError> {
    let path = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
    Ok(Command::new(path))
}

fn images(context: &Context, runs: usize) -> Result<Row, Failure> {
    let folder = context.environment.workspace.join("images");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(BenchError::file(&folder))? {
        let path = entry.map_err(BenchError::file(&folder))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    let build = |name: &String| run(program()?.args(["build-image", name]));
    for name in &names {
        build(name)?;
    }
    let mut times = Vec::new();
    for _ in 0..runs {
        let samples = names.iter().map(build).collect::<Result<Vec<_>, _>>()?;
        times.push(samples.iter().map(|sample| sample.time).sum());
    }
    let case = format!("build-image of all images ({})", names.join(", "));
    Ok(Row { case, ours: Figure::seconds(times), peer: None, target: Target::Most(IMAGES) })
}

/// `build-package` of all packages of a workspace with so many recipes.
fn synthetic(context: &Context, size: usize, runs: usize) -> Result<Figure, Failure> {
    let scratch = Scratch::new(&context.environment.workspace)?;
    let real = context.settings();
    let workspace = scratch.fresh("workspace")?;
    let (names, packages) = recipes(&context.environment.workspace, &workspace, size)?;
    // The build root and the compiler are in the user's store.
    let zlib = "zlib".parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    build_components(real, &[zlib], &Silent)?;
    let store = scratch.join("store");
    let settings = Settings { workspace: workspace.clone(), ..beside(real, &store)? };
    build_components_by(&OneFile, &settings, &names, &Silent)?;
    let build = || {
        let mut command = program()?;
        run(command.arg("build-package").args(&packages).env(WORKSPACE, &workspace).env(STORE, &store))
    };
    build()?;
    let mut series = Series::default();
    for _ in 0..runs {
        series.push(build()?);
    }
    Ok(series.time())
}

/// Writes recipes in chains of ten and a package of each chain; the names of both.
fn recipes(real: &Path, workspace: &Path, size: usize) -> Result<(Vec<ComponentName>, Vec<String>), Failure> {
    copy_definitions(real, workspace)?;
    let mut names: Vec<ComponentName> = Vec::new();
    let mut packages = Vec::new();
    for number in 0..size {
        let name = format!("component-{number}");
        let need = if number % CHAIN == 0 { String::new() } else { format!("component-{}", number - 1) };
        let mut text = format!(
            "name: {name}\nversion: \"1.{number}\"\nreleased: 2026-01-01\nsummary: A component of a benchmark\n\
             homepage: https://example.org\nlicence: MIT\nneeds: [{need}]\nfiles: [a.conf, b.sh]\nenvironment:\n  EXTRA: \"{number}\"\nsteps:\n"
        );
        for step in ["configure", "compile", "install"] {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "  - name: {step}\n    run: |\n      make {step} NUMBER={number}");
        }
        let folder = workspace.join("recipes").join(&name);
        write(&folder.join("recipe.yaml"), text)?;
        write(&folder.join("a.conf"), "option = 1\n".repeat(200))?;
        write(&folder.join("b.sh"), "#!/bin/sh\nexit 0\n")?;
        names.push(name.parse().map_err(|error| Failure::Usage(format!("{error}")))?);
    }
    for chain in names.chunks(CHAIN) {
        let Some(first) = chain.first() else { continue };
        let package = first.to_string().replace("component", "package");
        let components: Vec<String> = chain.iter().map(ToString::to_string).collect();
        let text = format!(
            "name: {package}\nsummary: A package of a benchmark\ncomponents: [{}]\n",
            components.join(", ")
        );
        write(&workspace.join("packages").join(&package).join("package.yaml"), text)?;
        packages.push(package);
    }
    Ok((names, packages))
}

/// The build roots and the compiler, but without the program that fills its cache: nothing is compiled here.
fn copy_definitions(real: &Path, workspace: &Path) -> Result<(), Failure> {
    let copy = |below: &str| {
        let from: PathBuf = real.join("recipes").join(below);
        let content = std::fs::read(&from).map_err(BenchError::file(&from))?;
        write(&workspace.join("recipes").join(below), content)
    };
    copy("build-roots.yaml")?;
    copy("toolchain/toolchain.yaml")?;
    copy("toolchain/bin/cc")?;
    // Read once, so that a mistake in them is told as one.
    definitions::Definitions::new(workspace).toolchain().map_err(BuildError::from)?;
    Ok(())
}
