//! Making things to pack, and archives that nobody should make.

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use medic_archive::package::{self, entries};
use medic_archive::{Node, Tree};
use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, RelPath, Sha256};
use tempfile::TempDir;

pub const MTIME: u64 = 1_700_000_000;
pub const ONE: NonZero<u32> = NonZero::<u32>::MIN;

pub fn path(text: &str) -> RelPath {
    text.parse().expect("a path")
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A small package's tree: a program, a text, a link, an empty file, and a path too long for a ustar header.
pub fn sample_tree() -> Tree {
    let mut tree = Tree::new();
    let mut put = |at: &str, node| tree.insert(path(at), node).expect("no conflict");
    put("srv/scripts/demo/install", Node::bytes(0o755, "#!/bin/sh\ntrue\n"));
    put("srv/software/demo/v1.2/x64/bin/demo", Node::bytes(0o755, vec![7; 3000]));
    put("srv/software/demo/v1.2/x64/bin/again", Node::link("demo"));
    put("srv/software/demo/v1.2/x64/empty", Node::bytes(0o644, ""));
    let long = format!("srv/software/demo/v1.2/x64/{}/{}", "d".repeat(200), "f".repeat(200));
    put(&long, Node::bytes(0o644, "long"));
    tree
}

pub fn manifest(tree: &Tree) -> Manifest {
    Manifest {
        format: FORMAT,
        name: "demo".parse().expect("a name"),
        version: "1.2".parse().expect("a version"),
        arch: Arch::X64,
        summary: "A demonstration".to_owned(),
        licence: "MIT".to_owned(),
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: Default::default(),
        entries: entries(tree).expect("entries"),
        provenance: Provenance { action_key: Sha256::from_bytes([1; 32]), components: Vec::new() },
    }
}

/// The sample package's archive.
pub fn sample_archive(folder: &Path) -> PathBuf {
    let tree = sample_tree();
    let to = folder.join("demo-v1.2-x64.pkg.tar.zst");
    package::write(&manifest(&tree), &tree, &to, MTIME, ONE).expect("written");
    to
}

/// The tar inside an archive.
pub fn plain(archive: &Path) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(archive).expect("open")).expect("zstd")
}

/// Where the header of a member starts in a tar of ustar blocks.
pub fn find(tar: &[u8], name: &str) -> usize {
    let at = |block: &[u8]| block.starts_with(name.as_bytes()) && block[name.len()] == 0;
    tar.chunks(512).position(at).expect("the member is there") * 512
}

/// Changes a member's header, and makes its checksum right again.
pub fn edit(tar: &mut [u8], name: &str, change: impl FnOnce(&mut tar::Header)) {
    let at = find(tar, name);
    let mut header = tar::Header::from_byte_slice(&tar[at..at + 512]).clone();
    change(&mut header);
    header.set_cksum();
    tar[at..at + 512].copy_from_slice(header.as_bytes());
}

/// Puts tar bytes into an archive, as a package's zstd would be.
pub fn repack(folder: &Path, tar: &[u8]) -> PathBuf {
    let to = folder.join("hostile.pkg.tar.zst");
    let mut encoder = zstd::Encoder::new(std::fs::File::create(&to).expect("create"), 3).expect("zstd");
    encoder.write_all(tar).expect("write");
    encoder.finish().expect("finish");
    to
}
