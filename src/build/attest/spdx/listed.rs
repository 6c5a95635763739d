//! The files of an archive in its document, and that they are part of it: each is put into words only when it is written, so that
//! a document of 100,000 files takes the memory of their digests.

use std::iter::Peekable;
use std::rc::Rc;

use serde::{Serialize, Serializer};

use super::document::{Checksum, File, Relation, Relationship};
use super::parts::id;
use crate::attest::facts::FileFact;
use crate::attest::licence::NOASSERTION;
use crate::key::digest_of;

/// Files by their ids, all of one package.
#[derive(Debug, Default)]
pub struct Listed<'a> {
    package: String,
    name: String,
    /// The part of the id that is made of the path, and the file; in the order of the ids.
    files: Vec<(u64, &'a FileFact)>,
}

impl<'a> Listed<'a> {
    /// The files of the package with this id and name.
    pub fn new(package: String, name: &str, facts: &'a [FileFact]) -> Self {
        let mut files: Vec<_> = facts.iter().map(|file| (number(file), file)).collect();
        // Ids differ in their last sixteen hexadecimal digits only: they are in order as the numbers are.
        files.sort_unstable_by_key(|(number, file)| (*number, &file.path));
        files.dedup_by_key(|(number, _)| *number);
        Self { package, name: format!("File-{name}"), files }
    }

    fn files(&self) -> impl Iterator<Item = File> {
        self.files.iter().map(|(number, file)| described(self.id(*number), "./", file))
    }

    fn relationships(&self) -> impl Iterator<Item = Relationship> {
        self.files.iter().map(|(number, _)| Relationship {
            spdx_element_id: self.package.clone(),
            relationship_type: Relation::Contains,
            related_spdx_element: self.id(*number),
        })
    }

    fn id(&self, number: u64) -> String {
        file_id(&self.name, number)
    }
}

/// A file that stands for itself.
pub fn file_of(kind: &str, below: &str, file: &FileFact) -> File {
    described(file_id(kind, number(file)), below, file)
}

fn file_id(kind: &str, number: u64) -> String {
    id(&[kind, &format!("{number:016x}")])
}

/// Enough of the path's digest to tell a few hundred thousand files apart.
fn number(file: &FileFact) -> u64 {
    let digest = digest_of(&file.path);
    digest.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn described(id: String, below: &str, file: &FileFact) -> File {
    File {
        id,
        file_name: format!("{below}{}", file.path),
        file_types: vec![file.kind.as_str().to_owned()],
        checksums: vec![Checksum::new("SHA1", file.sha1), Checksum::new("SHA256", file.sha256)],
        license_concluded: NOASSERTION.to_owned(),
        copyright_text: NOASSERTION.to_owned(),
    }
}

/// All files of a document, by id.
#[derive(Debug)]
pub struct Files<'a> {
    listed: Rc<Listed<'a>>,
    others: Vec<File>,
}

impl<'a> Files<'a> {
    /// Those that are listed, and others, which stand in the order of their ids; none when there is neither.
    pub fn some(listed: Rc<Listed<'a>>, others: Vec<File>) -> Option<Self> {
        (!listed.files.is_empty() || !others.is_empty()).then_some(Self { listed, others })
    }
}

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let others = self.others.iter().cloned();
        serializer.collect_seq(merged(self.listed.files(), others, |one, other| one.id <= other.id))
    }
}

/// All relationships of a document, in order.
#[derive(Debug)]
pub struct Relationships<'a> {
    /// The files of which each is part of its package.
    pub listed: Rc<Listed<'a>>,
    /// Others, in order.
    pub others: Vec<Relationship>,
}

impl Serialize for Relationships<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let others = self.others.iter().cloned();
        serializer.collect_seq(merged(self.listed.relationships(), others, |one, other| one <= other))
    }
}

/// Two sequences that are in order, as one.
fn merged<T, A: Iterator<Item = T>, B: Iterator<Item = T>>(
    one: A,
    other: B,
    comes_first: impl Fn(&T, &T) -> bool,
) -> impl Iterator<Item = T> {
    let (mut one, mut other): (Peekable<A>, Peekable<B>) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if !comes_first(first, second) => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}
