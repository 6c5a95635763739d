//! What the steps left, looked at as it is on disk: what stands outside of `$PREFIX`, what no package can hold, and
//! permissions that the store would drop in silence.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use medic_archive::tree::{Content, Node, PLAIN, RUNNABLE, Tree};
use medic_model::RelPath;

use super::check::{Check, Exceptions, Finding, Level, Looks};

/// A file outside of the component's tree.
pub static OUTSIDE: Check = Check {
    id: "outside-prefix",
    title: "a file outside of $PREFIX",
    why: "Only $DESTDIR$PREFIX is kept, so the file would be missing from every package without a word.",
    mend: "Configure the software with --prefix=\"$PREFIX\", move the file into $DESTDIR$PREFIX, or remove it in the step \
           that installs.",
    looks: Looks::AtSteps,
    level: Level::Error,
    exceptions: Exceptions::Never("nothing outside of $PREFIX is kept"),
};

/// Neither folder nor file nor link.
pub static SPECIAL: Check = Check {
    id: "special-file",
    title: "a device, pipe or socket",
    why: "A package holds folders, files and links. Whoever needs a pipe or socket makes it when it starts; a device node \
          gives access to the host's hardware.",
    mend: "Remove it in the step that installs, and let the service make it.",
    looks: Looks::AtSteps,
    level: Level::Error,
    exceptions: Exceptions::Never("a package cannot hold it"),
};

/// A name that a package cannot hold.
pub static BAD_NAME: Check = Check {
    id: "bad-name",
    title: "a name that is not UTF-8, or has a control character or a backslash",
    why: "Manifests, receipts and indexes are text, and every program that reads them must find the same name.",
    mend: "Rename the file, or leave it out.",
    looks: Looks::AtSteps,
    level: Level::Error,
    exceptions: Exceptions::Never("a manifest cannot name it"),
};

/// Bits that change who runs it.
pub static SETUID: Check = Check {
    id: "setuid",
    title: "a setuid, setgid or sticky bit",
    why: "A program with that bit runs with another user's rights: a hole in it gives those to everybody. The store keeps \
          only 0755 and 0644, so the bit would be lost in silence, and with it whatever relies on it.",
    mend: "Clear it (chmod u-s,g-s,-t). A service is started as the user that package.yaml gives it.",
    looks: Looks::AtSteps,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Writable by everybody.
pub static WORLD_WRITABLE: Check = Check {
    id: "world-writable",
    title: "a file or folder that everybody may write",
    why: "Upstream means somebody to write there while it runs. The store keeps only 0755 and 0644, and software is \
          read-only in an image: the write would fail there.",
    mend: "Install it with 0755 or 0644 (install -m). What is written at run time belongs below /srv/storage.",
    looks: Looks::AtSteps,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// How many entries that stand outside are named one by one.
const NAMED: usize = 20;

/// What stands in a folder.
#[derive(Debug, Default)]
pub struct Walked {
    /// All of it below `home` that a tree can hold, below `home`.
    pub tree: Tree,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

/// Looks at everything in `out`, of which only what is below `home` is kept. Follows no link.
///
/// # Errors
/// Something cannot be read.
pub fn walk(out: &Path, home: &RelPath) -> io::Result<Walked> {
    let mut walk = Walk { home, walked: Walked::default(), outside: Vec::new() };
    if fs::symlink_metadata(out)?.is_dir() {
        walk.folder(out, "")?;
    } else {
        walk.walked.findings.push(OUTSIDE.finds("/", "$DESTDIR is no folder any more"));
    }
    let Walk { mut walked, outside, .. } = walk;
    let more = outside.len().saturating_sub(NAMED);
    walked
        .findings
        .extend(outside.into_iter().take(NAMED).map(|path| OUTSIDE.finds(path, "it would not be kept")));
    if more > 0 {
        walked.findings.push(OUTSIDE.finds("…", format!("{more} more files outside of $PREFIX")));
    }
    Ok(walked)
}

struct Walk<'a> {
    home: &'a RelPath,
    walked: Walked,
    outside: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, at: &str) -> io::Result<()> {
        let mut names =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            let place = folder.join(&name);
            let meta = fs::symlink_metadata(&place)?;
            let shown = if at.is_empty() { shown(&name) } else { format!("{at}/{}", shown(&name)) };
            self.entry(&place, &shown, name.to_str().is_some(), &meta)?;
        }
        Ok(())
    }

    fn entry(&mut self, place: &Path, shown: &str, is_text: bool, meta: &Metadata) -> io::Result<()> {
        let path = shown.parse::<RelPath>().ok().filter(|_| is_text);
        let home = self.home;
        let on_the_way =
            meta.is_dir() && path.as_ref().is_some_and(|path| path == home || home.below(path).is_some());
        if on_the_way {
            return self.folder(place, shown);
        }
        let Some(below) = shown.strip_prefix(home.as_str()).and_then(|rest| rest.strip_prefix('/')) else {
            return self.outside(place, shown, meta);
        };
        self.permissions(below, meta);
        match path.and_then(|path| path.below(home)) {
            Some(path) => self.keep(place, path, meta)?,
            None => self.walked.findings.push(BAD_NAME.finds(below, "no manifest can hold this name")),
        }
        if meta.is_dir() { self.folder(place, shown) } else { Ok(()) }
    }

    /// Something outside of `home`: its files are named, or the folder when it is empty.
    fn outside(&mut self, place: &Path, shown: &str, meta: &Metadata) -> io::Result<()> {
        let before = self.outside.len();
        if meta.is_dir() {
            self.folder(place, shown)?;
        }
        if self.outside.len() == before {
            self.outside.push(format!("/{shown}"));
        }
        Ok(())
    }

    fn keep(&mut self, place: &Path, path: RelPath, meta: &Metadata) -> io::Result<()> {
        let kind = meta.file_type();
        let node = if kind.is_dir() {
            Node::directory()
        } else if kind.is_file() {
            let mode = if meta.permissions().mode() & 0o100 != 0 { RUNNABLE } else { PLAIN };
            Node::File { mode, size: meta.len(), content: Content::Path(place.into()) }
        } else if kind.is_symlink() {
            match fs::read_link(place)?.into_os_string().into_string() {
                Ok(target) => Node::Link { target },
                Err(target) => {
                    let what = format!("the link's target {} is not UTF-8", shown_quoted(&target));
                    self.walked.findings.push(BAD_NAME.finds(path, what));
                    return Ok(());
                }
            }
        } else {
            let what = if kind.is_fifo() {
                "a pipe"
            } else if kind.is_socket() {
                "a socket"
            } else {
                "a device"
            };
            self.walked.findings.push(SPECIAL.finds(path, what));
            return Ok(());
        };
        // Nothing stands there yet: a folder has each name once. Below a name that cannot be kept there is nothing to hold it.
        self.walked.tree.insert(path, node).map_err(io::Error::other)
    }

    fn permissions(&mut self, path: &str, meta: &Metadata) {
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            return;
        }
        if mode & 0o7000 != 0 {
            let bits = [(0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")];
            let bits: Vec<_> =
                bits.iter().filter(|(bit, _)| mode & bit != 0).map(|(_, name)| *name).collect();
            self.walked
                .findings
                .push(SETUID.finds(path, format!("its mode is {mode:04o} ({})", bits.join(", "))));
        }
        if mode & 0o002 != 0 {
            self.walked.findings.push(WORLD_WRITABLE.finds(path, format!("its mode is {mode:04o}")));
        }
    }
}

/// A name as it can be shown: whatever is no text or controls a terminal is spelled out.
fn shown(name: &OsStr) -> String {
    match name.to_str() {
        Some(text) => text
            .chars()
            .map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.into() })
            .collect(),
        None => name.as_bytes().escape_ascii().to_string(),
    }
}

fn shown_quoted(name: &OsStr) -> String {
    format!("'{}'", shown(name))
}
