//! What the steps made: found, checked, made the same on every machine, digested.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use medic_archive::digest::Digested;
use medic_archive::tree::{Node, Tree, TreeError};
use medic_model::recipe::Recipe;
use medic_model::{ComponentName, RelPath};

use crate::sandbox::environment::prefix;
use crate::store::{StoreError, is_full};

/// How many files that stand in the wrong place are named.
const NAMED: usize = 10;

/// A component's tree, ready for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Where it is.
    pub folder: PathBuf,
    /// The digest and size of its canonical tar.
    pub digest: Digested,
}

/// Why a component's tree cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// There is nothing.
    #[error(
        "the steps installed nothing: what is to be kept must be put into $DESTDIR$PREFIX ({prefix} below /build/out)"
    )]
    Nothing {
        /// The value of `PREFIX`.
        prefix: String,
    },
    /// There is more than that.
    #[error(
        "the steps put something into $DESTDIR outside $PREFIX ({prefix}), where nothing is kept: {}",
        list(files)
    )]
    Outside {
        /// The value of `PREFIX`.
        prefix: String,
        /// What is there, below `$DESTDIR`.
        files: Vec<String>,
    },
    /// A link that would lead elsewhere once the tree is installed.
    #[error("the link '{path}' to '{target}' {why}: make it relative and keep it in $PREFIX (ln -sr)")]
    Link {
        /// The link, below `$PREFIX`.
        path: RelPath,
        /// What it says.
        target: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something that cannot be packed.
    #[error("{0}")]
    Tree(TreeError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(files: &[String]) -> String {
    let more = files.len().saturating_sub(NAMED);
    let named = files.iter().take(NAMED).map(|file| format!("/{file}")).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// Checks and normalises what the steps put into `out`. No process of theirs runs any more, so nothing changes meanwhile.
///
/// # Errors
/// [`OutputError`].
pub fn collect(out: &Path, recipe: &Recipe) -> Result<Staged, OutputError> {
    let prefix = prefix(&recipe.name);
    let folder = out.join(prefix.trim_start_matches('/'));
    let everything = scan(out)?;
    let home: RelPath = home(&recipe.name);
    let outside: Vec<String> = everything
        .iter()
        .filter(|(path, node)| !belongs(path, node, &home))
        .map(|(path, _)| path.to_string())
        .collect();
    if !outside.is_empty() {
        return Err(OutputError::Outside { prefix, files: outside });
    }
    if !everything
        .iter()
        .any(|(path, node)| path.below(&home).is_some() && !matches!(node, Node::Directory { .. }))
    {
        return Err(OutputError::Nothing { prefix });
    }
    let tree = scan(&folder)?;
    check_links(&tree)?;
    normalise(&folder, &tree, recipe.released.epoch())?;
    let digest = scan(&folder)?.digest().map_err(|error| of_tree(&folder, error))?;
    Ok(Staged { folder, digest })
}

/// `PREFIX` below `DESTDIR`.
fn home(component: &ComponentName) -> RelPath {
    let path = prefix(component).trim_start_matches('/').to_owned();
    // Made of plain parts only.
    path.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

/// Whether something belongs to the result: it is in `home`, or a folder on the way there. A link in place of such a folder
/// does not.
fn belongs(path: &RelPath, node: &Node, home: &RelPath) -> bool {
    let on_the_way = path == home || home.below(path).is_some();
    path.below(home).is_some() || (on_the_way && matches!(node, Node::Directory { .. }))
}

fn scan(folder: &Path) -> Result<Tree, OutputError> {
    Tree::scan(folder).map_err(|error| of_tree(folder, error))
}

fn of_tree(folder: &Path, error: TreeError) -> OutputError {
    match error {
        TreeError::Disk(error) if is_full(&error) => StoreError::new("read", folder, error).into(),
        error => OutputError::Tree(error),
    }
}

/// Each link must be relative and, by its text alone, end in the tree.
fn check_links(tree: &Tree) -> Result<(), OutputError> {
    for (path, node) in tree.iter() {
        let Node::Link { target } = node else { continue };
        let fault = |why| OutputError::Link { path: path.clone(), target: target.clone(), why };
        if target.starts_with('/') {
            return Err(fault("is absolute"));
        }
        let mut depth = path.parts().count() - 1;
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => depth = depth.checked_sub(1).ok_or_else(|| fault("leads out of the tree"))?,
                _ => depth += 1,
            }
        }
    }
    Ok(())
}

/// The same modes and times on every machine.
fn normalise(folder: &Path, tree: &Tree, epoch: u64) -> Result<(), StoreError> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
    for (path, node) in tree.iter() {
        let (Node::Directory { mode } | Node::File { mode, .. }) = node else { continue };
        set(&folder.join(path), *mode, time).map_err(StoreError::from_io("change", &folder.join(path)))?;
    }
    set(folder, 0o755, time).map_err(StoreError::from_io("change", folder))
}

fn set(path: &Path, mode: u32, time: SystemTime) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    File::open(path)?.set_modified(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::recipe;
    use std::os::unix::fs::symlink;

    /// What is collected when `fill` has filled the folder of `PREFIX`.
    fn collected(fill: impl FnOnce(&Path)) -> (tempfile::TempDir, Result<Staged, OutputError>) {
        let out = tempfile::tempdir().expect("a folder");
        let home = out.path().join("srv/software/zlib/current/default");
        fs::create_dir_all(home.join("lib")).expect("made");
        fs::write(home.join("lib/libz.a"), "x").expect("written");
        fill(&home);
        let collected = collect(out.path(), &recipe("zlib", &[]));
        (out, collected)
    }

    fn fault(fill: impl FnOnce(&Path)) -> String {
        collected(fill).1.expect_err("refused").to_string()
    }

    #[test]
    fn the_digest_is_that_of_the_content_not_of_times_and_modes() {
        let (_first, one) = collected(|home| {
            fs::set_permissions(home.join("lib/libz.a"), Permissions::from_mode(0o640)).expect("set");
            symlink("libz.a", home.join("lib/link")).expect("linked");
        });
        let (_second, two) = collected(|home| {
            set(&home.join("lib"), 0o700, SystemTime::UNIX_EPOCH).expect("set");
            symlink("libz.a", home.join("lib/link")).expect("linked");
        });
        let (one, two) = (one.expect("taken"), two.expect("taken"));
        assert_eq!(one.digest, two.digest);
        let meta = fs::metadata(one.folder.join("lib/libz.a")).expect("there");
        assert_eq!(meta.permissions().mode() & 0o7777, 0o644);
        let age = meta.modified().expect("known").duration_since(SystemTime::UNIX_EPOCH).expect("after");
        assert_eq!(age.as_secs(), recipe("zlib", &[]).released.epoch());
        let (_third, three) = collected(|home| fs::write(home.join("lib/libz.a"), "y").expect("written"));
        assert_ne!(three.expect("taken").digest, one.digest);
    }

    #[test]
    fn what_stands_outside_is_named() {
        let outside = fault(|home| {
            let out = home.ancestors().nth(5).expect("out");
            fs::create_dir_all(out.join("usr/lib")).expect("made");
            fs::write(out.join("usr/lib/libz.so"), "x").expect("written");
        });
        assert!(outside.contains("outside $PREFIX") && outside.contains("/usr/lib/libz.so"), "{outside}");
        let link = fault(|home| {
            let place = home.parent().expect("a folder");
            fs::remove_dir_all(home).expect("removed");
            symlink("/etc", place.join("default")).expect("linked");
        });
        assert!(link.contains("/srv/software/zlib/current/default"), "{link}");
    }

    #[test]
    fn nothing_is_no_result() {
        let nothing = fault(|home| fs::remove_file(home.join("lib/libz.a")).expect("removed"));
        assert!(nothing.contains("installed nothing") && nothing.contains("/srv/software/zlib"), "{nothing}");
    }

    #[test]
    fn links_stay_in_the_tree() {
        for (target, why) in
            [("/lib/libz.a", "is absolute"), ("../../x", "leads out"), ("a/../../../x", "leads out")]
        {
            let fault = fault(|home| symlink(target, home.join("lib/link")).expect("linked"));
            assert!(fault.contains(why) && fault.contains("lib/link"), "{fault}");
        }
        let (_out, good) = collected(|home| symlink("../lib/libz.a", home.join("lib/link")).expect("linked"));
        assert!(good.is_ok(), "{good:?}");
    }

    #[test]
    fn a_pipe_is_refused() {
        let fault = fault(|home| {
            let made = std::process::Command::new("mkfifo").arg(home.join("pipe")).status().expect("runs");
            assert!(made.success());
        });
        assert!(fault.contains("pipe"), "{fault}");
    }
}
