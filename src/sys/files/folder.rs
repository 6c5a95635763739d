//! An open folder, and everything that can be done to what is in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::{FileError, Space, open};

/// An open folder. Names given to it are single parts of a path; what they name is never reached through a
/// symbolic link. The path is only for messages.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// What kind of thing a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A device, a socket or a FIFO.
    Other,
}

/// What is known of a thing without opening it; links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits, set-uid, set-gid and sticky ones included.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// The file system's device number.
    pub device: u64,
    /// The number of the file on its file system.
    pub inode: u64,
    /// Seconds since 1970 of its last change of content.
    pub modified: i64,
}

impl Node {
    /// Whether both are one and the same file.
    pub fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

fn kind(mode: u32) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

#[expect(clippy::unnecessary_cast, reason = "the widths of stat's fields differ between architectures")]
fn node(stat: &fs::Stat) -> Node {
    Node {
        kind: kind(stat.st_mode),
        mode: stat.st_mode & 0o7777,
        size: stat.st_size.max(0) as u64,
        uid: stat.st_uid,
        gid: stat.st_gid,
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        modified: stat.st_mtime as i64,
    }
}

impl Folder {
    /// Opens a folder by its path. Links in that path are followed: it is the caller's word.
    ///
    /// # Errors
    /// It is not there, is no folder, or may not be read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = fs::open(path, flags, Mode::empty())
            .map_err(|errno| FileError::new("open the folder", path, errno))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages.
    pub fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        if name.as_ref().is_empty() { self.path.clone() } else { self.path.join(name.as_ref()) }
    }

    fn at<T>(
        &self,
        operation: &'static str,
        name: impl AsRef<OsStr>,
        result: rustix::io::Result<T>,
    ) -> Result<T, FileError> {
        result.map_err(|errno| FileError::new(operation, self.path_of(name), errno))
    }

    /// Opens a folder below it, following no link and leading nowhere else. An empty path is the folder itself.
    ///
    /// # Errors
    /// A part of the way is missing, is a link, or is no folder.
    pub fn folder(&self, below: impl AsRef<Path>) -> Result<Self, FileError> {
        let below = below.as_ref();
        let way = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let fd = self.at("open the folder", below, open::folder_beneath(&self.fd, way))?;
        let path = if below.as_os_str().is_empty() { self.path.clone() } else { self.path.join(below) };
        Ok(Self { fd, path })
    }

    /// The same folder, opened once more.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn again(&self) -> Result<Self, FileError> {
        self.folder("")
    }

    /// What is known of a name; none when nothing is there.
    ///
    /// # Errors
    /// The folder may not be searched, or the disk fails.
    pub fn node(&self, name: impl AsRef<OsStr>) -> Result<Option<Node>, FileError> {
        match fs::statat(&self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            result => self.at("look at", name, result).map(|stat| Some(node(&stat))),
        }
    }

    /// What is known of the folder itself.
    ///
    /// # Errors
    /// The disk fails.
    pub fn own_node(&self) -> Result<Node, FileError> {
        self.at("look at", "", fs::fstat(&self.fd)).map(|stat| node(&stat))
    }

    /// The names in it, in ascending order of their bytes.
    ///
    /// # Errors
    /// The disk fails.
    pub fn names(&self) -> Result<Vec<OsString>, FileError> {
        let mut names = Vec::new();
        for entry in self.at("list", "", fs::Dir::read_from(&self.fd))? {
            let name = self.at("list", "", entry)?.file_name().to_bytes().to_owned();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a regular file for reading; a link is an error (ELOOP), a FIFO cannot make us wait.
    ///
    /// # Errors
    /// It is missing, is no regular file, or may not be read.
    pub fn open_file(&self, name: impl AsRef<OsStr>) -> Result<File, FileError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = self.at("open", &name, fs::openat(&self.fd, name.as_ref(), flags, Mode::empty()))?;
        let stat = self.at("look at", &name, fs::fstat(&fd))?;
        match kind(stat.st_mode) {
            Kind::File => Ok(File::from(fd)),
            _ => self.at("read", &name, Err(Errno::INVAL)),
        }
    }

    /// Reads a regular file; more than `limit` bytes is an error (EFBIG).
    ///
    /// # Errors
    /// It is missing, is no regular file, is too large, or may not be read.
    pub fn read(&self, name: impl AsRef<OsStr>, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = self.open_file(&name)?.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| FileError::new("read", self.path_of(&name), error))?;
        if bytes.len() as u64 > limit {
            return self.at("read", name, Err(Errno::FBIG));
        }
        Ok(bytes)
    }

    /// What a symbolic link says.
    ///
    /// # Errors
    /// It is missing or no link.
    pub fn read_link(&self, name: impl AsRef<OsStr>) -> Result<PathBuf, FileError> {
        let target = self.at("read the link", &name, fs::readlinkat(&self.fd, name.as_ref(), Vec::new()))?;
        Ok(PathBuf::from(OsStr::from_bytes(target.as_bytes())))
    }

    /// Makes a file that was not there, open for writing, with exactly these permission bits.
    ///
    /// # Errors
    /// The name is taken, or there is no space.
    pub fn create_new(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<File, FileError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let plain = Mode::from_raw_mode(mode & 0o777);
        let fd = self.at("create", &name, fs::openat(&self.fd, name.as_ref(), flags, plain))?;
        // Setting what is right already would cost as much as writing a small file does.
        let stat = self.at("look at", &name, fs::fstat(&fd))?;
        if stat.st_mode & 0o7777 != mode {
            self.at("set the permissions of", &name, fs::fchmod(&fd, Mode::from_raw_mode(mode)))?;
        }
        Ok(File::from(fd))
    }

    /// Makes a file that was not there and writes it; nothing is synced.
    ///
    /// # Errors
    /// The name is taken, or there is no space: a part of the file may be left.
    pub fn write_new(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let mut file = self.create_new(&name, mode)?;
        file.write_all(bytes).map_err(|error| FileError::new("write", self.path_of(&name), error))
    }

    /// Adds to the end of a file, or makes one with these permission bits; nothing is synced.
    ///
    /// # Errors
    /// It is a link or no regular file, or there is no space: a part of the addition may be left.
    pub fn append(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut file = match fs::openat(&self.fd, name.as_ref(), flags, Mode::empty()) {
            Err(Errno::NOENT) => self.create_new(&name, mode)?,
            opened => File::from(self.at("open", &name, opened)?),
        };
        file.write_all(bytes).map_err(|error| FileError::new("write", self.path_of(&name), error))
    }

    /// Makes a folder that was not there, with exactly these permission bits.
    ///
    /// # Errors
    /// The name is taken, or there is no space.
    pub fn make_folder(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<(), FileError> {
        let name = name.as_ref();
        self.at("create the folder", name, fs::mkdirat(&self.fd, name, Mode::from_raw_mode(mode)))?;
        self.set_mode(name, mode)
    }

    /// Makes a symbolic link that was not there.
    ///
    /// # Errors
    /// The name is taken, or there is no space.
    pub fn make_link(&self, name: impl AsRef<OsStr>, target: impl AsRef<Path>) -> Result<(), FileError> {
        self.at("create the link", &name, fs::symlinkat(target.as_ref(), &self.fd, name.as_ref()))
    }

    /// Gives a file or a link a second name in the same folder.
    ///
    /// # Errors
    /// The name is taken, or the file system has no such links.
    pub fn make_second_name(
        &self,
        name: impl AsRef<OsStr>,
        second: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let linked = fs::linkat(&self.fd, name.as_ref(), &self.fd, second.as_ref(), AtFlags::empty());
        self.at("create", second, linked)
    }

    /// Sets the permission bits of a file or folder.
    ///
    /// # Errors
    /// It is missing, or is not ours.
    pub fn set_mode(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<(), FileError> {
        let set = fs::chmodat(&self.fd, name.as_ref(), Mode::from_raw_mode(mode), AtFlags::empty());
        self.at("set the permissions of", name, set)
    }

    /// Sets owner and group.
    ///
    /// # Errors
    /// It is missing, or this user may not give files away.
    pub fn set_owner(&self, name: impl AsRef<OsStr>, uid: u32, gid: u32) -> Result<(), FileError> {
        let (owner, group) = (fs::Uid::from_raw(uid), fs::Gid::from_raw(gid));
        let set = fs::chownat(&self.fd, name.as_ref(), Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW);
        self.at("set the owner of", name, set)
    }

    /// Renames within the folder; what had the new name is replaced, at once.
    ///
    /// # Errors
    /// The old name is missing, or the new one is a folder with something in it.
    pub fn rename(&self, old: impl AsRef<OsStr>, new: impl AsRef<OsStr>) -> Result<(), FileError> {
        self.at("rename", &old, fs::renameat(&self.fd, old.as_ref(), &self.fd, new.as_ref()))
    }

    /// Renames within the folder, only if nothing has the new name. Where the file system cannot do that in one
    /// step it is two.
    ///
    /// # Errors
    /// The old name is missing; the new one is taken.
    pub fn rename_to_free(&self, old: impl AsRef<OsStr>, new: impl AsRef<OsStr>) -> Result<(), FileError> {
        let (from, to) = (old.as_ref(), new.as_ref());
        match fs::renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match self.node(to)? {
                Some(_) => self.at("rename to", to, Err(Errno::EXIST)),
                None => self.rename(from, to),
            },
            Err(Errno::EXIST) => self.at("rename to", to, Err(Errno::EXIST)),
            result => self.at("rename", from, result),
        }
    }

    /// Swaps two names at once. `false`: the file system cannot do that, and nothing has happened.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn exchange(&self, one: impl AsRef<OsStr>, other: impl AsRef<OsStr>) -> Result<bool, FileError> {
        match fs::renameat_with(&self.fd, one.as_ref(), &self.fd, other.as_ref(), RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            result => self.at("exchange", one, result).map(|()| true),
        }
    }

    /// Moves a name to another folder of the same file system; what had the new name is replaced.
    ///
    /// # Errors
    /// The name is missing; the folders are on different file systems.
    pub fn move_to(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        new: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        self.at("move", &name, fs::renameat(&self.fd, name.as_ref(), &to.fd, new.as_ref()))
    }

    /// Removes a file or a link (never what a link says). `false`: nothing was there.
    ///
    /// # Errors
    /// It is a folder, or may not be removed.
    pub fn remove_file_if_there(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        match fs::unlinkat(&self.fd, name.as_ref(), AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(false),
            result => self.at("remove", name, result).map(|()| true),
        }
    }

    /// Removes a folder if it is there and empty. `false`: it was missing, not empty, or no folder.
    ///
    /// # Errors
    /// It may not be removed.
    pub fn remove_folder_if_empty(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        match fs::unlinkat(&self.fd, name.as_ref(), AtFlags::REMOVEDIR) {
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
            result => self.at("remove the folder", name, result).map(|()| true),
        }
    }

    /// Removes a name and, if it is a folder, all that is in it. `false`: nothing was there.
    ///
    /// # Errors
    /// Something in it may not be removed; what was removed until then stays so.
    pub fn remove_all(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        let name = name.as_ref();
        match self.node(name)? {
            None => Ok(false),
            Some(node) if node.kind == Kind::Folder => {
                // A folder that its owner may not enter can still be removed by its owner.
                if node.mode & 0o700 != 0o700 {
                    self.set_mode(name, 0o700)?;
                }
                let folder = self.folder(name)?;
                for inner in folder.names()? {
                    folder.remove_all(inner)?;
                }
                self.at("remove the folder", name, fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR))?;
                Ok(true)
            }
            Some(_) => self.remove_file_if_there(name),
        }
    }

    /// Makes a file that was not there, writes it and makes its content durable (its name is not: [`Self::sync`]).
    ///
    /// # Errors
    /// The name is taken, there is no space, or the disk fails: a part of the file may be left.
    pub fn write_new_durable(
        &self,
        name: impl AsRef<OsStr>,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), FileError> {
        let mut file = self.create_new(&name, mode)?;
        file.write_all(bytes).map_err(|error| FileError::new("write", self.path_of(&name), error))?;
        self.at("sync", name, fs::fsync(&file))
    }

    /// Whether the folder's file system is mounted read-only.
    ///
    /// # Errors
    /// The disk fails.
    pub fn is_read_only(&self) -> Result<bool, FileError> {
        let flags = self.at("measure", "", fs::fstatvfs(&self.fd))?.f_flag;
        Ok(flags.contains(fs::StatVfsMountFlags::RDONLY))
    }

    /// Whether a name in it is a mount of its own: a file or folder that was put over it, which cannot be renamed or
    /// removed. `false` where the kernel cannot tell (before 5.8).
    ///
    /// # Errors
    /// The folder may not be searched, or the disk fails.
    pub fn is_mount_point(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        let mount = |name: &OsStr, flags: AtFlags| {
            let found = fs::statx(&self.fd, name, flags, fs::StatxFlags::MNT_ID);
            match found {
                Err(Errno::NOENT | Errno::NOSYS | Errno::PERM) => Ok(None),
                found => self.at("look at", name, found).map(|found| {
                    (found.stx_mask & fs::StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
                }),
            }
        };
        let here = mount(OsStr::new(""), AtFlags::EMPTY_PATH)?;
        let there = mount(name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(matches!((here, there), (Some(here), Some(there)) if here != there))
    }

    /// Makes the folder's names durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&self) -> Result<(), FileError> {
        self.at("sync", "", fs::fsync(&self.fd))
    }

    /// Makes everything on the folder's file system durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync_filesystem(&self) -> Result<(), FileError> {
        self.at("sync the file system of", "", fs::syncfs(&self.fd))
    }

    /// What the folder's file system has left.
    ///
    /// # Errors
    /// The disk fails.
    pub fn space(&self) -> Result<Space, FileError> {
        self.at("measure", "", Space::of(self.fd.as_fd()))
    }
}
