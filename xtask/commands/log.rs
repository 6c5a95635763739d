//! `log`: what a component's build steps wrote.

use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use clap::Args;
use medic_build::log::{BuildLog, Ending, find, is_ended, printable, steps};
use medic_model::{Arch, ByteSize};
use serde_json::json;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::interrupt;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
/// From one look at a log that grows to the next.
const PAUSE: Duration = Duration::from_millis(200);
/// As much of a log's end is looked at for the line that says how the build ended.
const LAST: usize = 4096;

pub const EXAMPLES: &str = "Examples:
  cargo xtask log openssl                             what the newest build of openssl wrote
  cargo xtask log openssl --step compile | less       one step of it
  cargo xtask log openssl --follow                    as it is written, until the build is over
  cargo xtask log openssl --list                      all logs that are kept, with their action keys";

/// `log`.
#[derive(Debug, Args)]
pub struct Log {
    /// A component of recipes/, such as openssl; or the beginning of an action key, at least 6 digits
    pub component: String,
    /// Only what this step wrote
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// Only where the log stands
    #[arg(long, conflicts_with_all = ["step", "follow", "list"])]
    pub path: bool,
    /// Which logs there are, the newest first
    #[arg(long, conflicts_with_all = ["step", "follow"])]
    pub list: bool,
    /// Go on showing what is written, until the build is over
    #[arg(long, short, conflicts_with = "step")]
    pub follow: bool,
    /// Only of builds for this architecture: x64 or arm64 [default: of the newest build]
    #[arg(long)]
    pub arch: Option<Arch>,
    /// With --list: write one JSON document
    #[arg(long, requires = "list")]
    pub json: bool,
}

/// Carries the command out.
pub fn log(arguments: &Log) -> Result<(), Failure> {
    let environment = Environment::read()?;
    let logs = find(&environment.workspace, &environment.store, &arguments.component, arguments.arch)?;
    let Some(log) = logs.first() else { return Ok(()) };
    let mut out = std::io::stdout();
    let done = if arguments.json {
        writeln!(out, "{}", in_json(&logs))
    } else if arguments.list {
        out.write_all(list(&logs, SystemTime::now()).as_bytes())
    } else if arguments.path {
        writeln!(out, "{}", log.path.display())
    } else if arguments.follow {
        follow(&log.path)
    } else {
        let text = std::fs::read(&log.path)?;
        show(&mut out, step(&text, arguments.step.as_deref())?)
    };
    match done {
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// The text of a step; all of it when none is asked for.
fn step<'a>(text: &'a [u8], wanted: Option<&str>) -> Result<&'a [u8], Failure> {
    let Some(wanted) = wanted else { return Ok(text) };
    let steps = steps(text);
    match steps.iter().find(|(name, _)| name == wanted) {
        Some((_, range)) => Ok(&text[range.clone()]),
        None => {
            let names: Vec<String> = steps.iter().map(|(name, _)| printable(name)).collect();
            let has = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has: {}", names.join(", "))
            };
            Err(Failure::Usage(format!("the log has no step '{wanted}'; {has}")))
        }
    }
}

/// Writes a log's text: as it is for a program, made harmless for a terminal.
fn show(out: &mut impl Write, text: &[u8]) -> std::io::Result<()> {
    if !std::io::stdout().is_terminal() {
        return out.write_all(text);
    }
    harmless(out, text)
}

fn harmless(out: &mut impl Write, text: &[u8]) -> std::io::Result<()> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Ok(());
    }
    text.split(|byte| *byte == b'\n')
        .try_for_each(|line| writeln!(out, "{}", printable(&String::from_utf8_lossy(line))))
}

/// Shows a log as it grows, until its last line says that the build is over, or the user has seen enough. A build that is
/// begun anew is shown from its beginning.
fn follow(path: &Path) -> std::io::Result<()> {
    interrupt::make_orderly();
    let mut out = std::io::stdout();
    let mut file = std::fs::File::open(path)?;
    let (mut seen, mut rest) = (0, Vec::new());
    let mut last: Vec<u8> = Vec::new();
    loop {
        let mut piece = Vec::new();
        seen += file.read_to_end(&mut piece)? as u64;
        last.extend_from_slice(&piece);
        last.drain(..last.len().saturating_sub(LAST));
        rest.extend_from_slice(&piece);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        show(&mut out, &rest[..whole])?;
        out.flush()?;
        rest.drain(..whole);
        if is_ended(&last) || interrupt::STOP.load(Ordering::Relaxed) {
            return show(&mut out, &rest);
        }
        std::thread::sleep(PAUSE);
        if file.metadata()?.len() < seen {
            file.seek(SeekFrom::Start(0))?;
            seen = 0;
            (rest, last) = (Vec::new(), Vec::new());
        }
    }
}

fn ending(log: &BuildLog) -> &'static str {
    match log.ending {
        Ending::Built => "built",
        Ending::Failed => "failed",
        Ending::Open => "open",
    }
}

/// A table: a line a log.
fn list(logs: &[BuildLog], now: SystemTime) -> String {
    let row = |log: &BuildLog| {
        let age = now.duration_since(log.written).unwrap_or_default();
        [
            log.key.to_string().chars().take(12).collect(),
            log.arch.map_or("?", Arch::as_str).to_owned(),
            log.version.clone().unwrap_or_else(|| "?".to_owned()),
            ending(log).to_owned(),
            format!("{} ago", in_words(age)),
            ByteSize(log.size).to_string(),
            log.path.display().to_string(),
        ]
    };
    let mut rows = vec![["key", "arch", "version", "ending", "written", "size", "log"].map(str::to_owned)];
    rows.extend(logs.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &[String; 7]| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// `12 min`, `3 h`, `5 days`
fn in_words(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn in_json(logs: &[BuildLog]) -> serde_json::Value {
    let one = |log: &BuildLog| {
        let written = log.written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "component": log.component,
            "key": log.key,
            "version": log.version,
            "arch": log.arch,
            "ending": ending(log),
            "path": log.path,
            "written": written.as_secs(),
            "size": log.size,
        })
    };
    json!({"format": FORMAT, "logs": logs.iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_plain_lines() {
        let shown = |text: &str| {
            let mut out = Vec::new();
            harmless(&mut out, text.as_bytes()).expect("written");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(shown("a\u{1b}[2Jb\n\nc"), "ab\n\nc\n");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn a_step_that_is_not_there_is_an_error_with_those_that_are() {
        let text = b"==== zlib 1 x64 (x)\n==== configure\n1\n==== compile\n2\n";
        assert_eq!(step(text, Some("compile")).expect("there"), b"2\n");
        assert_eq!(step(text, None).expect("all"), text);
        let error = step(text, Some("link")).expect_err("not there");
        assert_eq!((error.exit_code(), error.to_string().contains("it has: configure, compile")), (2, true));
    }

    #[test]
    fn logs_are_listed_for_people_and_for_programs() {
        let log = BuildLog {
            component: "zlib".parse().expect("a name"),
            key: medic_model::Sha256::from_bytes([0xab; 32]),
            version: Some("1.3.2".to_owned()),
            arch: Some(Arch::X64),
            ending: Ending::Failed,
            path: "/store/x.log".into(),
            written: SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
            size: 1500,
        };
        let text = list(std::slice::from_ref(&log), SystemTime::UNIX_EPOCH + Duration::from_secs(8200));
        assert_eq!(
            text,
            "key           arch  version  ending  written  size    log\n\
             abababababab  x64   1.3.2    failed  2 h ago  1.5 kB  /store/x.log\n"
        );
        let value = in_json(&[log]);
        assert_eq!(
            (value["format"].as_u64(), value["logs"][0]["ending"].as_str()),
            (Some(1), Some("failed"))
        );
        assert_eq!(value["logs"][0]["written"], 1000);
    }
}
