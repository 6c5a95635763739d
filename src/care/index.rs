//! `backup.json`: what a backup holds.

use std::fmt;
use std::str::FromStr;

use medic_model::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// The name of the file that ends a backup.
pub const FILE_NAME: &str = "backup.json";
/// The version of the form that this program writes and reads.
pub const FORMAT: u32 = 1;
/// The most bytes that it may have.
pub const LIMIT: u64 = 64 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The version of its form: 1.
    pub format: u32,
    /// The UUID of the server.
    pub server: String,
    /// Seconds since 1970 when it was finished.
    pub finished: u64,
    /// In the order of their names.
    pub databases: Vec<DatabaseIndex>,
}

/// One database of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseIndex {
    /// Its name.
    pub name: DatabaseName,
    /// Who may read and write it, as CouchDB has it.
    pub security: Value,
    /// Whether documents stand in partitions.
    pub partitioned: bool,
    /// In the order in which they were written.
    pub parts: Vec<PartEntry>,
}

impl DatabaseIndex {
    /// How many documents it has, revisions that conflict counted apart.
    pub fn documents(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.documents))
    }

    /// Bytes of its parts.
    pub fn size(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.size))
    }
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    /// `<database>/<number>.jsonl.gz`.
    pub file: String,
    /// Its digest.
    pub sha256: Sha256,
    /// Its bytes.
    pub size: u64,
    /// How many documents, revisions that conflict counted apart.
    pub documents: u64,
}

/// The name of a database: it can be a path's segment, and a folder's name once `/` is encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseName(String);

impl DatabaseName {
    /// As CouchDB writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In an address.
    pub fn in_url(&self) -> String {
        self.0.replace('/', "%2F").replace('+', "%2B")
    }

    /// The name of its folder in a backup.
    pub fn folder(&self) -> String {
        self.0.replace('/', "%2F")
    }

    /// The name of its part with this number.
    pub fn part(&self, number: usize) -> String {
        format!("{}/{number:08}.jsonl.gz", self.folder())
    }
}

impl FromStr for DatabaseName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let may = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_$()+-/".contains(&byte);
        if begins && text.len() <= 238 && text.bytes().all(may) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Name { name: text.escape_debug().to_string() })
        }
    }
}

impl TryFrom<String> for DatabaseName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<DatabaseName> for String {
    fn from(name: DatabaseName) -> Self {
        name.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for right in ["a", "_users", "medic-user-1/meta", "a$(b)+c"] {
            let name: DatabaseName = right.parse().expect("a name");
            assert!(!name.folder().contains('/') && !name.in_url().contains(['/', '+']), "{right}");
        }
        for wrong in ["", "A", "../x", "a.b", "a b", "1a", "/a", "-a", "ä", &"a".repeat(239)] {
            assert!(wrong.parse::<DatabaseName>().is_err(), "{wrong}");
        }
    }
}
