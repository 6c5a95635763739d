//! Opening below a folder without ever following a symbolic link.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::{Errno, Result};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens the folder `below` of `folder`. openat2(2) does it in one call; where a sandbox denies that call, every
/// part is opened by itself with O_NOFOLLOW, which comes to the same.
pub(super) fn folder_beneath(folder: impl AsFd, below: &Path) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(&folder, below, FOLDER, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => part_by_part(folder, below),
        // O_NOFOLLOW with O_DIRECTORY says ENOTDIR for a link, openat2 says ELOOP: one answer for both.
        Err(Errno::LOOP) => Err(Errno::NOTDIR),
        result => result,
    }
}

fn part_by_part(folder: impl AsFd, below: &Path) -> Result<OwnedFd> {
    let mut at = openat(&folder, ".", FOLDER, Mode::empty())?;
    for part in below.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => at = openat(&at, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?,
            _ => return Err(Errno::XDEV),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    type Way = fn(&OwnedFd, &Path) -> Result<OwnedFd>;

    #[test]
    fn no_way_leads_out() {
        let root = std::env::temp_dir().join(format!("medic-sys-open-{}", std::process::id()));
        fs_err::create_dir_all(root.join("a/b")).expect("folders");
        symlink("a", root.join("link")).expect("link");
        symlink("/", root.join("a/out")).expect("link");
        let folder = openat(rustix::fs::CWD, &root, FOLDER, Mode::empty()).expect("root");
        let ways: [Way; 2] = [|f, p| folder_beneath(f, p), |f, p| part_by_part(f, p)];
        for way in ways {
            assert!(way(&folder, Path::new("a/b")).is_ok());
            for (path, errno) in [("link/b", Errno::NOTDIR), ("a/out", Errno::NOTDIR), ("none", Errno::NOENT)]
            {
                assert_eq!(way(&folder, Path::new(path)).expect_err("refused"), errno, "{path}");
            }
            for path in ["..", "a/../..", "/"] {
                assert_eq!(way(&folder, Path::new(path)).expect_err("refused"), Errno::XDEV, "{path}");
            }
        }
        fs_err::remove_dir_all(root).expect("removed");
    }
}
