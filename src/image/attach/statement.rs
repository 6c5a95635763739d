//! In-toto statements: something is said of an image (<https://in-toto.io/Statement/v1>).

use std::collections::BTreeMap;

use medic_model::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The type of a statement that an image is signed, without more words; as cosign 3 writes it.
pub const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
const KIND: &str = "https://in-toto.io/Statement/v1";

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PredicateKind {
    /// What is in it: an SPDX document.
    Spdx,
    /// Where it comes from: SLSA provenance, version 1.
    Provenance,
}

impl PredicateKind {
    /// Its name in a statement.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Spdx => "https://spdx.dev/Document",
            Self::Provenance => "https://slsa.dev/provenance/v1",
        }
    }
}

/// Something said of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// What kind of thing.
    pub kind: PredicateKind,
    /// It, as JSON.
    pub json: Vec<u8>,
    /// Statements that it builds on, as JSON: they are attached as they are, beside it.
    pub beside: Vec<Vec<u8>>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The specification's version; readers of all of them read ours.
    #[serde(rename = "_type")]
    pub kind: String,
    /// Of what.
    pub subject: Vec<StatementSubject>,
    /// The kind of what is said.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// What a statement is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementSubject {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// By algorithm, without it before the digits.
    pub digest: BTreeMap<String, String>,
}

impl Statement {
    /// The statement of a predicate on the image of this digest.
    ///
    /// # Errors
    /// The predicate is no JSON.
    pub fn new(name: &str, digest: Sha256, predicate: &Predicate) -> Result<Self, serde_json::Error> {
        let content = serde_json::from_slice(&predicate.json)?;
        Ok(Self::of(name, digest, predicate.kind.uri(), content))
    }

    /// The statement that the image of this digest is signed.
    pub fn of_signature(digest: Sha256) -> Self {
        Self::of("", digest, SIGNED, Value::Object(serde_json::Map::new()))
    }

    fn of(name: &str, digest: Sha256, predicate_type: &str, predicate: Value) -> Self {
        let digest = [("sha256".to_owned(), digest.to_string())].into();
        Self {
            kind: KIND.to_owned(),
            subject: vec![StatementSubject { name: name.to_owned(), digest }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The statement as JSON, which is what is signed.
    ///
    /// # Panics
    /// Never: it has text keys only.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// The SHA-256 digests of what it is of.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.subject.iter().filter_map(|subject| subject.digest.get("sha256")).map(String::as_str)
    }
}
