//! Settings that differ from what the package would have: which, and in which lines.

use std::fmt;

use imara_diff::{Algorithm, Diff, InternedInput, Interner, Token, UnifiedDiffConfig, UnifiedDiffPrinter};
use medic_model::manifest::Entry;
use medic_model::receipt::Origin;
use medic_model::{Receipt, RelPath, layout};

use crate::error::Error;
use crate::paths;
use crate::plan::{Look, Observed};
use crate::root::Root;

/// The most bytes of a setting whose lines are compared.
const LIMIT: u64 = 1 << 20;
/// Lines that stand around a difference.
const AROUND: u32 = 3;

/// A setting that differs from the package's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The setting.
    pub path: RelPath,
    /// The default: the new one that was put aside, or the one of the installed version.
    pub default: RelPath,
    /// The difference from the default to the file in unified form; none when one of the two is not there or no text.
    pub difference: Option<String>,
}

/// The settings of a package that differ from their defaults.
///
/// # Errors
/// A file cannot be read.
pub fn edited(root: &Root, receipt: &Receipt) -> Result<Vec<Edited>, Error> {
    let name = &receipt.manifest.name;
    let home = match receipt.origin {
        Origin::Bundle => layout::bundle(name, &receipt.manifest.version),
        Origin::Archive { .. } => paths::version(name, &receipt.manifest.version),
    };
    let mut edited = Vec::new();
    for entry in &receipt.manifest.entries {
        let Entry::File { path, sha256, .. } = entry else { continue };
        let Some(below) = path.below(&layout::settings(name)) else { continue };
        let same = matches!(root.look(path)?, Observed::File { .. }) && root.digest(path)? == *sha256;
        if same {
            continue;
        }
        let aside = paths::new_settings(name).join(&below)?;
        let default = match root.look(&aside)? {
            Observed::Absent => paths::in_version(&home, path, name).unwrap_or(aside),
            _ => aside,
        };
        let difference = match (text(root, &default)?, text(root, path)?) {
            (Some(from), Some(to)) => Some(unified(&default, path, &from, &to)),
            _ => None,
        };
        edited.push(Edited { path: path.clone(), default, difference });
    }
    Ok(edited)
}

fn text(root: &Root, path: &RelPath) -> Result<Option<String>, Error> {
    match root.look(path)? {
        Observed::File { .. } => Ok(root.read(path, LIMIT)?.and_then(|bytes| String::from_utf8(bytes).ok())),
        _ => Ok(None),
    }
}

/// The form of `diff -u`.
fn unified(from: &RelPath, to: &RelPath, old: &str, new: &str) -> String {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    // Of lines that may stand for each other those are taken that people would take.
    diff.postprocess_lines(&input);
    let mut config = UnifiedDiffConfig::default();
    config.context_len(AROUND);
    format!("--- /{from}\n+++ /{to}\n{}", diff.unified_diff(&Lines(&input.interner), config, &input))
}

/// Writes lines and headers as GNU diff does.
struct Lines<'a>(&'a Interner<&'a str>);

impl Lines<'_> {
    fn line(&self, mut f: impl fmt::Write, mark: char, token: Token) -> fmt::Result {
        let line = self.0[token];
        let end = if line.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
        write!(f, "{mark}{line}{end}")
    }
}

impl UnifiedDiffPrinter for Lines<'_> {
    fn display_header(
        &self,
        mut f: impl fmt::Write,
        old: u32,
        new: u32,
        old_count: u32,
        new_count: u32,
    ) -> fmt::Result {
        // No lines stand after the line before them, and one line needs no count.
        let range = |start: u32, count: u32| match count {
            0 => format!("{start},0"),
            1 => format!("{}", start + 1),
            count => format!("{},{count}", start + 1),
        };
        writeln!(f, "@@ -{} +{} @@", range(old, old_count), range(new, new_count))
    }

    fn display_context_token(&self, f: impl fmt::Write, token: Token) -> fmt::Result {
        self.line(f, ' ', token)
    }

    fn display_hunk(&self, mut f: impl fmt::Write, before: &[Token], after: &[Token]) -> fmt::Result {
        before.iter().try_for_each(|token| self.line(&mut f, '-', *token))?;
        after.iter().try_for_each(|token| self.line(&mut f, '+', *token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().expect("path")
    }

    #[test]
    fn a_difference_looks_like_that_of_diff() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n";
        let new = "1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n";
        let text = unified(&path("a"), &path("b"), old, new);
        let expected = "--- /a\n+++ /b\n@@ -1,6 +1,6 @@\n 1\n 2\n-3\n+three\n 4\n 5\n 6\n@@ -14,3 +14,4 @@\n 14\n 15\n 16\n+17\n";
        assert_eq!(text, expected);
        assert!(unified(&path("a"), &path("b"), "", "x\n").ends_with("@@ -0,0 +1 @@\n+x\n"));
        let end = unified(&path("a"), &path("b"), "x", "x\n");
        assert!(end.ends_with("@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n"), "{end}");
    }
}
