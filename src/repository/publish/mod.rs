//! Making a repository in a folder or a registry, and adding to it: for the builder.
//!
//! What is there is looked at ([`look`]), what will be there is a plan ([`plan`]), which is then carried out ([`carry_out`]): archives
//! first, then the index and its signatures, then the one thing that makes it the newest. Killed before that, nothing has
//! changed for readers; the next publisher begins anew. Two publishers: the second is refused.

mod folder;
mod key;
mod place;
mod registry;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use medic_archive::package::{Limits, PackageError};
use medic_archive::{PackageReader, json};
use medic_model::PackageName;

use crate::error::RepositoryError;
use crate::index::{FORMAT, Index, Listed};
use crate::key::TrustedKey;
use crate::open::{Repository, Trust};

pub use folder::Folder;
pub use key::SigningKey;
pub use place::{IndexFiles, Place};
pub use registry::Registry;

/// What is published.
pub struct Publication<'a> {
    /// The repository's name; it never changes.
    pub name: &'a PackageName,
    /// The keys that sign. More than one while a new key is brought in.
    pub keys: &'a [SigningKey],
    /// Seconds since 1970.
    pub now: u64,
    /// How many seconds the index is good for.
    pub lifetime: u64,
}

/// Why nothing was published. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The repository that is there is not ours, or is damaged.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// An archive is refused.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// The same package in other bytes.
    #[error(
        "'{}' has other bytes than the archive of that name in the repository: a version that was published never changes; give the package a new revision", path.display()
    )]
    Changed {
        /// The archive.
        path: PathBuf,
    },
    /// No key was given.
    #[error("no key was given to sign with")]
    NoKeys,
    /// Another publisher is at work.
    #[error("another publisher is at work in '{location}': nothing was published; try again when it is done")]
    Busy {
        /// The folder.
        location: String,
    },
    /// Another publisher was quicker.
    #[error(
        "another index was published in '{location}' in the meantime: nothing of ours is listed there; publish again, on top of it"
    )]
    MovedOn {
        /// The folder or address.
        location: String,
    },
    /// A registry does not answer, or refuses.
    #[error("'{location}' could not be published to: {source}")]
    Registry {
        /// The address.
        location: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read or written; the error names it.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// What a place holds.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// The newest index; none where nothing was published yet.
    pub index: Option<Index>,
    mark: Option<Vec<u8>>,
}

/// What will be published.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The index.
    pub index: Index,
    /// The archives that were given, with what the index says of each, in the order given.
    pub archives: Vec<Planned>,
    mark: Option<Vec<u8>>,
}

/// An archive that will be published.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The file.
    pub path: PathBuf,
    /// What the index says of it.
    pub listed: Listed,
    /// Whether no earlier index lists it.
    pub is_new: bool,
}

/// What happens while something is published.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An archive is being put there.
    Putting(&'a Listed),
    /// It is there now.
    Put(&'a Listed),
    /// It was there already.
    There(&'a Listed),
}

/// Hears what happens.
pub trait Reporter {
    /// Something happens.
    fn event(&self, event: Event<'_>);
}

/// Nobody listens.
impl Reporter for () {
    fn event(&self, _: Event<'_>) {}
}

/// Looks at what was published: one of these keys must have signed it, but it may have expired.
///
/// # Errors
/// It cannot be read, or is not to be trusted.
pub fn look(place: &dyn Place, keys: &[TrustedKey]) -> Result<Before, PublishError> {
    // Before the index: what is published in between is then noticed when ours is put there.
    let mark = place.mark()?;
    let trust = Trust { keys, now: 0, seen: None };
    match Repository::open(place.transport()?, trust) {
        Err(RepositoryError::NotThere { .. }) => Ok(Before { index: None, mark }),
        Ok(repository) => Ok(Before { index: Some(repository.index().clone()), mark }),
        Err(error) => Err(error.into()),
    }
}

/// Works out the next index: it lists all that was there, and these archives. Every archive is read to its end and verified.
///
/// # Errors
/// An archive is refused; it is another repository, or a published version in other bytes.
pub fn plan(
    location: &str,
    before: Before,
    archives: &[PathBuf],
    publication: &Publication<'_>,
) -> Result<Plan, PublishError> {
    if publication.keys.is_empty() {
        return Err(PublishError::NoKeys);
    }
    if let Some(index) = before.index.as_ref().filter(|index| index.name != *publication.name) {
        let (expected, found) = (index.name.clone(), publication.name.clone());
        return Err(
            RepositoryError::OtherRepository { location: location.to_owned(), expected, found }.into()
        );
    }
    let version = before.index.as_ref().map_or(1, |index| index.version + 1);
    let mut packages: BTreeMap<String, Listed> = BTreeMap::new();
    for listed in before.index.into_iter().flat_map(|index| index.packages) {
        packages.insert(listed.file_name(), listed);
    }
    let mut planned = Vec::new();
    for path in archives {
        let (manifest, digested) = PackageReader::open(path, Limits::default())?.verify()?;
        let listed = Listed::of(&manifest, digested.size, digested.sha256);
        let known = packages.insert(listed.file_name(), listed.clone());
        if known.as_ref().is_some_and(|known| known.sha256 != listed.sha256) {
            return Err(PublishError::Changed { path: path.clone() });
        }
        planned.push(Planned { path: path.clone(), listed, is_new: known.is_none() });
    }
    let mut packages: Vec<Listed> = packages.into_values().collect();
    packages.sort_by(|a, b| a.key().cmp(&b.key()));
    let index = Index {
        format: FORMAT,
        name: publication.name.clone(),
        version,
        created_at: publication.now,
        expires_at: publication.now.saturating_add(publication.lifetime),
        packages,
    };
    Ok(Plan { index, archives: planned, mark: before.mark })
}

/// Puts the archives there, then the index, signed by each of the keys.
///
/// # Errors
/// [`PublishError`]; readers see the new index or the old one, never a part.
pub fn carry_out(
    plan: &Plan,
    place: &dyn Place,
    keys: &[SigningKey],
    reporter: &dyn Reporter,
) -> Result<(), PublishError> {
    let files = sign(&plan.index, keys)?;
    let moved_on = || PublishError::MovedOn { location: place.location() };
    // Held to the end.
    let _lock = place.begin()?;
    if place.mark()? != plan.mark {
        return Err(moved_on());
    }
    for Planned { path, listed, .. } in &plan.archives {
        if place.has(listed)? {
            reporter.event(Event::There(listed));
            continue;
        }
        reporter.event(Event::Putting(listed));
        place.put_archive(listed, path)?;
        reporter.event(Event::Put(listed));
    }
    if place.put_index(&files, plan.mark.as_deref())? { Ok(()) } else { Err(moved_on()) }
}

/// Adds archives to the repository in the folder `to`, which is made if need be, and signs a new index that lists them and all that
/// was there.
///
/// # Errors
/// As [`look`], [`plan`] and [`carry_out`].
pub fn publish(
    to: &Path,
    archives: &[PathBuf],
    publication: &Publication<'_>,
) -> Result<Index, PublishError> {
    let keys: Vec<TrustedKey> = publication.keys.iter().map(|key| key.public().clone()).collect();
    let place = Folder::new(to);
    if keys.is_empty() {
        return Err(PublishError::NoKeys);
    }
    let plan = plan(&place.location(), look(&place, &keys)?, archives, publication)?;
    carry_out(&plan, &place, publication.keys, &())?;
    Ok(plan.index)
}

/// The index's files, and the index itself last.
fn sign(index: &Index, keys: &[SigningKey]) -> Result<IndexFiles, PublishError> {
    let text = json::canonical(index)?;
    let name = format!("index-{}.json", index.version);
    let mut files = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let comment = format!("timestamp:{}\tfile:{name}\thashed", index.created_at);
        let signature = key.sign(&text, &comment)?.into_bytes();
        if number == 0 {
            files.push((format!("{name}.minisig"), signature.clone()));
        }
        files.push((format!("{name}.{}.minisig", key.public().id()), signature));
    }
    files.push((name, text));
    Ok(IndexFiles { version: index.version, files })
}
