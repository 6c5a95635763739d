//! Whose files a container's program makes. A user namespace, which bubblewrap has, makes user 1000 inside the caller
//! outside; a daemon gives no such thing, so it is seen to here that everything a step leaves is the caller's all the same.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};

use super::daemon::Facts;
use super::on_path;
use crate::error::BuildError;
use crate::sandbox::{SandboxPlan, USER};

/// Who runs the builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub user: u32,
    pub group: u32,
}

impl Caller {
    /// This process.
    pub fn own() -> Self {
        Self { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
    }
}

/// Who a container's program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Inside.
    pub user: u32,
    /// Inside.
    pub group: u32,
    /// Whether what it may change is made its own before it runs, and the caller's again afterwards.
    pub changes: bool,
}

impl Owner {
    /// Who it is under this daemon, for this caller:
    ///
    /// - root can give files away and take them back: user 1000, as in bubblewrap;
    /// - an ordinary user cannot: that user's own number, whose files they are anyway;
    /// - a daemon without privilege knows the caller as its root;
    /// - Docker Desktop makes all files the program's own, whoever it is.
    pub fn of(facts: &Facts, caller: Caller) -> Self {
        if facts.rootless {
            return Self { user: 0, group: 0, changes: false };
        }
        match caller {
            _ if facts.desktop => Self { user: USER, group: USER, changes: false },
            Caller { user: 0, .. } => Self { user: USER, group: USER, changes: true },
            Caller { user, group } => Self { user, group, changes: false },
        }
    }

    /// Makes everything that the plan lets be changed the program's own.
    pub fn give(&self, plan: &SandboxPlan) -> Result<(), BuildError> {
        self.change(plan, self.user, self.group)
    }

    /// Makes it the caller's again. Nothing of the program runs any more.
    pub fn take_back(&self, plan: &SandboxPlan) -> Result<(), BuildError> {
        let own = Caller::own();
        self.change(plan, own.user, own.group)
    }

    fn change(&self, plan: &SandboxPlan, user: u32, group: u32) -> Result<(), BuildError> {
        if !self.changes {
            return Ok(());
        }
        let mut writable = plan.mounts.iter().filter(|mount| mount.writable);
        writable.try_for_each(|mount| change_all(&mount.host, user, group))
    }
}

/// Gives a folder with all that is in it to this user. Links are not followed.
fn change_all(top: &Path, user: u32, group: u32) -> Result<(), BuildError> {
    let mut open = vec![top.to_owned()];
    while let Some(path) = open.pop() {
        let failed = |error: std::io::Error| on_path("changing the owner of", &path, &error);
        let meta = fs::symlink_metadata(&path).map_err(failed)?;
        if (meta.uid(), meta.gid()) != (user, group) {
            let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
            chownat(CWD, &path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| failed(errno.into()))?;
            // Another owner costs a file its setuid bit (chown(2)): the checks are to see what the steps made.
            if meta.is_file() && meta.mode() & 0o6000 != 0 {
                fs::set_permissions(&path, meta.permissions()).map_err(failed)?;
            }
        }
        if meta.is_dir() {
            for entry in fs::read_dir(&path).map_err(failed)? {
                open.push(entry.map_err(failed)?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_somebody_whose_files_the_caller_can_have() {
        let (root, somebody) = (Caller { user: 0, group: 0 }, Caller { user: 501, group: 20 });
        let plain = Facts::default();
        let rootless = Facts { rootless: true, ..Facts::default() };
        let desktop = Facts { desktop: true, ..Facts::default() };
        let owner = |facts: &Facts, caller| {
            let owner = Owner::of(facts, caller);
            (owner.user, owner.group, owner.changes)
        };
        assert_eq!(owner(&plain, root), (1000, 1000, true));
        assert_eq!(owner(&plain, somebody), (501, 20, false));
        assert_eq!(owner(&rootless, somebody), (0, 0, false));
        assert_eq!(owner(&desktop, somebody), (1000, 1000, false));
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a")).expect("made");
        fs::write(folder.path().join("a/file"), "x").expect("written");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("a/link")).expect("linked");
        let before = fs::metadata("/etc/passwd").expect("there").uid();
        let own = Caller::own();
        // Root can give files away; anybody can give what is theirs to themselves.
        let other = if own.user == 0 { Caller { user: 12345, group: 12345 } } else { own };
        change_all(folder.path(), other.user, other.group).expect("changed");
        for path in ["", "a", "a/file", "a/link"] {
            let meta = fs::symlink_metadata(folder.path().join(path)).expect("there");
            assert_eq!((meta.uid(), meta.gid()), (other.user, other.group), "{path}");
        }
        assert_eq!(fs::metadata("/etc/passwd").expect("there").uid(), before);
    }
}
