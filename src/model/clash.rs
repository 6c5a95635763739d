//! Paths that are two on one file system and one on another: those that differ in upper and lower case only.

use std::hash::{DefaultHasher, Hasher as _};

/// The first two paths that a file system which is blind to case takes for one (macOS's under Docker Desktop, ext4 with `casefold`).
/// The second would be written over the first there. Costs eight bytes a path.
pub(crate) fn first<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Option<[&'a str; 2]> {
    let mut digests: Vec<u64> = paths.clone().map(digest).collect();
    digests.sort_unstable();
    let twice: Vec<u64> = digests.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if twice.is_empty() {
        return None;
    }
    // Two others may have the same digest by chance.
    let mut alike: Vec<(String, &str)> = paths
        .filter(|path| twice.binary_search(&digest(path)).is_ok())
        .map(|path| (path.to_lowercase(), path))
        .collect();
    alike.sort_unstable();
    alike.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| [pair[0].1, pair[1].1])
}

fn digest(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path.to_lowercase().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_differ_in_case_only_are_found() {
        let found = |paths: &[&'static str]| first(paths.iter().copied());
        assert_eq!(found(&["a", "a/b", "a/ä", "a/c", "b/a"]), None);
        assert_eq!(found(&["a", "a/README", "a/x", "a/readme"]), Some(["a/README", "a/readme"]));
        assert_eq!(found(&["a/Ä", "a/ä"]), Some(["a/Ä", "a/ä"]));
        assert_eq!(found(&["A/x", "a/y", "A", "a"]), Some(["A", "a"]));
        assert_eq!(found(&[]), None);
    }
}
