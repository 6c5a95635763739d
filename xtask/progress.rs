//! What a user sees while something takes long: on a terminal a line that moves for each thing under way, elsewhere
//! plain lines. Everything goes to standard error; standard output is for results.

mod build;
pub mod clock;
mod fetch;
mod image;
mod lines;
mod publish;
mod push;
mod terminal;

use std::io::{IsTerminal, Write};

pub use build::BuildProgress;
pub use image::{ImageProgress, loaded};
pub use publish::PublishProgress;
pub use push::{Patience, PushProgress};

/// Where progress is shown. A task is something under way, known by its key.
pub trait Screen: Send + Sync {
    /// A line that stays.
    fn line(&self, text: &str);
    /// A task begins, or says what it is doing now.
    fn task(&self, key: &str, text: &str);
    /// How far a task is, in bytes; `total` is 0 when nobody knows.
    fn bytes(&self, key: &str, done: u64, total: u64);
    /// A task is over; `line`, if any, stays.
    fn done(&self, key: &str, line: Option<&str>);
    /// How far all of it is, in one line below all tasks; none: nothing is under way.
    fn summary(&self, text: Option<&str>);
}

/// The screen for this process: a terminal's, or plain lines.
pub fn screen(no_color: bool) -> Box<dyn Screen> {
    if std::io::stderr().is_terminal() {
        Box::new(terminal::Terminal::new(!no_color))
    } else {
        Box::new(lines::Lines::default())
    }
}

/// Writes a last line when the program is about to end, whatever the screen holds.
pub fn say_last(text: &str) {
    // On a terminal the line that moves is wiped first. Nothing can be done for a user whose standard error is gone.
    let wipe = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    drop(writeln!(std::io::stderr(), "{wipe}{text}"));
}
