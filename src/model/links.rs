//! Where the symbolic links of a package may lead.

use crate::RelPath;
use crate::path::MAX_PATH;

/// A link must be relative and stay in its package's own trees (`roots`). Where it leads through other links of the package (`links`: path
/// and target, ascending), `..` goes up from where they lead to. Linux follows 40 links (`path_resolution(7)`).
pub(crate) fn check(
    path: &str,
    target: &str,
    links: &[(&str, &str)],
    roots: &[RelPath],
) -> Result<(), String> {
    let fault = |why: &str| Err(format!("the link '{path}' to '{}' {why}", target.escape_debug()));
    if target.is_empty() || target.starts_with('/') || target.contains('\0') || target.len() > MAX_PATH {
        return fault("is empty, absolute or no path");
    }
    let mut at = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    // What is still to be gone, the next part last.
    let mut parts: Vec<&str> = target.rsplit('/').collect();
    let mut followed = 0;
    while let Some(part) = parts.pop() {
        match part {
            "" | "." => continue,
            ".." => {
                if at.is_empty() {
                    return fault("leads above the root");
                }
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            part => {
                let folder = at.len();
                if folder > 0 {
                    at.push('/');
                }
                at.push_str(part);
                let Ok(found) = links.binary_search_by(|(link, _)| (*link).cmp(&at)) else { continue };
                followed += 1;
                if followed > 40 {
                    return fault("leads through too many links");
                }
                at.truncate(folder);
                parts.extend(links[found].1.rsplit('/'));
            }
        }
    }
    let inside = |root: &RelPath| {
        at.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if roots.iter().any(inside) { Ok(()) } else { fault("leads out of the package's own trees") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with the last of these links of a package, each `path -> target` below its tree.
    fn fault(links: &[&str]) -> Option<String> {
        let roots = ["srv/software/p/v1/x64".parse().expect("path")];
        let links: Vec<(String, &str)> = links
            .iter()
            .map(|link| link.split_once(" -> ").expect("a link"))
            .map(|(path, target)| (format!("{}/{path}", roots[0]), target))
            .collect();
        let (path, target) = links.last().expect("a link").clone();
        let mut links: Vec<_> = links.iter().map(|(path, target)| (path.as_str(), *target)).collect();
        links.sort_unstable();
        check(&path, target, &links, &roots).err()
    }

    #[test]
    fn a_link_within_its_tree_is_taken() {
        for links in [
            &["bin/sh -> busybox"][..],
            &["lib64 -> lib", "bin/x -> ../lib64/./x"],
            &["a -> b", "b -> c/d", "c -> e", "f -> a/../x"],
            &["self -> ."],
            &["a/up -> ..", "b -> a/up/a/up/x"],
            &["a -> b", "ab -> a"],
        ] {
            assert_eq!(fault(links), None, "{links:?}");
        }
    }

    #[test]
    fn a_link_that_leads_out_is_refused_and_so_is_one_that_does_through_others() {
        for (links, why) in [
            (&["a -> /etc"][..], "absolute"),
            (&["a -> ../../../../../.."], "leads above the root"),
            (&["a -> ../../v2/x64/b"], "leads out"),
            (&["a -> ../x64-too"], "leads out"),
            (&["a/b/up -> ../..", "out -> a/b/up/../.."], "leads out"),
            (&["one -> .", "two -> one", "out -> two/../x"], "leads out"),
            (&["one -> .", "out -> one/one/one/../.."], "leads out"),
            (&["one -> .", "out -> one/one/one/one/one/../../../../../../etc"], "leads above the root"),
            (&["a -> b", "b -> a"], "too many links"),
        ] {
            let text = fault(links).unwrap_or_default();
            assert!(text.contains(why), "{links:?}: '{text}'");
        }
    }
}
