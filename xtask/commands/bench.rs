//! `bench`: what the builder, the supervisor and the package manager cost, each figure beside that of a program one would use in its place,
//! in one run.

mod facts;
mod fetching;
mod figure;
mod generator;
mod imaging;
mod installing;
mod measure;
mod no_op;
mod overhead;
mod packing;
mod page;
mod pushing;
mod recorder;
mod resolving;
mod server;
mod supervision;
mod table;
mod workspace;

use std::ffi::OsString;
use std::io::Write;

use clap::{Args, ValueEnum};

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;
use figure::Row;

pub use measure::BenchError;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` ends with.
pub const EXAMPLES: &str = "Examples:
  cargo xtask bench                                   all of it: an hour
  cargo xtask bench overhead no-op --quick            two of them, with less to do
  cargo xtask bench --update                          and put the tables into docs/benchmarks.md

Needs tar, zstd, curl, sha256sum, s6, runit, supervisord, ar, dpkg, pacman, Docker, buildah, umoci, skopeo and docker-registry, which it is compared with or measured by; for pacman and buildah, root. Nothing is written outside of target/bench and the folder for temporary files, but for --update.";

/// `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Which [default: all]
    pub names: Vec<Name>,
    /// Less of everything, for a first look: the figures are not those of the documentation
    #[arg(long)]
    pub quick: bool,
    /// Put the tables into docs/benchmarks.md
    #[arg(long, conflicts_with = "quick")]
    pub update: bool,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// One part of a benchmark, in a process that is measured.
    #[arg(long, hide = true, num_args = 1.., value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub part: Vec<OsString>,
}

/// A benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Name {
    /// A component built by the builder, and the same commands run by hand in the same sandbox.
    Overhead,
    /// Builds that have nothing to do.
    NoOp,
    /// A package of many files, and `tar | zstd -19`.
    Packing,
    /// Sources from a server on this machine, and `curl --parallel`.
    Fetching,
    /// The supervisor, and s6, runit and supervisord.
    Supervision,
    /// The package manager, and dpkg, pacman and tar.
    Installing,
    /// The package manager's solver, with a repository of many packages.
    Resolving,
    /// An image of packages in Docker, and docker build, buildah and umoci.
    Imaging,
    /// An image pushed to a registry on this machine, and `skopeo copy`.
    Pushing,
}

impl Name {
    const ALL: [Self; 9] = [
        Self::Overhead,
        Self::NoOp,
        Self::Packing,
        Self::Fetching,
        Self::Supervision,
        Self::Installing,
        Self::Resolving,
        Self::Imaging,
        Self::Pushing,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::NoOp => "no-op",
            Self::Packing => "packing",
            Self::Fetching => "fetching",
            Self::Supervision => "supervision",
            Self::Installing => "installing",
            Self::Resolving => "resolving",
            Self::Pushing => "pushing",
            Self::Imaging => "imaging",
        }
    }

    fn carry_out(self, context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
        match self {
            Self::Overhead => overhead::rows(context, quick),
            Self::NoOp => no_op::rows(context, quick),
            Self::Packing => packing::rows(context, quick),
            Self::Fetching => fetching::rows(context, quick),
            Self::Supervision => supervision::rows(context, quick),
            Self::Installing => installing::rows(context, quick),
            Self::Resolving => resolving::rows(context, quick),
            Self::Pushing => pushing::rows(context, quick),
            Self::Imaging => imaging::rows(context, quick),
        }
    }
}

/// Carries the command out.
pub fn bench(arguments: &Bench) -> Result<(), Failure> {
    if let Some((name, rest)) = arguments.part.split_first() {
        return match name.to_str() {
            Some("pack") => packing::part(rest),
            Some("fetch") => fetching::part(rest),
            Some("push") => pushing::part(rest),
            Some("image") => imaging::part(rest),
            _ => Err(Failure::Usage("there is no such part of a benchmark".to_owned())),
        };
    }
    let context = Context::new(&BuildOptions::default())?;
    let mut names = if arguments.names.is_empty() { Name::ALL.to_vec() } else { arguments.names.clone() };
    names.sort();
    names.dedup();
    let facts = facts::Facts::of_this_machine();
    let mut done = Vec::new();
    for name in names {
        context.screen.line(&format!("bench {}: this takes a while", name.text()));
        let rows = name.carry_out(&context, arguments.quick)?;
        if !arguments.json {
            writeln!(std::io::stdout(), "{}", table::plain(name.text(), &rows))?;
        }
        done.push((name.text(), rows));
    }
    if arguments.update {
        page::update(&context.environment.workspace, &facts, &done)?;
    }
    if arguments.json {
        writeln!(std::io::stdout(), "{}", json(&facts, &done, arguments.quick))?;
        return Ok(());
    }
    writeln!(std::io::stdout(), "{facts}")?;
    let missed = done.iter().flat_map(|(_, rows)| rows).filter(|row| row.met() == Some(false)).count();
    if missed > 0 {
        writeln!(std::io::stdout(), "{missed} of the targets were missed")?;
    }
    Ok(())
}

fn json(facts: &facts::Facts, done: &[(&str, Vec<Row>)], quick: bool) -> serde_json::Value {
    let one = |(name, rows): &(&str, Vec<Row>)| {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        serde_json::json!({"name": name, "rows": rows})
    };
    let benches: Vec<_> = done.iter().map(one).collect();
    serde_json::json!({"format": FORMAT, "quick": quick, "machine": facts.json(), "benches": benches})
}
