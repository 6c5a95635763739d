//! The file system that is worked on: `/`, or any folder that stands for it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use medic_model::RelPath;
use medic_sys::files::{FileError, Folder, Kind, Node};

/// A root folder. Below it no symbolic link is followed, except `srv` itself, which an operator may have put elsewhere.
#[derive(Debug)]
pub struct Root {
    folder: Folder,
    srv: Option<Folder>,
}

const SRV: &str = "srv";

/// A name in an open folder.
#[derive(Debug)]
pub struct Place {
    /// The folder.
    pub folder: Folder,
    /// The name in it.
    pub name: String,
}

impl Root {
    /// Opens the root.
    ///
    /// # Errors
    /// It is no folder or may not be read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let folder = Folder::open(path)?;
        let srv = match Folder::open(&folder.path_of(SRV)) {
            Ok(srv) => Some(srv),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { folder, srv })
    }

    /// The root's own path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a path below the root is, as programs outside see it.
    pub fn path_of(&self, path: &RelPath) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Makes `srv` when it is missing: a volume that was never mounted.
    ///
    /// # Errors
    /// The root is read-only.
    pub fn with_srv(mut self) -> Result<Self, FileError> {
        if self.srv.is_none() {
            match self.folder.make_folder(SRV, 0o755) {
                // Another pkg has made it at the same time.
                Err(error) if error.is_taken() => {}
                result => result?,
            }
            self.srv = Some(Folder::open(&self.folder.path_of(SRV))?);
        }
        Ok(self)
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// It is missing, or a part of the way is no folder (a link is none).
    pub fn folder(&self, path: &RelPath) -> Result<Folder, FileError> {
        match (path.as_str().split_once('/'), &self.srv) {
            (Some((SRV, below)), Some(srv)) => srv.folder(below),
            (None, Some(srv)) if path.as_str() == SRV => srv.again(),
            _ => self.folder.folder(path),
        }
    }

    /// The folder that a path's last part is a name in.
    ///
    /// # Errors
    /// As [`Self::folder`].
    pub fn place(&self, path: &RelPath) -> Result<Place, FileError> {
        let folder = match path.parent() {
            Some(parent) => self.folder(&parent)?,
            None => self.folder.again()?,
        };
        Ok(Place { folder, name: path.file_name().to_owned() })
    }

    /// As [`Self::place`]; none when that folder is missing.
    ///
    /// # Errors
    /// The disk fails, or the folder may not be opened.
    pub fn place_if_there(&self, path: &RelPath) -> Result<Option<Place>, FileError> {
        absent(self.place(path))
    }

    /// What is known of a path; none when nothing is there.
    ///
    /// # Errors
    /// The disk fails, or a folder may not be searched.
    pub fn node(&self, path: &RelPath) -> Result<Option<Node>, FileError> {
        match self.place_if_there(path)? {
            Some(place) => place.folder.node(&place.name),
            None => Ok(None),
        }
    }

    /// Reads a file of at most `limit` bytes; none when it is not there.
    ///
    /// # Errors
    /// It is no regular file, is too large, or may not be read.
    pub fn read(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        match self.place_if_there(path)? {
            Some(place) => absent(place.folder.read(&place.name, limit)),
            None => Ok(None),
        }
    }

    /// The first bytes of a file, at most `count`; none when it is not there.
    ///
    /// # Errors
    /// It is no regular file, or may not be read.
    pub fn read_start(&self, path: &RelPath, count: u64) -> Result<Option<Vec<u8>>, FileError> {
        let Some(place) = self.place_if_there(path)? else { return Ok(None) };
        let Some(file) = absent(place.folder.open_file(&place.name))? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.take(count).read_to_end(&mut bytes);
        read.map_err(|error| FileError::new("read", place.folder.path_of(&place.name), error))?;
        Ok(Some(bytes))
    }

    /// What a symbolic link says; none when nothing or no link is there.
    ///
    /// # Errors
    /// The disk fails.
    pub fn read_link(&self, path: &RelPath) -> Result<Option<String>, FileError> {
        let Some(place) = self.place_if_there(path)? else { return Ok(None) };
        match place.folder.node(&place.name)? {
            Some(node) if node.kind == Kind::Link => {
                place.folder.read_link(&place.name).map(|target| Some(target.to_string_lossy().into_owned()))
            }
            _ => Ok(None),
        }
    }

    /// The names in a folder, ascending, those that are valid UTF-8; none when it is missing.
    ///
    /// # Errors
    /// The disk fails, or it may not be read.
    pub fn names(&self, path: &RelPath) -> Result<Vec<String>, FileError> {
        match absent(self.folder(path))? {
            Some(folder) => Ok(folder.names()?.into_iter().filter_map(|n| n.into_string().ok()).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Makes a folder and those above it, where they are missing.
    ///
    /// # Errors
    /// Something else has the name, or there is no space.
    pub fn make_folders(&self, path: &RelPath) -> Result<(), FileError> {
        if absent(self.folder(path))?.is_some() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_folders(&parent)?;
        }
        let place = self.place(path)?;
        match place.folder.make_folder(&place.name, 0o755) {
            Err(error) if error.is_taken() && self.folder(path).is_ok() => Ok(()),
            result => result,
        }
    }
}

/// Single files, at once and for good; for what is no part of a transaction.
impl Root {
    /// Adds to the end of a file, or makes one, in a folder that is there. Nothing is synced: a power cut may take the addition.
    ///
    /// # Errors
    /// It is no file, or there is no space: a part of the addition may be left.
    pub fn append(&self, path: &RelPath, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let Place { folder, name } = self.place(path)?;
        folder.append(&name, bytes, mode)
    }

    /// Writes a file durably, in the place of one that may be there, and makes the folders above it.
    ///
    /// # Errors
    /// Any step that fails: then the old file is untouched.
    pub fn write_durable(&self, path: &RelPath, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        if let Some(parent) = path.parent() {
            self.make_folders(&parent)?;
        }
        let Place { folder, name } = self.place(path)?;
        let aside = format!(".{name}.partial");
        folder.remove_file_if_there(&aside)?;
        let written =
            folder.write_new_durable(&aside, bytes, mode).and_then(|()| folder.rename(&aside, &name));
        if let Err(error) = written {
            let _ = folder.remove_file_if_there(&aside);
            return Err(error);
        }
        folder.sync()
    }

    /// Removes a file durably. `false`: nothing was there.
    ///
    /// # Errors
    /// It may not be removed.
    pub fn remove_durable(&self, path: &RelPath) -> Result<bool, FileError> {
        let Some(Place { folder, name }) = self.place_if_there(path)? else { return Ok(false) };
        let removed = folder.remove_file_if_there(&name)?;
        folder.sync()?;
        Ok(removed)
    }
}

/// Turns "nothing is there" into none.
pub fn absent<T>(result: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
