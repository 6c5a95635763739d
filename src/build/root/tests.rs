use std::io::Write as _;

use super::*;
use crate::report::Silent;

/// A tar as mmdebstrap writes it.
fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o4755);
        header.set_mtime(0);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_size(0);
            builder.append_link(&mut header, path, content).expect("appended");
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).expect("appended");
        }
    }
    builder.into_inner().expect("finished")
}

#[test]
fn only_what_steps_need_is_kept_and_the_packages_are_its_identity() {
    use std::os::unix::fs::PermissionsExt;
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = tar(&[
        ("./usr", Directory, ""),
        ("./usr/bin/make", Regular, "program"),
        ("./usr/bin/gmake", Link, "./usr/bin/make"),
        ("./usr/share/doc/make/copyright", Regular, "x"),
        ("./bin", Symlink, "/usr/bin"),
        ("./etc/cron.daily/x", Regular, "x"),
        ("./etc/kept", Regular, "x"),
        ("./home/x", Regular, "x"),
        ("./var/cache/apt/archives/make_4.3_amd64.deb", Regular, "deb"),
    ]);
    let remove = ["usr/share/doc", "etc/cron.*"].map(|path| path.parse().expect("a path"));
    let packages = unpack::unpack(&mut &bytes[..], folder.path(), &remove).expect("unpacked");
    assert_eq!(packages.len(), 1);
    assert_eq!(packages[0].file, "make_4.3_amd64.deb");
    assert_eq!(packages[0].sha256, medic_archive::digest::of_bytes(b"deb").sha256);
    let there = |path: &str| fs_err::symlink_metadata(folder.path().join(path)).is_ok();
    assert!(there("usr/bin/make") && there("usr/bin/gmake") && there("bin") && there("etc/kept"));
    assert!(!there("usr/share/doc") && !there("etc/cron.daily") && !there("home") && !there("var"));
    let mode = fs_err::metadata(folder.path().join("usr/bin/make")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn a_root_that_is_cut_off_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = tar(&[("./usr/bin/make", tar::EntryType::Regular, &"x".repeat(5000))]);
    let error = unpack::unpack(&mut &bytes[..2000], folder.path(), &[]).expect_err("cut off").to_string();
    assert!(error.contains("mmdebstrap") || error.contains("write"), "{error}");
}

#[test]
fn a_stored_root_is_found_by_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "roots:\n  c: {suites: [bookworm], packages: [make]}\n";
    let roots = BuildRoots::from_yaml("build-roots.yaml", text).expect("valid");
    let asked = Asked {
        format: FORMAT,
        machine: std::env::consts::ARCH,
        definition: &roots.roots["c"],
        remove_from_all: &[],
    };
    assert_eq!(stored(&asked, folder.path(), &Silent), None);
    fs_err::create_dir(folder.path().join(TREE)).expect("made");
    let record = |byte| RootRecord {
        format: FORMAT,
        packages: vec![DebianPackage { file: "make.deb".to_owned(), sha256: Sha256::from_bytes([byte; 32]) }],
    };
    let identity = |byte| {
        let mut file = fs_err::File::create(folder.path().join(RECORD)).expect("made");
        file.write_all(&serde_json::to_vec(&record(byte)).expect("json")).expect("written");
        stored(&asked, folder.path(), &Silent).expect("stored").identity
    };
    assert_eq!(identity(1), identity(1));
    assert_ne!(identity(1), identity(2), "another package makes another root");
}

#[test]
fn an_unknown_root_is_told_with_those_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), "test", &Silent).expect("opened");
    let text = "roots:\n  c: {suites: [bookworm], packages: [make]}\n";
    let roots = BuildRoots::from_yaml("build-roots.yaml", text).expect("valid");
    let mirrors = Mirrors { addresses: Vec::new(), offline: true };
    let error = root(&store, &roots, "rust", &mirrors, &Silent).expect_err("unknown").to_string();
    assert_eq!(error, "recipes/build-roots.yaml has no root 'rust'; it has: c");
}

#[test]
fn tools_are_found_in_the_root_and_among_the_wrappers() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in ["root/usr/bin/make", "root/bin/sh", "wrappers/cc"] {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs_err::write(path, "").expect("written");
    }
    let root = Root { tree: folder.path().join("root"), identity: Sha256::from_bytes([0; 32]) };
    let has = |tool: &str| root.has_tool(tool, &folder.path().join("wrappers"));
    assert!(has("make") && has("sh") && has("cc") && !has("cmake"));
}
