//! The command line: arguments to options, one call into the library, the result as text or JSON.

pub mod args;
mod care;
mod change;
#[cfg(test)]
mod completion;
mod legacy;
#[cfg(test)]
mod pages;
mod query;
mod screen;
mod sources;
mod unready;
mod voice;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

use clap::Parser as _;
use medic_repository::Network;
use serde_json::Value;

use crate::error::Error;
use args::{Command, Pkg};
pub use screen::Screen;
pub use voice::Voice;

/// What a program gives to a command: where it writes, and what only a program may look at.
pub struct World<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages.
    pub err: Screen,
    /// Asks a question that is answered with yes or no; none when nobody is there to answer.
    pub ask: Option<&'a mut dyn FnMut(&str) -> bool>,
    /// Seconds since 1970.
    pub now: u64,
    /// How web servers are reached.
    pub network: Network,
    /// This process.
    pub pid: u32,
    /// Tells how many threads may work at once; asked only when there is work for several.
    pub threads: fn() -> usize,
}

/// How a command failed: an error of the library, or results that could not be written.
pub(crate) enum Failure {
    Error(Box<Error>),
    /// After a change; with what `--json` shows of that.
    Changed(Box<Error>, Value),
    Output,
}

impl<E: Into<Error>> From<E> for Failure {
    #[cold]
    #[inline(never)]
    fn from(error: E) -> Self {
        Self::Error(Box::new(error.into()))
    }
}

/// Runs what `args` say (the program's own name first) and gives the exit code.
pub fn run(args: Vec<OsString>, mut world: World<'_>) -> u8 {
    let name = args.first().map(|name| Path::new(name).file_name().unwrap_or_default().to_owned());
    if name.as_deref() == Some(OsStr::new("certificate")) {
        return crate::certificate::run(args, &mut world);
    }
    let legacy = name.as_deref().and_then(legacy::find);
    let args = match &legacy {
        Some(legacy) => legacy.translate(args),
        None => args,
    };
    match Pkg::try_parse_from(args) {
        Ok(pkg) => {
            if pkg.json {
                world.err.still();
            }
            finish(dispatch(&pkg, &mut world), pkg.json, &mut world)
        }
        Err(error) => match legacy {
            Some(legacy) if error.use_stderr() => legacy.usage(&error, &mut world),
            _ => usage(&error, &mut world),
        },
    }
}

pub(crate) fn usage(error: &clap::Error, world: &mut World<'_>) -> u8 {
    // Help and version are what was asked for; the rest is a mistake.
    if error.use_stderr() {
        let _ = write!(world.err, "{error}");
        2
    } else {
        let _ = write!(world.out, "{error}");
        0
    }
}

fn finish(result: Result<u8, Failure>, is_json: bool, world: &mut World<'_>) -> u8 {
    let (error, mut value) = match result {
        Ok(code) => return code,
        Err(Failure::Error(error)) => (error, Value::Object(Default::default())),
        Err(Failure::Changed(error, value)) => (error, value),
        // Whoever read the results has closed the pipe: `pkg files x | head` is no failure of ours to tell about.
        Err(Failure::Output) => return 1,
    };
    let _ = writeln!(world.err, "Fatal: {error}");
    let code = error.exit_code();
    if is_json {
        value["exit_code"] = code.into();
        value["error"] = error.to_string().into();
        let _ = json(world.out, &value);
    }
    code
}

fn dispatch(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    match &pkg.command {
        Command::Install(install) => change::install(pkg, install, world),
        Command::Upgrade(upgrade) => change::upgrade(pkg, upgrade, world),
        Command::Remove(remove) => change::remove(pkg, remove, world),
        Command::Use(switch) => {
            change::switch(pkg, &switch.package, Some(&switch.version), &switch.change, world)
        }
        Command::Rollback(back) => change::switch(pkg, &back.package, None, &back.change, world),
        Command::Sync(change) => change::sync(pkg, change, world),
        Command::List(list) if list.available => sources::available(pkg, "", world),
        Command::List(list) if list.outdated => sources::outdated(pkg, world),
        Command::List(_) => query::list(pkg, world),
        Command::Search(search) => sources::available(pkg, &search.word, world),
        Command::Repo(repo) => sources::repo(pkg, repo, world),
        Command::Key(key) => sources::key(pkg, key, world),
        Command::Update { dry_run } => sources::update(pkg, *dry_run, world),
        Command::Info(one) => query::info(pkg, &one.package, world),
        Command::Files(one) => query::files(pkg, &one.package, world),
        Command::Owns(owns) => query::owns(pkg, &owns.path, world),
        Command::Verify(verify) if verify.repair => change::repair(pkg, verify, world),
        Command::Verify(verify) => query::verify(pkg, &verify.packages, world),
        Command::History => care::history(pkg, world),
        Command::DiffSettings(settings) => care::settings(pkg, &settings.packages, world),
        Command::Hold(hold) => care::hold(pkg, hold, true, world),
        Command::Unhold(unhold) => care::hold(pkg, unhold, false, world),
        Command::Gc(change) => change::collect(pkg, change, world),
        Command::Doctor => care::doctor(pkg, world),
    }
}

/// An object of JSON; `json!` would be a program of its own for each field.
#[inline(never)]
pub(crate) fn object(fields: &mut [(&str, Value)]) -> Value {
    let mut map = serde_json::Map::new();
    for (name, value) in fields {
        map.insert((*name).to_owned(), value.take());
    }
    Value::Object(map)
}

/// A text of JSON.
#[inline(never)]
pub(crate) fn text(shown: &dyn std::fmt::Display) -> Value {
    Value::String(shown.to_string())
}

/// A path of the root as JSON.
pub(crate) fn path(path: &medic_model::RelPath) -> Value {
    text(&format_args!("/{path}"))
}

/// Writes a value as one line of JSON.
pub(crate) fn json(out: &mut dyn Write, value: &Value) -> Result<(), Failure> {
    writeln!(out, "{value}").map_err(|_| Failure::Output)
}
