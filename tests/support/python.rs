//! Tools in Python that `.ci/setup --tests` installed for us, of the versions in tests/support/requirements.txt.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Outcome, run};

/// Runs Python with those tools.
///
/// # Panics
/// When they are not installed.
pub fn python(arguments: &[&str]) -> Outcome {
    let tools = tools();
    run(Command::new("python3").args(arguments).env("PYTHONPATH", tools).current_dir(crate::workspace()))
}

/// A program that came with them, by its path among them.
///
/// # Panics
/// When they are not installed.
pub fn tool(path: &str) -> Command {
    let mut command = Command::new(tools().join(path));
    command.current_dir(crate::workspace());
    command
}

fn tools() -> PathBuf {
    let workspace = crate::workspace();
    let tools = workspace.join("target/test-tools/python");
    let installed = std::fs::read_to_string(tools.join("requirements.txt")).unwrap_or_default();
    let wanted =
        std::fs::read_to_string(workspace.join("tests/support/requirements.txt")).unwrap_or_default();
    assert_eq!(
        installed,
        wanted,
        "the tools in {} are not those wanted: run .ci/setup --tests",
        tools.display()
    );
    tools
}
