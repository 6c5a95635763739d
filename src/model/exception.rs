//! Exceptions from the checks on what was built, and from the rules for recipes: each with the reason for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Arch;
use crate::text::text_serde;

/// A finding that is known and meant: `{check: no-pie, path: bin/busybox, reason: "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The check, as `docs/checks.md` lists it.
    pub check: CheckName,
    /// The files it is meant for.
    #[serde(default)]
    pub path: Glob,
    /// The architecture it is meant for; none is every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// Why it is right here.
    pub reason: Reason,
}

impl Exception {
    /// Whether a finding of `check` at `path` is meant.
    pub fn covers(&self, check: &str, path: &str) -> bool {
        self.check.0 == check && self.path.matches(path)
    }

    /// Whether it is meant for this architecture.
    pub fn is_for(&self, arch: Arch) -> bool {
        self.arch.is_none_or(|own| own == arch)
    }
}

/// The name of a check: small letters, digits and single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckName(String);

/// Paths below a folder: `*` stands for any letters of one part, `**` for any number of parts. Without either it is one path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(String);

/// Why an exception is right: a sentence for whoever reads the recipe later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// Why a text cannot stand in an exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExceptionError {
    /// No check can have this name.
    #[error("'{0}' is not a check's name: `cargo xtask lint --list` shows them")]
    Check(String),
    /// Not a pattern for paths.
    #[error(
        "'{0}' is not a path or pattern below a folder: write it as lib/*.a or share/**, without a leading '/'"
    )]
    Glob(String),
    /// No reason.
    #[error("an exception needs a reason of some words: say why it is right here")]
    Reason,
}

/// Fewer letters than this explain nothing.
const SHORTEST_REASON: usize = 10;

impl CheckName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Glob {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a path matches the whole pattern.
    pub fn matches(&self, path: &str) -> bool {
        let (pattern, path): (Vec<&str>, Vec<&str>) =
            (self.0.split('/').collect(), path.split('/').collect());
        parts_match(&pattern, &path)
    }
}

/// Every path.
impl Default for Glob {
    fn default() -> Self {
        Self("**".to_owned())
    }
}

impl Reason {
    /// The reason as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parts_match(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|skipped| parts_match(rest, &path[skipped..])),
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(part, more)| part_matches(first, part) && parts_match(rest, more)),
    }
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == part };
    let Some(rest) = part.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| part_matches(after, &rest[at..]))
}

impl FromStr for CheckName {
    type Err = ExceptionError;
    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if text.len() <= 64 && text.split('-').all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ExceptionError::Check(text.to_owned()))
        }
    }
}

impl FromStr for Glob {
    type Err = ExceptionError;
    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        // As many stars as this cannot be meant, and would make matching slow.
        let stars = text.matches('*').count();
        // What a pattern may be besides stars is what a path may be.
        let path: Result<crate::RelPath, _> = text.replace('*', "x").parse();
        if stars <= 8 && path.is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(ExceptionError::Glob(text.to_owned()))
        }
    }
}

impl FromStr for Reason {
    type Err = ExceptionError;
    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        let text = text.trim();
        if text.chars().count() < SHORTEST_REASON {
            Err(ExceptionError::Reason)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(CheckName, "a check's name such as no-pie");
text_serde!(Glob, "a path or pattern such as bin/* or share/**");
text_serde!(Reason, "a sentence");

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<Glob>().expect("a pattern").matches(path)
    }

    #[test]
    fn a_pattern_matches_whole_paths() {
        for (pattern, path) in [
            ("bin/busybox", "bin/busybox"),
            ("lib/*.a", "lib/libz.a"),
            ("**", "a/b/c"),
            ("**/x", "x"),
            ("**/x", "a/b/x"),
            ("share/**", "share/a/b"),
            ("a/**/b", "a/b"),
            ("*/l*b*", "x/library"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("bin", "bin/busybox"),
            ("lib/*.a", "lib/x/libz.a"),
            ("lib/*.a", "lib/libz.so"),
            ("**/x", "a/xy"),
            ("a/**/b", "a/c"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_explains_nothing_or_names_nothing_is_refused() {
        for bad in ["", "/bin/x", "../x", "a//b", "a\n", "*********"] {
            assert!(bad.parse::<Glob>().is_err(), "{bad:?} was taken");
        }
        for bad in ["", "No-Pie", "no_pie", "-pie", "no--pie"] {
            assert!(bad.parse::<CheckName>().is_err(), "{bad:?} was taken");
        }
        for bad in ["", "  ", "because", "   so     "] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn an_exception_is_for_its_check_path_and_architecture() {
        let text =
            r#"{"check": "no-pie", "path": "bin/*", "arch": "arm64", "reason": "measured: 5 % larger"}"#;
        let exception: Exception = serde_json::from_str(text).expect("valid");
        assert!(exception.covers("no-pie", "bin/x") && !exception.covers("no-relro", "bin/x"));
        assert!(exception.is_for(Arch::Arm64) && !exception.is_for(Arch::X64));
        let text = r#"{"check": "no-pie", "reason": "measured: 5 % larger"}"#;
        let exception: Exception = serde_json::from_str(text).expect("valid");
        assert!(exception.covers("no-pie", "a/b") && exception.is_for(Arch::X64));
        assert!(serde_json::from_str::<Exception>(r#"{"check": "no-pie", "path": "x"}"#).is_err());
    }
}
