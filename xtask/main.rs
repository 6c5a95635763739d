//! `cargo xtask`: the builder's command line. Arguments, progress, error rendering; the work is done by the libraries.

mod arguments;
mod commands;
mod environment;
mod failure;
mod git;
mod interrupt;
mod machine;
mod progress;
mod table;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use failure::Failure;

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::BuildImage(arguments) => commands::build_image::build_image(&arguments),
        Command::Images(arguments) => commands::images::images(&arguments),
        Command::Inspect(arguments) => commands::inspect::inspect(&arguments),
        Command::Diff(arguments) => commands::diff::diff(&arguments),
        Command::Size(arguments) => commands::size::size(&arguments),
        Command::Lock(arguments) => commands::lock::lock(&arguments),
        Command::BuildPackage(arguments) => commands::build_package::build_package(&arguments),
        Command::Build(arguments) => commands::build::build(&arguments),
        Command::New(arguments) => commands::new::new(&arguments),
        Command::Outdated(arguments) => commands::outdated::outdated(&arguments),
        Command::Bump(arguments) => commands::bump::bump(&arguments),
        Command::Fetch(arguments) => commands::sources::fetch(&arguments),
        Command::Vendor(arguments) => commands::sources::vendor(&arguments),
        Command::WhyRebuild(arguments) => commands::why_rebuild::why_rebuild(&arguments),
        Command::Log(arguments) => commands::log::log(&arguments),
        Command::Graph(arguments) => commands::graph::graph(&arguments),
        Command::Lint(arguments) => commands::lint::lint(&arguments),
        Command::Reproduce(arguments) => commands::reproduce::reproduce(&arguments),
        Command::Golden(arguments) => commands::golden::golden(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Sbom(arguments) => commands::sbom::sbom(&arguments),
        Command::Shell(arguments) => commands::shell::shell(&arguments),
        Command::Bench(arguments) => commands::bench::bench(&arguments),
        Command::Store(command) => commands::store::store(&command),
        Command::Gc(arguments) => commands::gc::gc(&arguments),
        Command::Cache(command) => commands::cache::cache(&command),
        Command::Publish(arguments) => commands::publish::publish(&arguments),
        Command::Verify(arguments) => commands::verify::verify(&arguments),
        Command::ImageKey(arguments) => commands::image_key::image_key(&arguments),
        Command::Repo(command) => commands::repo::repo(&command),
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
        Err(_) if interrupt::is_asked() => {
            interrupt::say();
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.exit_code())
        }
    }
}
