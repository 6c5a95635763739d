//! The few things that a plan is made of. Each can be undone (before the decision) or repeated (after it).

use medic_model::{PackageName, RelPath, Sha256};
use serde::{Deserialize, Serialize};

/// One thing to do. Paths are relative to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Step {
    /// Makes a folder that is not there. Undone by removing it if it is empty.
    Folder {
        /// Where.
        path: RelPath,
        /// Permission bits.
        mode: u32,
    },
    /// Stages content beside a path, makes it durable, renames it into place.
    Place {
        /// Where.
        path: RelPath,
        /// What.
        content: Content,
        /// What happens to what is there.
        over: Over,
    },
    /// Moves what is there out of the way. Undone by moving it back.
    Clear {
        /// Where.
        path: RelPath,
        /// What becomes of it; never [`Over::Nothing`].
        over: Over,
    },
    /// Sets the permission bits of a folder or a file; of anything else, nothing. Only after the decision.
    Mode {
        /// Where.
        path: RelPath,
        /// Permission bits.
        mode: u32,
    },
    /// Removes something. Only after the decision.
    Remove {
        /// Where.
        path: RelPath,
        /// What is to be gone.
        gone: Gone,
    },
}

/// What is placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub enum Content {
    /// The software tree of the package's archive.
    Software {
        /// The package.
        package: PackageName,
    },
    /// The receipt, the scripts and the default settings of the package's archive, as a folder in the bundle's form.
    Version {
        /// The package.
        package: PackageName,
    },
    /// A copy of a file of the image's bundle, or of one that a [`Content::Version`] of the same plan brings.
    Copy {
        /// Of this file, where it will be in the end.
        from: RelPath,
        /// Its digest; it is checked while copying.
        sha256: Sha256,
        /// Permission bits.
        mode: u32,
        /// Owner and group; none is this process's own.
        owner: Option<(u32, u32)>,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        target: String,
    },
    /// The package's receipt.
    Receipt {
        /// The package.
        package: PackageName,
    },
    /// A text.
    Text {
        /// Its bytes.
        text: String,
    },
}

/// What happens to that which is in the place of something new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "over", rename_all = "lowercase", deny_unknown_fields)]
pub enum Over {
    /// The place is free.
    Nothing,
    /// It is ours and unchanged, or can be had again: deleted after the decision.
    Ours,
    /// It is not ours: kept here after the decision.
    Theirs {
        /// The path that it gets; what is there from an earlier time is replaced.
        kept: RelPath,
    },
}

/// What is to be gone. Absence is success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub enum Gone {
    /// A file with this content; any other content is kept.
    File {
        /// Its digest.
        sha256: Sha256,
    },
    /// A symbolic link; anything else is kept.
    Link,
    /// A folder, if it is empty.
    Folder,
    /// The software tree of a version, as its receipt lists it, and no file more.
    Software {
        /// The receipt.
        receipt: RelPath,
    },
    /// A file or folder of the package manager's own, or data that the operator gave up: with all that is in it.
    All,
}

impl Step {
    /// What it is about.
    pub fn path(&self) -> &RelPath {
        match self {
            Self::Folder { path, .. }
            | Self::Place { path, .. }
            | Self::Clear { path, .. }
            | Self::Mode { path, .. }
            | Self::Remove { path, .. } => path,
        }
    }
}
