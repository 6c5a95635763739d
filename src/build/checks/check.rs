//! What a check is, and what it finds.

use std::fmt;

/// One thing that is looked for: in what was built, or in the definitions. What is said of it here is what
/// `docs/checks.md`, `cargo xtask lint --explain` and every failure show.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name: in findings, in exceptions, on the command line.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to do about it.
    pub mend: &'static str,
    /// When it looks.
    pub looks: Looks,
    /// Whether it stops what is being done.
    pub level: Level,
    /// Whether a recipe or package may declare an exception.
    pub exceptions: Exceptions,
}

/// When a check looks, and at what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looks {
    /// At what the steps of a component left, before it is normalised and kept: what a tree in the store cannot have.
    AtSteps,
    /// At a component's tree: after its steps, and again when it is packed or linked into something that is packed.
    AtTree,
    /// At a package as a whole, when it is packed.
    AtPackage,
    /// At recipes, packages and images, without building: `cargo xtask lint`.
    AtDefinitions,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It fails the build, or the lint.
    Error,
    /// It is shown.
    Warning,
}

/// Whether there may be an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceptions {
    /// With a reason.
    Allowed,
    /// Never, for this reason.
    Never(&'static str),
}

/// What a check found in what was built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// The file, below `$PREFIX` or in the package. Absolute for one that stands outside.
    pub path: String,
    /// What was found there.
    pub what: String,
}

impl Check {
    /// A finding of this check.
    pub fn finds(&'static self, path: impl fmt::Display, what: impl Into<String>) -> Finding {
        Finding { check: self, path: path.to_string(), what: what.into() }
    }
}

/// The order of findings is that of their checks' names.
impl PartialOrd for Check {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Check {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(other.id)
    }
}
