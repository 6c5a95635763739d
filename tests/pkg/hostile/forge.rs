//! A good package, taken apart, and what is made of it.

use std::fs;
use std::path::PathBuf;

use medic_model::Arch;
use serde_json::{Value, json};
use tar::{EntryType, Header};

use super::{Hostile, Lab};
use crate::craft;
use crate::support::Package;

pub const MTIME: u64 = craft::MTIME;
pub const INSTALL: &str = "srv/scripts/demo/install";
const BLOCK: usize = 512;

/// The package `demo` 2, from which every hostile archive is made.
pub struct Forge {
    tar: Vec<u8>,
    whole: Vec<u8>,
    manifest: Value,
    pub canary: PathBuf,
}

/// An entry of a manifest, and the member that goes with it.
pub struct Part {
    entry: Value,
    member: Vec<u8>,
}

impl Forge {
    pub fn new(lab: &Lab) -> Self {
        let script = format!("#!/bin/sh\necho taken >'{}'\n", lab.canary.display());
        let demo = Package::new("demo", "2").script("install", &script).setting("demo.conf", "new\n");
        let demo = demo.software("empty", "").software_link("bin/again", "demo");
        let archive = demo.archive(&lab.world.archives());
        let manifest = serde_json::to_value(demo.manifest()).expect("JSON");
        let (tar, whole) = (craft::plain(&archive), fs::read(&archive).expect("read"));
        Self { tar, whole, manifest, canary: lab.canary.clone() }
    }

    /// Where its software is, with a slash at the end.
    pub fn software(&self, below: &str) -> String {
        format!("srv/software/demo/v2/{}/{below}", Arch::host().expect("host"))
    }

    pub fn empty(&self) -> String {
        self.software("empty")
    }

    /// As it is, through all that the others go through.
    pub fn unchanged(&self) -> Vec<u8> {
        self.with(Vec::new(), |_| {})
    }

    /// Its manifest as it would be with other entries, which are JSON.
    pub fn text_of_entries(&self, entries: &str) -> String {
        let mut manifest = self.manifest.clone();
        manifest["entries"] = "ENTRIES".into();
        manifest.to_string().replace("\"ENTRIES\"", entries)
    }

    pub fn manifest_text(&self) -> String {
        self.manifest.to_string()
    }

    /// Everything behind its manifest, without the end.
    pub fn members(&self) -> Vec<u8> {
        self.parts().into_iter().flat_map(|part| part.member).collect()
    }

    pub fn plain(&self) -> Vec<u8> {
        self.tar.clone()
    }

    /// Its tar, changed.
    pub fn tar(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut tar = self.tar.clone();
        change(&mut tar);
        pack(&tar)
    }

    /// Its archive, changed.
    pub fn whole(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut whole = self.whole.clone();
        change(&mut whole);
        whole
    }

    /// One header of it, changed.
    pub fn header(&self, member: &str, change: impl FnOnce(&mut Header)) -> Vec<u8> {
        self.tar(|tar| craft::edit(tar, member, change))
    }

    /// Another name in the header of the empty file.
    pub fn renamed(&self, name: &[u8]) -> Vec<u8> {
        self.header(&self.empty(), |header| set_name(header, name))
    }

    /// Its manifest, changed; its members are as they were.
    pub fn manifest(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        self.with(Vec::new(), change)
    }

    /// With more entries and the members that they speak of, all in order; the manifest is changed then.
    pub fn with(&self, parts: Vec<Part>, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut all = self.parts();
        for part in parts {
            // What is there already is replaced.
            all.retain(|other| other.path() != part.path());
            all.push(part);
        }
        all.sort_by(|a, b| a.path().cmp(b.path()));
        let mut manifest = self.manifest.clone();
        manifest["entries"] = all.iter().map(|part| part.entry.clone()).collect();
        change(&mut manifest);
        let members: Vec<u8> = all.into_iter().flat_map(|part| part.member).collect();
        archive(manifest.to_string().as_bytes(), &members)
    }

    /// With one entry alone.
    pub fn only(&self, part: Part) -> Vec<u8> {
        let text = self.text_of_entries(&json!([part.entry]).to_string());
        archive(text.as_bytes(), &part.member)
    }

    fn parts(&self) -> Vec<Part> {
        let mut at = self.tar.len() - 2 * BLOCK;
        let mut parts = Vec::new();
        let entries = self.manifest["entries"].as_array().expect("entries");
        for entry in entries.iter().rev() {
            let size = entry["size"].as_u64().unwrap_or(0) as usize;
            let start = at - BLOCK - size.next_multiple_of(BLOCK);
            parts.push(Part { entry: entry.clone(), member: self.tar[start..at].to_vec() });
            at = start;
        }
        parts
    }
}

impl Part {
    pub fn file(path: &str, mode: u32, content: &str) -> Self {
        let sha256 = medic_archive::digest::of_bytes(content.as_bytes()).sha256;
        let entry =
            json!({"type": "file", "path": path, "mode": mode, "size": content.len(), "sha256": sha256});
        Self { entry, member: member(EntryType::Regular, path, mode, "", content.as_bytes()) }
    }

    pub fn folder(path: &str, mode: u32) -> Self {
        let entry = json!({"type": "directory", "path": path, "mode": mode});
        Self { entry, member: member(EntryType::Directory, &format!("{path}/"), mode, "", b"") }
    }

    pub fn link(path: &str, target: &str) -> Self {
        let entry = json!({"type": "link", "path": path, "target": target});
        Self { entry, member: member(EntryType::Symlink, path, 0o777, target, b"") }
    }

    fn path(&self) -> &str {
        self.entry["path"].as_str().expect("a path")
    }
}

/// A member of a tar, as a package has it. Names that are too long for a header are cut off.
pub fn member(kind: EntryType, path: &str, mode: u32, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    header.set_mtime(MTIME);
    header.set_entry_type(kind);
    set_name(&mut header, path.as_bytes());
    set_link(&mut header, link);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

pub fn set_name(header: &mut Header, name: &[u8]) {
    fill(&mut header.as_ustar_mut().expect("ustar").name, name);
}

pub fn set_link(header: &mut Header, target: &str) {
    fill(&mut header.as_ustar_mut().expect("ustar").linkname, target.as_bytes());
}

fn fill(field: &mut [u8; 100], bytes: &[u8]) {
    field.fill(0);
    let length = bytes.len().min(field.len());
    field[..length].copy_from_slice(&bytes[..length]);
}

/// An archive of a manifest and members.
pub fn archive(manifest: &[u8], members: &[u8]) -> Vec<u8> {
    let mut tar = member(EntryType::Regular, "manifest.json", 0o644, "", manifest);
    tar.extend(members);
    tar.extend([0; 2 * BLOCK]);
    pack(&tar)
}

pub fn pack(tar: &[u8]) -> Vec<u8> {
    zstd::encode_all(tar, 1).expect("zstd")
}

pub fn hostile(name: &'static str, says: &'static str, archive: Vec<u8>) -> Hostile {
    Hostile { name, says, archive }
}
