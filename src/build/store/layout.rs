//! Where everything stands in a store.

use std::path::{Path, PathBuf};

use medic_model::{ComponentName, Sha256};

/// The places of a store; the crate's documentation draws them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Those of the store in this folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is locked while a builder is at work.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What is locked while a command uses what it got from the store, after its build.
    pub fn in_use(&self) -> PathBuf {
        self.root.join("in-use")
    }

    /// Fetched files, by digest.
    pub fn sources(&self) -> PathBuf {
        self.root.join("sources/sha256")
    }

    /// Begun downloads, and the folders of client programs.
    pub fn partial(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// Component results, by action key.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// The record of one.
    pub fn result(&self, key: &Sha256) -> PathBuf {
        self.results().join(format!("{key}.json"))
    }

    /// Component trees, by their digest.
    pub fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    /// One of them.
    pub fn tree(&self, digest: &Sha256) -> PathBuf {
        self.trees().join(digest.to_string())
    }

    /// Packages, by package key.
    pub fn packages(&self) -> PathBuf {
        self.root.join("packages")
    }

    /// The folder of one: its archive, its manifest and its record.
    pub fn package(&self, key: &Sha256) -> PathBuf {
        self.packages().join(key.to_string())
    }

    /// Build roots, by what they were asked for.
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// One of them.
    pub fn build_root(&self, asked: &Sha256) -> PathBuf {
        self.roots().join(asked.to_string())
    }

    /// Unpacked compilers, by the digest of their distribution.
    pub fn toolchains(&self) -> PathBuf {
        self.root.join("toolchains")
    }

    /// One of them.
    pub fn toolchain(&self, digest: &Sha256) -> PathBuf {
        self.toolchains().join(digest.to_string())
    }

    /// What is known of each build's course, by when it was started.
    pub fn builds(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// The logs of a component's builds, by action key.
    pub fn logs_of(&self, component: &ComponentName) -> PathBuf {
        self.logs().join(component.as_str())
    }

    /// What steps wrote.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of a component's build.
    pub fn log(&self, component: &ComponentName, key: &Sha256) -> PathBuf {
        self.logs_of(component).join(format!("{key}.log"))
    }

    /// What is being made now. A builder that starts removes what another left.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// What people look at in a shell. A folder in it is named after a component and the process that has it open; a builder
    /// that starts removes those of processes that are gone.
    pub fn shells(&self) -> PathBuf {
        self.root.join("shells")
    }

    /// The folders that are always there.
    pub(super) fn folders(&self) -> [PathBuf; 7] {
        [
            self.results(),
            self.trees(),
            self.packages(),
            self.roots(),
            self.toolchains(),
            self.logs(),
            self.work(),
        ]
    }
}
