//! Taking a backup: every database's feed of changes is read to its end, and what it names is kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::couch::{Change, Couch};
use crate::document::Document;
use crate::error::Error;
use crate::folder::{Progress, Sink};
use crate::index::{self, DatabaseIndex, DatabaseName, Index, PartEntry};
use crate::part::{Head, PartWriter};
use crate::reporter::{Event, Reporter};

/// A database that CouchDB itself writes: which others changed lately. Of no use elsewhere, and never empty.
const CHANGED_LATELY: &str = "_global_changes";
/// Changes that are asked for at once.
const PAGE: usize = 200;
/// Bytes of documents after which a part is written; so much work is done again after an interruption.
const PART: u64 = 8 << 20;

/// Writes what these databases hold (all but `_global_changes`, if none is named) to `sink`; goes on where an earlier run has ended.
/// `finished` tells the time at the end, in seconds since 1970.
///
/// What is written while this runs is in it if it was written before its database's feed had been read to the end.
///
/// # Errors
/// [`Error`]; what was written by then is kept, and the next run goes on behind it.
pub fn backup(
    couch: &Couch,
    only: &[DatabaseName],
    sink: &mut dyn Sink,
    finished: impl FnOnce() -> u64,
    reporter: &dyn Reporter,
) -> Result<Index, Error> {
    let server = couch.uuid()?;
    let there = couch.databases()?;
    if let Some(name) = only.iter().find(|name| !there.contains(name)) {
        return Err(Error::NoDatabase { name: name.clone() });
    }
    let mut databases = Vec::new();
    let wanted = |name: &DatabaseName| match only {
        [] => name.as_str() != CHANGED_LATELY,
        only => only.contains(name),
    };
    for name in there.into_iter().filter(wanted) {
        // It may have been removed meanwhile, as databases of one user each are.
        let Some(partitioned) = couch.database(&name)? else { continue };
        let security = couch.security(&name)?;
        let mark = couch.mark(&name)?;
        let parts = Database { couch, server: &server, name: &name, mark: &mark, reporter, documents: 0 }
            .copy(sink)?;
        databases.push(DatabaseIndex { name, security, partitioned, parts });
    }
    let index = Index { format: index::FORMAT, server, finished: finished(), databases };
    let text = serde_json::to_vec_pretty(&index).unwrap_or_default();
    sink.put(index::FILE_NAME, &text)?;
    Ok(index)
}

struct Database<'a> {
    couch: &'a Couch,
    server: &'a str,
    name: &'a DatabaseName,
    mark: &'a str,
    reporter: &'a dyn Reporter,
    documents: u64,
}

impl Database<'_> {
    fn copy(mut self, sink: &mut dyn Sink) -> Result<Vec<PartEntry>, Error> {
        let Progress { mut parts, mut to } = sink.progress(self.name, self.server, self.mark)?;
        let mut part = self.begin(&to);
        let mut done = 0;
        loop {
            let page = self.couch.changes(self.name, &to, PAGE)?;
            let mut documents = by_name(self.couch.documents(self.name, &page.results)?);
            for change in &page.results {
                self.add(change, &mut documents, &mut part)?;
                to = change.seq.clone();
                if part.bytes >= PART {
                    let full = std::mem::replace(&mut part, self.begin(&to));
                    parts.push(self.put(sink, parts.len() + 1, full, &to)?);
                }
            }
            done += page.results.len() as u64;
            let of = page.pending.map(|pending| pending.saturating_add(done));
            self.reporter.event(&Event::Written { database: self.name, done, of });
            if page.results.len() < PAGE {
                break;
            }
        }
        if part.documents > 0 {
            parts.push(self.put(sink, parts.len() + 1, part, &to)?);
        }
        self.reporter.event(&Event::Database { database: self.name, documents: self.documents });
        Ok(parts)
    }

    fn begin(&self, from: &Value) -> PartWriter {
        PartWriter::new(&Head {
            format: index::FORMAT,
            server: self.server.to_owned(),
            database: self.name.clone(),
            mark: self.mark.to_owned(),
            from: from.clone(),
        })
    }

    /// Adds the revisions of a change. Attachments come with one document at a time, whatever their number: so one document's
    /// is what memory must hold.
    fn add(
        &mut self,
        change: &Change,
        documents: &mut BTreeMap<(String, String), Document>,
        part: &mut PartWriter,
    ) -> Result<(), Error> {
        for revision in &change.changes {
            let Some(document) = documents.remove(&(change.id.clone(), revision.rev.clone())) else {
                continue;
            };
            let document = match document.has_attachments {
                true => self.couch.whole(self.name, &change.id, &revision.rev)?,
                false => Some(document),
            };
            if let Some(document) = document {
                part.add(&document);
                self.documents += 1;
            }
        }
        Ok(())
    }

    fn put(
        &self,
        sink: &mut dyn Sink,
        number: usize,
        part: PartWriter,
        to: &Value,
    ) -> Result<PartEntry, Error> {
        let (file, documents) = (self.name.part(number), part.documents);
        let bytes = part.finish(to);
        sink.put(&file, &bytes)?;
        let digested = medic_archive::digest::of_bytes(&bytes);
        Ok(PartEntry { file, sha256: digested.sha256, size: digested.size, documents })
    }
}

/// Documents by identifier and revision.
fn by_name(documents: Vec<Document>) -> BTreeMap<(String, String), Document> {
    let named = |document: Document| ((document.id.clone(), document.rev.clone()), document);
    documents.into_iter().map(named).collect()
}
