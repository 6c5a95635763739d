//! Unpacking upstream's archives: the good ones as tar and unzip do, the hostile ones not at all.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use medic_archive::Tree;
use medic_archive::upstream::{Limits, Mtime, Options, UnpackError, Unpacked, unpack};
use tar::EntryType::{self, Block, Char, Directory, Fifo, GNUSparse, Link, Regular, Symlink};
use tempfile::TempDir;

use crate::craft::folder;

const OPTIONS: Options =
    Options { strip: 0, mtime: Mtime::Member, limits: Limits { size: 1 << 20, members: 100, depth: 16 } };

fn stripping(strip: u32) -> Options {
    Options { strip, ..OPTIONS }
}

/// A tar made block by block, so that it can say anything.
#[derive(Default)]
struct Craft(Vec<u8>);

impl Craft {
    fn add(mut self, kind: EntryType, name: &[u8], link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name);
        header.set_link_name_literal(link).expect("short");
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_mtime(1_600_000_000 + self.0.len() as u64);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.add(Regular, name.as_bytes(), "", 0o644, content.as_bytes())
    }

    fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.add(kind, name.as_bytes(), target, 0o777, b"")
    }

    fn write(mut self, root: &TempDir) -> PathBuf {
        self.0.extend([0; 1024]);
        let to = root.path().join("hostile.tar");
        std::fs::write(&to, self.0).expect("written");
        to
    }
}

fn unpacked(archive: &Path, options: &Options) -> (TempDir, Result<Unpacked, UnpackError>) {
    // The folder has a neighbour: what escapes is seen there.
    let root = folder();
    std::fs::create_dir(root.path().join("in")).expect("made");
    let result = unpack(archive, &root.path().join("in"), options);
    let left: Vec<_> =
        std::fs::read_dir(root.path()).expect("read").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(left, ["in"], "something was written outside");
    (root, result)
}

fn fault(craft: Craft) -> UnpackError {
    let root = folder();
    let archive = craft.write(&root);
    let error = unpacked(&archive, &OPTIONS).1.expect_err("refused");
    assert!(error.to_string().contains("hostile.tar"), "the archive is not named: {error}");
    error
}

#[test]
fn names_that_lead_out() {
    for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "a/../b", "./../x"] {
        let error = fault(Craft::default().file(name, "x"));
        assert!(matches!(&error, UnpackError::Name { .. }), "{name}: {error:?}");
    }
    let deep = vec!["d"; 17].join("/");
    assert!(matches!(fault(Craft::default().file(&deep, "x")), UnpackError::Name { .. }));
}

#[test]
fn links_that_lead_out() {
    for target in ["/etc/passwd", "..", "../x", "a/../../x", "/"] {
        let error = fault(Craft::default().link(Symlink, "way", target));
        assert!(matches!(&error, UnpackError::LinkOut { .. }), "{target}: {error:?}");
    }
    let sly = Craft::default().link(Symlink, "dot", ".").link(Symlink, "sly", "dot/dot/../..");
    assert!(matches!(fault(sly), UnpackError::LinkOut { member, .. } if member == "sly"));
}

#[test]
fn nothing_is_written_through_a_link() {
    let through = Craft::default().link(Symlink, "way", "a").file("way/x", "x");
    assert!(matches!(fault(through), UnpackError::Through { kind: "link", .. }));
    let late = Craft::default().file("way/x", "x").link(Symlink, "way", "/tmp");
    assert!(matches!(fault(late), UnpackError::Duplicate { .. }));
    let below_file = Craft::default().file("way", "x").file("way/x", "x");
    assert!(matches!(fault(below_file), UnpackError::Through { kind: "file", .. }));
}

#[test]
fn nothing_is_written_through_a_link_that_was_there_before() {
    let root = folder();
    let archive = Craft::default().file("way/x", "x").write(&root);
    let (inside, outside) = (folder(), folder());
    symlink(outside.path(), inside.path().join("way")).expect("linked");
    let error = unpack(&archive, inside.path(), &OPTIONS).expect_err("refused");
    assert!(matches!(error, UnpackError::Write { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(outside.path()).expect("read").count(), 0);
}

#[test]
fn hard_links_out_or_to_nothing() {
    for target in ["/etc/passwd", "../x"] {
        let error = fault(Craft::default().file("a", "x").link(Link, "b", target));
        assert!(matches!(&error, UnpackError::Name { .. }), "{target}: {error:?}");
    }
    for target in ["later", "b", ""] {
        let error = fault(Craft::default().file("a", "x").link(Link, "b", target).file("later", "x"));
        assert!(matches!(&error, UnpackError::HardLink { .. }), "{target}: {error:?}");
    }
    let to_folder = Craft::default().add(Directory, b"d", "", 0o755, b"").link(Link, "b", "d");
    assert!(matches!(fault(to_folder), UnpackError::HardLink { .. }));
}

#[test]
fn kinds_that_are_not_unpacked() {
    for kind in [Char, Block, Fifo, EntryType::new(b'Z')] {
        let error = fault(Craft::default().link(kind, "thing", ""));
        assert!(matches!(&error, UnpackError::Special { .. }), "{kind:?}: {error:?}");
    }
}

#[test]
fn members_that_stand_twice() {
    let twice = Craft::default().file("a/b", "1").file("./a//b", "2");
    assert!(matches!(fault(twice), UnpackError::Duplicate { .. }));
    let folder_then_link = Craft::default().add(Directory, b"d", "", 0o755, b"").link(Symlink, "d", "x");
    assert!(matches!(fault(folder_then_link), UnpackError::Duplicate { .. }));
}

#[test]
fn bombs() {
    let large = "0".repeat(600 << 10);
    let error = fault(Craft::default().file("a", &large).file("b", &large));
    assert!(matches!(&error, UnpackError::TooLarge { member, .. } if member == "b"), "{error:?}");
    let copies = Craft::default().file("a", &large).link(Link, "b", "a");
    assert!(matches!(fault(copies), UnpackError::TooLarge { .. }), "copies count");
    let many = (0..101).fold(Craft::default(), |craft, n| craft.file(&n.to_string(), ""));
    assert!(matches!(fault(many), UnpackError::TooMany { limit: 100, .. }));
    // What is left out by `strip` counts, too.
    let root = folder();
    let archive = Craft::default().file("a", &large).file("b", &large).write(&root);
    let error = unpacked(&archive, &stripping(1)).1.expect_err("refused");
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error:?}");
}

#[test]
fn bombs_of_headers_and_of_holes() {
    let name = vec![b'a'; 2 << 20];
    let error =
        fault(Craft::default().add(EntryType::GNULongName, b"././@LongLink", "", 0, &name).file("a", ""));
    assert!(error.to_string().contains("1 MiB"), "{error}");
    let error = fault(Craft::default().add(EntryType::XHeader, b"pax", "", 0, &name).file("a", ""));
    assert!(error.to_string().contains("1 MiB"), "{error}");
    // A sparse file of 1 TiB in 512 bytes.
    let mut craft = Craft::default().add(GNUSparse, b"hole", "", 0o644, &[]);
    let mut header = tar::Header::from_byte_slice(&craft.0[..512]).clone();
    let gnu = header.as_gnu_mut().expect("gnu");
    gnu.realsize[..12].copy_from_slice(b"17777777777\0");
    gnu.sparse[0].offset[..12].copy_from_slice(b"17777777777\0");
    gnu.sparse[0].numbytes[..12].copy_from_slice(b"00000000000\0");
    header.set_cksum();
    craft.0[..512].copy_from_slice(header.as_bytes());
    let error = fault(craft);
    assert!(matches!(error, UnpackError::TooLarge { .. } | UnpackError::Read { .. }), "{error:?}");
}

#[test]
fn damaged_and_cut_off() {
    let root = folder();
    let whole = Craft::default().file("a", &"x".repeat(5000));
    let archive = whole.write(&root);
    let bytes = std::fs::read(&archive).expect("read");
    for cut in [400, 700, 3000] {
        std::fs::write(&archive, &bytes[..cut]).expect("written");
        let error = unpacked(&archive, &OPTIONS).1.expect_err("refused");
        assert!(matches!(error, UnpackError::Read { .. } | UnpackError::Unknown { .. }), "{cut}: {error:?}");
    }
    for program in ["gzip", "bzip2", "xz", "zstd"] {
        std::fs::write(&archive, &bytes).expect("written");
        let packed = Command::new(program).arg("-c").arg(&archive).output().expect("it runs").stdout;
        std::fs::write(&archive, &packed[..packed.len() / 2]).expect("written");
        let error = unpacked(&archive, &OPTIONS).1.expect_err("refused");
        assert!(matches!(error, UnpackError::Read { .. }), "{program}: {error:?}");
    }
    std::fs::write(&archive, "#!/bin/sh\n").expect("written");
    let error = unpacked(&archive, &OPTIONS).1.expect_err("refused");
    assert!(matches!(error, UnpackError::Unknown { .. }), "{error:?}");
}

#[test]
fn every_compression_gives_the_same_tree() {
    let root = folder();
    let craft = Craft::default()
        .add(Directory, b"top/", "", 0o700, b"")
        .file("top/plain", "1")
        .add(Regular, b"top/run", "", 0o6755, b"2")
        .link(Symlink, "top/in", "sub/../plain")
        .link(Link, "top/copy", "top/run")
        .link(Link, "top/copied-link", "top/in")
        .file("top/sub/deep/x", "3");
    let archive = craft.write(&root);
    let mut digests = Vec::new();
    for program in ["cat", "gzip", "bzip2", "xz", "zstd"] {
        let mut command = Command::new(program);
        let command = if program == "cat" { &mut command } else { command.arg("-c") };
        let packed = root.path().join("packed");
        std::fs::write(&packed, command.arg(&archive).output().expect("it runs").stdout).expect("written");
        let (out, result) = unpacked(&packed, &stripping(1));
        assert_eq!(result.expect("unpacked"), Unpacked { members: 6, left_out: 1, size: 4 });
        let out = out.path().join("in");
        digests.push(Tree::scan(&out).expect("scan").digest().expect("digest"));
        let meta = |name: &str| std::fs::symlink_metadata(out.join(name)).expect("there");
        assert_eq!(meta("run").permissions().mode() & 0o7777, 0o755, "set-uid is dropped");
        assert_eq!(meta("copy").nlink(), 1, "a hard link is a copy");
        assert_eq!(std::fs::read_link(out.join("copied-link")).expect("a link"), Path::new("sub/../plain"));
        // The order of times is the archive's.
        assert!(meta("plain").mtime() < meta("run").mtime() && meta("run").mtime() < meta("in").mtime());
        assert_eq!(meta("sub").mtime(), meta("sub/deep/x").mtime(), "folders without a member: the latest");
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn one_time_for_all() {
    let root = folder();
    let archive = Craft::default().file("d/a", "1").link(Symlink, "l", "d").write(&root);
    let (out, result) = unpacked(&archive, &Options { mtime: Mtime::Fixed(77), ..OPTIONS });
    result.expect("unpacked");
    for name in ["d", "d/a", "l"] {
        let meta = std::fs::symlink_metadata(out.path().join("in").join(name)).expect("there");
        assert_eq!(meta.mtime(), 77, "{name}");
    }
}

#[test]
fn names_need_not_be_utf8() {
    let root = folder();
    let archive = Craft::default().add(Regular, b"caf\xe9", "", 0o644, b"x").write(&root);
    let (out, result) = unpacked(&archive, &OPTIONS);
    result.expect("unpacked");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    assert!(out.path().join("in").join(name).exists());
}

#[test]
fn stripping_everything_is_said() {
    let root = folder();
    let archive = Craft::default().file("a/b", "1").write(&root);
    let error = unpacked(&archive, &stripping(2)).1.expect_err("refused");
    assert!(matches!(error, UnpackError::Empty { strip: 2, .. }), "{error:?}");
}

fn zip(root: &TempDir, make: impl FnOnce(&mut zip::ZipWriter<std::io::Cursor<Vec<u8>>>)) -> PathBuf {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    make(&mut writer);
    let to = root.path().join("hostile.whl");
    std::fs::write(&to, writer.finish().expect("finished").into_inner()).expect("written");
    to
}

fn with_mode(mode: u32) -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default().unix_permissions(mode)
}

#[test]
fn a_wheel_is_unpacked() {
    let root = folder();
    let archive = zip(&root, |zip| {
        zip.add_directory("pkg/", with_mode(0o755)).expect("added");
        zip.start_file("pkg/run", with_mode(0o755)).expect("started");
        zip.write_all(b"#!/bin/sh\n").expect("written");
        zip.start_file("pkg/data", with_mode(0o600)).expect("started");
        zip.write_all(&[0; 50_000]).expect("written");
        zip.add_symlink("pkg/link", "data", with_mode(0o777)).expect("added");
    });
    let (out, result) = unpacked(&archive, &stripping(1));
    assert_eq!(result.expect("unpacked").members, 3);
    let tree = Tree::scan(&out.path().join("in")).expect("scan");
    let listed: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(listed, ["data", "link", "run"]);
    let mode = std::fs::metadata(out.path().join("in/run")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn hostile_zips() {
    let refused = |make: fn(&mut zip::ZipWriter<std::io::Cursor<Vec<u8>>>)| {
        let root = folder();
        let archive = zip(&root, make);
        unpacked(&archive, &OPTIONS).1.expect_err("refused")
    };
    let error = refused(|zip| zip.start_file("../x", with_mode(0o644)).expect("started"));
    assert!(matches!(error, UnpackError::Name { .. }), "{error:?}");
    let error = refused(|zip| zip.start_file("/x", with_mode(0o644)).expect("started"));
    assert!(matches!(error, UnpackError::Name { .. }), "{error:?}");
    let error = refused(|zip| zip.add_symlink("x", "../../etc/passwd", with_mode(0o777)).expect("added"));
    assert!(matches!(error, UnpackError::LinkOut { .. }), "{error:?}");
    let error = refused(|zip| zip.add_symlink("x", "y".repeat(5000), with_mode(0o777)).expect("added"));
    assert!(matches!(error, UnpackError::Read { .. }), "{error:?}");
    let error = refused(|zip| {
        zip.start_file("bomb", with_mode(0o644)).expect("started");
        zip.write_all(&vec![0; 2 << 20]).expect("written");
    });
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_damaged_zip() {
    let root = folder();
    let archive = zip(&root, |zip| {
        zip.start_file("a", with_mode(0o644).compression_method(zip::CompressionMethod::Stored))
            .expect("started");
        zip.write_all(b"content").expect("written");
    });
    let mut bytes = std::fs::read(&archive).expect("read");
    let at = bytes.windows(7).position(|part| part == b"content").expect("stored");
    bytes[at] ^= 1;
    std::fs::write(&archive, &bytes).expect("written");
    let error = unpacked(&archive, &OPTIONS).1.expect_err("the CRC is wrong");
    assert!(matches!(error, UnpackError::Read { .. }), "{error:?}");
    std::fs::write(&archive, &bytes[..bytes.len() / 2]).expect("written");
    let error = unpacked(&archive, &OPTIONS).1.expect_err("cut off");
    assert!(matches!(error, UnpackError::Read { .. }), "{error:?}");
}

#[test]
fn a_zip_with_one_name_twice() {
    let root = folder();
    let archive = zip(&root, |zip| {
        zip.start_file("name-1", with_mode(0o644)).expect("started");
        zip.start_file("name-2", with_mode(0o644)).expect("started");
    });
    let mut bytes = std::fs::read(&archive).expect("read");
    while let Some(at) = bytes.windows(6).position(|part| part == b"name-2") {
        bytes[at + 5] = b'1';
    }
    std::fs::write(&archive, bytes).expect("written");
    let error = unpacked(&archive, &OPTIONS).1.expect_err("refused");
    assert!(error.to_string().contains("duplicate"), "{error}");
}
