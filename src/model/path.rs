//! Paths that stay below the folder they are joined to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::text_serde;

/// The most bytes a path may have; Linux allows 4,096 with its prefix (PATH_MAX).
pub const MAX_PATH: usize = 2048;
/// The most bytes a single part may have (NAME_MAX).
pub const MAX_PART: usize = 255;
/// The most parts.
pub const MAX_DEPTH: usize = 64;

/// A relative path of plain parts joined by `/`: never absolute, no `.`, `..`, empty part, NUL,
/// control character or backslash. Valid UTF-8 by type. A clone shares the text: trees and manifests of 100,000 files hold each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Arc<str>);

/// Why a text is not such a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a path below a folder: {why}", text.escape_debug())]
pub struct PathError {
    text: String,
    why: &'static str,
}

impl RelPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, first to last.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.parts().next_back().unwrap_or_default()
    }

    /// The path without its last part; none for a single part.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// What is left below `prefix`; none when this path is not strictly below it.
    pub fn below(&self, prefix: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(prefix.as_str())?.strip_prefix('/')?;
        Some(Self(rest.into()))
    }

    /// `self/below`. Both are plain, so the result is, unless it grows beyond the limits.
    pub fn join(&self, below: &Self) -> Result<Self, PathError> {
        format!("{}/{}", self.0, below.0).parse()
    }
}

fn fault(text: &str) -> Option<&'static str> {
    let bad_part = |part: &str| part.is_empty() || part == "." || part == "..";
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('/') {
        Some("it is absolute")
    } else if text.len() > MAX_PATH {
        Some("it is longer than 2048 bytes")
    } else if text.contains('\\') || text.chars().any(char::is_control) {
        Some("it has a backslash or a control character")
    } else if text.split('/').any(bad_part) {
        Some("it has a part that is empty, '.' or '..'")
    } else if text.split('/').any(|part| part.len() > MAX_PART) {
        Some("it has a part longer than 255 bytes")
    } else if text.split('/').count() > MAX_DEPTH {
        Some("it has more than 64 parts")
    } else {
        None
    }
}

impl FromStr for RelPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        match fault(text) {
            None => Ok(Self(text.into())),
            Some(why) => Err(PathError { text: text.to_owned(), why }),
        }
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<std::path::Path> for RelPath {
    fn as_ref(&self) -> &std::path::Path {
        self.as_str().as_ref()
    }
}

text_serde!(RelPath, "a relative path");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_folder() {
        for good in ["a", "a/b.c", "srv/scripts/nginx/run/nginx", "ä/ö"] {
            assert!(good.parse::<RelPath>().is_ok(), "{good:?} was refused");
        }
        let deep = vec!["a"; MAX_DEPTH + 1].join("/");
        let long = "x".repeat(MAX_PART + 1);
        for bad in ["", "/a", "a/", "a//b", ".", "a/./b", "..", "a/../b", "a\\b", "a\nb", "a\0", &deep, &long]
        {
            assert!(bad.parse::<RelPath>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn below_is_by_parts_not_by_letters() {
        let path: RelPath = "srv/soft/x".parse().expect("valid");
        let below = |prefix: &str| path.below(&prefix.parse().expect("valid")).map(|p| p.to_string());
        assert_eq!(below("srv/soft"), Some("x".to_owned()));
        assert_eq!(below("srv/so"), None);
        assert_eq!(below("srv/soft/x"), None);
    }
}
