//! What of a release is in a repository already.

use std::collections::{BTreeMap, BTreeSet};

use medic_model::Sha256;
use medic_repository::registry::{Client, Name, Tag};

use super::error::PushError;
use super::plan::WantedTag;
use super::release::Release;
use super::workers::each;

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Blobs.
    pub blobs: BTreeSet<Sha256>,
    /// Manifests and indexes.
    pub documents: BTreeSet<Sha256>,
    /// What the tags lead to that do lead to something.
    pub tags: BTreeMap<Tag, Sha256>,
}

/// A thing that is asked for.
enum Question<'a> {
    Tag(&'a Tag),
    Document(Sha256),
    Blob(Sha256),
}

/// Asks a registry for everything of a release, several things at once. Nothing is changed.
///
/// # Errors
/// [`PushError::Registry`].
pub fn look(client: &Client, release: &Release, tags: &[WantedTag]) -> Result<Found, PushError> {
    // Tags first: whoever may not even ask is told so by one request, not by many.
    let mut found = Found::default();
    for tag in tags {
        answer(client, &Question::Tag(&tag.tag), &mut found)?;
    }
    let documents = release.documents().map(|document| Question::Document(document.digest));
    let blobs = release.blobs.iter().map(|blob| Question::Blob(blob.digest));
    let questions: Vec<Question<'_>> = documents.chain(blobs).collect();
    let answers = each(&questions, |question| {
        let mut found = Found::default();
        answer(client, question, &mut found).map(|()| found)
    })?;
    for one in answers {
        found.blobs.extend(one.blobs);
        found.documents.extend(one.documents);
    }
    Ok(found)
}

fn answer(client: &Client, question: &Question<'_>, found: &mut Found) -> Result<(), PushError> {
    let failed = |source| super::carry_out::failed(client, source);
    match question {
        Question::Tag(tag) => {
            if let Some(digest) = client.resolve(Name::Tag(tag)).map_err(failed)? {
                found.tags.insert((*tag).clone(), digest);
            }
        }
        Question::Document(digest) => {
            if client.resolve(Name::Digest(*digest)).map_err(failed)? == Some(*digest) {
                found.documents.insert(*digest);
            }
        }
        Question::Blob(digest) => {
            if client.has_blob(*digest).map_err(failed)? {
                found.blobs.insert(*digest);
            }
        }
    }
    Ok(())
}
