//! Archives that would fill the disk or the memory, that are cut off, or go on after their end.

use std::io::Write as _;

use serde_json::json;

use super::Hostile;
use super::forge::{Forge, Part, archive, hostile, pack};
use crate::craft;

const AFTER: &str = "has data after its end";
const CUT: &str = "it is truncated";
const DAMAGED: &str = "the zstd data is damaged or not a package's";

pub fn cases(forge: &Forge) -> Vec<Hostile> {
    [sizes(forge), ends(forge), frames(forge)].into_iter().flatten().collect()
}

/// An encoder that needs no memory for what it is fed.
fn encoder() -> zstd::Encoder<'static, Vec<u8>> {
    zstd::Encoder::new(Vec::new(), 1).expect("zstd")
}

fn sizes(forge: &Forge) -> Vec<Hostile> {
    let says = |size: u64| {
        forge.manifest(|manifest| {
            let entries = manifest["entries"].as_array_mut().expect("entries");
            let files = entries.iter_mut().filter(|entry| entry["type"] == "file");
            files.for_each(|entry| entry["size"] = json!(size));
        })
    };
    let header = |size: u64| forge.header("manifest.json", |header| header.set_size(size));
    let folder = |number: usize| format!(r#"{{"type":"directory","path":"srv/{number:07}","mode":493}}"#);
    let many: Vec<String> = (0..=1_000_000).map(folder).collect();
    let many = forge.text_of_entries(&format!("[{}]", many.join(",")));
    let mut blank = forge.manifest_text().into_bytes();
    blank.resize((64 << 20) + 1, b' ');
    let mut endless = encoder();
    endless.write_all(&forge.plain()).expect("written");
    (0..1024).for_each(|_| endless.write_all(&[0; 1 << 20]).expect("written"));
    let large = "x".repeat(4 << 20);
    let longer = Part::file(&forge.software("large"), 0o644, &large);
    let longer = forge.with(vec![longer], |manifest| {
        let entries = manifest["entries"].as_array_mut().expect("entries");
        let large = entries.iter_mut().find(|entry| entry["size"] == large.len()).expect("the file");
        large["size"] = json!(10);
    });
    vec![
        hostile("a package of many tebibytes", "and at most 17179869184 are allowed", says(1 << 42)),
        hostile(
            "sizes that are too much for a number",
            "would unpack to 18446744073709551615 bytes",
            says(u64::MAX),
        ),
        hostile("a million and one entries", "at most 1000000 are allowed", archive(many.as_bytes(), b"")),
        hostile(
            "a manifest that says it has five gibibytes",
            "and at most 67108864 are allowed",
            header(5 << 30),
        ),
        hostile("a manifest that says it has sixty mebibytes", CUT, header(60 << 20)),
        hostile("a manifest of blanks", "and at most 67108864 are allowed", archive(&blank, b"")),
        hostile("a gibibyte of zeros after the end", AFTER, endless.finish().expect("zstd")),
        hostile("a file that is longer than it says", "and its manifest says 10", longer),
    ]
}

fn ends(forge: &Forge) -> Vec<Hostile> {
    let plain = forge.plain();
    let cut = |length: usize| pack(&plain[..length]);
    let install = craft::find(&plain, super::forge::INSTALL);
    let end = plain.len();
    vec![
        hostile("nothing", CUT, Vec::new()),
        hostile("an archive of nothing", CUT, pack(b"")),
        hostile("an end in the manifest", CUT, cut(700)),
        hostile("an end in a header", CUT, cut(install + 100)),
        hostile("an end in a content", CUT, cut(install + 520)),
        hostile("an end before the end", CUT, cut(end - 1024)),
        hostile("half of the end", CUT, cut(end - 512)),
        hostile("more zeros than the end has", AFTER, forge.tar(|tar| tar.extend([0; 512]))),
        hostile("another archive in the end", AFTER, forge.tar(|tar| tar[end - 1] = 1)),
    ]
}

fn frames(forge: &Forge) -> Vec<Hostile> {
    let mut window = encoder();
    window.window_log(27).expect("set");
    window.write_all(&forge.plain()).expect("written");
    window.write_all(&vec![0; 20 << 20]).expect("written");
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"evil"].concat();
    vec![
        hostile("something that is not zstd", DAMAGED, b"#!/bin/sh\necho not zstd at all\n".to_vec()),
        hostile("gzip", DAMAGED, b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec()),
        hostile("a frame that ends early", CUT, forge.whole(|bytes| bytes.truncate(bytes.len() / 2))),
        hostile(
            "a frame with a wrong checksum",
            DAMAGED,
            forge.whole(|bytes| *bytes.last_mut().expect("some") ^= 1),
        ),
        hostile("a frame of an unknown form", DAMAGED, forge.whole(|bytes| bytes[4] ^= 8)),
        hostile("a byte after the frame", AFTER, forge.whole(|bytes| bytes.push(0))),
        hostile("a second frame", AFTER, forge.whole(|bytes| bytes.extend(pack(b"more")))),
        hostile("a frame to be skipped behind", AFTER, forge.whole(|bytes| bytes.extend(&skippable))),
        hostile("a window of 128 MiB", DAMAGED, window.finish().expect("zstd")),
    ]
}
