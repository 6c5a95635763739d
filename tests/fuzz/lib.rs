//! What must hold for any input at all. A function here panics when it does not, and the fuzzer keeps the input.
//!
//! Owns: the folder `regressions/`: inputs that once broke something. They are read before new ones are made.
//!
//! Never: is part of a build. It is a workspace of its own, with its own `Cargo.lock`.

use std::fmt::Debug;
use std::io::Write as _;

use medic_archive::package::{Limits, PackageReader};
use medic_archive::upstream::{self, Mtime, unpack};
use medic_model::image::ImageDefinition;
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::roots::{BuildRoots, Toolchain};
use medic_model::{DocumentError, Manifest};
use medic_supervisor::control::frame::{Ask, Reply};
use serde::Serialize;

/// What errors call the text.
const FILE: &str = "folder/document.yaml";

/// The text is read as every kind of document. One that is taken is written again and read again, and is the same; one that is
/// refused is refused with a place in the text. Time and memory are watched by the fuzzer itself.
pub fn documents(text: &str) {
    document(text, Recipe::from_yaml);
    document(text, PackageDefinition::from_yaml);
    document(text, ImageDefinition::from_yaml);
    document(text, BuildRoots::from_yaml);
    document(text, Toolchain::from_yaml);
}

fn document<T: Serialize + PartialEq + Debug>(text: &str, read: fn(&str, &str) -> Result<T, DocumentError>) {
    match read(FILE, text) {
        Ok(value) => {
            let written = serde_yaml::to_string(&value).expect("what was read can be written");
            match read(FILE, &written) {
                Ok(again) => assert_eq!(again, value, "written as:\n{written}"),
                Err(error) => panic!("{error}, in what was written:\n{written}"),
            }
        }
        Err(error) => within(text, &error),
    }
}

/// The place of an error is in the text, or just behind its end or a line's.
fn within(text: &str, error: &DocumentError) {
    assert_eq!(error.file, FILE);
    assert!(!error.message.is_empty(), "an error says nothing");
    // YAML ends lines in more ways than `lines` knows.
    let lines: Vec<&str> = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).collect();
    assert!((1..=lines.len() + 1).contains(&error.line), "{error}: the text has {} lines", lines.len());
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!((1..=longest + 1).contains(&error.column), "{error}: no line is longer than {longest}");
}

/// The bytes are unpacked as an upstream archive, read as a package and as a manifest. None of it panics; what is unpacked
/// stays in its folder and within its limits.
pub fn archives(bytes: &[u8]) {
    let scratch = tempfile::tempdir().expect("a folder");
    upstream(bytes, scratch.path());
    let limits = Limits { entries: 1000, size: 1 << 20 };
    if let Ok(reader) = PackageReader::new("fuzz".to_owned(), bytes, limits) {
        // Refused or not: it is for the reader to say.
        let _ = reader.verify();
    }
    if let Ok(manifest) = Manifest::from_json("manifest.json", bytes) {
        let written = serde_json::to_vec(&manifest).expect("what was read can be written");
        assert_eq!(Manifest::from_json("manifest.json", &written).expect("read again"), manifest);
    }
}

fn upstream(bytes: &[u8], scratch: &std::path::Path) {
    let (archive, into) = (scratch.join("archive"), scratch.join("outer/into"));
    std::fs::create_dir_all(&into).expect("a folder");
    std::fs::File::create(&archive).and_then(|mut file| file.write_all(bytes)).expect("written");
    let limits = upstream::Limits { size: 1 << 20, members: 1000, depth: 16 };
    let options = upstream::Options { strip: 0, mtime: Mtime::Fixed(1), limits };
    if let Ok(unpacked) = unpack(&archive, &into, &options) {
        assert!(unpacked.size <= limits.size && unpacked.members <= limits.members, "{unpacked:?}");
    }
    let beside: Vec<_> = std::fs::read_dir(scratch.join("outer")).expect("a folder").collect();
    assert_eq!(beside.len(), 1, "something was written outside of the folder: {beside:?}");
}

/// The bytes are read as a request and as an answer on the control socket. What is understood says the same again; an answer's
/// text may be cut, so of that the meaning counts.
pub fn frames(bytes: &[u8]) {
    if let Ok(ask) = Ask::decode(bytes) {
        assert_eq!(ask.encode(), bytes, "{ask:?}");
    }
    if let Ok(reply) = Reply::decode(bytes) {
        let again = Reply::decode(&reply.encode()).expect("what was understood can be said");
        assert_eq!(again.tag, reply.tag);
        assert_eq!(std::mem::discriminant(&again.outcome), std::mem::discriminant(&reply.outcome));
    }
}
