//! Standard error, and on a terminal the one line of it that is redrawn while a database is being read or written, as `pkg` has it.

use std::cell::RefCell;
use std::io::Write;

use crate::index::DatabaseName;
use crate::reporter::{Event, Reporter};

/// Milliseconds between two drawings, at least.
const PAUSE: u64 = 100;
/// Milliseconds after which a speed is no guess any more.
const TELLING: u64 = 1000;
/// Goes to the start of the line and clears it.
const ERASE: &[u8] = b"\r\x1b[K";

/// Where messages go: a line for each database that was written, and what is drawn meanwhile.
pub struct Screen<'a>(RefCell<Inner<'a>>);

struct Inner<'a> {
    err: &'a mut dyn Write,
    clock: Option<fn() -> u64>,
    writing: &'static str,
    meter: Meter,
    drawn: bool,
}

impl<'a> Screen<'a> {
    /// Writes to `err`. `clock` gives milliseconds that never go back; without one nothing is drawn: `err` is no terminal. `writing`
    /// is the word for what an operation does to a database.
    pub fn new(err: &'a mut dyn Write, clock: Option<fn() -> u64>, writing: &'static str) -> Self {
        Self(RefCell::new(Inner { err, clock, writing, meter: Meter::default(), drawn: false }))
    }

    /// Takes away what was drawn: something is about to be written where the terminal shows it, too.
    pub fn erase(&self) {
        self.0.borrow_mut().erase();
    }

    /// Writes a line.
    pub fn line(&self, text: &str) {
        let mut inner = self.0.borrow_mut();
        inner.erase();
        // A terminal that went away must not stop a backup; so with all that is drawn.
        let _ = writeln!(inner.err, "{text}");
    }
}

impl Inner<'_> {
    fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = self.err.write_all(ERASE);
        }
    }

    fn draw(&mut self, doing: &'static str, database: &DatabaseName, done: u64, of: Option<u64>) {
        let Some(clock) = self.clock else { return };
        if let Some(text) = self.meter.line(clock(), doing, database.as_str(), done, of) {
            // The terminal cuts it off at its edge, however wide it is: a line that goes on below could not be erased.
            let _ = write!(self.err, "\r\x1b[K\x1b[?7l{text}\x1b[?7h").and_then(|()| self.err.flush());
            self.drawn = true;
        }
    }
}

impl Reporter for Screen<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Checked { database, done, of } => {
                self.0.borrow_mut().draw("Checking", database, *done, Some(*of));
            }
            Event::Written { database, done, of } => {
                let mut inner = self.0.borrow_mut();
                let writing = inner.writing;
                inner.draw(writing, database, *done, *of);
            }
            Event::Database { database, documents } => {
                self.line(&format!("{database}: {documents} revisions"));
            }
        }
    }
}

/// What is counted now, and when it was drawn last.
#[derive(Debug, Default)]
struct Meter {
    doing: &'static str,
    name: String,
    since: u64,
    from: u64,
    drawn: Option<u64>,
}

impl Meter {
    /// The line at this time, when it is time for one: `Restoring patients  1200 of 50000  310/s`.
    fn line(
        &mut self,
        now: u64,
        doing: &'static str,
        name: &str,
        done: u64,
        of: Option<u64>,
    ) -> Option<String> {
        if self.doing != doing || self.name != name || done < self.from {
            *self = Self { doing, name: name.to_owned(), since: now, from: done, drawn: self.drawn };
        }
        if self.drawn.is_some_and(|drawn| now < drawn + PAUSE) {
            return None;
        }
        self.drawn = Some(now);
        let mut line = format!("{doing} {name}  {done}");
        if let Some(of) = of {
            line += &format!(" of {of}");
        }
        let took = now.saturating_sub(self.since);
        if took >= TELLING {
            line += &format!("  {}/s", (done - self.from).saturating_mul(1000) / took);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn name(text: &str) -> DatabaseName {
        text.parse().expect("a name")
    }

    #[test]
    fn a_line_tells_how_much_of_how_much_and_how_fast() {
        let mut meter = Meter::default();
        let mut at = |now, name, done, of| meter.line(now, "Restoring", name, done, of);
        assert_eq!(at(5000, "a", 0, Some(500)).as_deref(), Some("Restoring a  0 of 500"));
        assert_eq!(at(5050, "a", 100, Some(500)), None, "ten times a second at most");
        assert_eq!(at(9000, "a", 400, Some(500)).as_deref(), Some("Restoring a  400 of 500  100/s"));
        assert_eq!(at(9100, "b", 7, None).as_deref(), Some("Restoring b  7"), "another one begins anew");
        assert_eq!(at(11_100, "b", 27, None).as_deref(), Some("Restoring b  27  10/s"));
    }

    static NOW: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn what_is_drawn_is_erased_before_anything_else_and_once() {
        let mut written = Vec::new();
        let clock = || NOW.fetch_add(PAUSE, Ordering::Relaxed);
        let screen = Screen::new(&mut written, Some(clock), "Backing up");
        let database = &name("patients");
        screen.event(&Event::Written { database, done: 200, of: Some(300) });
        screen.event(&Event::Database { database, documents: 301 });
        screen.event(&Event::Checked { database, done: 1, of: 301 });
        screen.erase();
        screen.erase();
        let line = |text: &str| format!("\r\x1b[K\x1b[?7l{text}\x1b[?7h");
        let expected = line("Backing up patients  200 of 300")
            + "\r\x1b[Kpatients: 301 revisions\n"
            + &line("Checking patients  1 of 301")
            + "\r\x1b[K";
        assert_eq!(String::from_utf8(written).expect("text"), expected);
    }

    #[test]
    fn nothing_is_drawn_where_there_is_no_terminal() {
        let mut written = Vec::new();
        let screen = Screen::new(&mut written, None, "Restoring");
        let database = &name("a");
        screen.event(&Event::Written { database, done: 1, of: None });
        screen.event(&Event::Checked { database, done: 1, of: 1 });
        screen.erase();
        screen.event(&Event::Database { database, documents: 1 });
        assert_eq!(written, b"a: 1 revisions\n");
    }
}
