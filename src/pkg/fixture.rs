//! Values for tests.

use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, Sha256};

/// A manifest without entries.
pub(crate) fn manifest(name: &str, version: &str) -> Manifest {
    Manifest {
        format: FORMAT,
        name: name.parse().expect("name"),
        version: version.parse().expect("version"),
        arch: Arch::X64,
        summary: format!("The package {name}"),
        licence: "MIT".to_owned(),
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: Default::default(),
        entries: Vec::new(),
        provenance: Provenance { action_key: digest("key"), components: Vec::new() },
    }
}

/// The digest of a text.
pub(crate) fn digest(text: &str) -> Sha256 {
    medic_archive::digest::of_bytes(text.as_bytes()).sha256
}
