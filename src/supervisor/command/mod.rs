//! What people type: one program, many names.
//!
//! A command file turns arguments into requests and answers into text. [`manual`] holds what each command says of
//! itself; `--help` and `docs/commands/` come from it.

mod act;
mod arguments;
mod chosen;
#[cfg(test)]
mod completion;
mod inspect;
mod list;
mod log;
pub mod manual;
mod pages;
mod report;
mod stats;
mod terminal;
mod view;
mod wait;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use medic_model::Span;

use crate::init::{self, Config};
use crate::machine::Millis;
use crate::place::Place;
use act::act;
use arguments::{Arguments, parse};
use manual::{Command, MANUAL, Verb};
pub use pages::page;
pub use report::FORMAT;
pub use terminal::Terminal;

/// The exit code of a command that was called wrongly.
pub const USAGE: u8 = 111;
/// The exit code of a command that failed.
pub const FAILED: u8 = 1;

/// How long everything may take to end unless told: below the 10 s that Docker gives.
const STOP_BUDGET: Millis = 8000;

/// What the program was called with, and what it is connected to.
pub struct Call<'a> {
    /// The name that it was called by, possibly with a path.
    pub name: OsString,
    /// What follows the name.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Standard output and standard error.
    pub terminal: Terminal<'a>,
}

/// Runs the command of that name; its exit code.
pub fn run(mut call: Call<'_>) -> u8 {
    let name = Path::new(&call.name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(command) = find(&name) {
        return dispatch(command, call);
    }
    // Called by its own name: the first argument is the command.
    match call.arguments.first().map(|word| word.to_string_lossy().into_owned()) {
        Some(word) if find(&word).is_some() => {
            call.name = call.arguments.remove(0);
            run(call)
        }
        Some(word) if word != "--help" && word != "-h" => {
            call.terminal.fatal(&format!("'{word}' is no command: 'supervisor --help' lists them"));
            USAGE
        }
        _ => {
            call.terminal.print(&pages::overview());
            0
        }
    }
}

fn find(name: &str) -> Option<&'static Command> {
    MANUAL.iter().find(|command| command.name == name || command.links.contains(&name))
}

fn dispatch(command: &'static Command, mut call: Call<'_>) -> u8 {
    let arguments = match parse(command, std::mem::take(&mut call.arguments)) {
        Ok(arguments) => arguments,
        Err(why) => {
            call.terminal.fatal(&why);
            call.terminal.error_line(&pages::usage(command));
            return USAGE;
        }
    };
    if arguments.help {
        call.terminal.print(&pages::help(command));
        return 0;
    }
    let place = Place::new(arguments.root.clone().unwrap_or_else(|| PathBuf::from("/")));
    match command.verb {
        Verb::Init => boot(place, arguments, call),
        Verb::Inspect => inspect::inspect(&place, &arguments, &mut call.terminal),
        Verb::List => list::list(&place, &arguments, &mut call.terminal),
        Verb::Act(action) => act(command, action, &place, &arguments, &mut call.terminal),
        Verb::Log => log::log(&place, &arguments, &mut call.terminal),
        Verb::Stats => stats::stats(&place, &arguments, &mut call.terminal),
        Verb::Wait => wait::wait(&place, &arguments, &mut call.terminal),
        Verb::Reread => act::reread(command, &place, &arguments, &mut call.terminal),
    }
}

struct Log<'a, 'b>(&'a mut Terminal<'b>);

impl init::Reporter for Log<'_, '_> {
    fn say(&mut self, line: &str) {
        self.0.said(line);
    }
}

fn boot(place: Place, arguments: Arguments, mut call: Call<'_>) -> u8 {
    let stop_budget = arguments.timeout.map_or(STOP_BUDGET, Span::as_millis);
    let config = Config { place, environment: call.environment, command: arguments.words, stop_budget };
    init::run(config, &mut Log(&mut call.terminal))
}

/// The folder of volatile state of the init that runs: the first that has a status file.
fn run_folder(place: &Place) -> PathBuf {
    let folders = place.run_folders();
    let found = folders.iter().find(|folder| folder.join(crate::table::FILE_NAME).exists());
    found.unwrap_or(&folders[0]).clone()
}
