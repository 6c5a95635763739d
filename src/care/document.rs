//! A document as its server wrote it: what is kept is its text, so that no number is rounded and no nesting is too deep.

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One revision of a document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its identifier.
    pub id: String,
    /// Its revision, such as `3-917fa2381192822767f010b95b45325b`.
    pub rev: String,
    /// Whether it has attachments, whole or only named.
    pub has_attachments: bool,
    text: Box<RawValue>,
}

impl Document {
    /// Its JSON, on one line.
    pub fn line(&self) -> String {
        // A line's end in JSON is between two values: in a text it would be written `\n`.
        self.text.get().replace(['\n', '\r'], " ")
    }

    /// Bytes of its JSON.
    pub fn size(&self) -> usize {
        self.text.get().len()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Names {
            #[serde(rename = "_id")]
            id: String,
            #[serde(rename = "_rev")]
            rev: String,
            #[serde(rename = "_attachments")]
            attachments: Option<IgnoredAny>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Names { id, rev, attachments } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self { id, rev, has_attachments: attachments.is_some(), text })
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_stays_as_its_server_wrote_it() {
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        let text = format!(
            r#"{{"_id":"a","_rev":"1-x","at":[0.1234567890123456789,1e3,1.0,123456789012345678901234567890],"deep":{deep},"ä":"\u00e4"}}"#
        );
        let document: Document = serde_json::from_str(&text).expect("a document");
        assert_eq!(
            (document.id.as_str(), document.rev.as_str(), document.has_attachments),
            ("a", "1-x", false)
        );
        assert_eq!(document.line(), text);
        assert_eq!(serde_json::to_string(&[document]).expect("JSON"), format!("[{text}]"));
    }

    #[test]
    fn a_document_on_several_lines_becomes_one() {
        let text = "{\"_id\":\"a\",\r\n \"_rev\":\"1-x\", \"_attachments\":{}, \"text\":\"x\\ny\"}";
        let document: Document = serde_json::from_str(text).expect("a document");
        assert!(document.has_attachments);
        assert_eq!(document.line(), text.replace("\r\n", "  "));
    }

    #[test]
    fn what_has_no_name_is_no_document() {
        for wrong in [r#"{"_id":"a"}"#, r#"{"_rev":"1-a"}"#, r#"{"_id":1,"_rev":"1-a"}"#, "[]", "1"] {
            assert!(serde_json::from_str::<Document>(wrong).is_err(), "{wrong}");
        }
    }
}
