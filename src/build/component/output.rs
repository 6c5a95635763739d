//! What the steps made: found, made the same on every machine, digested. It passed the checks before.

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
    /// Something that cannot be packed.
    #[error("{0}")]
    Tree(TreeError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Normalises what the steps put into `out`. No process of theirs runs any more, so nothing changes meanwhile.
///
/// # Errors
/// [`OutputError`].
pub fn collect(out: &Path, recipe: &Recipe) -> Result<Staged, OutputError> {
    let prefix = prefix(&recipe.name);
    let folder = out.join(prefix.trim_start_matches('/'));
    let is_kept = |node: &Node| !matches!(node, Node::Directory { .. });
    let tree = if folder.is_dir() { scan(&folder)? } else { Tree::new() };
    if !tree.iter().any(|(_, node)| is_kept(node)) {
        return Err(OutputError::Nothing { prefix });
    }
    normalise(&folder, &tree, recipe.released.epoch())?;
    let digest = scan(&folder)?.digest().map_err(|error| of_tree(&folder, error))?;
    Ok(Staged { folder, digest })
}

/// `PREFIX` below `DESTDIR`.
pub(super) fn home(component: &ComponentName) -> RelPath {
    let path = prefix(component).trim_start_matches('/').to_owned();
    // Made of plain parts only.
    path.parse().unwrap_or_else(|error| unreachable!("{error}"))
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
    fn nothing_is_no_result() {
        let nothing = fault(|home| fs::remove_file(home.join("lib/libz.a")).expect("removed"));
        assert!(nothing.contains("installed nothing") && nothing.contains("/srv/software/zlib"), "{nothing}");
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
