//! What an operator is told while something is done: one line for each event, in the words of the legacy system.

use std::io::Write;
use std::sync::Mutex;

use medic_model::ByteSize;

use super::Screen;
use crate::reporter::{Event, Reporter};

/// Writes events as lines that start with `Info: ` or `Warning: `; draws how far it is.
pub struct Voice<'a>(Mutex<Told<'a>>);

struct Told<'a> {
    screen: &'a mut Screen,
    /// What is being unpacked: the package, bytes until now, bytes of all of it.
    unpacking: (String, u64, u64),
}

impl<'a> Voice<'a> {
    /// Writes to `screen`.
    pub fn new(screen: &'a mut Screen) -> Self {
        Self(Mutex::new(Told { screen, unpacking: Default::default() }))
    }

    fn line(&self, kind: &str, text: &str) {
        if let Ok(mut told) = self.0.lock() {
            // A terminal that went away must not stop a transaction.
            let _ = writeln!(told.screen, "{kind}: {text}");
        }
    }

    fn progress(&self, doing: &'static str, name: &str, bytes: u64, size: Option<u64>) {
        if let Ok(mut told) = self.0.lock() {
            told.screen.progress(doing, name, bytes, size);
        }
    }

    /// Takes away what is drawn: results or a question follow.
    pub fn erase(&self) {
        if let Ok(mut told) = self.0.lock() {
            told.screen.erase();
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
                if let Ok(mut told) = self.0.lock() {
                    told.unpacking = (package.to_string(), 0, *size);
                }
            }
            Event::Unpacked { bytes } => {
                if let Ok(mut told) = self.0.lock() {
                    let Told { screen, unpacking: (name, done, size) } = &mut *told;
                    *done += bytes;
                    screen.progress("Unpacking", name, *done, Some(*size));
                }
            }
            Event::Downloading { name, bytes, size } => self.progress("Downloading", name, *bytes, *size),
            Event::Verifying { package, bytes, size } => {
                self.progress("Verifying", package.as_str(), *bytes, Some(*size));
            }
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
