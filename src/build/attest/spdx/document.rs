//! An SPDX 2.3 document in JSON, as far as the builder writes one: <https://spdx.github.io/spdx-spec/v2.3/>. Names of fields are
//! the specification's own. Fields stand in the alphabetical order of those names, so that a document of 100,000 files is written in its
//! one form as it comes, without a sorted copy.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// A document (clause 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document<F = Vec<File>, R = Vec<Relationship>> {
    /// `SPDXRef-DOCUMENT`
    #[serde(rename = "SPDXID")]
    pub id: String,
    /// Who made it, and when.
    pub creation_info: CreationInfo,
    /// `CC0-1.0`
    pub data_license: String,
    /// An address that no other document has.
    pub document_namespace: String,
    /// Files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<F>,
    /// The licences that SPDX's list does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub has_extracted_licensing_infos: Vec<ExtractedLicence>,
    /// What it is of.
    pub name: String,
    /// Packages.
    pub packages: Vec<Package>,
    /// How they belong together.
    pub relationships: R,
    /// `SPDX-2.3`
    pub spdx_version: String,
}

/// Who made a document, and when (clauses 6.8 and 6.9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreationInfo {
    /// UTC.
    pub created: String,
    /// `Tool: name-version` and such.
    pub creators: Vec<String>,
    /// The version of SPDX's list of licences.
    pub license_list_version: String,
}

/// A package (clause 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Package {
    /// Its name in this document.
    #[serde(rename = "SPDXID")]
    pub id: String,
    /// Its digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
    /// Who has the copyright.
    pub copyright_text: String,
    /// Where it may be had.
    pub download_location: String,
    /// How others call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_refs: Vec<ExternalRef>,
    /// Whether its files are listed.
    pub files_analyzed: bool,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// What somebody who looked found.
    pub license_concluded: String,
    /// What its authors say.
    pub license_declared: String,
    /// Its name.
    pub name: String,
    /// The file that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_file_name: Option<String>,
    /// What stands for all its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_verification_code: Option<VerificationCode>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_package_purpose: Option<Purpose>,
    /// When it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_date: Option<String>,
    /// What else is to be said of where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_info: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Who distributes it.
    pub supplier: String,
    /// Its version.
    pub version_info: String,
}

/// What a package is for (clause 7.24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Purpose {
    /// It is used to install software.
    Install,
    /// A program.
    Application,
    /// A library.
    Library,
    /// A container image.
    Container,
    /// Sources.
    Source,
    /// Something else.
    Other,
}

/// The digest over the digests of all files of a package (clause 7.9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationCode {
    /// SHA-1.
    pub package_verification_code_value: String,
}

/// A digest (clauses 7.10 and 8.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checksum {
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Hexadecimal.
    pub checksum_value: String,
}

impl Checksum {
    /// A digest by this algorithm.
    pub fn new(algorithm: &str, value: impl ToString) -> Self {
        Self { algorithm: algorithm.to_owned(), checksum_value: value.to_string() }
    }
}

/// A name of a package elsewhere (clause 7.21).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalRef {
    /// `PACKAGE-MANAGER` or `SECURITY`.
    pub reference_category: String,
    /// The name.
    pub reference_locator: String,
    /// `purl` or `cpe23Type`.
    pub reference_type: String,
}

/// A file (clause 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// Its name in this document.
    #[serde(rename = "SPDXID")]
    pub id: String,
    /// Its digests, SHA-1 among them.
    pub checksums: Vec<Checksum>,
    /// Who has the copyright.
    pub copyright_text: String,
    /// Where it stands in its package, from `./`.
    pub file_name: String,
    /// `BINARY`, `TEXT` or `OTHER`.
    pub file_types: Vec<String>,
    /// What somebody who looked found.
    pub license_concluded: String,
}

/// How two things belong together (clause 11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Relationship {
    /// The second.
    pub related_spdx_element: String,
    /// What the first is to the second.
    pub relationship_type: Relation,
    /// The first.
    pub spdx_element_id: String,
}

impl Relationship {
    /// What relationships are in order by: first, relation, second.
    pub fn order(&self) -> (&str, Relation, &str) {
        (&self.spdx_element_id, self.relationship_type, &self.related_spdx_element)
    }
}

impl PartialOrd for Relationship {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Relationship {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// What the first of a relationship is to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Relation {
    /// The document describes it.
    Describes,
    /// It holds it.
    Contains,
    /// It is linked statically with it.
    StaticLink,
    /// It was made from it.
    GeneratedFrom,
    /// The file is a patch that was applied to it.
    PatchApplied,
    /// It is a tool that the second is built with.
    BuildToolOf,
    /// The second needs it to be built, and does not hold it.
    BuildDependencyOf,
}

/// A licence that SPDX's list does not have (clause 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtractedLicence {
    /// Its text.
    pub extracted_text: String,
    /// `LicenseRef-…`
    pub license_id: String,
    /// What it is called.
    pub name: String,
}
