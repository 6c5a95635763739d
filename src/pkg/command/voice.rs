//! What an operator is told while something is done: one line for each event, in the words of the legacy system.

use std::io::Write;
use std::sync::Mutex;

use medic_model::ByteSize;

use crate::reporter::{Event, Reporter};

/// Writes events as lines that start with `Info: ` or `Warning: `.
pub struct Voice<'a>(Mutex<&'a mut (dyn Write + Send)>);

impl<'a> Voice<'a> {
    /// Writes to `err`.
    pub fn new(err: &'a mut (dyn Write + Send)) -> Self {
        Self(Mutex::new(err))
    }

    fn line(&self, kind: &str, text: &str) {
        if let Ok(mut err) = self.0.lock() {
            // A terminal that went away must not stop a transaction.
            let _ = writeln!(err, "{kind}: {text}");
        }
    }

    /// The end of a command that has changed something.
    pub fn success(&self, text: &str) {
        self.line("Success", text);
    }

    /// Something that is not an event of the library.
    pub fn info(&self, text: &str) {
        self.line("Info", text);
    }
}

impl Reporter for Voice<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Waiting { holder } => self.line("Info", &format!("Waiting for another pkg ({holder})")),
            Event::Recovered { what, finished } => {
                let done = if *finished { "finished" } else { "undone" };
                self.line("Info", &format!("What was cut off is {done}: {what}"));
            }
            Event::Unpacking { package, version, size } => {
                self.line("Info", &format!("Unpacking {package} {version} ({})", ByteSize(*size)));
            }
            Event::Unpacked { .. } => {}
            Event::Script { package, script } => {
                self.line("Info", &format!("Running the '{script}' script of '{package}'"));
            }
            Event::ScriptLine { package, line } => self.line("Info", &format!("{package}: {line}")),
            Event::Services { package, action } => {
                self.line("Info", &format!("Services of '{package}' are being {action}"));
            }
            Event::Restarted { service } => {
                self.line("Info", &format!("Service '{service}' is being restarted"));
            }
            Event::Notice { path, text } => self.line("Info", &format!("/{path} {text}")),
            Event::Warning { text } => self.line("Warning", text),
        }
    }
}
