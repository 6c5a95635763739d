//! Layers put one over the other: what a container sees of them (layer.md of the OCI image specification, "Whiteouts").

use std::collections::BTreeMap;

/// What is taken away by name.
const WHITEOUT: &str = ".wh.";
/// What takes away all that lower layers have in its folder.
const OPAQUE: &str = ".wh..wh..opq";

/// What stands at each path. Paths are relative to the root, without a slash at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlay<T> {
    nodes: BTreeMap<String, T>,
}

/// Something in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member<T> {
    /// Its path.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// What it is.
    pub value: T,
}

impl<T> Overlay<T> {
    pub(crate) fn new() -> Self {
        Self { nodes: BTreeMap::new() }
    }

    /// Puts a layer over those that are there. Its whiteouts are for those only, wherever they stand in it.
    pub(crate) fn add(&mut self, layer: Vec<Member<T>>) {
        let (whiteouts, members): (Vec<_>, Vec<_>) =
            layer.into_iter().partition(|member| name(&member.path).starts_with(WHITEOUT));
        for whiteout in whiteouts {
            let (folder, name) = split(&whiteout.path);
            if name == OPAQUE {
                self.remove_below(folder);
            } else {
                let hidden = join(folder, &name[WHITEOUT.len()..]);
                self.remove_below(&hidden);
                self.nodes.remove(&hidden);
            }
        }
        for member in members {
            if !member.is_folder {
                self.remove_below(&member.path);
            }
            self.nodes.insert(member.path, member.value);
        }
    }

    /// Everything, by path: a folder comes before what is in it.
    pub(crate) fn into_nodes(self) -> BTreeMap<String, T> {
        self.nodes
    }

    fn remove_below(&mut self, folder: &str) {
        if folder.is_empty() {
            return self.nodes.clear();
        }
        let below = format!("{folder}/");
        let gone: Vec<String> = (self.nodes.range(below.clone()..))
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&below))
            .cloned()
            .collect();
        gone.iter().for_each(|path| drop(self.nodes.remove(path)));
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn name(path: &str) -> &str {
    split(path).1
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(paths: &[&str]) -> Vec<Member<()>> {
        let member = |path: &&str| Member {
            path: path.trim_end_matches('/').to_owned(),
            is_folder: path.ends_with('/'),
            value: (),
        };
        paths.iter().map(member).collect()
    }

    fn seen(layers: &[&[&str]]) -> Vec<String> {
        let mut overlay = Overlay::new();
        layers.iter().for_each(|paths| overlay.add(layer(paths)));
        overlay.into_nodes().into_keys().collect()
    }

    #[test]
    fn a_whiteout_hides_what_is_below_it_and_not_what_is_beside() {
        let lower: &[&str] = &["a/", "a/b/", "a/b/c", "a/bc", "d"];
        assert_eq!(seen(&[lower, &["a/.wh.b"]]), ["a", "a/bc", "d"]);
        assert_eq!(seen(&[lower, &[".wh.a", "a/", "a/new"]]), ["a", "a/new", "d"]);
        assert_eq!(seen(&[lower, &["a/", "a/x", "a/.wh..wh..opq"]]), ["a", "a/x", "d"]);
        assert_eq!(seen(&[lower, &[".wh..wh..opq", "e"]]), ["e"]);
        assert_eq!(seen(&[lower, &[".wh.absent"]]), seen(&[lower]));
    }

    #[test]
    fn a_file_in_a_folders_place_hides_what_was_in_it() {
        assert_eq!(seen(&[&["a/", "a/b"], &["a"]]), ["a"]);
        assert_eq!(seen(&[&["a/", "a/b"], &["a/", "a/c"]]), ["a", "a/b", "a/c"]);
        assert_eq!(seen(&[&["a"], &["a/", "a/b"]]), ["a", "a/b"]);
    }
}
