//! Running a program and looking at all that it said.

use std::process::{Command, Output};

/// How a program ended, and what it wrote.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    shown: String,
}

impl Outcome {
    /// The outcome of a finished process that was started as `shown`.
    pub fn new(shown: String, output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            shown,
        }
    }

    /// Panics, with all that was written, unless it ended with 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.ended_with(0)
    }

    /// Panics, with all that was written, unless it ended with this code.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n-- stdout\n{}\n-- stderr\n{}", self.shown, self.stdout, self.stderr);
        self
    }

    /// Panics unless standard error holds the text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{} does not say '{text}':\n{}", self.shown, self.stderr);
        self
    }

    /// Standard output without the white space around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started: the test's set-up is then incomplete.
pub fn run(command: &mut Command) -> Outcome {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) => Outcome::new(shown, &output),
        Err(error) => panic!("{shown}: {error} (is .ci/setup --tests done?)"),
    }
}

/// Runs a program with arguments to its end.
pub fn call(program: &str, arguments: &[&str]) -> Outcome {
    run(Command::new(program).args(arguments))
}
