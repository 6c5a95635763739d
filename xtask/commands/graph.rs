//! `graph`: which component needs which, what takes longest, and how the last build went; as text, DOT, JSON or a page.

mod dot;
mod page;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use medic_build::overview::{Overview, Target, overview};
use medic_model::Arch;
use serde_json::json;

use crate::environment::Environment;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
/// Where the page goes unless it is said, below the workspace.
const PAGE: &str = "target/graph.html";

pub const EXAMPLES: &str = "Examples:
  cargo xtask graph                                   everything, as a tree, with the time that each component takes
  cargo xtask graph nginx --html                      the image nginx as a page: target/graph.html
  cargo xtask graph component:nginx --dot | dot -Tsvg > nginx.svg
  cargo xtask graph --json | jq .critical_path";

/// `graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// Images, packages or components, by name; a name that several have is the image's, then the package's, unless
    /// image:, package: or component: stands before it [default: everything]
    #[arg(value_name = "IMAGE|PACKAGE|COMPONENT")]
    pub targets: Vec<String>,
    /// As a graph for Graphviz
    #[arg(long, group = "form")]
    pub dot: bool,
    /// As one JSON document, the record of the last build in it
    #[arg(long, group = "form")]
    pub json: bool,
    /// As one page with the graph and the last build's timeline; '-' is standard output [default: target/graph.html]
    #[arg(long, group = "form", value_name = "FILE")]
    pub html: Option<Option<PathBuf>>,
    /// Whose times are shown: x64 or arm64 [default: this machine's]
    #[arg(long)]
    pub arch: Option<Arch>,
}

/// Carries the command out.
pub fn graph(arguments: &Graph) -> Result<(), Failure> {
    let environment = Environment::read()?;
    let arch = arguments.arch.or_else(Arch::host).unwrap_or(Arch::X64);
    let targets: Vec<Target> =
        arguments.targets.iter().map(|text| text.parse().unwrap_or_else(|never| match never {})).collect();
    let view = overview(&environment.workspace, &environment.store, arch, &targets)?;
    let mut out = std::io::stdout();
    let written = if arguments.json {
        writeln!(out, "{}", in_json(&view))
    } else if arguments.dot {
        out.write_all(dot::render(&view).as_bytes())
    } else if let Some(file) = &arguments.html {
        let page = page::render(&view);
        match file {
            None => save(&environment.workspace.join(PAGE), &page),
            Some(file) if file.as_os_str() == "-" => out.write_all(page.as_bytes()),
            Some(file) => save(file, &page),
        }
    } else {
        out.write_all(tree::render(&view).as_bytes())
    };
    match written {
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Writes the page aside and puts it in place, so that a browser never reads half of it.
fn save(file: &Path, page: &str) -> std::io::Result<()> {
    let named = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("'{}' cannot be written: {error}", file.display()))
    };
    let mut aside = file.as_os_str().to_owned();
    aside.push(".new");
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    std::fs::write(&aside, page).and_then(|()| std::fs::rename(&aside, file)).map_err(named)?;
    writeln!(std::io::stdout(), "{}", file.display())
}

fn in_json(view: &Overview) -> serde_json::Value {
    let component = |one: &medic_build::overview::Component| {
        json!({
            "name": one.name,
            "version": one.version,
            "summary": one.summary,
            "needs": one.needs,
            "milliseconds": one.milliseconds,
            "critical": view.is_critical(&one.name),
        })
    };
    let build = view.last_build.as_ref().map(|build| {
        json!({"record": build, "critical_path": build.critical_path(), "work_milliseconds": build.work()})
    });
    json!({
        "format": FORMAT,
        "arch": view.arch,
        "images": view.images,
        "packages": view.packages,
        "components": view.components.iter().map(component).collect::<Vec<_>>(),
        "critical_path": view.critical_path,
        "critical_milliseconds": view.critical(),
        "work_milliseconds": view.work(),
        "unknown_times": view.unknown(),
        "last_build": build,
    })
}

/// A time of day and its day, in UTC: `2026-11-26 04:05 UTC`; milliseconds since 1970.
fn day(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    let Ok(time) = time::OffsetDateTime::from_unix_timestamp(seconds) else { return "?".to_owned() };
    let (year, month, day) = time.to_calendar_date();
    format!("{year}-{:02}-{day:02} {:02}:{:02} UTC", u8::from(month), time.hour(), time.minute())
}

/// So many milliseconds, for people.
fn took(milliseconds: u64) -> String {
    crate::progress::clock::took(std::time::Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests;
