//! What must hold for any input at all. A function here panics when it does not, and the fuzzer keeps the input.
//!
//! Owns: the folder `regressions/`: inputs that once broke something. They are read before new ones are made.
//!
//! Never: is part of a build. It is a workspace of its own, with its own `Cargo.lock`.

mod edits;
pub mod indexes;
pub mod packages;

use std::fmt::Debug;
use std::io::Write as _;

use medic_archive::upstream::{self, Mtime, unpack};
use medic_model::image::ImageDocument;
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::roots::{BuildRoots, Toolchain};
use medic_model::service::Service;
use medic_model::{DocumentError, PackageName, Receipt, ServiceName, Version, layout};
use medic_supervisor::control::frame::{Ask, Reply};
use medic_supervisor::definition::{Prepared, Surroundings, installed};
use medic_supervisor::machine::backoff;
use medic_supervisor::machine::service::{Event, Machine, Past, Phase};
use medic_supervisor::machine::wanted::{Aim, Wanted};
use medic_supervisor::place::Place;
use serde::Serialize;

/// What errors call the text.
const FILE: &str = "folder/document.yaml";

/// The text is read as every kind of document. One that is taken is written again and read again, and is the same; one that is
/// refused is refused with a place in the text. Time and memory are watched by the fuzzer itself.
pub fn documents(text: &str) {
    document(text, Recipe::from_yaml);
    document(text, PackageDefinition::from_yaml);
    document(text, ImageDocument::from_yaml);
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

/// The bytes are unpacked as an upstream archive. It does not panic; what is unpacked stays in its folder and within its limits.
pub fn archives(bytes: &[u8]) {
    let scratch = tempfile::tempdir().expect("a folder");
    upstream(bytes, scratch.path());
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

/// The text is read as the services of a package: in its definition, and in the receipt of its installation, where the
/// supervisor reads them. Both take and refuse the same; what is taken can be made ready, started and stopped.
pub fn services(text: &str) {
    let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let definition = format!("name: p\nsummary: s\ncomponents: [p]\nservices:\n{indented}");
    let written = PackageDefinition::from_yaml("package.yaml", &definition)
        .ok()
        .map(|definition| serde_json::to_string(&definition.services).expect("what was read can be written"));
    // As it was understood; and as it is, when it is JSON.
    if let Some(json) = written {
        assert!(installation(&json), "packed, it cannot be installed:\n{json}");
    }
    installation(text);
}

/// Reads the services in a receipt; whether they were taken.
fn installation(services: &str) -> bool {
    let head = r#"{"format":1,"origin":{"from":"bundle"},"installed_at":0,"manifest":{"format":1,"name":"p","version":"1","arch":"x64","summary":"","licence":"MIT","entries":[],"provenance":{"action_key":"0000000000000000000000000000000000000000000000000000000000000000","components":[]},"services":"#;
    let receipt = format!("{head}{services}}}}}");
    let scratch = tempfile::tempdir().expect("a folder");
    let place = Place::new(scratch.path());
    let name: PackageName = "p".parse().expect("a name");
    let path = scratch.path().join(layout::receipt(&name).as_str());
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, &receipt).expect("written");
    let whole = Receipt::from_json("p.json", receipt.as_bytes());
    // The supervisor reads an excerpt: what is no receipt for other reasons may be one there, but not the reverse.
    match (installed(&place), whole) {
        (Ok(packages), whole) => {
            let taken = whole.is_ok();
            let package = &packages[0];
            if let Ok(whole) = whole {
                assert_eq!(package.services, whole.manifest.services);
            }
            let surroundings = Surroundings { place: place.clone(), environment: Vec::new() };
            for (name, service) in &package.services {
                ready(&surroundings, (&package.name, &package.version), name, service);
            }
            taken
        }
        (Err(error), Ok(_)) => panic!("pkg takes it, the supervisor does not: {error}"),
        (Err(error), Err(_)) => {
            assert!(error.to_string().contains("p.json"), "{error}");
            false
        }
    }
}

/// A definition that was taken can be made ready, or it is told why not; its times make sense to the machine.
fn ready(
    surroundings: &Surroundings,
    package: (&PackageName, &Version),
    name: &ServiceName,
    service: &Service,
) {
    let prepared = match Prepared::new(surroundings, package, name, service, false, None) {
        Ok(prepared) => prepared,
        Err(error) => return assert!(error.to_string().contains(name.as_str()), "{error}"),
    };
    let policy = prepared.policy();
    let (now, mut actions) = (1_000_000, Vec::new());
    let past = Past { clean: true, ..Past::default() };
    let mut machine = Machine::new(policy, Wanted::default(), past, 1, now, &mut actions);
    for (generation, aim) in [(1, Aim::Up), (2, Aim::Down)] {
        machine.step(now, Event::Wanted(Wanted { generation, aim }), &mut actions);
        if aim == Aim::Up {
            machine.step(now, Event::Started, &mut actions);
        }
    }
    let kill_at = machine.deadline().expect("a stop has a deadline");
    machine.step(kill_at, Event::Tick, &mut actions);
    machine.step(kill_at, Event::Ended { success: false, left: false }, &mut actions);
    assert_eq!(machine.phase(), Phase::Down);
    assert!(backoff::delay(u32::MAX, u64::MAX) <= 30_000);
}
