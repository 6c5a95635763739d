//! What lint finds.

use crate::checks::{Check, Level};

/// Something that a rule found in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The file, relative to the workspace.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// The rule.
    pub rule: &'static Check,
    /// What is wrong there.
    pub message: String,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// By file and line.
    pub remarks: Vec<Remark>,
    /// Whether shellcheck is not installed, so that its rules were not looked at.
    pub without_shellcheck: bool,
}

impl Report {
    pub(super) fn new(mut remarks: Vec<Remark>, without_shellcheck: bool) -> Self {
        remarks.sort();
        remarks.dedup();
        Self { remarks, without_shellcheck }
    }

    /// How many remarks there are of a level.
    pub fn count(&self, level: Level) -> usize {
        self.remarks.iter().filter(|remark| remark.rule.level == level).count()
    }
}
