//! One file of a backup: lines of JSON, compressed by gzip so that any machine can read them.
//!
//! The first line says of what it is and from where on, the last one how far it leads: a file without a last line is not whole.

use std::io::{BufRead, BufReader, Read, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::couch::MAX_ANSWER;
use crate::document::Document;
use crate::error::Error;
use crate::index::DatabaseName;

/// The most bytes of a line.
const MAX_LINE: u64 = MAX_ANSWER + 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The form's version.
    pub format: u32,
    /// The UUID of the server.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Which one of that name: what its first backup has left in it.
    pub mark: String,
    /// Behind which point of the feed of changes it begins.
    pub from: Value,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Up to which point of the feed of changes it leads.
    pub to: Value,
    /// How many documents are between.
    pub documents: u64,
}

/// A part in the making.
pub struct PartWriter {
    compressed: GzEncoder<Vec<u8>>,
    /// Bytes of the documents, before they were compressed.
    pub bytes: u64,
    /// How many documents.
    pub documents: u64,
}

impl PartWriter {
    /// Begins one.
    pub fn new(head: &Head) -> Self {
        let mut part =
            Self { compressed: GzEncoder::new(Vec::new(), Compression::default()), bytes: 0, documents: 0 };
        part.line(text(head));
        part
    }

    /// Adds a document.
    pub fn add(&mut self, document: &Document) {
        self.bytes += self.line(document.line());
        self.documents += 1;
    }

    /// The whole file.
    pub fn finish(mut self, to: &Value) -> Vec<u8> {
        self.line(text(&Tail { to: to.clone(), documents: self.documents }));
        self.compressed.finish().unwrap_or_default()
    }

    /// Memory takes everything: nothing here can fail.
    fn line(&mut self, mut text: String) -> u64 {
        text.push('\n');
        let _ = self.compressed.write_all(text.as_bytes());
        text.len() as u64
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A part that is read, line by line.
pub struct PartReader<R> {
    file: String,
    lines: BufReader<MultiGzDecoder<R>>,
    /// What it begins with.
    pub head: Head,
    /// What it ends with, once it has been read to its end.
    pub tail: Option<Tail>,
    documents: u64,
}

impl<R: Read> PartReader<R> {
    /// Reads the first line; errors call it `file`.
    pub fn new(file: &str, reader: R) -> Result<Self, Error> {
        let mut lines = BufReader::with_capacity(64 << 10, MultiGzDecoder::new(reader));
        let first = line(file, &mut lines)?.ok_or_else(|| damaged(file, "it is empty"))?;
        let head: Head = parsed(file, &first)?;
        if head.format != crate::index::FORMAT {
            return Err(damaged(
                file,
                &format!("its form is {}, which this program does not know", head.format),
            ));
        }
        Ok(Self { file: file.to_owned(), lines, head, tail: None, documents: 0 })
    }

    /// The next document; nothing at the end, which is then known to be the right one.
    pub fn next(&mut self) -> Result<Option<Document>, Error> {
        if self.tail.is_some() {
            return Ok(None);
        }
        let Some(text) = line(&self.file, &mut self.lines)? else {
            return Err(damaged(&self.file, "it ends in the middle"));
        };
        // A document has an `_id`, which the last line has not.
        let Ok(tail) = serde_json::from_slice::<Tail>(&text) else {
            self.documents += 1;
            return parsed(&self.file, &text).map(Some);
        };
        if tail.documents != self.documents || line(&self.file, &mut self.lines)?.is_some() {
            return Err(damaged(&self.file, "it does not have as many documents as it says"));
        }
        self.tail = Some(tail);
        Ok(None)
    }

    /// Reads all of it, and gives what it ends with. It must be of this database and begin where the one before it ended; `done` is
    /// told the number of documents after each.
    pub fn into_tail(
        mut self,
        database: &DatabaseName,
        from: &Value,
        done: &mut dyn FnMut(u64),
    ) -> Result<Tail, Error> {
        if self.head.database != *database {
            let what = format!("it is a part of '{}' and not of '{database}'", self.head.database);
            return Err(damaged(&self.file, &what));
        }
        if self.head.from != *from {
            return Err(damaged(&self.file, "it does not begin where the one before ends"));
        }
        while self.next()?.is_some() {
            done(self.documents);
        }
        self.tail.ok_or_else(|| damaged(&self.file, "it has no end"))
    }
}

/// The next line. No document is longer than what was taken from a server; a few bytes that were compressed could be.
fn line(file: &str, lines: &mut impl BufRead) -> Result<Option<Vec<u8>>, Error> {
    let mut text = Vec::new();
    let mut lines = lines.take(MAX_LINE);
    lines.read_until(b'\n', &mut text).map_err(|error| damaged(file, &error.to_string()))?;
    match text.last() {
        None => Ok(None),
        Some(_) if lines.limit() == 0 => Err(damaged(file, "a line is longer than any document")),
        Some(b'\n') => Ok(Some(text)),
        Some(_) => Err(damaged(file, "it ends in the middle of a line")),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(file: &str, text: &[u8]) -> Result<T, Error> {
    // It repeats words of the file, which must not draw on a terminal.
    serde_json::from_slice(text)
        .map_err(|error| damaged(file, &error.to_string().replace(char::is_control, "\u{fffd}")))
}

/// A file that is not as it was written.
pub fn damaged(file: &str, what: &str) -> Error {
    Error::Damaged { file: file.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn head() -> Head {
        let database = "patients".parse().expect("a name");
        Head { format: 1, server: "u".to_owned(), database, mark: "m".to_owned(), from: json!(0) }
    }

    fn document(id: &str) -> Document {
        let text = json!({"_id": id, "_rev": "1-a", "to": 1, "documents": "x\ny"}).to_string();
        serde_json::from_str(&text).expect("a document")
    }

    fn written() -> Vec<u8> {
        let mut part = PartWriter::new(&head());
        part.add(&document("a"));
        part.add(&document("b"));
        part.finish(&json!("7-abc"))
    }

    fn read(bytes: &[u8]) -> Result<(Vec<Document>, Tail), Error> {
        let mut reader = PartReader::new("f", bytes)?;
        let mut documents = Vec::new();
        while let Some(document) = reader.next()? {
            documents.push(document);
        }
        Ok((documents, reader.tail.expect("the end")))
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let (documents, tail) = read(&written()).expect("read");
        let lines = |documents: &[Document]| documents.iter().map(Document::line).collect::<Vec<_>>();
        assert_eq!(lines(&documents), lines(&[document("a"), document("b")]));
        assert_eq!(tail, Tail { to: json!("7-abc"), documents: 2 });
    }

    #[test]
    fn a_part_that_was_cut_anywhere_is_damaged() {
        let whole = written();
        for length in 0..whole.len() {
            let error = read(&whole[..length]).expect_err("damaged").to_string();
            assert!(error.starts_with("f is damaged: "), "{length}: {error}");
        }
    }

    #[test]
    fn a_part_that_lost_a_document_is_damaged() {
        let mut part = PartWriter::new(&head());
        part.add(&document("a"));
        part.documents += 1;
        let error = read(&part.finish(&json!(3))).expect_err("damaged").to_string();
        assert!(error.contains("as many documents"), "{error}");
    }
}
