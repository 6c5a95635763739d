//! From the service's pipe to its log file and the container's output.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use medic_sys::output::{Output, read_waiting};
use medic_sys::pipe::{Pipe, discard, peek_into};

use super::file::{LogFile, Retention};
use super::lines::{first, stamp};
use super::mirror::Mirror;
use crate::machine::Millis;

/// How much is taken from the pipe at once; more than the longest line.
const CHUNK: usize = 16 * 1024;
/// So many chunks are moved before anything else has its turn.
const TURN: usize = 16;
/// What is held while the log file cannot be written.
const HELD: usize = 16 * 1024;
/// From one try to write a failing file to the next.
const RETRY: Millis = 1000;
/// A line without an end is written after so long, as it is: it may be a question.
const HALF_LINE: Millis = 1000;

/// The time of day, in seconds and microseconds: only shown, and for the age of files.
pub type WallClock = fn() -> (u64, u32);

/// Moves a service's lines.
#[derive(Debug)]
pub struct Pump<'a> {
    source: BorrowedFd<'a>,
    null: BorrowedFd<'a>,
    scratch: Pipe,
    file: LogFile,
    mirror: Mirror<'a>,
    wall_clock: WallClock,
    input: Vec<u8>,
    lines: Vec<u8>,
    note: Vec<u8>,
    failing: Option<Failing>,
    half: Option<Half>,
    dropped: u64,
    /// Of the dropped lines, those that a line of the log has told of.
    told: u64,
}

/// A line without an end waits.
///
/// The kernel tells a reader of more only when the pipe was empty, or once a write is complete (pipe_write in fs/pipe.c). Beside half a
/// line it is not empty, and who writes more at once than there is room for waits for its reader: so it is looked for.
#[derive(Debug, Clone, Copy)]
struct Half {
    since: Millis,
    look_at: Millis,
    pause: Millis,
}

/// The log file cannot be written at the moment.
#[derive(Debug)]
struct Failing {
    again_at: Millis,
    why: String,
    held: Vec<u8>,
}

impl<'a> Pump<'a> {
    /// From `source`, which does not block, to the log in `folder` and to `output`, where there is one; `null` is `/dev/null`.
    ///
    /// # Errors
    /// No pipe can be made.
    pub fn new(
        (source, null): (BorrowedFd<'a>, BorrowedFd<'a>),
        (folder, retention): (PathBuf, Retention),
        (output, name): (Option<&'a Output>, &str),
        wall_clock: WallClock,
    ) -> io::Result<Self> {
        Ok(Self {
            source,
            null,
            scratch: Pipe::new()?,
            file: LogFile::new(folder, retention),
            mirror: Mirror::new(output, name),
            wall_clock,
            input: Vec::new(),
            lines: Vec::new(),
            note: Vec::new(),
            failing: None,
            half: None,
            dropped: 0,
            told: 0,
        })
    }

    /// Goes on counting where an earlier supervisor was, and tells of the lines that it could not tell of.
    pub fn counting_from(mut self, dropped: u64, told: u64) -> Self {
        (self.dropped, self.told) = (dropped, told);
        if dropped > told {
            let why = "the supervisor was killed while it could not write the log file".to_owned();
            self.failing = Some(Failing { again_at: 0, why, held: Vec::new() });
        }
        self
    }

    /// Lines that came into no file.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Of them, those that a line of the log has told of.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Lines that are held until the file can be written.
    pub fn held(&self) -> u16 {
        let held =
            self.failing.iter().flat_map(|failing| &failing.held).filter(|byte| **byte == b'\n').count();
        // Each bears a time stamp, so there is no room for so many.
        u16::try_from(held).unwrap_or(u16::MAX)
    }

    /// When [`Pump::run`] is wanted although nothing new has come.
    pub fn deadline(&self, now: Millis) -> Option<Millis> {
        let half = self.half.map(|half| half.look_at);
        let failing = self.failing.as_ref().map(|failing| failing.again_at);
        [half, failing, self.mirror.retry_at(now)].into_iter().flatten().min()
    }

    /// Moves what waits. `last`: no more will come, so a line without an end is one. Whether more waits.
    pub fn run(&mut self, now: Millis, last: bool) -> bool {
        self.retry(now);
        self.mirror.flush(now);
        for _ in 0..TURN {
            // A slow reader of the container's output slows the service down, as a terminal would; for a second at most.
            if self.mirror.is_full() {
                return false;
            }
            let waiting = self.peek();
            if waiting == 0 {
                self.half = None;
                return false;
            }
            let mut taken = self.format(now, last);
            // Only what is half a line still: its end may have come meanwhile, and half of another after it.
            if taken == 0 && self.half.is_some_and(|half| now >= half.since + HALF_LINE) {
                taken = self.format(now, true);
            }
            self.write(now);
            self.mirror.flush(now);
            if taken == 0 {
                self.await_end(now);
                return false;
            }
            // Only now that they are written down do the bytes leave the pipe.
            let _ = discard(self.source, self.null, taken);
            self.half = None;
        }
        true
    }

    /// Looks again soon, then less and less often, until the line has waited long enough.
    fn await_end(&mut self, now: Millis) {
        let half = self.half.get_or_insert(Half { since: now, look_at: now, pause: 0 });
        if half.look_at <= now {
            half.pause = (half.pause * 2).max(1);
            half.look_at = (now + half.pause).min(half.since + HALF_LINE);
        }
    }

    /// A line of the supervisor's own.
    pub fn note(&mut self, now: Millis, text: fmt::Arguments<'_>) {
        let mut note = std::mem::take(&mut self.note);
        // Nothing that is written to memory fails.
        let _ = write!(note, "[supervisor] {text}");
        self.line(now, &note);
        note.clear();
        self.note = note;
        self.write(now);
        self.mirror.flush(now);
    }

    /// Copies what waits into `input`; how much it is.
    fn peek(&mut self) -> usize {
        let waiting = peek_into(self.source, self.scratch.writer.as_fd(), CHUNK).unwrap_or(0);
        if waiting == 0 {
            // A service that says nothing needs no memory for it.
            return 0;
        }
        self.input.resize(CHUNK, 0);
        let mut read = 0;
        while read < waiting {
            match read_waiting(&self.scratch.reader, &mut self.input[read..]) {
                Ok(Some(count)) if count > 0 => read += count,
                _ => break,
            }
        }
        self.input.truncate(read);
        read
    }

    /// Turns the whole lines of `input` into lines of the log; how many bytes they are.
    fn format(&mut self, now: Millis, last: bool) -> usize {
        let input = std::mem::take(&mut self.input);
        let mut taken = 0;
        while let Some((line, length)) = first(&input[taken..], last) {
            self.line(now, line);
            taken += length;
        }
        self.input = input;
        taken
    }

    fn line(&mut self, now: Millis, line: &[u8]) {
        if self.lines.len() + line.len() > CHUNK {
            self.write(now);
        }
        self.lines.extend_from_slice(&stamp((self.wall_clock)()));
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.mirror.line(now, line);
    }

    fn write(&mut self, now: Millis) {
        let lines = std::mem::take(&mut self.lines);
        if !lines.is_empty() {
            let untold = self.dropped - self.told;
            match &mut self.failing {
                Some(failing) => self.dropped += failing.hold(&lines, untold > 0),
                None => self.append(now, &lines),
            }
        }
        self.lines = lines;
        self.lines.clear();
    }

    fn append(&mut self, now: Millis, lines: &[u8]) {
        if let Err((written, error)) = self.file.append(lines, (self.wall_clock)().0) {
            let mut failing = Failing { again_at: now + RETRY, why: error.to_string(), held: Vec::new() };
            self.dropped += failing.hold(&lines[written..], false);
            let text = format!("[supervisor] the log file cannot be written, lines are held: {error}");
            self.mirror.line(now, text.as_bytes());
            self.failing = Some(failing);
        }
    }

    /// Tries a failing file again.
    fn retry(&mut self, now: Millis) {
        let Some(mut failing) = self.failing.take_if(|failing| failing.again_at <= now) else { return };
        let clock = (self.wall_clock)();
        let text = match self.dropped - self.told {
            0 => String::new(),
            1 => format!("[supervisor] 1 line was dropped: {}", failing.why),
            count => format!("[supervisor] {count} lines were dropped: {}", failing.why),
        };
        let lines = failing.held.len();
        if !text.is_empty() {
            failing.held.extend_from_slice(&stamp(clock));
            failing.held.extend_from_slice(text.as_bytes());
            failing.held.push(b'\n');
        }
        let result = self.file.append(&failing.held, clock.0);
        let written = result.as_ref().map_or_else(|(written, _)| *written, |()| failing.held.len());
        if !text.is_empty() && written > lines {
            // Of one that is cut off the rest is held: it must not be said twice.
            self.told = self.dropped;
            self.mirror.line(now, text.as_bytes());
        } else {
            failing.held.truncate(lines);
        }
        if let Err((_, error)) = result {
            failing.held.drain(..written);
            self.failing = Some(Failing { again_at: now + RETRY, why: error.to_string(), ..failing });
        }
    }
}

impl Failing {
    /// Holds lines as far as there is room; how many were dropped. `gap`: some were dropped before, and were not told of.
    fn hold(&mut self, lines: &[u8], gap: bool) -> u64 {
        let mut dropped = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            // Once one was dropped all are, until the file can be written: the gap is in one place.
            if !gap && dropped == 0 && self.held.len() + line.len() <= HELD {
                self.held.extend_from_slice(line);
            } else {
                dropped += 1;
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    struct Bench {
        folder: tempfile::TempDir,
        source: Pipe,
        shown: Pipe,
        output: Output,
        null: File,
    }

    impl Bench {
        fn new() -> Self {
            let shown = Pipe::new().expect("pipe");
            let output = Output::of(shown.writer.as_fd()).expect("opened");
            let null = File::options().write(true).open("/dev/null").expect("there");
            let folder = tempfile::tempdir().expect("a folder");
            Self { folder, source: Pipe::new().expect("pipe"), shown, output, null }
        }

        fn pump(&self) -> Pump<'_> {
            let fds = (self.source.reader.as_fd(), self.null.as_fd());
            let folder = (self.folder.path().join("logs"), Retention::of(&Default::default()));
            Pump::new(fds, folder, (Some(&self.output), "p/s"), || (0, 0)).expect("made")
        }

        fn write(&self, text: &str) {
            let file = File::from(self.source.writer.try_clone().expect("duplicated"));
            (&file).write_all(text.as_bytes()).expect("written");
        }

        fn log(&self) -> String {
            let text = std::fs::read_to_string(self.folder.path().join("logs/current")).unwrap_or_default();
            text.replace("1970-01-01T00:00:00.000000Z ", "")
        }

        fn shown(&self) -> String {
            let mut buffer = vec![0; 1 << 17];
            let count = read_waiting(&self.shown.reader, &mut buffer).expect("read").unwrap_or(0);
            String::from_utf8_lossy(&buffer[..count]).into_owned()
        }
    }

    #[test]
    fn lines_go_to_the_file_and_to_the_output() {
        let bench = Bench::new();
        let mut pump = bench.pump();
        bench.write("one\ntwo\nhal");
        assert!(!pump.run(0, false));
        assert_eq!(
            (bench.log(), bench.shown()),
            ("one\ntwo\n".to_owned(), "p/s: one\np/s: two\n".to_owned())
        );
        bench.write("f\n");
        pump.run(10, false);
        assert_eq!(bench.log(), "one\ntwo\nhalf\n");
        assert_eq!(pump.deadline(10), None);
    }

    #[test]
    fn half_a_line_is_written_after_a_second_or_at_the_end() {
        let bench = Bench::new();
        let mut pump = bench.pump();
        bench.write("password: ");
        pump.run(0, false);
        let (mut now, mut looks) = (0, 0);
        while let Some(at) = pump.deadline(now) {
            assert_eq!(bench.log(), "");
            assert!(at > now && at <= HALF_LINE);
            pump.run(at, false);
            (now, looks) = (at, looks + 1);
        }
        assert_eq!(now, HALF_LINE);
        assert!(looks <= 11, "{looks}");
        assert_eq!((bench.log().as_str(), pump.deadline(0)), ("password: \n", None));
        bench.write("bye");
        pump.run(HALF_LINE + 1, true);
        assert_eq!(bench.log(), "password: \nbye\n");
    }

    #[test]
    fn half_a_line_whose_end_has_come_meanwhile_does_not_cut_the_lines_behind_it() {
        let bench = Bench::new();
        let mut pump = bench.pump();
        let text: String = (0..1500).map(|number| format!("line {number} with some words\n")).collect();
        bench.write(&text[..10]);
        pump.run(0, false);
        // Nobody was told of these: the pipe was not empty. They end in the middle of a line as well.
        bench.write(&text[10..text.len() - 10]);
        for now in [HALF_LINE, HALF_LINE + 1] {
            pump.run(now, false);
            bench.shown();
        }
        bench.write(&text[text.len() - 10..]);
        pump.run(HALF_LINE + 2, false);
        assert_eq!(bench.log(), text);
    }

    #[test]
    fn who_writes_more_at_once_than_there_is_room_for_is_not_kept_waiting() {
        let bench = Bench::new();
        let mut pump = bench.pump();
        bench.write("half");
        pump.run(0, false);
        assert_eq!(pump.deadline(0), Some(1));
        bench.write(" a line\nhalf");
        pump.run(1, false);
        assert_eq!((bench.log().as_str(), pump.deadline(1)), ("half a line\n", Some(2)));
    }

    #[test]
    fn a_pump_that_is_killed_in_the_middle_loses_nothing() {
        let bench = Bench::new();
        bench.write("one\ntwo\n");
        // Seen, not yet written down: as if it were killed there.
        let mut killed = bench.pump();
        killed.peek();
        drop(killed);
        bench.pump().run(0, false);
        assert_eq!(bench.log(), "one\ntwo\n");
    }

    #[test]
    fn long_output_is_moved_whole() {
        let bench = Bench::new();
        let mut pump = bench.pump();
        let text: String =
            (0..2000).map(|number| format!("line {number} {}\n", "x".repeat(number % 50))).collect();
        let mut shown = String::new();
        for part in text.as_bytes().chunks(10_000) {
            bench.write(std::str::from_utf8(part).expect("ASCII"));
            for _ in 0..20 {
                pump.run(0, false);
                shown += &bench.shown();
            }
        }
        assert_eq!(bench.log(), text);
        assert_eq!(shown.replace("p/s: ", ""), text);
    }

    /// The time of day, as somebody sets it.
    static SET: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

    #[test]
    fn a_clock_that_is_set_changes_time_stamps_and_nothing_else() {
        use std::sync::atomic::Ordering;
        let bench = Bench::new();
        let mut pump = bench.pump();
        pump.wall_clock = || (SET.load(Ordering::Relaxed), 0);
        let logs = bench.folder.path().join("logs");
        let years = [50u64, 0, 100, 50, 100, 0, 51].map(|years| years * 365 * 86_400);
        for (line, time) in years.into_iter().enumerate() {
            SET.store(time, Ordering::Relaxed);
            let now = line as Millis * 10_000;
            bench.write(&format!("line {line}\nhalf "));
            assert!(!pump.run(now, false));
            // Half a line waits for a second of the other clock.
            pump.run(now + HALF_LINE - 1, false);
            assert_eq!(pump.deadline(now + HALF_LINE - 1), Some(now + HALF_LINE));
            pump.run(now + HALF_LINE, false);
            assert_eq!(pump.deadline(now + HALF_LINE), None);
        }
        let files = ["4", "3", "2", "1", "current"];
        let read = |name: &str| std::fs::read_to_string(logs.join(name)).unwrap_or_default();
        let whole: String = files.map(read).concat();
        let said: Vec<&str> = whole.lines().map(|line| &line[super::super::lines::STAMP..]).collect();
        let expected: Vec<String> =
            (0..7).flat_map(|line| [format!("line {line}"), "half ".to_owned()]).collect();
        assert_eq!(said, expected);
        for time in years {
            let stamp = String::from_utf8(stamp((time, 0)).to_vec()).expect("ASCII");
            assert!(whole.contains(&stamp), "{stamp}");
        }
        // A file is old once, not at every change.
        assert!(!logs.join("3").exists());
    }

    #[test]
    fn a_file_that_cannot_be_written_holds_lines_then_drops_and_counts_them() {
        let bench = Bench::new();
        let logs = bench.folder.path().join("logs");
        std::fs::write(&logs, "in the way").expect("written");
        let mut pump = bench.pump();
        bench.write("first\n");
        pump.run(0, false);
        let line = format!("{}\n", "#".repeat(999));
        for _ in 0..30 {
            bench.write(&line);
            pump.run(1, false);
            bench.shown();
        }
        let dropped = pump.dropped();
        assert!((14..=16).contains(&dropped), "{dropped}");
        pump.run(RETRY, false);
        assert_eq!(pump.dropped(), dropped);
        std::fs::remove_file(&logs).expect("removed");
        pump.run(2 * RETRY, false);
        bench.write("after\n");
        pump.run(2 * RETRY + 1, false);
        let log = bench.log();
        assert_eq!(log.matches('#').count(), 999 * (30 - dropped as usize));
        assert!(log.starts_with("first\n") && log.ends_with("after\n"));
        assert!(log.contains(&format!("[supervisor] {dropped} lines were dropped: ")), "{log}");
    }

    #[test]
    fn what_a_killed_supervisor_dropped_is_told_of_by_the_next_when_it_can() {
        let bench = Bench::new();
        let logs = bench.folder.path().join("logs");
        std::fs::write(&logs, "in the way").expect("written");
        let mut pump = bench.pump().counting_from(7, 4);
        bench.write("lost\n");
        pump.run(0, false);
        assert_eq!((pump.dropped(), pump.told(), pump.held()), (8, 4, 0));
        std::fs::remove_file(&logs).expect("removed");
        pump.run(RETRY, false);
        assert_eq!((pump.dropped(), pump.told()), (8, 8));
        bench.write("kept\n");
        pump.run(RETRY + 1, false);
        let log = bench.log();
        assert!(log.starts_with("[supervisor] 4 lines were dropped: ") && log.ends_with("\nkept\n"), "{log}");
        // All is told.
        bench.pump().counting_from(8, 8).run(0, false);
        bench.pump().counting_from(9, 8).run(0, false);
        let said = bench.log().replace(&log, "");
        assert!(said.starts_with("[supervisor] 1 line was dropped: the supervisor was killed"), "{said}");
    }
}
