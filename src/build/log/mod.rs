//! Logs of build steps: written with headings, found again, shown so that they cannot harm a terminal.
//!
//! `logs/<component>/<action key>.log` in the store, from the first moment of a build on, whether it succeeds or not:
//!
//! ```text
//! ==== zlib 1.3.2 x64 (bubblewrap: …)
//! ==== configure
//! what the step wrote
//! ==== end: built in 3.4 s
//! ```

mod find;
mod show;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use medic_model::Arch;
use medic_model::recipe::Recipe;

use crate::error::FailureCause;
use crate::store::{StoreError, make_folder};

pub use find::{BuildLog, Ending, find};
pub use show::{is_ended, printable, steps};

/// What a heading begins with.
const HEADING: &str = "==== ";
/// What the last heading of a log begins with, behind [`HEADING`].
const END: &str = "end: ";

/// How much of a log's end is read for its last lines.
const LAST: u64 = 64 << 10;
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
        writeln!(&self.file, "{HEADING}{}", text.replace('\n', " ")).map_err(write)
    }

    /// The first heading: what is built, for what, and where.
    ///
    /// # Errors
    /// The disk.
    pub fn begin(&mut self, recipe: &Recipe, arch: Arch, isolation: &str) -> Result<(), StoreError> {
        self.heading(&format!("{} {} {arch} ({isolation})", recipe.name, recipe.version))
    }

    /// The last heading: how the build ended, and how long it took.
    ///
    /// # Errors
    /// The disk.
    pub fn end(&mut self, failure: Option<&FailureCause>, took: Duration) -> Result<(), StoreError> {
        let seconds = took.as_secs_f32();
        let text = match failure {
            None => format!("built in {seconds:.1} s"),
            Some(FailureCause::Step(step)) => {
                format!("failed after {seconds:.1} s: the step '{}' {}", step.step, step.ending)
            }
            Some(other) => format!("failed after {seconds:.1} s: {other}"),
        };
        self.heading(&format!("{END}{text}"))
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
        file.seek(SeekFrom::Start(length.saturating_sub(LAST)))?;
        let mut bytes = Vec::new();
        file.take(LAST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&end().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| short(line)).collect()
}

/// A line as [`printable`] makes it, cut at a bearable length.
fn short(line: &str) -> String {
    let line = printable(line);
    match line.char_indices().nth(LINE) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
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
    fn a_long_line_is_cut() {
        assert_eq!(short(&"ö".repeat(10_000)).chars().count(), LINE + 1);
        assert_eq!(short("short"), "short");
    }

    #[test]
    fn a_log_says_what_it_is_of_and_how_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::create(&folder.path().join("key.log")).expect("made");
        let recipe = crate::graph::tests::recipe("zlib", &[]);
        log.begin(&recipe, Arch::Arm64, "nothing").expect("written");
        log.end(None, Duration::from_millis(1260)).expect("written");
        let full = crate::error::BuildError::Layout("two\nlines".to_owned());
        log.end(Some(&full.into()), Duration::from_secs(2)).expect("written");
        let text = fs_err::read_to_string(log.path()).expect("there");
        assert_eq!(
            text,
            "==== zlib 1 arm64 (nothing)\n==== end: built in 1.3 s\n\
             ==== end: failed after 2.0 s: the sources cannot be laid out: two lines\n"
        );
    }
}
