//! A repository of many packages: what the solver takes, as an example of the package manager measures it, and the whole command of the
//! program that is shipped.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::figure::{Figure, Row, Target};
use super::installing::program;
use super::measure::{BenchError, run};
use super::workspace::Scratch;
use crate::commands::context::Context;
use crate::failure::Failure;

const RESOLVED: Duration = Duration::from_millis(20);

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let (packages, runs) = if quick { ("1000", 3) } else { ("10000", 20) };
    let scratch = Scratch::new(&context.environment.workspace)?;
    let repository = scratch.fresh("repository")?;
    let example = |words: &[&str]| example(&context.environment.workspace, words);
    let folder = repository.to_string_lossy().into_owned();
    let made = example(&["make", &folder, packages])?;
    let name = made.split_whitespace().next().unwrap_or_default().to_owned();
    let measured = example(&["solve", &folder, &name, &runs.to_string()])?;
    let column = |at: usize| {
        let cells = measured.lines().filter_map(|line| line.split(' ').nth(at)?.parse::<f64>().ok());
        Figure::median_seconds(cells.map(|millis| Duration::from_secs_f64(millis / 1e3)))
    };
    let whole = whole_command(&program(context)?, &scratch, &repository, &name, runs)?;
    let row = |what: &str, ours: Figure, target: Target| Row {
        case: format!("{packages} packages in three versions each: {what}"),
        ours,
        peer: None,
        target,
    };
    Ok(vec![
        row("resolved", column(1), Target::Most(RESOLVED.as_secs_f64())),
        row("the index read", column(0), Target::None),
        row("pkg install --dry-run, all of it", whole, Target::None),
    ])
}

/// The example of `medic-pkg`, compiled as what is shipped is; gives what it prints.
fn example(workspace: &Path, words: &[&str]) -> Result<String, BenchError> {
    let failed = |message: String| BenchError::Failed { what: "the example 'resolving'".to_owned(), message };
    let mut command = Command::new("cargo");
    command.args([
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "medic-pkg",
        "--example",
        "resolving",
        "--",
    ]);
    let output = command.args(words).current_dir(workspace).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn whole_command(
    program: &Path,
    scratch: &Scratch,
    repository: &Path,
    name: &str,
    runs: usize,
) -> Result<Figure, BenchError> {
    let root = scratch.fresh("root")?;
    let srv = root.join("srv");
    fs::create_dir_all(&srv).map_err(BenchError::file(&srv))?;
    let pkg = || {
        let mut command = Command::new(program);
        command.arg("--root").arg(&root);
        command
    };
    run(pkg().args(["key", "add"]).arg(repository.join("key.pub")))?;
    run(pkg().args(["repo", "add", "many"]).arg(repository))?;
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(run(pkg().args(["install", "--dry-run", name]))?.time);
    }
    Ok(Figure::median_seconds(times))
}
