//! The command line of `medic-core`: arguments to one call, its result as text or JSON.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use medic_sys::files::{FileError, Folder as Files};
use serde_json::json;

use crate::couch::Couch;
use crate::error::Error;
use crate::folder::Folder;
use crate::index::{DatabaseName, Index};
use crate::reporter::{Event, Reporter};
use crate::restore::Into;
use crate::stream::{Stream, unpack};

/// The most bytes of a file with a password.
const PASSWORD_LIMIT: u64 = 4096;

/// Keeps, puts back and checks what the databases of medic-core hold, while they run
#[derive(Debug, Parser)]
#[command(name = "medic-core", version, disable_help_subcommand = true)]
struct MedicCore {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a backup into a folder, or as a tar to standard output
    ///
    /// One that was cut off goes on where it ended; one into a folder that has a backup adds what changed since.
    Backup(Backup),
    /// Put a backup back
    ///
    /// The whole backup is verified before anything is written. Each revision is there with its history afterwards, which is checked.
    Restore(Restore),
    /// Check every file and line of a backup
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
    room: Room,
    /// Write one JSON document to standard output when done: what the backup holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Verify {
    /// The backup's folder; or - for a tar from standard input
    place: PathBuf,
    #[command(flatten)]
    room: Room,
    /// Write one JSON document to standard output when done: what the backup holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Which {
    /// Only this database; may be given more than once [default: all]
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<DatabaseName>,
}

#[derive(Debug, Args)]
struct Server {
    /// Where CouchDB is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5984")]
    url: String,
    /// An administrator
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
    /// A file whose first line is the administrator's password
    #[arg(long, value_name = "FILE", default_value = "/srv/storage/medic-core/passwd/admin")]
    password_file: PathBuf,
}

#[derive(Debug, Args)]
struct Room {
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
    let World { input, out, err, now, is_terminal } = world;
    let lines = Lines(std::cell::RefCell::new(err));
    let result = match command {
        Command::Backup(command) if command.place == Path::new("-") && (is_terminal || command.json) => {
            let _ = lines.0.into_inner().write_all(
                b"Fatal: a backup to standard output is a tar: lead it to a file or a program, without --json\n",
            );
            return 2;
        }
        Command::Backup(command) => command.run(out, now, &lines),
        Command::Restore(command) => command.run(input, out, &lines),
        Command::Verify(command) => command.run(input, out, &lines),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(lines.0.into_inner(), "Fatal: {error}");
            error.exit_code()
        }
    }
}

impl Backup {
    fn run(&self, out: &mut dyn Write, now: fn() -> u64, lines: &Lines<'_>) -> Result<(), Error> {
        let couch = self.server.couch()?;
        let only = &self.which.databases;
        if self.place == Path::new("-") {
            let mut stream = Stream::new(out, now());
            crate::backup(&couch, only, &mut stream, now, lines)?;
            return stream.finish();
        }
        let mut folder = Folder::make(&self.place)?;
        let index = crate::backup(&couch, only, &mut folder, now, lines)?;
        // What the disk has, not what was meant for it.
        crate::verify(&folder, &())?;
        answer(out, &index, self.json, "is in the backup, which was read once more and is whole")
    }
}

impl Restore {
    fn run(&self, input: &mut dyn Read, out: &mut dyn Write, lines: &Lines<'_>) -> Result<(), Error> {
        let couch = self.server.couch()?;
        let into = if self.merge { Into::Anything } else { Into::Empty };
        self.room.with(&self.place, input, |folder| {
            let index = crate::restore(&couch, &self.which.databases, folder, into, lines)?;
            answer(out, &index, self.json, "is in the database, each revision with its history")
        })
    }
}

impl Verify {
    fn run(&self, input: &mut dyn Read, out: &mut dyn Write, lines: &Lines<'_>) -> Result<(), Error> {
        self.room.with(&self.place, input, |folder| {
            let index = crate::verify(folder, lines)?;
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

impl Room {
    /// Does something with the backup at `place`, which is unpacked for it if it comes as a tar.
    fn with(
        &self,
        place: &Path,
        input: &mut dyn Read,
        act: impl FnOnce(&Folder) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if place != Path::new("-") {
            return act(&Folder::open(place)?);
        }
        let room = tempfile::Builder::new().prefix(".backup-").tempdir_in(&self.room);
        let room = room.map_err(|error| FileError::new("make a folder in", &self.room, error))?;
        let mut folder = Folder::open(room.path())?;
        unpack(input, &mut folder)?;
        act(&folder)
    }
}

fn answer(out: &mut dyn Write, index: &Index, is_json: bool, what: &str) -> Result<(), Error> {
    let written = |source| Error::Stream { verb: "written", source };
    if is_json {
        return writeln!(out, "{}", json!(index)).map_err(written);
    }
    for database in &index.databases {
        let documents: u64 = database.parts.iter().map(|part| part.documents).sum();
        let size: u64 = database.parts.iter().map(|part| part.size).sum();
        let size = medic_model::ByteSize(size);
        writeln!(out, "{}: {documents} revisions, {size}", database.name).map_err(written)?;
    }
    writeln!(out, "All of it {what}.").map_err(written)
}

/// A line for each database; what happens within one is shown by nothing yet.
struct Lines<'a>(std::cell::RefCell<&'a mut dyn Write>);

impl Reporter for Lines<'_> {
    fn event(&self, event: &Event<'_>) {
        if let Event::Database { database, documents } = event {
            let _ = writeln!(self.0.borrow_mut(), "{database}: {documents} revisions");
        }
    }
}
