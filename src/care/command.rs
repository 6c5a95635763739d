//! The command line of `medic-core`: arguments to one call, its result as text or JSON.

#[cfg(test)]
mod completion;
#[cfg(test)]
mod pages;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use medic_sys::files::{FileError, Folder as Files};
use serde_json::json;
use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::couch::Couch;
use crate::error::Error;
use crate::folder::Folder;
use crate::index::{DatabaseName, Index};
use crate::restore::Into;
use crate::room::Room;
use crate::screen::Screen;
use crate::stream::Stream;

/// The most bytes of a file with a password.
const PASSWORD_LIMIT: u64 = 4096;

/// Keeps, puts back and checks what the databases of medic-core hold, while they run
#[derive(Debug, Parser)]
#[command(name = "medic-core", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct MedicCore {
    #[command(subcommand)]
    command: Command,
}

/// Shown below the help; `docs/exit-codes.md` says more.
const EXIT_CODES: &str = "\
Exit codes:
  0   done
  2   wrong usage
  3   CouchDB does not answer, or not as it should; a wrong password
  4   refused: no such database, documents that are there, a backup of another server, another medic-core at work
  5   the backup is not finished, damaged, or no backup
  6   revisions that were restored are not there
  7   a file or a stream cannot be read or written; not enough space";

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a backup into a folder, or as a tar to standard output
    ///
    /// One that was cut off goes on where it ended; one into a folder that has a backup adds what changed since.
    #[command(
        after_help = "Examples:\n  medic-core backup /srv/storage/backup\n  medic-core backup - > core.tar"
    )]
    Backup(Backup),
    /// Put a backup back
    ///
    /// The whole backup is verified before anything is written. Each revision is there with its history afterwards, which is checked.
    #[command(
        after_help = "Examples:\n  medic-core restore /srv/storage/backup\n  medic-core restore - < core.tar"
    )]
    Restore(Restore),
    /// Check every file and line of a backup
    #[command(after_help = "Example:\n  medic-core verify /srv/storage/backup")]
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Backup {
    /// A folder, which is made if need be; or - for a tar to standard output
    place: PathBuf,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    server: Server,
    /// Write one JSON document to standard output when done: what the backup holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Restore {
    /// The backup's folder; or - for a tar from standard input
    place: PathBuf,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    server: Server,
    /// Add to databases that have documents already; also to go on with a restoration that was cut off
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Write one JSON document to standard output when done: what the backup holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Verify {
    /// The backup's folder; or - for a tar from standard input
    place: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Write one JSON document to standard output when done: what the backup holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Which {
    /// Only this database; may be given more than once [default: all there are, _global_changes aside]
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<DatabaseName>,
}

#[derive(Debug, Args)]
struct Server {
    /// Where CouchDB is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5984", value_parser = address)]
    url: String,
    /// An administrator
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
    /// A file whose first line is the administrator's password
    #[arg(long, value_name = "FILE", default_value = "/srv/storage/medic-core/passwd/admin")]
    password_file: PathBuf,
}

#[derive(Debug, Args)]
struct Unpacking {
    /// Where a backup from standard input is put until it is verified
    #[arg(long, value_name = "FOLDER", default_value = "/srv/storage/medic-core")]
    room: PathBuf,
}

/// What a program gives to a command.
pub struct World<'a> {
    /// A backup that is read as a tar.
    pub input: &'a mut dyn Read,
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages.
    pub err: &'a mut dyn Write,
    /// Seconds since 1970.
    pub now: fn() -> u64,
    /// Gives milliseconds that never go back; none when messages go to no terminal, where nothing is drawn.
    pub clock: Option<fn() -> u64>,
    /// Whether standard output is a terminal, which a tar is nothing for.
    pub is_terminal: bool,
}

/// Runs what `args` say (the program's own name first) and gives the exit code.
pub fn run(args: Vec<OsString>, world: World<'_>) -> u8 {
    let command = match MedicCore::try_parse_from(args) {
        Ok(MedicCore { command }) => command,
        Err(error) => {
            let to: &mut dyn Write = if error.use_stderr() { world.err } else { world.out };
            let _ = write!(to, "{error}");
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let World { input, out, err, now, clock, is_terminal } = world;
    let clock = clock.filter(|_| !command.json());
    let screen = Screen::new(err, clock, command.writing());
    let result = match &command {
        Command::Backup(command) if command.place == Path::new("-") && (is_terminal || command.json) => {
            screen.line(
                "Fatal: a backup to standard output is a tar: lead it to a file or a program, without --json",
            );
            return 2;
        }
        Command::Backup(command) => command.run(out, now, &screen),
        Command::Restore(command) => command.run(input, out, &screen),
        Command::Verify(command) => command.run(input, out, &screen),
    };
    screen.erase();
    let Err(error) = result else { return 0 };
    screen.line(&format!("Fatal: {error}"));
    let code = error.exit_code();
    if command.json() {
        let _ = writeln!(out, "{}", json!({"error": error.to_string(), "exit_code": code}));
    }
    code
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Self::Backup(Backup { json, .. }) | Self::Restore(Restore { json, .. }) => *json,
            Self::Verify(Verify { json, .. }) => *json,
        }
    }

    /// What it does to a database, for people.
    fn writing(&self) -> &'static str {
        match self {
            Self::Backup(_) => "Backing up",
            Self::Restore(_) => "Restoring",
            Self::Verify(_) => "Checking",
        }
    }
}

impl Backup {
    fn run(&self, out: &mut dyn Write, now: fn() -> u64, screen: &Screen<'_>) -> Result<(), Error> {
        let couch = self.server.couch()?;
        let only = &self.which.databases;
        if self.place == Path::new("-") {
            let mut stream = Stream::new(out, now());
            crate::backup(&couch, only, &mut stream, now, screen)?;
            return stream.finish();
        }
        let mut folder = Folder::make(&self.place)?;
        let index = crate::backup(&couch, only, &mut folder, now, screen)?;
        // What the disk has, not what was meant for it.
        crate::verify(&folder, screen)?;
        screen.erase();
        answer(out, &index, self.json, "is in the backup, which was read once more and is whole")
    }
}

impl Restore {
    fn run(&self, input: &mut dyn Read, out: &mut dyn Write, screen: &Screen<'_>) -> Result<(), Error> {
        let couch = self.server.couch()?;
        let into = if self.merge { Into::Anything } else { Into::Empty };
        Room(&self.unpacking.room).with(&self.place, input, |folder| {
            let index = crate::restore(&couch, &self.which.databases, folder, into, screen)?;
            screen.erase();
            answer(out, &index, self.json, "is in the database, each revision with its history")
        })
    }
}

impl Verify {
    fn run(&self, input: &mut dyn Read, out: &mut dyn Write, screen: &Screen<'_>) -> Result<(), Error> {
        Room(&self.unpacking.room).with(&self.place, input, |folder| {
            let index = crate::verify(folder, screen)?;
            screen.erase();
            answer(out, &index, self.json, "is in the backup, which is whole")
        })
    }
}

impl Server {
    fn couch(&self) -> Result<Couch, Error> {
        let (parent, name) = (self.password_file.parent(), self.password_file.file_name());
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let text = Files::open(parent)?.read(name.unwrap_or_default(), PASSWORD_LIMIT)?;
        let text = String::from_utf8(text).map_err(|error| {
            FileError::new("read", &self.password_file, std::io::Error::other(error.utf8_error()))
        })?;
        Ok(Couch::new(&self.url, &self.user, text.lines().next().unwrap_or_default()))
    }
}

/// A CouchDB's address as it may be given; requests add their paths to it.
fn address(text: &str) -> Result<String, Error> {
    let is_one = |uri: &Uri| {
        let has_port = |it: &Authority| it.as_str() == it.host() || it.port_u16().is_some();
        let is_host = uri.authority().is_some_and(|it| !it.as_str().contains('@') && has_port(it));
        is_host && uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none()
    };
    match text.parse::<Uri>() {
        Ok(uri) if is_one(&uri) => Ok(text.to_owned()),
        _ => Err(Error::Address { address: text.escape_debug().to_string() }),
    }
}

fn answer(out: &mut dyn Write, index: &Index, is_json: bool, what: &str) -> Result<(), Error> {
    let written = |source| Error::Stream { verb: "written", source };
    if is_json {
        return writeln!(out, "{}", json!(index)).map_err(written);
    }
    for database in &index.databases {
        let (documents, size) = (database.documents(), medic_model::ByteSize(database.size()));
        writeln!(out, "{}: {documents} revisions, {size}", database.name).map_err(written)?;
    }
    writeln!(out, "All of it {what}.").map_err(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_nothing_else() {
        for right in ["http://127.0.0.1:5984", "http://couch:5984/", "http://[::1]:5984"] {
            assert!(address(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "couch",
            "couch:5984",
            "https://couch",
            "ftp://couch",
            "http://",
            "http://admin:secret@couch",
            "http://couch/db",
            "http://couch/?a",
            "http://couch:port",
            "http://a b",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
