//! Workspaces and stores that benchmarks make for themselves, below `target/bench`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use medic_build::Settings;

use super::measure::BenchError;

/// A folder of one benchmark, removed when dropped.
#[derive(Debug)]
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// An empty one.
    pub fn new(workspace: &Path) -> Result<Self, BenchError> {
        let above = workspace.join("target/bench");
        fs::create_dir_all(&above).map_err(BenchError::file(&above))?;
        Ok(Self(tempfile::tempdir_in(&above).map_err(BenchError::file(&above))?))
    }

    /// An empty one with a short path, as sockets need.
    pub fn short() -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new().prefix("mb").tempdir();
        folder.map(Self).map_err(BenchError::file(&std::env::temp_dir()))
    }

    /// A path in it.
    pub fn join(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(below)
    }

    /// A fresh folder in it; one of the same name is removed first.
    pub fn fresh(&self, name: &str) -> Result<PathBuf, BenchError> {
        let path = self.join(name);
        // Whoever was killed there may be about to write once more.
        let mut removed = Ok(());
        for _ in 0..50 {
            removed = if path.exists() { fs::remove_dir_all(&path) } else { Ok(()) };
            if removed.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        removed.map_err(BenchError::file(&path))?;
        fs::create_dir_all(&path).map_err(BenchError::file(&path))?;
        Ok(path)
    }
}

/// Writes a file with the folders above it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), BenchError> {
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).map_err(BenchError::file(above))?;
    fs::write(path, content).map_err(BenchError::file(path))
}

/// A workspace without recipes, with the build roots and the compiler of the real one.
pub fn with_toolchain(real: &Path, folder: &Path) -> Result<(), BenchError> {
    let recipes = folder.join("recipes");
    fs::create_dir_all(&recipes).map_err(BenchError::file(&recipes))?;
    for shared in ["build-roots.yaml", "toolchain"] {
        let to = recipes.join(shared);
        symlink(real.join("recipes").join(shared), &to).map_err(BenchError::file(&to))?;
    }
    Ok(())
}

/// An empty store in `folder` that shares with the user's store what takes minutes to make and never changes: sources, build roots and
/// the compiler.
pub fn beside(settings: &Settings, folder: &Path) -> Result<Settings, BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
    for shared in ["sources", "roots", "toolchains"] {
        let to = folder.join(shared);
        symlink(settings.store.join(shared), &to).map_err(BenchError::file(&to))?;
    }
    Ok(Settings { store: folder.to_owned(), ..settings.clone() })
}
