//! Package archives and manifests.

use std::path::Path;
use std::sync::OnceLock;

use medic_archive::package::{self, DirectorySink, Limits, PackageReader};
use medic_archive::tree::{Node, Tree};
use medic_model::Manifest;

use crate::edits;

const BLOCK: usize = 512;
const LIMITS: Limits = Limits { entries: 1000, size: 1 << 20 };

/// The bytes are read as an archive and as a manifest; then as changes to the tar of a good package, with right checksums in the headers that were
/// changed, and unpacked. None of it panics, and nothing is written outside of its folder; a tar that was changed is not taken.
pub fn packages(bytes: &[u8]) {
    if let Ok(reader) = PackageReader::new("fuzz".to_owned(), bytes, LIMITS) {
        // Refused or not: it is for the reader to say.
        let _ = reader.verify();
    }
    manifest(bytes);
    let good = good();
    let mut tar = good.to_vec();
    for at in edits::apply(&mut tar, bytes) {
        right_checksum(&mut tar, at / BLOCK * BLOCK);
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let archive = zstd::encode_all(&tar[..], 1).expect("zstd");
    let into = scratch.path().join("outer/into");
    std::fs::create_dir_all(&into).expect("a folder");
    let taken = unpack(&archive, &into);
    if tar == *good {
        assert!(taken, "the good package is refused");
    } else if taken {
        // Another summary, another version's need: it is another package then, and as well formed.
        assert_ne!(manifest_of(&tar), manifest_of(good), "what was changed is taken for what it was");
    }
    let beside = std::fs::read_dir(scratch.path().join("outer")).expect("a folder").count();
    assert_eq!(beside, 1, "something was written outside of the folder");
}

fn unpack(archive: &[u8], into: &Path) -> bool {
    let Ok(reader) = PackageReader::new("fuzz".to_owned(), archive, LIMITS) else { return false };
    manifest(&serde_json::to_vec(reader.manifest()).expect("what was read can be written"));
    reader.unpack(&mut DirectorySink::new(into).expect("a folder")).is_ok()
}

/// What is taken is written again and read again, and is the same.
fn manifest(text: &[u8]) {
    if let Ok(manifest) = Manifest::from_json("manifest.json", text) {
        let written = serde_json::to_vec(&manifest).expect("what was read can be written");
        assert_eq!(Manifest::from_json("manifest.json", &written).expect("read again"), manifest);
    }
}

/// The header and the text of the manifest, with its padding.
fn manifest_of(tar: &[u8]) -> &[u8] {
    let size = tar.get(124..135).and_then(|digits| std::str::from_utf8(digits).ok());
    let size = size.and_then(|digits| usize::from_str_radix(digits, 8).ok()).unwrap_or(0);
    &tar[..(BLOCK + size.next_multiple_of(BLOCK)).min(tar.len())]
}

fn right_checksum(tar: &mut [u8], at: usize) {
    let Some(block) = tar.get_mut(at..at + BLOCK) else { return };
    let is_header = &block[257..262] == b"ustar";
    if is_header {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

/// The tar of a small package with a program, a link, a script and a setting.
fn good() -> &'static [u8] {
    static TAR: OnceLock<Vec<u8>> = OnceLock::new();
    TAR.get_or_init(|| {
        let mut tree = Tree::new();
        let mut put = |path: &str, node| tree.insert(path.parse().expect("a path"), node).expect("free");
        put("srv/scripts/p/install", Node::bytes(0o755, "#!/bin/sh\n"));
        put("srv/settings/p/p.conf", Node::bytes(0o644, "port 80\n"));
        put("srv/software/p/v1/x64/bin/p", Node::bytes(0o755, "program"));
        put("srv/software/p/v1/x64/bin/q", Node::link("p"));
        let text = serde_json::json!({
            "format": 1, "name": "p", "version": "1", "arch": "x64", "summary": "s", "licence": "MIT",
            "depends": ["q >=1"], "entries": package::entries(&tree).expect("entries"),
            "provenance": {"action_key": "0".repeat(64), "components": []},
        });
        let manifest = Manifest::from_json("manifest.json", text.to_string().as_bytes()).expect("a manifest");
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("p");
        package::write(&manifest, &tree, &to, 1, std::num::NonZero::<u32>::MIN).expect("written");
        zstd::decode_all(std::fs::File::open(to).expect("there")).expect("zstd")
    })
}
