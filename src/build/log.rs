//! Logs of build steps: headings, and the last lines for an error.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::store::{StoreError, make_folder};

/// How much of a log's end is read for its last lines.
const END: u64 = 64 << 10;
/// The longest line that is shown.
const LINE: usize = 400;

/// A component's log, written by the builder (headings) and by the steps themselves.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// A new, empty log; the one of an earlier build is replaced.
    ///
    /// # Errors
    /// The disk.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        make_folder(path.parent().unwrap_or(path))?;
        let write = StoreError::from_io("write", path);
        // Appending, so that steps and builder never write over each other.
        File::create(path).map(drop).map_err(StoreError::from_io("write", path))?;
        let file = OpenOptions::new().append(true).open(path).map_err(write)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Begins a part of the log.
    ///
    /// # Errors
    /// The disk.
    pub fn heading(&mut self, text: &str) -> Result<(), StoreError> {
        let write = StoreError::from_io("write", &self.path);
        writeln!(&self.file, "==== {}", text.replace('\n', " ")).map_err(write)
    }

    /// What the steps write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The last lines of a log, at most `count`, made fit to be shown. Empty when it cannot be read.
pub fn tail(path: &Path, count: usize) -> Vec<String> {
    let end = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&end().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| plain(line)).collect()
}

/// A line without control characters (a log can hold colours and worse), cut at a bearable length.
fn plain(line: &str) -> String {
    // What was overwritten by a carriage return was not seen either.
    let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut plain = String::new();
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => plain.push_str("    "),
            letter if letter.is_control() => plain.push('\u{fffd}'),
            letter => plain.push(letter),
        }
        if plain.len() > LINE {
            plain.push('…');
            break;
        }
    }
    plain
}

/// A terminal's control sequence (ECMA-48, 5.4): `[`, then parameters, then a letter.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    if rest.as_str().starts_with('[') {
        rest.next();
        while rest.next().is_some_and(|letter| !('\u{40}'..='\u{7e}').contains(&letter)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_plain() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/zlib/key.log");
        let mut log = Log::create(&path).expect("made");
        log.heading("compile").expect("written");
        for number in 1..=100 {
            writeln!(log.file(), "line {number}").expect("written");
        }
        let lines = tail(&path, 30);
        assert_eq!((lines.len(), lines[0].as_str(), lines[29].as_str()), (30, "line 71", "line 100"));
        assert_eq!(tail(&path, 1000)[0], "==== compile");
        Log::create(&path).expect("made again");
        assert!(tail(&path, 30).is_empty());
        assert!(tail(Path::new("/absent"), 30).is_empty());
    }

    #[test]
    fn a_line_cannot_harm_a_terminal() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\tx\u{7}"), "red    x\u{fffd}");
        assert_eq!(plain("10%\r50%\r100%\r"), "100%");
        assert!(plain(&"x".repeat(10_000)).len() < 500);
        assert_eq!(plain("\u{1b}["), "");
    }
}
