//! Which libraries of the toolchain a program holds.

use std::collections::BTreeSet;

use medic_model::roots::ToolchainLibrary;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectKind};

/// What a file is, as far as linking goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No program and no shared library for a 64-bit machine.
    Other,
    /// One that needs a loader.
    Dynamic,
    /// One that holds all that it is made of.
    Static,
}

/// What a file is. A static program has neither an interpreter nor libraries that are loaded with it (the ELF specification,
/// `PT_INTERP` and `DT_NEEDED`).
pub fn kind(bytes: &[u8]) -> Kind {
    let Ok(file) = ElfFile64::<Endianness>::parse(bytes) else { return Kind::Other };
    if !matches!(file.kind(), ObjectKind::Executable | ObjectKind::Dynamic) {
        return Kind::Other;
    }
    let endian = file.endian();
    let headers = file.elf_header().program_headers(endian, bytes).unwrap_or_default();
    let interpreted = headers.iter().any(|header| header.p_type(endian) == object::elf::PT_INTERP);
    let loads = file.import_libraries().is_ok_and(|mut libraries| libraries.next().is_some());
    if interpreted || loads { Kind::Dynamic } else { Kind::Static }
}

/// The names of the libraries that a file holds: those without a marker when it is a static program, the others when it is a
/// program or a shared library with their marker in it.
pub fn linked<'a>(
    bytes: &[u8],
    libraries: &'a [ToolchainLibrary],
) -> impl Iterator<Item = &'a ToolchainLibrary> {
    let kind = kind(bytes);
    let holds = move |library: &&ToolchainLibrary| match &library.marker {
        None => kind == Kind::Static,
        Some(marker) => kind != Kind::Other && memchr::memmem::find(bytes, marker.as_bytes()).is_some(),
    };
    let held: BTreeSet<_> = libraries.iter().filter(holds).map(|library| library.name.as_str()).collect();
    libraries.iter().filter(move |library| held.contains(library.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest ELF file that is a program: a header, and a program header of this type.
    fn program(kind: u16, header: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        bytes[16..18].copy_from_slice(&kind.to_le_bytes());
        bytes[18..20].copy_from_slice(&62_u16.to_le_bytes());
        bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&header.to_le_bytes());
        bytes
    }

    fn library(name: &str, marker: Option<&str>) -> ToolchainLibrary {
        ToolchainLibrary {
            name: name.parse().expect("a name"),
            version: "1".parse().expect("a version"),
            licence: "MIT".to_owned(),
            homepage: String::new(),
            url: None,
            folder: "lib".parse().expect("a path"),
            cpe: Vec::new(),
            purl: None,
            marker: marker.map(str::to_owned),
        }
    }

    #[test]
    fn programs_are_told_by_their_headers() {
        assert_eq!(kind(&program(2, 1)), Kind::Static);
        assert_eq!(kind(&program(3, 1)), Kind::Static, "position-independent");
        assert_eq!(kind(&program(3, 3)), Kind::Dynamic, "with an interpreter");
        assert_eq!(kind(&program(1, 1)), Kind::Other, "an object file");
        for bytes in [&b""[..], b"#!/bin/sh\n", &program(2, 1)[..40]] {
            assert_eq!(kind(bytes), Kind::Other);
        }
    }

    #[test]
    fn a_library_is_linked_into_what_holds_its_marker() {
        let libraries = [library("musl", None), library("libunwind", Some("libunwind: "))];
        let names = |bytes: &[u8]| linked(bytes, &libraries).map(|l| l.name.to_string()).collect::<Vec<_>>();
        let with = |mut bytes: Vec<u8>| {
            bytes.extend(b"libunwind: %s");
            bytes
        };
        assert_eq!(names(&program(2, 1)), ["musl"]);
        assert_eq!(names(&with(program(2, 1))), ["musl", "libunwind"]);
        assert_eq!(names(&with(program(3, 3))), ["libunwind"]);
        assert!(names(b"a text on libunwind: it unwinds").is_empty());
    }
}
