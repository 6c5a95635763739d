//! `shell`: a shell, or one command, in the sandbox of a step.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use clap::Args;
use medic_build::sandbox::{Ending, Runner, Terminal};
use medic_model::ComponentName;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;
use crate::interrupt;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  cargo xtask shell zlib                              where the last build of zlib failed, or before its first step
  cargo xtask shell zlib --step compile               before the step 'compile', all before it done
  cargo xtask shell zlib -- sh -c 'env; ls -l'        one command and no terminal; the exit code is its own

Inside everything is as it is for the step: its user, folder, environment and files, no network. /build can be
written. What a shell at a failed step changes there is seen by the next one, until the next build. The store is free
for other builders while a shell is open.";

/// `shell`.
#[derive(Debug, Args)]
pub struct Shell {
    /// A component of recipes/, such as zlib
    pub component: ComponentName,
    /// Stand before this step, unless it is the one that failed [default: the one that failed, else the first]
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
    /// Run this instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Carries the command out; the exit code is the shell's.
pub fn shell(arguments: &Shell) -> Result<(), Failure> {
    let interactive = arguments.command.is_empty();
    if interactive && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        let message = "a shell needs a terminal: give a command after '--', such as -- sh -c 'env; ls'";
        return Err(Failure::Usage(message.to_owned()));
    }
    let context = Context::new(&arguments.options)?;
    let (shell, runner) = context.shell(&arguments.component, arguments.step.as_deref())?;
    let result = if interactive {
        banner(&shell, &*runner)
            .and_then(|()| interact(&shell, &*runner, context.environment.term.as_deref()))
    } else {
        duplicate(std::io::stdout())
            .and_then(|output| Ok(shell.run(&*runner, &arguments.command, &output)?))
    };
    shell.close()?;
    end(result?)
}

/// What stands above the first prompt.
fn banner(shell: &medic_build::Shell, runner: &dyn Runner) -> Result<(), Failure> {
    let stopped = &shell.stopped;
    let state = if stopped.failed { "which failed" } else { "which was not run yet" };
    let mut text = format!(
        "{} {}: a shell in the sandbox of the step '{}', {state}\n",
        stopped.component, stopped.version, stopped.step
    );
    if let Some(again) = shell.again() {
        text.push_str(&format!("  to run it:      {again}\n"));
    }
    text.push_str(&format!("  its files:      {}/build\n", shell.folder.display()));
    text.push_str(&format!("  its isolation:  {}\n", runner.isolation()));
    text.push_str("  to leave:       exit\n");
    Ok(std::io::stderr().write_all(text.as_bytes())?)
}

fn interact(shell: &medic_build::Shell, runner: &dyn Runner, term: Option<&str>) -> Result<Ending, Failure> {
    // The terminal must be given back in order, whatever ends this program.
    interrupt::make_orderly();
    let terminal =
        Terminal::take(duplicate(std::io::stdin())?, duplicate(std::io::stdout())?, &interrupt::STOP)?;
    Ok(shell.interact(runner, &terminal, term)?)
}

fn duplicate(stream: impl AsFd) -> Result<File, Failure> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

/// Ends this program as the shell ended.
fn end(ending: Ending) -> Result<(), Failure> {
    match ending {
        Ending::Status(0) => Ok(()),
        Ending::Status(status) => std::process::exit(status),
        other => Err(Failure::Shell(other)),
    }
}
