//! Running a package's `install` or `remove` script: own process group, documented environment, limited time.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use medic_model::layout::{SCRIPTS, SETTINGS, STORAGE};
use medic_sys::files::FileError;

use super::Context;
use crate::child;
use crate::error::Error;
use crate::paths;
use crate::plan::Script;
use crate::reporter::Event;

/// So many of the last lines are part of the error.
const LAST_LINES: usize = 30;

/// Runs a script, if it is there.
pub(super) fn run(context: Context<'_>, script: &Script) -> Result<(), Error> {
    let Script { package, script: name, .. } = script;
    let path = context.root.path_of(&paths::path(format!("{SCRIPTS}/{package}/{name}")));
    context.reporter.event(&Event::Script { package, script: name });
    let mut lines = Vec::new();
    let mut command = command(context, script, &path);
    let ended = child::run(&mut command, context.script_limit, &mut |line| {
        context.reporter.event(&Event::ScriptLine { package, line: &line });
        if lines.len() == LAST_LINES {
            lines.remove(0);
        }
        lines.push(line);
    });
    let ended = ended.map_err(|error| FileError::new("run the script", &path, error))?;
    let why = match ended {
        Some(status) if status.success() => return Ok(()),
        Some(status) => describe(status),
        None => format!("took longer than {} s and was killed", context.script_limit.as_secs()),
    };
    Err(Error::Script { package: package.clone(), script: name.clone(), why, lines })
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "ended in an unknown way".to_owned(),
    }
}

/// The documented environment and nothing else, except PATH.
fn command(context: Context<'_>, script: &Script, path: &std::path::Path) -> Command {
    let package = &script.package;
    let below = |folder: &str| context.root.path_of(&paths::path(format!("{folder}/{package}")));
    let version = |version: &Option<medic_model::Version>| {
        version.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let mut command = Command::new(path);
    command.current_dir(context.root.path()).env_clear();
    command
        .env("PATH", "/boot:/bin:/usr/bin:/sbin:/usr/sbin")
        .env("PACKAGE_ROOT", context.root.path().join("srv"))
        .env("PACKAGE_NAME", package.as_str())
        .env("PACKAGE_VERSION", version(if script.to.is_some() { &script.to } else { &script.from }))
        .env("PACKAGE_OLD_VERSION", version(&script.from))
        .env("PACKAGE_NEW_VERSION", version(&script.to))
        .env("PACKAGE_SCRIPTS", below(SCRIPTS))
        .env("PACKAGE_SETTINGS", below(SETTINGS))
        .env("PACKAGE_STORAGE", below(STORAGE))
        .env("PACKAGE_SOFTWARE", context.root.path_of(&script.software));
    command
}
