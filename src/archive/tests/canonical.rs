//! The canonical tar: same things, same bytes; and bytes that every tar reads.

use std::os::unix::fs::{PermissionsExt, symlink};

use medic_archive::tree::{PLAIN, RUNNABLE};
use medic_archive::writer::{TarError, TarWriter};
use medic_archive::{Node, Tree, TreeError, digest};

use crate::craft::{MTIME, folder, path, sample_tree};

fn fill(root: &std::path::Path, reverse: bool) {
    let mut names = vec!["a", "a-b", "a/c", "b"];
    if reverse {
        names.reverse();
    }
    std::fs::create_dir(root.join("a")).expect("made");
    for name in names.into_iter().filter(|name| *name != "a") {
        std::fs::write(root.join(name), name).expect("written");
    }
    std::fs::set_permissions(root.join("b"), PermissionsExt::from_mode(0o4711)).expect("mode");
    std::fs::hard_link(root.join("b"), root.join("hard")).expect("linked");
    symlink("a/c", root.join("link")).expect("linked");
}

#[test]
fn a_scan_does_not_depend_on_the_order_on_disk_or_on_modes() {
    let (one, two) = (folder(), folder());
    fill(one.path(), false);
    fill(two.path(), true);
    std::fs::set_permissions(two.path().join("a"), PermissionsExt::from_mode(0o700)).expect("mode");
    let (left, right) = (Tree::scan(one.path()).expect("scan"), Tree::scan(two.path()).expect("scan"));
    assert_eq!(left.digest().expect("digest"), right.digest().expect("digest"));
    let paths: Vec<_> = left.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["a", "a-b", "a/c", "b", "hard", "link"]);
    let mode = |name| match left.get(&path(name)) {
        Some(Node::File { mode, .. }) => *mode,
        other => panic!("{name} is {other:?}"),
    };
    assert_eq!((mode("b"), mode("hard"), mode("a-b")), (RUNNABLE, RUNNABLE, PLAIN));
}

#[test]
fn what_cannot_be_packed_is_refused_by_name() {
    let root = folder();
    let pipe = root.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_bits_truncate(0o600)).expect("made");
    assert!(matches!(Tree::scan(root.path()), Err(TreeError::Special { kind: "pipe", .. })));
    std::fs::remove_file(pipe).expect("removed");
    let name = std::ffi::OsStr::from_bytes(b"\xff");
    use std::os::unix::ffi::OsStrExt as _;
    std::fs::write(root.path().join(name), "").expect("written");
    assert!(matches!(Tree::scan(root.path()), Err(TreeError::NotUtf8 { .. })));
    std::fs::remove_file(root.path().join(name)).expect("removed");
    std::fs::write(root.path().join("a\\b"), "").expect("written");
    assert!(matches!(Tree::scan(root.path()), Err(TreeError::Name { .. })));
}

#[test]
fn a_file_that_changes_between_scan_and_writing_is_noticed() {
    let root = folder();
    std::fs::write(root.path().join("x"), "1234").expect("written");
    let tree = Tree::scan(root.path()).expect("scan");
    for content in ["123", "12345"] {
        std::fs::write(root.path().join("x"), content).expect("written");
        let error = tree.write(Vec::new(), 0).expect_err("refused");
        assert!(matches!(error, TreeError::Tar(TarError::Changed { expected: 4, .. })), "{error}");
    }
}

#[test]
fn the_size_is_known_before_and_other_tars_read_it() {
    let tree = sample_tree();
    let bytes = tree.write(Vec::new(), MTIME).expect("written");
    assert_eq!(bytes.len() as u64, tree.tar_size());
    let root = folder();
    let file = root.path().join("x.tar");
    std::fs::write(&file, &bytes).expect("written");
    let output = std::process::Command::new("tar").arg("-tvf").arg(&file).env("TZ", "UTC").output();
    let listing = String::from_utf8(output.expect("tar runs").stdout).expect("text");
    assert_eq!(listing.lines().count(), tree.len(), "{listing}");
    assert!(
        listing.contains("-rwxr-xr-x 0/0              15 2023-11-14 22:13 srv/scripts/demo/install"),
        "{listing}"
    );
    assert!(listing.contains(&format!("{}/{}", "d".repeat(200), "f".repeat(200))), "{listing}");
}

#[test]
fn unpacked_and_scanned_again_it_is_the_same_tree() {
    let tree = sample_tree();
    let root = folder();
    tar::Archive::new(&tree.write(Vec::new(), MTIME).expect("written")[..])
        .unpack(root.path())
        .expect("unpacked");
    let again = Tree::scan(root.path()).expect("scan");
    assert_eq!(again.digest().expect("digest"), tree.digest().expect("digest"));
}

#[test]
fn the_bytes_are_pinned() {
    // Layers, packages and store entries are named by these bytes: a change of this digest invalidates them all.
    let digested = digest::of_bytes(&sample_tree().write(Vec::new(), MTIME).expect("written"));
    assert_eq!(
        digested.sha256.to_string(),
        "a932c56448c7083354cdd7f412b8784b91c1e06aef39f696f6d489aa290c2099"
    );
}

#[test]
fn members_come_in_order_and_once() {
    let mut tar = TarWriter::new(Vec::new(), 0);
    tar.directory(&path("b"), 0o755).expect("first");
    for late in ["b", "a"] {
        assert!(matches!(tar.link(&path(late), "x"), Err(TarError::Order { .. })));
    }
}

#[test]
fn two_things_cannot_stand_in_one_place() {
    let mut tree = Tree::new();
    tree.insert(path("a/b"), Node::bytes(0o644, "x")).expect("free");
    for (at, node) in [("a/b", Node::bytes(0o644, "y")), ("a/b/c", Node::link("x")), ("a", Node::link("b"))] {
        assert!(matches!(tree.insert(path(at), node), Err(TreeError::Conflict { .. })), "{at}");
    }
    tree.insert(path("a"), Node::directory()).expect("a folder on a folder");
    let mut whole = Tree::new();
    whole.graft(Some(&path("usr/lib")), tree).expect("grafted");
    let paths: Vec<_> = whole.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["usr", "usr/lib", "usr/lib/a", "usr/lib/a/b"]);
}
