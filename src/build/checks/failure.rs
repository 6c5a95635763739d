//! Findings as one text for people: by check, each with why it matters, what to do, and how to declare an exception.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use super::check::{Check, Exceptions, Finding};

/// How many findings of one check are shown.
const SHOWN: usize = 20;

/// What was built did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecksFailed {
    /// By the document in which an exception would be declared, such as `recipes/zlib/recipe.yaml`. None is empty.
    pub findings: Vec<(String, Vec<Finding>)>,
    /// Where to look at it.
    pub kept: Option<Kept>,
}

/// What is kept of a build that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The log of its steps.
    pub log: PathBuf,
    /// The folder that it was built in, kept until the next run.
    pub work: PathBuf,
}

impl ChecksFailed {
    /// What did not pass, if anything did not.
    pub fn of(findings: Vec<(String, Vec<Finding>)>) -> Option<Self> {
        let findings: Vec<_> = findings.into_iter().filter(|(_, findings)| !findings.is_empty()).collect();
        (!findings.is_empty()).then_some(Self { findings, kept: None })
    }

    /// How many findings there are.
    pub fn count(&self) -> usize {
        self.findings.iter().map(|(_, findings)| findings.len()).sum()
    }
}

impl std::error::Error for ChecksFailed {}

impl fmt::Display for ChecksFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count();
        let s = if count == 1 { "" } else { "s" };
        writeln!(f, "the checks on what was built have {count} finding{s}")?;
        for (document, findings) in &self.findings {
            for findings in findings.chunk_by(|a, b| a.check == b.check) {
                if let Some(first) = findings.first() {
                    f.write_str(&group(first.check, document, findings))?;
                }
            }
        }
        match &self.kept {
            Some(Kept { log, work }) => write!(
                f,
                "its log: {}\nits build folder, kept until the next run: {}",
                log.display(),
                work.display()
            ),
            None => write!(f, "every check is explained in docs/checks.md"),
        }
    }
}

fn group(check: &Check, document: &str, findings: &[Finding]) -> String {
    let mut text = format!("{}: {}\n", check.id, check.title);
    // Writing to a text cannot fail.
    for Finding { path, what, .. } in findings.iter().take(SHOWN) {
        let _ = writeln!(text, "  {path}: {what}");
    }
    if findings.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", findings.len() - SHOWN);
    }
    let _ = writeln!(text, "    why it matters: {}", check.why);
    let _ = writeln!(text, "    what to do: {}", check.mend);
    if check.exceptions == Exceptions::Allowed {
        let path = findings.first().map_or("…", |finding| finding.path.as_str());
        let _ = writeln!(
            text,
            "    if it is meant, in {document}: exceptions: [{{check: {}, path: '{path}', reason: '…'}}]",
            check.id
        );
    }
    text
}
