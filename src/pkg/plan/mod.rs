//! What is to be done, as a value: made by looking only, shown, tested, written to the journal, then carried out.
//!
//! A plan has two halves. What stands in [`Plan::before`] can be undone, and is, when anything fails or the program is
//! killed. Then comes the decision (one rename in the journal). What stands in [`Plan::after`] cannot fail for a reason
//! that will not go away, and is repeated until it is done.

mod entries;
mod install;
mod look;
mod remove;
mod settings;
mod step;

pub(crate) use install::free;
pub use install::{Candidate, From, install};
pub use look::{Look, Observed};
pub(crate) use remove::kept_version;
pub use remove::{Removal, remove};
pub use settings::{SettingsFate, fate};
pub use step::{Content, Gone, Over, Step};

use medic_model::{PackageName, RelPath, Version};
use serde::{Deserialize, Serialize};

/// Everything that one transaction does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What becomes of each package.
    pub changes: Vec<Change>,
    /// Done first, in this order; undone in the reverse order when something fails.
    pub before: Vec<Step>,
    /// Packages' scripts, run when `before` is done, in this order.
    pub scripts: Vec<Script>,
    /// Done after the decision, in this order.
    pub after: Vec<Step>,
    /// What the operator is told when it is done.
    pub notices: Vec<Notice>,
    /// What it takes while it is being done.
    pub needs: Vec<Need>,
}

/// Space that a plan takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Below this folder, which may not be there yet.
    pub path: RelPath,
    /// Bytes, in whole blocks of 4 KiB.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

/// What becomes of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The package.
    pub package: PackageName,
    /// The version that is current before.
    pub from: Option<Version>,
    /// The version that is current after.
    pub to: Option<Version>,
    /// Whether it has services, before or after, that are to be told.
    pub services: bool,
}

/// A package's script that is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The package.
    pub package: PackageName,
    /// `install` or `remove`.
    pub script: String,
    /// The version that is current before.
    pub from: Option<Version>,
    /// The version that is current after.
    pub to: Option<Version>,
    /// The software tree that the script works with.
    pub software: RelPath,
}

/// Something that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The file.
    pub path: RelPath,
    /// What about it.
    pub text: String,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Adds another package's part: its steps come after ours, on either side of the one decision.
    pub fn append(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.before.extend(other.before);
        self.scripts.extend(other.scripts);
        self.after.extend(other.after);
        self.notices.extend(other.notices);
        self.needs.extend(other.needs);
    }

    /// All steps, `before` first, each with the number that its passing names carry.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.before.iter().chain(&self.after).enumerate()
    }

    /// In a few words, for journals and messages: `install nginx 1.30.6, remove busybox`.
    pub fn summary(&self) -> String {
        self.changes.iter().map(Change::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let package = &self.package;
        match (&self.from, &self.to) {
            (None, Some(to)) => write!(f, "install {package} {to}"),
            (Some(from), Some(to)) if from == to => write!(f, "reinstall {package} {to}"),
            (Some(from), Some(to)) if from < to => write!(f, "upgrade {package} {from} to {to}"),
            (Some(from), Some(to)) => write!(f, "downgrade {package} {from} to {to}"),
            (Some(from), None) => write!(f, "remove {package} {from}"),
            (None, None) => write!(f, "clean up {package}"),
        }
    }
}

#[cfg(test)]
mod tests;
