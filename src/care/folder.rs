//! A backup in a folder: every file is written aside, made durable and renamed, so each that is there is whole.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use medic_archive::digest;
use medic_model::document::{DocumentError, from_json};
use medic_sys::files::{self, FileError, Lock, Space};
use serde_json::Value;

use crate::error::Error;
use crate::index::{self, DatabaseName, Index, PartEntry};
use crate::part::{PartReader, damaged};

const PARTIAL: &str = ".partial";
/// Held while a backup is taken into a folder.
const LOCK: &str = ".lock";
/// Bytes that are copied at once.
const PIECE: usize = 64 << 10;

/// Where a backup goes to.
pub trait Sink {
    /// What there is of a database already, if it is of this server and the same one still.
    fn progress(&mut self, database: &DatabaseName, server: &str, mark: &str) -> Result<Progress, Error>;
    /// Takes a file, whole.
    fn put(&mut self, file: &str, bytes: &[u8]) -> Result<(), Error>;
}

/// How far a database has been backed up.
pub struct Progress {
    /// The parts that are there.
    pub parts: Vec<PartEntry>,
    /// Up to which point of its feed of changes they lead; 0 without any.
    pub to: Value,
}

impl Progress {
    /// Nothing yet.
    pub fn none() -> Self {
        Self { parts: Vec::new(), to: Value::from(0) }
    }
}

/// A backup in a folder.
pub struct Folder {
    path: PathBuf,
    folder: files::Folder,
    /// Dropped with the folder: then the next may write to it.
    _lock: Option<Lock>,
}

impl Folder {
    /// Opens a folder to read from it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), folder: files::Folder::open(path)?, _lock: None })
    }

    /// Opens a folder to write to it, which is made for root alone if it is not there: a backup holds what the databases hold. One
    /// at a time writes to it: [`Error::Busy`].
    pub fn make(path: &Path) -> Result<Self, Error> {
        let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name());
        if let (Some(name), false) = (name, path.is_dir()) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            files::Folder::open(parent)?.make_folder(name, 0o700)?;
        }
        let lock = Lock::try_take(&path.join(LOCK), "")?.map_err(|_| Error::Busy { place: shown(path) })?;
        Ok(Self { _lock: Some(lock), ..Self::open(path)? })
    }

    /// Its path, for people.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }

    /// The path of a file in it, for people.
    pub fn path_of(&self, file: &str) -> String {
        shown(&self.path.join(file))
    }

    /// What its file system has left.
    pub fn space(&self) -> Result<Space, Error> {
        Ok(self.folder.space()?)
    }

    /// What the backup holds.
    pub fn index(&self) -> Result<Index, Error> {
        let file = self.path_of(index::FILE_NAME);
        if self.folder.node(index::FILE_NAME)?.is_none() {
            return Err(Error::Unfinished { place: self.shown() });
        }
        let index: Index = from_json(&file, &self.folder.read(index::FILE_NAME, index::LIMIT)?)?;
        if index.format != index::FORMAT {
            let what = format!("its form is {}, which this program does not know", index.format);
            return Err(DocumentError::whole(&file, what).into());
        }
        if let Some(two) = index.databases.windows(2).find(|two| two[0].name >= two[1].name) {
            let what = format!("'{}' does not come before '{}'", two[0].name, two[1].name);
            return Err(DocumentError::whole(&file, what).into());
        }
        for database in &index.databases {
            for (number, part) in database.parts.iter().enumerate() {
                if part.file != database.name.part(number + 1) {
                    let what = format!("'{}' is no part of '{}'", part.file.escape_debug(), database.name);
                    return Err(DocumentError::whole(&file, what).into());
                }
            }
        }
        Ok(index)
    }

    /// A part, opened.
    pub fn part(&self, file: &str) -> Result<PartReader<File>, Error> {
        PartReader::new(&self.path_of(file), self.file(file)?)
    }

    /// Compares a part's bytes with what the index says of it.
    pub fn check(&self, part: &PartEntry) -> Result<(), Error> {
        let file = self.path_of(&part.file);
        let found =
            digest::of_reader(self.file(&part.file)?).map_err(|error| damaged(&file, &error.to_string()))?;
        if found.size != part.size {
            return Err(damaged(&file, &format!("it has {} bytes and not {}", found.size, part.size)));
        }
        if found.sha256 != part.sha256 {
            return Err(damaged(&file, &format!("its digest is {} and not {}", found.sha256, part.sha256)));
        }
        Ok(())
    }

    /// Takes a file of `size` bytes from a reader, whole or not at all.
    pub fn put_from(&mut self, file: &str, from: &mut dyn Read, size: u64) -> Result<(), Error> {
        let (below, name) = split(file);
        let folder = match absent(self.folder.folder(below))? {
            Some(folder) => folder,
            None => {
                self.folder.make_folder(below, 0o700)?;
                self.folder.sync()?;
                self.folder.folder(below)?
            }
        };
        let aside = format!("{name}{PARTIAL}");
        // One that was cut off.
        folder.remove_file_if_there(&aside)?;
        let written = write(&folder, &aside, from, size).and_then(|()| {
            folder.rename(OsStr::new(&aside), OsStr::new(name))?;
            Ok(folder.sync()?)
        });
        if written.is_err() {
            // What is in the way of the next try; the first failure is the one to tell of.
            let _ = folder.remove_file_if_there(&aside);
        }
        written
    }

    fn file(&self, file: &str) -> Result<File, Error> {
        let (folder, name) = split(file);
        let missing = |error: FileError| match error.is_absent() {
            true => damaged(&self.path_of(file), "it is missing"),
            false => error.into(),
        };
        self.folder.folder(folder).and_then(|folder| folder.open_file(name)).map_err(missing)
    }
}

fn write(folder: &files::Folder, name: &str, from: &mut dyn Read, size: u64) -> Result<(), Error> {
    let mut file = folder.create_new(name, 0o600)?;
    let failed = |error| FileError::new("write", folder.path_of(name), error);
    let (mut piece, mut left) = (vec![0; PIECE], size);
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = match from.read(&mut piece[..most]) {
            Ok(0) => return Err(Error::Cut),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result.map_err(|source| Error::Stream { verb: "read", source })?,
        };
        file.write_all(&piece[..count]).map_err(failed)?;
        left -= count as u64;
    }
    Ok(file.sync_all().map_err(failed)?)
}

/// The folder and the name of a file of a backup.
fn split(file: &str) -> (&str, &str) {
    file.rsplit_once('/').unwrap_or(("", file))
}

impl Sink for Folder {
    fn progress(&mut self, database: &DatabaseName, server: &str, mark: &str) -> Result<Progress, Error> {
        let mut progress = Progress::none();
        let Some(folder) = absent(self.folder.folder(database.folder()))? else { return Ok(progress) };
        loop {
            let file = database.part(progress.parts.len() + 1);
            if folder.node(split(&file).1)?.is_none() {
                return Ok(progress);
            }
            let found = digest::of_reader(self.file(&file)?)
                .map_err(|error| damaged(&self.path_of(&file), &error.to_string()))?;
            let reader = self.part(&file)?;
            if reader.head.server != server {
                return Err(Error::OtherServer {
                    place: self.shown(),
                    theirs: reader.head.server.escape_debug().to_string(),
                    ours: server.to_owned(),
                });
            }
            if reader.head.mark != mark {
                return Err(Error::OtherDatabase { place: self.shown(), name: database.clone() });
            }
            let tail = reader.into_tail(database, &progress.to, &mut |_| {})?;
            progress.to = tail.to;
            let (sha256, size, documents) = (found.sha256, found.size, tail.documents);
            progress.parts.push(PartEntry { file, sha256, size, documents });
        }
    }

    fn put(&mut self, file: &str, mut bytes: &[u8]) -> Result<(), Error> {
        let size = bytes.len() as u64;
        self.put_from(file, &mut bytes, size)
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn absent<T>(result: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
