//! The log file: `current`, and its predecessors `1` (the youngest) to `n`, all bounded in size and age.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use medic_model::service::Log;
use medic_sys::files::make_folders;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The most bytes of one file.
    pub size: u64,
    /// How many predecessors are kept beside `current`.
    pub files: u32,
    /// The most seconds that one file is written to.
    pub age: u64,
}

impl Retention {
    /// As a service's definition says.
    pub fn of(log: &Log) -> Self {
        Self { size: log.size.0, files: log.files, age: log.age.as_millis() / 1000 }
    }
}

/// The log file of a service.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    retention: Retention,
    open: Option<Open>,
    /// What is there was written by another supervisor, which may have been killed in the middle of a line.
    foreign: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
    since: u64,
}

impl LogFile {
    /// The log in `folder`, which is made when the first line comes.
    pub fn new(folder: PathBuf, retention: Retention) -> Self {
        Self { folder, retention, open: None, foreign: true }
    }

    /// Appends whole lines; `now` is the time of day in seconds. On error nothing, or the beginning, was written: the
    /// count of bytes that are in the file comes with it.
    pub fn append(&mut self, lines: &[u8], now: u64) -> Result<(), (usize, io::Error)> {
        let none = |error| (0, error);
        let is_full = |open: &Open, retention: &Retention| {
            let over = open.size > 0 && open.size + lines.len() as u64 > retention.size;
            over || now.saturating_sub(open.since) > retention.age
        };
        if self.open.as_ref().is_some_and(|open| is_full(open, &self.retention)) {
            self.rotate().map_err(none)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let open = self.begin(now).map_err(none)?;
                if is_full(&open, &self.retention) {
                    self.rotate().map_err(none)?;
                    let open = self.begin(now).map_err(none)?;
                    self.open.insert(open)
                } else {
                    self.open.insert(open)
                }
            }
        };
        let mut written = 0;
        while written < lines.len() {
            match open.file.write(&lines[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    written += count;
                    open.size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Opened afresh for the next try: the volume may have been mounted again.
                    self.open = None;
                    return Err((written, error));
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, now: u64) -> io::Result<Open> {
        let path = self.folder.join("current");
        let append = || OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut file = match append() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(&self.folder)?;
                append()?
            }
            other => other?,
        };
        let metadata = file.metadata()?;
        let mut size = metadata.len();
        if self.foreign && size > 0 {
            let mut last = [0];
            file.read_exact_at(&mut last, size - 1)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        self.foreign = false;
        let since = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let since = if metadata.len() == 0 { now } else { since.map_or(now, |time| time.as_secs()) };
        Ok(Open { file, size, since })
    }

    /// Each takes the name of its elder; the eldest goes. Cut off anywhere it is simply continued the next time.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let name = |number: u32| match number {
            0 => self.folder.join("current"),
            number => self.folder.join(number.to_string()),
        };
        if self.retention.files == 0 {
            return std::fs::remove_file(name(0));
        }
        // A gap ends it: what is older than the gap need not move.
        let gap = (1..=self.retention.files).find(|number| !name(*number).exists());
        for number in (0..gap.unwrap_or(self.retention.files)).rev() {
            std::fs::rename(name(number), name(number + 1))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn contents(folder: &std::path::Path) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(folder).expect("there");
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("read");
            let text = std::fs::read_to_string(entry.path()).expect("read");
            (entry.file_name().to_string_lossy().into_owned(), text)
        };
        entries.map(read).collect()
    }

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = folder.path().join("a/logs");
        let mut file = LogFile::new(logs.clone(), Retention { size: 10, files: 2, age: 1000 });
        for number in 0..9 {
            file.append(format!("line{number}\n").as_bytes(), 0).expect("written");
        }
        let expected = [("1", "line7\n"), ("2", "line6\n"), ("current", "line8\n")];
        assert_eq!(contents(&logs), expected.map(|(n, t)| (n.to_owned(), t.to_owned())).into());
        // Another supervisor goes on where the last one was.
        let mut file = LogFile::new(logs.clone(), Retention { size: 10, files: 2, age: 1000 });
        file.append(b"abc\n", 0).expect("written");
        assert_eq!(contents(&logs)["current"], "line8\nabc\n");
        // A line longer than a file has one to itself.
        file.append(b"0123456789abcdef\n", 0).expect("written");
        assert_eq!(contents(&logs)["current"], "0123456789abcdef\n");
    }

    #[test]
    fn an_old_file_is_left_for_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = LogFile::new(folder.path().to_owned(), Retention { size: 1000, files: 1, age: 60 });
        file.append(b"old\n", 100).expect("written");
        file.append(b"same\n", 160).expect("written");
        file.append(b"new\n", 161).expect("written");
        assert_eq!(contents(folder.path())["current"], "new\n");
        assert_eq!(contents(folder.path())["1"], "old\nsame\n");
    }

    #[test]
    fn half_a_line_of_a_supervisor_that_was_killed_does_not_spoil_the_next_one() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("current"), "one\ntw").expect("written");
        let mut file = LogFile::new(folder.path().to_owned(), Retention::of(&Log::default()));
        for line in ["two\n", "three\n"] {
            file.append(line.as_bytes(), 0).expect("written");
        }
        assert_eq!(contents(folder.path())["current"], "one\ntw\ntwo\nthree\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("logs");
        std::fs::write(&blocked, "in the way").expect("written");
        let mut file = LogFile::new(blocked.clone(), Retention::of(&Log::default()));
        assert!(file.append(b"x\n", 0).is_err());
        std::fs::remove_file(&blocked).expect("removed");
        file.append(b"x\n", 0).expect("written");
    }
}
