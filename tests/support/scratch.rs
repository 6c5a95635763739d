//! Folders for what tests make, below `target/end-to-end`, removed on drop unless the test failed.

use std::path::{Path, PathBuf};

use crate::container::unique;

/// A folder of one test.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// An empty folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(what: &str) -> Self {
        let path = crate::workspace().join("target/end-to-end").join(unique(what));
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub fn join(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    /// Writes a file in it, with the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, below: &str, text: &str) -> PathBuf {
        let path = self.join(below);
        let folder = path.parent().unwrap_or(&self.path);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}
