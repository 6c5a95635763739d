//! Standard error, and on a terminal the one line of it that is redrawn while something takes its time. Whatever else is written
//! there erases that line first.

use std::io::{self, Write};

use medic_model::ByteSize;

/// Milliseconds between two drawings, at least.
const PAUSE: u64 = 100;
/// Milliseconds after which a speed is no guess any more.
const TELLING: u64 = 1000;
/// Goes to the start of the line and clears it.
const ERASE: &[u8] = b"\r\x1b[K";

/// Where messages go.
pub struct Screen {
    err: Box<dyn Write + Send>,
    clock: Option<fn() -> u64>,
    meter: Meter,
    drawn: bool,
}

impl Screen {
    /// Writes to `err`. `clock` gives milliseconds that never go back; without one nothing is drawn: `err` is no terminal.
    pub fn new(err: Box<dyn Write + Send>, clock: Option<fn() -> u64>) -> Self {
        Self { err, clock, meter: Meter::default(), drawn: false }
    }

    /// From now on nothing is drawn.
    pub(super) fn still(&mut self) {
        self.clock = None;
    }

    /// Takes away what was drawn: something is about to be written where the terminal shows it, too.
    pub(super) fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            // A terminal that went away must not stop a transaction; so with all that is drawn.
            let _ = self.err.write_all(ERASE);
        }
    }

    /// So many bytes of `name` are done, of `size` where that is known.
    pub(super) fn progress(&mut self, doing: &'static str, name: &str, bytes: u64, size: Option<u64>) {
        let Some(clock) = self.clock else { return };
        if let Some(text) = self.meter.line(clock(), doing, name, bytes, size) {
            // The terminal cuts it off at its edge, however wide it is: a line that goes on below could not be erased.
            let _ = write!(self.err, "\r\x1b[K\x1b[?7l{text}\x1b[?7h").and_then(|()| self.err.flush());
            self.drawn = true;
        }
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.erase();
        self.err.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.err.flush()
    }
}

/// What is measured now, and when it was drawn last.
#[derive(Debug, Default)]
struct Meter {
    doing: &'static str,
    name: String,
    since: u64,
    from: u64,
    drawn: Option<u64>,
}

impl Meter {
    /// The line at this time, when it is time for one: `Downloading nginx  12.30 MB of 50.00 MB  3.10 MB/s`.
    fn line(
        &mut self,
        now: u64,
        doing: &'static str,
        name: &str,
        bytes: u64,
        size: Option<u64>,
    ) -> Option<String> {
        if self.doing != doing || self.name != name || bytes < self.from {
            // What was there when it began was not done at this speed.
            *self = Self { doing, name: name.to_owned(), since: now, from: bytes, drawn: self.drawn };
        }
        if self.drawn.is_some_and(|drawn| now < drawn + PAUSE) {
            return None;
        }
        self.drawn = Some(now);
        let mut line = format!("{doing} {name}  {}", ByteSize(bytes));
        if let Some(size) = size {
            line += &format!(" of {}", ByteSize(size));
        }
        let took = now - self.since;
        if took >= TELLING {
            line += &format!("  {}/s", ByteSize((bytes - self.from).saturating_mul(1000) / took));
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_line_tells_how_much_of_how_much_and_how_fast() {
        let mut meter = Meter::default();
        let mut at = |now, bytes, size| meter.line(now, "Downloading", "nginx", bytes, size);
        assert_eq!(at(5000, 0, Some(50 * MB)).as_deref(), Some("Downloading nginx  0 B of 50.00 MB"));
        assert_eq!(at(5500, MB, Some(50 * MB)).as_deref(), Some("Downloading nginx  1.00 MB of 50.00 MB"));
        assert_eq!(
            at(9000, 12_400_000, Some(50 * MB)).as_deref(),
            Some("Downloading nginx  12.40 MB of 50.00 MB  3.10 MB/s")
        );
        assert_eq!(at(10_000, 15 * MB, None).as_deref(), Some("Downloading nginx  15.00 MB  3.00 MB/s"));
    }

    #[test]
    fn a_line_is_drawn_ten_times_a_second_at_most_whatever_it_is_about() {
        let mut meter = Meter::default();
        let drawn = (0..2000).filter(|now| {
            meter.line(*now, "Unpacking", if now % 2 == 0 { "a" } else { "b" }, *now, None).is_some()
        });
        assert_eq!(drawn.count(), 20);
    }

    #[test]
    fn speed_counts_from_where_it_began_and_anew_for_another_thing_or_from_the_start() {
        let mut meter = Meter::default();
        let mut at = |now, name, bytes| meter.line(now, "Downloading", name, bytes, None).unwrap_or_default();
        assert_eq!(at(0, "a", 40 * MB), "Downloading a  40.00 MB");
        assert_eq!(
            at(2000, "a", 44 * MB),
            "Downloading a  44.00 MB  2.00 MB/s",
            "it went on where it was cut off"
        );
        assert_eq!(at(3000, "b", 0), "Downloading b  0 B");
        assert_eq!(at(4000, "b", 3 * MB), "Downloading b  3.00 MB  3.00 MB/s");
        assert_eq!(at(4500, "a", MB), "Downloading a  1.00 MB");
        assert_eq!(at(6000, "a", 0), "Downloading a  0 B", "the server sent all of it again");
    }

    static NOW: AtomicU64 = AtomicU64::new(0);

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().expect("not poisoned"))).expect("text")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_drawn_is_erased_before_anything_else_and_once() {
        let written = Written::default();
        let clock = || NOW.fetch_add(PAUSE, Ordering::Relaxed);
        let mut screen = Screen::new(Box::new(written.clone()), Some(clock));
        writeln!(screen, "first").expect("written");
        assert_eq!(written.take(), "first\n");
        screen.progress("Unpacking", "nginx", 1, Some(2));
        screen.progress("Unpacking", "nginx", 2, Some(2));
        let line = |text: &str| format!("\r\x1b[K\x1b[?7l{text}\x1b[?7h");
        let both = line("Unpacking nginx  1 B of 2 B") + &line("Unpacking nginx  2 B of 2 B");
        assert_eq!(written.take(), both);
        writeln!(screen, "second {}", 2).expect("written");
        screen.erase();
        assert_eq!(written.take(), "\r\x1b[Ksecond 2\n");
        screen.still();
        screen.progress("Unpacking", "nginx", 2, Some(2));
        assert_eq!(written.take(), "");
    }

    #[test]
    fn nothing_is_drawn_where_there_is_no_terminal() {
        let written = Written::default();
        let mut screen = Screen::new(Box::new(written.clone()), None);
        screen.progress("Unpacking", "nginx", 1, None);
        screen.erase();
        assert_eq!(written.take(), "");
    }
}
