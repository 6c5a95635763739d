//! `cargo xtask`: the builder's command line. Arguments, progress, error rendering; the work is done by the libraries.

mod arguments;
mod commands;
mod environment;
mod failure;
mod git;
mod interrupt;
mod progress;
mod table;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use failure::Failure;

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::BuildImage(arguments) => commands::build_image::build_image(&arguments),
        Command::BuildPackage(arguments) => commands::build_package::build_package(&arguments),
        Command::Fetch(arguments) => commands::sources::fetch(&arguments),
        Command::Vendor(arguments) => commands::sources::vendor(&arguments),
        Command::WhyRebuild(arguments) => commands::why_rebuild::why_rebuild(&arguments),
        Command::Reproduce(arguments) => commands::reproduce::reproduce(&arguments),
        Command::Golden(arguments) => commands::golden::golden(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Store(command) => commands::store::store(&command),
        Command::Forward(_) => unreachable!("it is carried out before signals are looked after"),
    }
}

fn main() -> ExitCode {
    let arguments = <Arguments as clap::Parser>::parse();
    if let Command::Forward(arguments) = &arguments.command {
        // It gets its signals from whoever started it.
        return commands::run::forward(arguments);
    }
    interrupt::install();
    match carry_out(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.exit_code())
        }
    }
}
