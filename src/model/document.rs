//! Reading documents: YAML that people write, JSON that programs exchange; strict, with file, line and column.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The most bytes a document may have: far more than any real one, far less than a machine's memory.
pub const MAX_DOCUMENT: usize = 64 << 20;
/// The most bytes a document written by hand may have.
pub const MAX_YAML: usize = 1 << 20;
/// The most that the bytes of a YAML document times its brackets may be. For each token the parser goes through all brackets that are
/// open there: a mebibyte of `[` would keep it for ten minutes, this for half a second. Which brackets are text only the parser
/// knows, so all are counted; a page of shell text has some hundreds.
const MAX_BRACKETS_BY_BYTES: usize = 500_000_000;

/// Why a document cannot be used: the file, the place in it, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct DocumentError {
    /// The document's file, as the caller named it.
    pub file: String,
    /// From 1; 1 when the fault is the document's as a whole.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl DocumentError {
    /// A fault of the document as a whole.
    pub fn whole(file: &str, message: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, message: message.to_string() }
    }
}

/// Reads one YAML document. Unknown keys, duplicate keys and wrong types are errors, as are anchors that
/// would make a small text a large value.
pub fn from_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DocumentError> {
    if text.len() > MAX_YAML {
        return Err(DocumentError::whole(
            file,
            "the file is larger than 1 MiB: no document written by hand is",
        ));
    }
    let brackets = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if brackets * text.len() > MAX_BRACKETS_BY_BYTES {
        let message = format!(
            "there are {brackets} opening brackets in {} bytes, too many to be read: write lists and maps on lines of their own",
            text.len()
        );
        return Err(DocumentError::whole(file, message));
    }
    serde_yaml::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
        let line = duplicate(message).and_then(|key| second(text, key, line, column)).unwrap_or(line);
        DocumentError { file: file.to_owned(), line, column, message: message.to_owned() }
    })
}

/// The key that an error of serde, or of [`unique_map`], calls a duplicate.
fn duplicate(message: &str) -> Option<&str> {
    let message = message
        .rsplit(": ")
        .find(|part| part.starts_with("duplicate field `") || part.starts_with("the key '"))?;
    message.split(['`', '\'']).nth(1)
}

/// The line on which a key stands for the second time in the map that starts at this place. The parser tells only where the
/// map starts; the keys of a map in block style all stand in its column.
fn second(text: &str, key: &str, line: usize, column: usize) -> Option<usize> {
    let quotes = ['"', '\''];
    let is_key = |line: &str| {
        let rest = column
            .checked_sub(1)
            .and_then(|start| line.get(start..))
            .map(|rest| rest.trim_start_matches(quotes));
        let after =
            rest.and_then(|rest| rest.strip_prefix(key)).map(|after| after.trim_start_matches(quotes));
        after.is_some_and(|after| after.trim_start().starts_with(':'))
    };
    let lines = text.lines().enumerate().skip(line.saturating_sub(1));
    lines.filter(|(_, line)| is_key(line)).nth(1).map(|(index, _)| index + 1)
}

/// Reads one JSON document, as strictly as [`from_yaml`].
pub fn from_json<T: DeserializeOwned>(file: &str, text: &[u8]) -> Result<T, DocumentError> {
    if text.len() > MAX_DOCUMENT {
        return Err(DocumentError::whole(file, "the document is larger than 64 MiB"));
    }
    serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
        DocumentError {
            file: file.to_owned(),
            line: error.line().max(1),
            column: error.column().max(1),
            // It repeats words of the document, which must not draw on a terminal or look like a message of ours.
            message: message.replace(char::is_control, "\u{fffd}"),
        }
    })
}

/// For `#[serde(deserialize_with)]`: a map in which a key may stand once only.
pub fn unique_map<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    struct Unique<K, V>(PhantomData<(K, V)>);
    impl<'de, K, V> Visitor<'de> for Unique<K, V>
    where
        K: Deserialize<'de> + Ord + fmt::Display,
        V: Deserialize<'de>,
    {
        type Value = BTreeMap<K, V>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some(key) = access.next_key::<K>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format!("the key '{key}' stands twice: remove one")));
                }
                map.insert(key, access.next_value()?);
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Unique(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its parsing is looked at")]
        name: crate::PackageName,
        #[expect(dead_code, reason = "only its parsing is looked at")]
        #[serde(default, deserialize_with = "unique_map")]
        map: BTreeMap<String, u32>,
    }

    fn fault(text: &str) -> String {
        from_yaml::<Sample>("a/recipe.yaml", text).expect_err("refused").to_string()
    }

    #[test]
    fn brackets_that_would_keep_the_parser_for_minutes_are_refused() {
        let deep = fault(&format!("name: {}", "[".repeat(1_000_000)));
        assert!(deep.starts_with("a/recipe.yaml:1:1: there are 1000000 opening brackets"), "{deep}");
        let wide: String = (0..4000).map(|number| format!("- {{name: step-{number}}}\n")).collect();
        let read = from_yaml::<Vec<BTreeMap<String, String>>>("f", &wide).expect("many, and none in another");
        assert_eq!(read.len(), 4000);
        // Within the limit they are read, and refused for what they are.
        let balanced = fault(&format!("name: {}{}", "[".repeat(2000), "]".repeat(2000)));
        assert!(balanced.contains("invalid type"), "{balanced}");
    }

    #[test]
    fn what_a_document_says_does_not_draw_on_the_terminal() {
        for key in ["name", "\\u001b[2J"] {
            let text = format!(r#"{{"{key}": "\u001b[2J\nSuccess: installed"}}"#);
            let fault = from_json::<Sample>("f", text.as_bytes()).expect_err("refused").to_string();
            assert!(fault.contains("\u{fffd}[2J") && !fault.contains(char::is_control), "{fault:?}");
        }
    }

    #[test]
    fn every_fault_names_file_line_and_column() {
        assert!(from_yaml::<Sample>("f", "name: x\nmap: {a: 1, b: 2}\n").is_ok());
        let unknown = fault("name: x\ncolour: red\n");
        assert!(unknown.starts_with("a/recipe.yaml:2:1: unknown field `colour`"), "{unknown}");
        let twice = fault("name: x\nname: y\n");
        assert!(twice.starts_with("a/recipe.yaml:2:1:") && twice.contains("duplicate"), "{twice}");
        let key_twice = fault("name: x\nmap:\n  a: 1\n  a: 2\n");
        assert!(
            key_twice.starts_with("a/recipe.yaml:4:3:") && key_twice.contains("'a' stands twice"),
            "{key_twice}"
        );
        let kind = fault("name: x\nmap: [1]\n");
        assert!(kind.starts_with("a/recipe.yaml:2:"), "{kind}");
        let name = fault("name: ../x\n");
        assert!(name.starts_with("a/recipe.yaml:1:") && name.contains("not a package name"), "{name}");
        assert!(fault("name: [").starts_with("a/recipe.yaml:"));
    }
}
