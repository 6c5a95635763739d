//! What a document is put together from: everything once, in one order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter};
use std::rc::Rc;

use medic_archive::digest::DigestWriter;
use medic_model::Sha256;

use super::document::{CreationInfo, Document, ExtractedLicence, File, Package, Relation, Relationship};
use super::listed::{Files, Listed, Relationships};
use crate::attest::licence::Licence;
use crate::attest::{HOME, TOOL, json};

/// Who distributes what this builder makes.
pub const SUPPLIER: &str = "Organization: Medic OS";
/// Every document's own id.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// A document that is made as it is written.
pub type Written<'a> = Document<Files<'a>, Relationships<'a>>;

/// The head of a document.
#[derive(Debug)]
pub struct Head {
    /// What it is of.
    pub name: String,
    /// The id of what it describes.
    pub described: String,
    /// UTC.
    pub created: String,
    /// The digest of what it describes.
    pub digest: Sha256,
}

/// Packages, files, relationships and licences.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    listed: Rc<Listed<'a>>,
    packages: BTreeMap<String, Package>,
    files: BTreeMap<String, File>,
    relationships: BTreeSet<Relationship>,
    licences: BTreeMap<String, ExtractedLicence>,
}

impl<'a> Parts<'a> {
    /// With the files of a package.
    pub fn of_files(listed: Listed<'a>) -> Self {
        Self { listed: Rc::new(listed), ..Self::default() }
    }

    /// Adds a package, once.
    pub fn package(&mut self, package: Package) {
        self.packages.entry(package.id.clone()).or_insert(package);
    }

    /// Adds a file, once.
    pub fn file(&mut self, file: File) {
        self.files.entry(file.id.clone()).or_insert(file);
    }

    /// Says how two things belong together.
    pub fn relate(&mut self, first: &str, relation: Relation, second: &str) {
        self.relationships.insert(Relationship {
            spdx_element_id: first.to_owned(),
            relationship_type: relation,
            related_spdx_element: second.to_owned(),
        });
    }

    /// Adds the texts of a licence that SPDX's list does not have.
    pub fn licence(&mut self, licence: &Licence) {
        for (id, text) in &licence.references {
            let extracted = ExtractedLicence {
                license_id: id.clone(),
                extracted_text: text.clone(),
                name: id.trim_start_matches("LicenseRef-").to_owned(),
            };
            self.licences.entry(id.clone()).or_insert(extracted);
        }
    }

    /// Adds all of a document, but that it describes something.
    pub fn merge(&mut self, document: Document) {
        document.packages.into_iter().for_each(|package| self.package(package));
        document.files.into_iter().flatten().for_each(|file| self.file(file));
        let inner = document.relationships.into_iter().filter(|one| one.spdx_element_id != DOCUMENT);
        self.relationships.extend(inner);
        for licence in document.has_extracted_licensing_infos {
            self.licences.entry(licence.license_id.clone()).or_insert(licence);
        }
    }

    /// The document. Its namespace is made of the digest of what it describes and of its own, so that no two documents
    /// have the same one, and the same one is made again.
    pub fn document(mut self, head: Head) -> Written<'a> {
        self.relate(DOCUMENT, Relation::Describes, &head.described);
        let mut document = Document {
            spdx_version: "SPDX-2.3".to_owned(),
            data_license: "CC0-1.0".to_owned(),
            id: DOCUMENT.to_owned(),
            name: head.name,
            document_namespace: String::new(),
            creation_info: CreationInfo {
                created: head.created,
                creators: vec![SUPPLIER.to_owned(), format!("Tool: {TOOL}")],
                license_list_version: list_version(),
            },
            packages: self.packages.into_values().collect(),
            files: Files::some(self.listed.clone(), self.files.into_values().collect()),
            relationships: Relationships {
                listed: self.listed,
                others: self.relationships.into_iter().collect(),
            },
            has_extracted_licensing_infos: self.licences.into_values().collect(),
        };
        let mut content = DigestWriter::new(io::sink());
        // Nothing is written, and our documents have text keys only.
        json::write(&document, BufWriter::new(&mut content)).unwrap_or_else(|error| unreachable!("{error}"));
        let content = content.finish().1.sha256.to_string();
        document.document_namespace =
            format!("{HOME}/spdx/{}/{}-{}", document.name, head.digest, &content[..16]);
        document
    }
}

/// Major and minor number, as the specification wants it (clause 6.7).
fn list_version() -> String {
    spdx::license_version().split('.').take(2).collect::<Vec<_>>().join(".")
}

/// An id: letters, digits, `.` and `-` only.
pub fn id(words: &[&str]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '-' };
    let words: String = words.join("-").chars().map(plain).collect();
    format!("SPDXRef-{words}")
}
