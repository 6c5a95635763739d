//! Making things below a folder without ever following a symbolic link, whoever put it there and when.
//!
//! Each folder on the way is opened from the one above it with `O_NOFOLLOW` (open(2)), so a link in the way is an error, not
//! a way out. The chain of open folders is kept between calls: a sorted archive opens each folder once.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{Mode, OFlags};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder below which things are made. Paths are parts joined by `/`, as bytes; the caller has refused `..` and the like,
/// and they are refused here again.
#[derive(Debug)]
pub(crate) struct Beneath {
    root: PathBuf,
    base: OwnedFd,
    chain: Vec<(Vec<u8>, OwnedFd)>,
}

impl Beneath {
    /// Opens the folder, which must exist.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let base = fs::File::open(root)?;
        if !base.metadata()?.is_dir() {
            let message = format!("'{}' is not a folder", root.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
        }
        Ok(Self { root: root.to_owned(), base: base.into_parts().0.into(), chain: Vec::new() })
    }

    /// Makes a folder with this mode, and those above it (0755) that are missing. A folder that is there gets the mode.
    pub(crate) fn directory(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
        self.at(path, |folder, name| {
            match rustix::fs::mkdirat(folder, name, Mode::from_bits_truncate(0o700)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let made = rustix::fs::openat(folder, name, OFlags::RDONLY | FOLDER, Mode::empty())?;
            Ok(rustix::fs::fchmod(made, permissions(mode))?)
        })
    }

    /// Makes a new file for writing; its mode is not subject to the umask.
    pub(crate) fn file(&mut self, path: &[u8], mode: u32) -> io::Result<std::fs::File> {
        self.at(path, |folder, name| {
            let file = rustix::fs::openat(folder, name, NEW_FILE, Mode::from_bits_truncate(0o600))?;
            rustix::fs::fchmod(&file, permissions(mode))?;
            Ok(file.into())
        })
    }

    #[cfg(feature = "upstream")]
    /// Opens a file that was made here, for reading.
    pub(crate) fn reopen(&mut self, path: &[u8]) -> io::Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.at(path, |folder, name| Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?.into()))
    }

    /// Makes a symbolic link.
    pub(crate) fn link(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        self.at(path, |folder, name| Ok(rustix::fs::symlinkat(OsStr::from_bytes(target), folder, name)?))
    }

    #[cfg(feature = "upstream")]
    /// Sets the modification and access time, of a link itself and not what it points to.
    pub(crate) fn set_mtime(&mut self, path: &[u8], seconds: u64) -> io::Result<()> {
        use rustix::fs::{AtFlags, Timespec, Timestamps};
        let time = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(0), tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        self.at(path, |folder, name| {
            Ok(rustix::fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
        })
    }

    fn at<T>(
        &mut self,
        path: &[u8],
        action: impl FnOnce(BorrowedFd<'_>, &OsStr) -> io::Result<T>,
    ) -> io::Result<T> {
        let on_disk = self.root.join(OsStr::from_bytes(path));
        let named = |error: io::Error| {
            let why = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                    "a symbolic link or a file stands where a folder should be".to_owned()
                }
                _ => error.to_string(),
            };
            io::Error::new(error.kind(), format!("cannot make '{}': {why}", on_disk.display()))
        };
        let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        if parts.iter().any(|part| matches!(*part, b"" | b"." | b"..") || part.contains(&0)) {
            return Err(named(io::ErrorKind::InvalidInput.into()));
        }
        let name = parts.pop().unwrap_or_default();
        let folder = self.descend(&parts).map_err(named)?;
        action(folder, OsStr::from_bytes(name)).map_err(named)
    }

    fn descend(&mut self, parts: &[&[u8]]) -> io::Result<BorrowedFd<'_>> {
        let same = self.chain.iter().zip(parts).take_while(|((name, _), part)| name == *part).count();
        self.chain.truncate(same);
        for part in &parts[same..] {
            let folder = self.chain.last().map_or(self.base.as_fd(), |(_, fd)| fd.as_fd());
            let name = OsStr::from_bytes(part);
            match rustix::fs::mkdirat(folder, name, Mode::from_bits_truncate(0o700)) {
                Ok(()) => {
                    let made = rustix::fs::openat(folder, name, OFlags::RDONLY | FOLDER, Mode::empty())?;
                    rustix::fs::fchmod(&made, permissions(0o755))?;
                    self.chain.push((part.to_vec(), made));
                }
                Err(rustix::io::Errno::EXIST) => {
                    let there = rustix::fs::openat(folder, name, OFlags::RDONLY | FOLDER, Mode::empty())?;
                    self.chain.push((part.to_vec(), there));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.chain.last().map_or(self.base.as_fd(), |(_, fd)| fd.as_fd()))
    }
}

fn permissions(mode: u32) -> Mode {
    Mode::from_bits_truncate((mode & 0o777) as rustix::fs::RawMode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let outside = tempfile::tempdir().expect("a folder");
        let inside = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(outside.path(), inside.path().join("way")).expect("a link");
        let mut beneath = Beneath::open(inside.path()).expect("opened");
        for result in [
            beneath.file(b"way/x", 0o644).map(drop),
            beneath.file(b"way", 0o644).map(drop),
            beneath.directory(b"way", 0o755),
            beneath.directory(b"way/deep", 0o755),
            beneath.link(b"way/x", b"y"),
            beneath.file(b"a/../../x", 0o644).map(drop),
            beneath.file(b"/x", 0o644).map(drop),
        ] {
            let error = result.expect_err("refused").to_string();
            assert!(error.contains("cannot make"), "{error}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).expect("read").count(), 0);
    }

    #[test]
    fn modes_do_not_depend_on_the_umask() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        let mut beneath = Beneath::open(root.path()).expect("opened");
        beneath.file(b"a/b/run", 0o4777).expect("made");
        let mode = |path: &str| {
            std::fs::metadata(root.path().join(path)).expect("there").permissions().mode() & 0o7777
        };
        assert_eq!((mode("a/b/run"), mode("a/b")), (0o777, 0o755));
    }
}
