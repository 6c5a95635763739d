//! Where symbolic links lead, found by walking them as the kernel would (path_resolution(7)), without touching the disk's
//! outside.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// The kernel gives up after as many links (ELOOP).
const MAX_HOPS: u32 = 40;

/// Links that are to be made below `root`, and what stands there already.
pub(super) struct Links<'a> {
    pub root: &'a Path,
    pub new: &'a BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Links<'_> {
    /// Whether following the link at `path` would leave the folder, at the end or on the way. A loop leads nowhere.
    pub(super) fn leads_out(&self, path: &[u8]) -> bool {
        let mut at: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        let mut open = vec![at.pop().unwrap_or_default()];
        let mut hops = 0;
        while let Some(part) = open.pop() {
            match &part[..] {
                b"" | b"." => {}
                b".." => {
                    if at.pop().is_none() {
                        return true;
                    }
                }
                _ => {
                    at.push(part);
                    let Some(target) = self.target(&at.join(&b'/')) else { continue };
                    at.pop();
                    hops += 1;
                    if target.starts_with(b"/") {
                        return true;
                    }
                    if hops > MAX_HOPS {
                        return false;
                    }
                    open.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                }
            }
        }
        false
    }

    fn target(&self, path: &[u8]) -> Option<Vec<u8>> {
        let on_disk = || std::fs::read_link(self.root.join(OsStr::from_bytes(path))).ok();
        self.new.get(path).cloned().or_else(|| on_disk().map(|target| target.into_os_string().into_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_as_the_kernel_does() {
        let root = tempfile::tempdir().expect("a folder");
        let new = [
            ("in", "a/b"),
            ("a/up", ".."),
            ("a/out", "../.."),
            ("absolute", "/etc"),
            ("dot", "."),
            // By its text alone this stays inside; the kernel ends two folders above.
            ("sly", "dot/dot/../.."),
            ("loop", "loop"),
            ("over", "a/out/x"),
            ("d/e/fine", "../../a/./b//c"),
        ];
        let new: BTreeMap<_, _> =
            new.iter().map(|(from, to)| (from.as_bytes().to_vec(), to.as_bytes().to_vec())).collect();
        let links = Links { root: root.path(), new: &new };
        let out: Vec<_> = new.keys().filter(|path| links.leads_out(path)).map(|p| &p[..]).collect();
        assert_eq!(out, [&b"a/out"[..], b"absolute", b"over", b"sly"]);
    }

    #[test]
    fn links_on_disk_count() {
        let root = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(".", root.path().join("dot")).expect("linked");
        let new: BTreeMap<_, _> = [(b"sly".to_vec(), b"dot/..".to_vec())].into();
        assert!(Links { root: root.path(), new: &new }.leads_out(b"sly"));
    }
}
