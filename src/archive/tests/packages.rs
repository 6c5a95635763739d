//! Package archives, written and read.

use medic_archive::package::{self, Limits, PackError};
use medic_archive::{DirectorySink, PackageReader, Tree, digest};
use medic_model::manifest::Entry;

use crate::craft::{MTIME, ONE, folder, manifest, path, sample_archive, sample_tree};

#[test]
fn what_was_packed_is_what_is_unpacked() {
    let root = folder();
    let archive = sample_archive(root.path());
    let out = root.path().join("out");
    std::fs::create_dir(&out).expect("made");
    let reader = PackageReader::open(&archive, Limits::default()).expect("opened");
    assert_eq!((reader.manifest(), reader.mtime()), (&manifest(&sample_tree()), MTIME));
    let (read, digested) = reader.unpack(&mut DirectorySink::new(&out).expect("a sink")).expect("unpacked");
    assert_eq!(read, manifest(&sample_tree()));
    assert_eq!(digested, digest::of_file(&archive).expect("read"));
    let again = Tree::scan(&out).expect("scan");
    assert_eq!(again.digest().expect("digest"), sample_tree().digest().expect("digest"));
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let (one, two) = (folder(), folder());
    let digest =
        |root: &tempfile::TempDir| digest::of_file(&sample_archive(root.path())).expect("read").sha256;
    assert_eq!(digest(&one), digest(&two));
}

#[test]
fn a_manifest_and_a_tree_that_differ_are_not_packed() {
    let root = folder();
    let to = root.path().join("x.pkg.tar.zst");
    let (tree, whole) = (sample_tree(), manifest(&sample_tree()));
    let mut short = whole.clone();
    short.entries.pop();
    assert!(matches!(package::write(&short, &tree, &to, 0, ONE), Err(PackError::Unlisted { .. })));
    let mut fewer = tree.clone();
    fewer.remove(&path("srv/scripts/demo/install"));
    assert!(matches!(package::write(&whole, &fewer, &to, 0, ONE), Err(PackError::Mismatch { .. })));
    let mut wrong = whole.clone();
    for entry in &mut wrong.entries {
        if let Entry::File { sha256, .. } = entry {
            *sha256 = medic_model::Sha256::from_bytes([0; 32]);
        }
    }
    assert!(matches!(package::write(&wrong, &tree, &to, 0, ONE), Err(PackError::Changed { .. })));
    assert!(!to.exists(), "nothing is left behind");
}

#[test]
fn what_stands_in_the_way_is_never_replaced_or_followed() {
    let root = folder();
    let archive = sample_archive(root.path());
    let outside = folder();
    for trap in ["srv", "srv/scripts", "srv/scripts/demo/install"] {
        let out = folder();
        let place = out.path().join(trap);
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("made");
        std::os::unix::fs::symlink(outside.path(), &place).expect("linked");
        let reader = PackageReader::open(&archive, Limits::default()).expect("opened");
        let mut sink = DirectorySink::new(out.path()).expect("a sink");
        let error = reader.unpack(&mut sink).expect_err("refused").to_string();
        assert!(error.contains(trap), "{error}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).expect("read").count(), 0);
}
