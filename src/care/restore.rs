//! Putting a backup back: revisions with their histories, so that whoever replicates with the database goes on.

use std::collections::BTreeMap;

use crate::couch::Couch;
use crate::document::Document;
use crate::error::Error;
use crate::folder::Folder;
use crate::index::{DatabaseIndex, DatabaseName, Index};
use crate::reporter::{Event, Reporter};
use crate::verify::verify;

/// Documents that are written at once, and bytes of their JSON.
const BATCH: usize = 100;
const BYTES: usize = 4 << 20;

/// What may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// No document but those about a database's design.
    Empty,
    /// Anything: what is there stays, and histories are joined.
    Anything,
}

/// Writes the databases of a backup (all, if none is named) that has been verified first. One that was cut off is done again with
/// [`Into::Anything`]: what is there is not written twice.
///
/// # Errors
/// [`Error`]. Up to [`Error::NotEmpty`] nothing has been changed.
pub fn restore(
    couch: &Couch,
    only: &[DatabaseName],
    folder: &Folder,
    into: Into,
    reporter: &dyn Reporter,
) -> Result<Index, Error> {
    let mut index = verify(folder, reporter)?;
    if let Some(name) =
        only.iter().find(|name| !index.databases.iter().any(|database| database.name == **name))
    {
        return Err(Error::NoDatabase { name: name.clone() });
    }
    index.databases.retain(|database| only.is_empty() || only.contains(&database.name));
    let mut absent = Vec::new();
    for database in &index.databases {
        match couch.database(&database.name)? {
            None => absent.push(database),
            Some(_) if into == Into::Empty && couch.has_documents(&database.name)? => {
                return Err(Error::NotEmpty { name: database.name.clone() });
            }
            Some(_) => {}
        }
    }
    for database in absent {
        couch.make_database(&database.name, database.partitioned)?;
    }
    for database in &index.databases {
        // Who may read comes before what can be read.
        if couch.security(&database.name)? != database.security {
            couch.set_security(&database.name, &database.security)?;
        }
        write(couch, database, folder, reporter)?;
    }
    Ok(index)
}

fn write(
    couch: &Couch,
    database: &DatabaseIndex,
    folder: &Folder,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let (mut done, of) = (0, Some(database.documents()));
    for entry in &database.parts {
        let mut part = folder.part(&entry.file)?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        loop {
            let document = part.next()?;
            let is_last = document.is_none();
            if let Some(document) = document {
                bytes += document.size();
                batch.push(document);
            }
            if is_last || batch.len() >= BATCH || bytes >= BYTES {
                done += batch.len() as u64;
                put(couch, &database.name, &std::mem::take(&mut batch))?;
                bytes = 0;
                reporter.event(&Event::Written { database: &database.name, done, of });
            }
            if is_last {
                break;
            }
        }
    }
    reporter.event(&Event::Database { database: &database.name, documents: done });
    Ok(())
}

/// Writes documents, and asks whether they are there: a server's validation may refuse one without an error.
fn put(couch: &Couch, database: &DatabaseName, documents: &[Document]) -> Result<(), Error> {
    if documents.is_empty() {
        return Ok(());
    }
    couch.write(database, documents)?;
    let mut revisions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in documents {
        revisions.entry(document.id.clone()).or_default().push(document.rev.clone());
    }
    let missing = couch.missing(database, &revisions)?;
    match missing.keys().next() {
        Some(first) => {
            let (name, count) = (database.clone(), missing.values().map(Vec::len).sum());
            Err(Error::Missing { name, missing: count, first: first.clone() })
        }
        None => Ok(()),
    }
}
