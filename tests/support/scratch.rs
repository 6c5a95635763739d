//! Folders for what tests make, below `target/end-to-end`, removed on drop unless the test failed.

use std::path::{Path, PathBuf};

use crate::command::{Outcome, call, run};
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

    /// A copy of the workspace, for definitions that are other ones.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn of_workspace(what: &str) -> Self {
        let scratch = Self::new(what);
        let all = [
            "recipes",
            "packages",
            "images",
            "src",
            "tests",
            "xtask",
            ".cargo",
            "Cargo.toml",
            "Cargo.lock",
            "LICENSE",
        ];
        let from: Vec<String> =
            all.iter().map(|name| crate::workspace().join(name).to_string_lossy().into_owned()).collect();
        let to = scratch.path.to_string_lossy().into_owned();
        let mut arguments = vec!["-a"];
        arguments.extend(from.iter().map(String::as_str).chain([to.as_str()]));
        call("cp", &arguments).success();
        scratch
    }

    /// Replaces a text that a file in it holds.
    ///
    /// # Panics
    /// When the file does not hold it.
    #[track_caller]
    pub fn change(&self, below: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.join(below)).expect("the file is there");
        assert!(text.contains(from), "{below} does not hold '{from}'");
        self.write(below, &text.replacen(from, to, 1));
    }

    /// The builder in this folder, which is a copy of the workspace; the store is the one that all tests share.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        let mut command = std::process::Command::new(crate::xtask::program());
        command.args(arguments).env("MEDIC_OS_WORKSPACE", &self.path).current_dir(&self.path);
        // The locks are of the definitions before they were changed, and CI would want them.
        run(command.env_remove("CI"))
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
