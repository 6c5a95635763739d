//! `svc-log`

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use medic_sys::clock::wall_clock;

use super::FAILED;
use super::arguments::Arguments;
use super::chosen::chosen;
use super::report::{LogLine, json};
use super::terminal::Terminal;
use crate::place::Place;
use crate::watch::log::{STAMP, stamp};

/// From one look at the files to the next while following.
const LOOK: Duration = Duration::from_millis(100);
/// How many lines are shown before following, unless told.
const BEFORE: usize = 10;

/// Runs it; the exit code.
pub fn log(place: &Place, arguments: &Arguments, terminal: &mut Terminal<'_>) -> u8 {
    let mut named = arguments.names();
    let package = named.remove(0);
    match show(place, &package, &named, arguments, terminal) {
        Ok(()) => 0,
        Err(why) => {
            terminal.fatal(&why);
            FAILED
        }
    }
}

fn show(
    place: &Place,
    package: &str,
    named: &[String],
    arguments: &Arguments,
    terminal: &mut Terminal<'_>,
) -> Result<(), String> {
    let since = arguments.since.as_deref().map(moment).transpose()?;
    let mut logs = Vec::new();
    for record in chosen(place, package, named)?.records {
        let package = record.package.parse().map_err(|error| format!("{error}"))?;
        let service = record.service.parse().map_err(|error| format!("{error}"))?;
        logs.push(ServiceLog {
            service: record.service,
            reading: Reading::new(place.logs(&package, &service)),
        });
    }
    let print = Print { json: arguments.json, with_names: logs.len() > 1 };
    let mut lines = Vec::new();
    for (number, log) in logs.iter_mut().enumerate() {
        lines.extend(log.reading.new_lines()?.into_iter().map(|line| (line, number)));
    }
    if let Some(since) = &since {
        lines.retain(|(line, _)| line.as_slice() >= since.as_bytes());
    }
    // Lines begin with their time. Those of one service stay in their order.
    lines.sort_by(|(a, _), (b, _)| time_of(a).cmp(time_of(b)));
    let most = arguments.lines.or(arguments.follow.then_some(BEFORE)).unwrap_or(usize::MAX);
    let skipped = lines.len().saturating_sub(most);
    for (line, number) in &lines[skipped..] {
        if print.line(&logs[*number].service, line, terminal).is_err() {
            return Ok(());
        }
    }
    let _ = terminal.out.flush();
    if arguments.follow { follow(&mut logs, &print, terminal) } else { Ok(()) }
}

/// Prints what comes, until whoever reads it is gone.
fn follow(logs: &mut [ServiceLog], print: &Print, terminal: &mut Terminal<'_>) -> Result<(), String> {
    loop {
        std::thread::sleep(LOOK);
        for log in &mut *logs {
            for line in log.reading.new_lines()? {
                if print.line(&log.service, &line, terminal).is_err() {
                    return Ok(());
                }
            }
        }
        if terminal.out.flush().is_err() {
            return Ok(());
        }
    }
}

/// A service, and how far its log has been read.
struct ServiceLog {
    service: String,
    reading: Reading,
}

/// How lines are printed.
struct Print {
    json: bool,
    with_names: bool,
}

impl Print {
    fn line(&self, service: &str, line: &[u8], terminal: &mut Terminal<'_>) -> io::Result<()> {
        let (time, text) = line.split_at(time_of(line).len());
        if self.json {
            let time = String::from_utf8_lossy(time);
            let text = String::from_utf8_lossy(text);
            let line = LogLine { service, time: time.trim_end(), text: &text };
            return terminal.out.write_all(json(&line).as_bytes());
        }
        terminal.out.write_all(time)?;
        if self.with_names {
            terminal.out.write_all(format!("{service}: ").as_bytes())?;
        }
        terminal.out.write_all(text)?;
        terminal.out.write_all(b"\n")
    }
}

/// The time that a line begins with; nothing when it begins otherwise: somebody else wrote it.
fn time_of(line: &[u8]) -> &[u8] {
    let is_time = line.len() >= STAMP
        && line[..STAMP].iter().zip(b"0000-00-00T00:00:00.000000Z ").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        });
    if is_time { &line[..STAMP] } else { &[] }
}

/// `10m` ago, or a time as lines have it, or the beginning of one (`2026-11-26T10`), in the form that lines begin with.
fn moment(text: &str) -> Result<String, String> {
    if let Ok(span) = text.parse::<medic_model::Span>() {
        let (seconds, micros) = wall_clock();
        let ago = seconds.saturating_sub(span.as_millis().div_ceil(1000));
        return Ok(String::from_utf8_lossy(&stamp((ago, micros))).trim_end().to_owned());
    }
    let form = b"0000-00-00T00:00:00.000000Z";
    let fits = text.len() >= 4
        && text.len() <= form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            // The end of a whole number of seconds is a 'Z', too.
            b'.' => matches!(byte, b'.' | b'Z'),
            form => byte == *form,
        });
    if fits {
        // 'Z' sorts after the digits of a fraction.
        Ok(text.strip_suffix('Z').unwrap_or(text).to_owned())
    } else {
        Err(format!(
            "'{text}' is no time: write how long ago it is, such as '10m', or a time in UTC, such as '2026-11-26T10:00:00Z'"
        ))
    }
}

/// Reads a log on and on, through all changes of its files.
struct Reading {
    folder: PathBuf,
    current: Option<(File, u64)>,
    /// The beginning of a line whose end is not there yet.
    half: Vec<u8>,
}

impl Reading {
    fn new(folder: PathBuf) -> Self {
        Self { folder, current: None, half: Vec::new() }
    }

    /// All whole lines that were written since the last time.
    fn new_lines(&mut self) -> Result<Vec<Vec<u8>>, String> {
        let failed = |error: io::Error| format!("cannot read the log in {}: {error}", self.folder.display());
        let mut bytes = std::mem::take(&mut self.half);
        let mut files = files(&self.folder).map_err(failed)?;
        // What was read from so far, and is no longer `current`, has its end by now.
        if let Some((file, inode)) = &mut self.current {
            file.read_to_end(&mut bytes).map_err(failed)?;
            let younger = files.iter().position(|(_, other)| *other == *inode);
            files.truncate(younger.unwrap_or(files.len()));
        }
        for (mut file, inode) in files.into_iter().rev() {
            file.read_to_end(&mut bytes).map_err(failed)?;
            self.current = Some((file, inode));
        }
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        self.half = lines.pop().unwrap_or_default();
        Ok(lines)
    }
}

/// The files of a log, the youngest first, with their inode numbers. While they are renamed one may be seen twice: it
/// counts once, where it was seen first.
fn files(folder: &Path) -> io::Result<Vec<(File, u64)>> {
    let mut files: Vec<(File, u64)> = Vec::new();
    for number in 0.. {
        let name = if number == 0 { "current".to_owned() } else { number.to_string() };
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            // Just renamed, or not begun yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let inode = file.metadata()?.ino();
        if !files.iter().any(|(_, other)| *other == inode) {
            files.push((file, inode));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: Vec<Vec<u8>>) -> Vec<String> {
        lines.into_iter().map(|line| String::from_utf8(line).expect("text")).collect()
    }

    #[test]
    fn a_log_is_read_on_through_renamed_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let mut reading = Reading::new(folder.path().to_owned());
        assert!(reading.new_lines().expect("nothing yet").is_empty());
        std::fs::write(at("2"), "a\n").expect("written");
        std::fs::write(at("1"), "b\nc\n").expect("written");
        std::fs::write(at("current"), "d\nhal").expect("written");
        assert_eq!(text(reading.new_lines().expect("read")), ["a", "b", "c", "d"]);
        assert!(reading.new_lines().expect("read").is_empty());
        // Two files further, with something in each.
        std::fs::write(at("current"), "d\nhalf\n").expect("written");
        for (from, to) in [("2", "4"), ("1", "3"), ("current", "2")] {
            std::fs::rename(at(from), at(to)).expect("renamed");
        }
        std::fs::write(at("1"), "e\n").expect("written");
        std::fs::write(at("current"), "f\n").expect("written");
        assert_eq!(text(reading.new_lines().expect("read")), ["half", "e", "f"]);
    }

    #[test]
    fn times_are_known_and_begin_lines() {
        assert_eq!(time_of(b"2026-11-22T10:11:12.123456Z text"), b"2026-11-22T10:11:12.123456Z ");
        assert_eq!(time_of(b"2026-11-22 10:11:12.123456Z text"), b"");
        assert_eq!(moment("2026-11-22T10:11:12Z"), Ok("2026-11-22T10:11:12".to_owned()));
        assert_eq!(moment("2026-11-22"), Ok("2026-11-22".to_owned()));
        assert_eq!(moment("10m").expect("a time").len(), STAMP - 1);
        for wrong in ["yesterday", "20", "2026-11-22T10:11:12.123456Z!", ""] {
            assert!(moment(wrong).expect_err(wrong).contains("is no time"), "{wrong}");
        }
    }
}
