//! Why files could not be fetched.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use medic_model::{ByteSize, Sha256};

/// Why files could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Some files are at none of their locations. All others were fetched.
    #[error("{}", explain(failures, *.offline))]
    Missing {
        /// Each of them.
        failures: Vec<Failure>,
        /// Whether the network was not asked.
        offline: bool,
    },
    /// The store cannot be written. What is in it is whole; what was begun is continued next time.
    #[error("cannot write '{}': {source}{}; make room or give the store another place with MEDIC_OS_STORE", path.display(), space(*.free))]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
        /// Bytes that are free there, where that is known.
        free: Option<u64>,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up HTTPS: {0}")]
    Setup(String),
    /// The caller asked to stop. What was begun is continued next time.
    #[error("fetching was stopped; what was begun is kept and continued next time")]
    Cancelled,
}

/// A file that is at none of its locations.
#[derive(Debug)]
pub struct Failure {
    /// Its digest.
    pub sha256: Sha256,
    /// Its name, for people.
    pub label: String,
    /// Each location with why it failed, in the order tried.
    pub locations: Vec<(String, Reason)>,
}

/// Why a location did not give the file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The server's answer.
    #[error("the server answered {}{}", .0, meaning(*.0))]
    Status(u16),
    /// The server cannot be reached.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// The server wants to be left alone for longer than we wait.
    #[error("the server asks to wait for {} s", .0.as_secs())]
    Busy(Duration),
    /// Redirects go round in a circle, or on and on.
    #[error("too many redirects")]
    Redirects,
    /// Not an address.
    #[error("'{0}' is not an address")]
    Address(String),
    /// More than the recipe allows.
    #[error("it is larger than the recipe's max_size of {} bytes", .limit.0)]
    TooLarge {
        /// The cap.
        limit: ByteSize,
    },
    /// Another file.
    #[error("it is another file: its {algorithm} digest is {found}")]
    WrongDigest {
        /// `sha256` or `sha512`.
        algorithm: &'static str,
        /// The digest found.
        found: String,
    },
    /// A local file cannot be read.
    #[error("{0}")]
    File(io::Error),
    /// Not in a folder.
    #[error("it is not there")]
    Absent,
    /// A client program is not installed.
    #[error("'{0}' is not installed")]
    NoProgram(String),
    /// A client program failed.
    #[error("{program} failed: {message}")]
    Client {
        /// The program.
        program: String,
        /// The end of what it said.
        message: String,
    },
    /// The machine has no such source configured.
    #[error("{0}")]
    NotConfigured(&'static str),
}

fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => " (not allowed)",
        404 | 410 => " (not found)",
        429 => " (too many requests)",
        500..=599 => " (its own fault)",
        _ => "",
    }
}

fn space(free: Option<u64>) -> String {
    free.map(|free| format!(" ({} free there)", ByteSize(free))).unwrap_or_default()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (sha256 {})", self.label, self.sha256)?;
        for (location, reason) in &self.locations {
            write!(f, "\n    {location}: {reason}")?;
        }
        Ok(())
    }
}

const ADVICE: &str = "\nOn a machine that can reach them, 'cargo xtask vendor FOLDER' fills a folder with all sources; take it here and \
                      name it in MEDIC_OS_MIRRORS. A file got by hand goes there too, under its sha256 digest as its name.";

fn explain(failures: &[Failure], offline: bool) -> String {
    let what = match (failures.len(), offline) {
        (1, false) => "a source could not be had at any of its locations:".to_owned(),
        (1, true) => "a source is not in the store, and the network may not be used:".to_owned(),
        (n, false) => format!("{n} sources could not be had at any of their locations:"),
        (n, true) => format!("{n} sources are not in the store, and the network may not be used:"),
    };
    let list: Vec<String> = failures.iter().map(|failure| format!("\n  {failure}")).collect();
    format!("{what}{}{ADVICE}", list.concat())
}
