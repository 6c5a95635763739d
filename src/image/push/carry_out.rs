//! A plan carried out: blobs, documents, tags.

use std::sync::atomic::{AtomicU64, Ordering};

use medic_model::Sha256;
use medic_repository::registry::{Client, Content, Name, Placed, RegistryError, Tag};

use super::error::PushError;
use super::plan::{Plan, PlannedTag};
use super::release::{Blob, Document, Source};
use super::workers::each;
use super::{Event, Reporter};
use crate::error::ImageError;

/// What was pushed. Bytes are those of blobs and documents, without what had to be sent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What a tag leads to now.
    pub digest: Sha256,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that were there already.
    pub there: u64,
    /// Bytes that another repository of the registry had.
    pub mounted: u64,
    /// The tags that were set.
    pub tags: Vec<Tag>,
}

/// Carries a plan out. `others` are repositories of the same registry that may have some of the blobs.
///
/// # Errors
/// [`PushError`]: tags are then what they were, but for those that come before the one that is named.
pub fn carry_out(
    plan: &Plan<'_>,
    client: &Client,
    others: &[String],
    reporter: &dyn Reporter,
) -> Result<Pushed, PushError> {
    let (sent, mounted) = (AtomicU64::new(0), AtomicU64::new(0));
    plan.there.iter().for_each(|blob| reporter.event(Event::There(blob)));
    let place = |blob: &&Blob| -> Result<(), PushError> {
        if put_blob(client, blob, others, reporter)? == Placed::Sent {
            sent.fetch_add(blob.size, Ordering::Relaxed);
            reporter.event(Event::Sent(blob));
        } else {
            mounted.fetch_add(blob.size, Ordering::Relaxed);
            reporter.event(Event::Mounted(blob));
        }
        Ok(())
    };
    each(&plan.blobs, place)?;
    let mut sent = sent.into_inner();
    for document in &plan.documents {
        let name = Name::Digest(document.digest);
        client
            .put_manifest(name, document.media_type, &document.json)
            .map_err(|error| failed(client, error))?;
        sent += document.json.len() as u64;
    }
    for tag in &plan.tags {
        if set_tag(client, tag, &plan.release.top)? {
            sent += plan.release.top.json.len() as u64;
        }
        reporter.event(Event::Tagged(&tag.tag));
    }
    Ok(Pushed {
        digest: plan.release.top.digest,
        sent,
        there: plan.there_bytes(),
        mounted: mounted.into_inner(),
        tags: plan.tags.iter().map(|tag| tag.tag.clone()).collect(),
    })
}

pub(super) fn failed(client: &Client, source: RegistryError) -> PushError {
    if let RegistryError::Damaged { path, .. } = &source {
        // As everywhere in this crate: what is damaged goes, and is made anew.
        drop(std::fs::remove_file(path));
        return ImageError::DamagedLayer { path: path.clone() }.into();
    }
    PushError::Registry { location: location(client).into(), source }
}

fn location(client: &Client) -> String {
    format!("{}/{}", client.host(), client.name())
}

/// A blob may be in any of the other repositories: the first that has it, or else its bytes are sent.
fn put_blob(
    client: &Client,
    blob: &Blob,
    others: &[String],
    reporter: &dyn Reporter,
) -> Result<Placed, PushError> {
    let content = match &blob.source {
        Source::Bytes(bytes) => Content::Bytes(bytes),
        Source::File(path) => Content::File { path, size: blob.size },
    };
    let told = |done| reporter.event(Event::Sending { blob, done });
    let placed = client.put_blob(blob.digest, content, others, &told);
    placed.map_err(|error| failed(client, error))
}

/// Sets a tag; says whether anything was sent for that. It is looked at right before, since somebody else may have been quicker, and after.
fn set_tag(client: &Client, planned: &PlannedTag, top: &Document) -> Result<bool, PushError> {
    let (name, ours) = (Name::Tag(&planned.tag), top.digest);
    let reference = || format!("{}:{}", location(client), planned.tag);
    match client.resolve(name).map_err(|error| failed(client, error))? {
        Some(theirs) if theirs == ours => return Ok(false),
        Some(theirs) if !planned.may_move => {
            return Err(PushError::TagTaken { reference: reference(), theirs, ours });
        }
        _ => {}
    }
    let put = client.put_manifest(name, top.media_type, &top.json);
    match (client.resolve(name), put) {
        (Ok(Some(found)), _) if found == ours => Ok(true),
        // A registry that lets no tag be moved says so in many ways.
        (Ok(Some(theirs)), Err(source @ RegistryError::Refused { status: 400..500, .. })) => {
            Err(PushError::TagImmutable { reference: reference(), theirs, ours, source: Box::new(source) })
        }
        (_, Err(error)) | (Err(error), Ok(())) => Err(failed(client, error)),
        (Ok(theirs), Ok(())) => Err(PushError::TagLost { reference: reference(), ours, theirs }),
    }
}
