//! JSON of which one value has one form, for documents that people and other tools read too: keys sorted, two blanks of indent, a
//! line feed at the end. (The canonical JSON that digests are made of leaves control characters in texts as they are, which
//! no parser of JSON takes.)

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let sorted: BTreeMap<&String, Sorted<'_>> =
                    map.iter().map(|(key, value)| (key, Sorted(value))).collect();
                serializer.collect_map(sorted)
            }
            Value::Array(list) => serializer.collect_seq(list.iter().map(Sorted)),
            plain => plain.serialize(serializer),
        }
    }
}

/// Writes a document whose fields stand in the order of their names already, as it comes.
///
/// # Errors
/// The writer's.
pub fn write<T: Serialize>(document: &T, mut to: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut to, document)?;
    to.write_all(b"\n")
}

/// The text of such a document.
pub fn text_in_order<T: Serialize>(document: &T) -> String {
    // Our documents have text keys only, and a text takes everything.
    serde_json::to_string_pretty(document).unwrap_or_else(|error| unreachable!("{error}")) + "\n"
}

/// The text of a document.
pub fn text<T: Serialize>(document: &T) -> String {
    let value = serde_json::to_value(document).unwrap_or_else(|error| unreachable!("{error}"));
    text_in_order(&Sorted(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_control_characters_are_written_as_json_has_them() {
        let value = serde_json::json!({"b": [{"d": 1, "c": "x\ny"}], "a": null});
        let expected =
            "{\n  \"a\": null,\n  \"b\": [\n    {\n      \"c\": \"x\\ny\",\n      \"d\": 1\n    }\n  ]\n}\n";
        assert_eq!(text(&value), expected);
    }
}
