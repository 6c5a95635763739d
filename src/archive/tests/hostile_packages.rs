//! Packages that nobody should be able to make anyone install.

use std::io::Write as _;
use std::path::Path;

use medic_archive::package::{DirectorySink, Limits, PackageError};
use medic_archive::{Node, PackageReader};
use tar::EntryType;

use crate::craft::{edit, find, folder, manifest, path, plain, repack, sample_archive, sample_tree};

const INSTALL: &str = "srv/scripts/demo/install";
const EMPTY: &str = "srv/software/demo/v1.2/x64/empty";
const LINK: &str = "srv/software/demo/v1.2/x64/bin/again";
const PROGRAM: &str = "srv/software/demo/v1.2/x64/bin/demo";

fn read(archive: &Path) -> Result<(), PackageError> {
    let out = folder();
    let reader = PackageReader::open(archive, Limits::default())?;
    reader.unpack(&mut DirectorySink::new(out.path()).expect("a sink")).map(drop)
}

/// What the reader says of the sample package after `change`.
fn fault(change: impl FnOnce(&mut Vec<u8>)) -> PackageError {
    let root = folder();
    let mut tar = plain(&sample_archive(root.path()));
    change(&mut tar);
    let archive = repack(root.path(), &tar);
    let error = read(&archive).expect_err("refused");
    let name = archive.file_name().expect("a name").to_string_lossy();
    assert!(error.to_string().contains(&*name), "the archive is not named: {error}");
    error
}

fn header_fault(name: &str, change: impl FnOnce(&mut tar::Header)) -> PackageError {
    fault(|tar| edit(tar, name, change))
}

/// Asserts the variant and that the member is named.
macro_rules! refused {
    ($error:expr, $variant:ident, $member:expr) => {
        let error = $error;
        assert!(matches!(error, PackageError::$variant { .. }), "{error:?}");
        assert!(error.to_string().contains($member), "{error}");
    };
}

#[test]
fn the_unchanged_package_is_read() {
    let root = folder();
    let tar = plain(&sample_archive(root.path()));
    read(&repack(root.path(), &tar)).expect("the crafting itself changes nothing");
}

#[test]
fn kinds_that_no_package_holds() {
    refused!(header_fault(INSTALL, |h| h.set_entry_type(EntryType::Link)), HardLink, INSTALL);
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse] {
        refused!(header_fault(EMPTY, |h| h.set_entry_type(kind)), Special, EMPTY);
    }
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GNULongName, EntryType::GNULongLink]
    {
        refused!(header_fault(EMPTY, |h| h.set_entry_type(kind)), NotCanonical, EMPTY);
    }
    refused!(header_fault(EMPTY, |h| h.set_entry_type(EntryType::Symlink)), WrongType, EMPTY);
    refused!(header_fault(EMPTY, |h| h.set_entry_type(EntryType::Directory)), WrongType, EMPTY);
}

#[test]
fn headers_that_differ_from_the_manifest() {
    refused!(header_fault(INSTALL, |h| h.set_mode(0o4755)), SpecialMode, INSTALL);
    refused!(header_fault(INSTALL, |h| h.set_mode(0o2755)), SpecialMode, INSTALL);
    refused!(header_fault(INSTALL, |h| h.set_mode(0o1777)), SpecialMode, INSTALL);
    refused!(header_fault(INSTALL, |h| h.set_mode(0o777)), WrongMode, INSTALL);
    refused!(header_fault(PROGRAM, |h| h.set_size(1 << 40)), WrongSize, PROGRAM);
    refused!(header_fault(INSTALL, |h| h.set_uid(1000)), NotCanonical, INSTALL);
    refused!(header_fault(INSTALL, |h| h.set_mtime(7)), NotCanonical, INSTALL);
    refused!(header_fault(INSTALL, |h| h.set_username("root").expect("set")), NotCanonical, INSTALL);
    let target = |h: &mut tar::Header| h.set_link_name_literal("/etc/passwd").expect("set");
    refused!(header_fault(LINK, target), WrongTarget, LINK);
    let damaged = fault(|tar| {
        let at = find(tar, INSTALL);
        tar[at + 120] ^= 1;
    });
    refused!(damaged, NotCanonical, INSTALL);
}

fn rename(tar: &mut [u8], from: &str, to: &[u8]) {
    edit(tar, from, |header| {
        let name = &mut header.as_ustar_mut().expect("ustar").name;
        name.fill(0);
        name[..to.len()].copy_from_slice(to);
    });
}

#[test]
fn names_that_lead_elsewhere() {
    for name in
        [&b"/etc/passwd"[..], b"../../etc/passwd", b"srv/../../x", b"srv//x", b"a\\b", b"\xff\xfe", b"a\nb"]
    {
        let error = fault(|tar| rename(tar, EMPTY, name));
        assert!(matches!(error, PackageError::BadName { .. }), "{error:?}");
        assert!(!error.to_string().contains('\n'), "the name is escaped: {error}");
    }
}

#[test]
fn members_that_are_not_the_next_one() {
    refused!(fault(|tar| rename(tar, EMPTY, b"srv/etc")), Unlisted, "srv/etc");
    refused!(fault(|tar| rename(tar, EMPTY, INSTALL.as_bytes())), Duplicate, INSTALL);
    refused!(fault(|tar| rename(tar, INSTALL, EMPTY.as_bytes())), OutOfOrder, EMPTY);
    refused!(fault(|tar| rename(tar, EMPTY, b"manifest.json")), Duplicate, "manifest.json");
    let extra = fault(|tar| {
        let at = find(tar, INSTALL);
        let copy = tar[at..at + 1024].to_vec();
        let end = tar.len() - 1024;
        tar.splice(end..end, copy);
    });
    refused!(extra, Duplicate, INSTALL);
    let missing = fault(|tar| {
        let end = tar.len() - 1024 - 1024;
        tar.drain(end - 1536..end + 1024);
    });
    refused!(missing, Missing, "srv/software/demo/v1.2/x64/");
}

#[test]
fn content_that_differs() {
    let error = fault(|tar| {
        let at = find(tar, PROGRAM) + 512 + 2999;
        tar[at] ^= 1;
    });
    refused!(error, WrongDigest, PROGRAM);
    let padding = fault(|tar| {
        let at = find(tar, PROGRAM) + 512 + 3000;
        tar[at] = 1;
    });
    refused!(padding, NotCanonical, PROGRAM);
}

#[test]
fn ends_that_are_not_the_end() {
    for cut in [100, 600, 5000] {
        let error = fault(|tar| tar.truncate(tar.len() - cut));
        assert!(matches!(error, PackageError::Truncated { .. }), "{error:?}");
    }
    let error = fault(|tar| tar.extend([0; 512]));
    assert!(matches!(error, PackageError::Trailing { .. }), "more zeros: {error:?}");
    let error = fault(|tar| *tar.last_mut().expect("not empty") = 1);
    assert!(matches!(error, PackageError::Trailing { .. }), "{error:?}");
}

fn compressed_fault(change: impl FnOnce(&mut Vec<u8>)) -> PackageError {
    let root = folder();
    let archive = sample_archive(root.path());
    let mut bytes = std::fs::read(&archive).expect("read");
    change(&mut bytes);
    std::fs::write(&archive, bytes).expect("written");
    read(&archive).expect_err("refused")
}

#[test]
fn compressed_data_that_is_not_one_whole_frame() {
    let error = compressed_fault(|bytes| bytes.truncate(bytes.len() / 2));
    assert!(matches!(error, PackageError::Truncated { .. }), "{error:?}");
    let error = compressed_fault(|bytes| bytes.push(0));
    assert!(matches!(error, PackageError::Trailing { .. }), "{error:?}");
    let error = compressed_fault(|bytes| bytes.extend(zstd::encode_all(&b"more"[..], 1).expect("zstd")));
    assert!(matches!(error, PackageError::Trailing { .. }), "{error:?}");
    let error = compressed_fault(|bytes| *bytes.last_mut().expect("not empty") ^= 1);
    assert!(matches!(error, PackageError::Compression { .. }), "the checksum: {error:?}");
    let error = compressed_fault(|bytes| *bytes = b"not zstd at all".to_vec());
    assert!(matches!(error, PackageError::Compression { .. }), "{error:?}");
    let error = compressed_fault(Vec::clear);
    assert!(matches!(error, PackageError::Truncated { .. }), "{error:?}");
}

#[test]
fn a_window_that_needs_more_memory_than_a_package_may() {
    let root = folder();
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
    encoder.window_log(27).expect("set");
    encoder.write_all(&plain(&sample_archive(root.path()))).expect("written");
    encoder.write_all(&vec![0; 20 << 20]).expect("written");
    let archive = root.path().join("window.pkg.tar.zst");
    std::fs::write(&archive, encoder.finish().expect("finished")).expect("written");
    let error = read(&archive).expect_err("refused");
    assert!(matches!(error, PackageError::Compression { .. }), "{error:?}");
}

#[test]
fn bombs_are_refused_before_anything_is_unpacked() {
    let root = folder();
    let archive = sample_archive(root.path());
    let limits =
        |entries, size| PackageReader::open(&archive, Limits { entries, size }).err().expect("refused");
    assert!(matches!(limits(1, 1 << 30), PackageError::TooMany { limit: 1, .. }));
    assert!(matches!(limits(100, 1000), PackageError::TooLarge { limit: 1000, .. }));
    let error = header_fault("manifest.json", |h| h.set_size(5 << 30));
    assert!(matches!(error, PackageError::ManifestTooLarge { .. }), "{error:?}");
    // A manifest that says 60 MiB and an archive that has no such thing: nothing is set aside for it.
    let error = header_fault("manifest.json", |h| h.set_size(60 << 20));
    assert!(matches!(error, PackageError::Truncated { .. }), "{error:?}");
}

#[test]
fn the_first_member_must_be_a_manifest() {
    let error = fault(|tar| rename(tar, "manifest.json", b"README"));
    assert!(matches!(&error, PackageError::NoManifest { found, .. } if found == "README"), "{error:?}");
    let error = header_fault("manifest.json", |h| h.set_entry_type(EntryType::Symlink));
    assert!(matches!(error, PackageError::NotCanonical { .. }), "{error:?}");
    let error = fault(|tar| tar[512] = b'[');
    assert!(matches!(error, PackageError::Manifest(_)), "{error:?}");
}

#[test]
fn a_manifest_that_asks_for_too_much() {
    let mut tree = sample_tree();
    tree.insert(path("etc/passwd"), Node::bytes(0o644, "root::0:0::/:/bin/sh")).expect("free");
    let text = serde_json::to_vec(&manifest(&tree)).expect("json");
    let error = medic_model::Manifest::from_json("m", &text).expect_err("refused").to_string();
    assert!(error.contains("'etc'"), "{error}");
}

#[test]
fn a_sink_that_fails_is_told_apart() {
    let root = folder();
    let archive = sample_archive(root.path());
    let reader = PackageReader::open(&archive, Limits::default()).expect("opened");
    let out = folder();
    std::fs::write(out.path().join("srv"), "in the way").expect("written");
    let error = reader.unpack(&mut DirectorySink::new(out.path()).expect("a sink")).expect_err("refused");
    assert!(matches!(error, PackageError::Sink { .. }), "{error:?}");
}
