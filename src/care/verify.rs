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
        let (name, of) = (&database.name, database.documents());
        let (mut at, mut before) = (Value::from(0), 0);
        for entry in &database.parts {
            folder.check(entry)?;
            let part = folder.part(&entry.file)?;
            let file = folder.path_of(&entry.file);
            if part.head.server != index.server {
                return Err(damaged(&file, "it belongs to another backup"));
            }
            let tail = part.into_tail(name, &at, &mut |count| {
                reporter.event(&Event::Checked { database: name, done: before + count, of });
            })?;
            if tail.documents != entry.documents {
                return Err(damaged(&file, "it does not have as many documents as backup.json says"));
            }
            before += tail.documents;
            at = tail.to;
        }
    }
    Ok(index)
}
