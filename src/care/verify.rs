//! Whether a backup is whole: every file's digest, every line, and that each part begins where the one before ends.

use serde_json::Value;

use crate::error::Error;
use crate::folder::Folder;
use crate::index::Index;
use crate::part::damaged;
use crate::reporter::{Event, Reporter};

/// Reads all of a backup, and gives what it holds.
///
/// # Errors
/// [`Error::Unfinished`], or the first file that is missing or damaged.
pub fn verify(folder: &Folder, reporter: &dyn Reporter) -> Result<Index, Error> {
    let index = folder.index()?;
    for database in &index.databases {
        let (mut at, mut documents) = (Value::from(0), 0);
        for entry in &database.parts {
            folder.check(entry)?;
            let mut part = folder.part(&entry.file)?;
            let file = format!("{}/{}", folder.shown(), entry.file);
            if part.head.database != database.name || part.head.server != index.server {
                return Err(damaged(&file, "it belongs to another backup"));
            }
            if part.head.from != at {
                return Err(damaged(&file, "it does not begin where the one before ends"));
            }
            while part.next()?.is_some() {
                documents += 1;
            }
            at = part.tail.map(|tail| tail.to).unwrap_or_default();
            reporter.event(&Event::Documents { database: &database.name, documents });
        }
        reporter.event(&Event::Database { database: &database.name, documents });
    }
    Ok(index)
}
