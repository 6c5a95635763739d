//! What is to be done, as a value. Pure.

use medic_model::Sha256;
use medic_repository::registry::Tag;

use super::carry_out::Pushed;
use super::error::PushError;
use super::look::Found;
use super::release::{Blob, Document, Release};

/// A tag that shall lead to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTag {
    /// The tag.
    pub tag: Tag,
    /// Whether it may be taken away from something else.
    pub may_move: bool,
}

/// What is to be done with a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTag {
    /// The tag.
    pub tag: Tag,
    /// Whether it may be taken away from something else.
    pub may_move: bool,
    /// What it leads to now.
    pub before: Option<Sha256>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The release.
    pub release: &'a Release,
    /// The blobs that are missing, the largest first: then all hands have something to do to the end.
    pub blobs: Vec<&'a Blob>,
    /// The blobs that are there.
    pub there: Vec<&'a Blob>,
    /// The documents that are missing, what leads to the others last.
    pub documents: Vec<&'a Document>,
    /// The tags that do not lead to the release yet.
    pub tags: Vec<PlannedTag>,
}

impl<'a> Plan<'a> {
    /// Works it out. `location` is registry and repository, for messages.
    ///
    /// # Errors
    /// [`PushError::TagTaken`].
    pub fn new(
        release: &'a Release,
        found: &Found,
        tags: &[WantedTag],
        location: &str,
    ) -> Result<Self, PushError> {
        let ours = release.top.digest;
        let mut planned = Vec::new();
        for WantedTag { tag, may_move } in tags {
            let before = found.tags.get(tag).copied();
            match before {
                Some(theirs) if theirs == ours => {}
                Some(theirs) if !may_move => {
                    return Err(PushError::TagTaken { reference: format!("{location}:{tag}"), theirs, ours });
                }
                _ => planned.push(PlannedTag { tag: tag.clone(), may_move: *may_move, before }),
            }
        }
        let (there, mut blobs): (Vec<&Blob>, Vec<&Blob>) =
            release.blobs.iter().partition(|blob| found.blobs.contains(&blob.digest));
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        let is_missing = |document: &&Document| !found.documents.contains(&document.digest);
        let documents = release.documents().filter(is_missing).collect();
        Ok(Self { release, blobs, there, documents, tags: planned })
    }

    /// Bytes that are missing, of blobs and documents.
    pub fn missing_bytes(&self) -> u64 {
        let blobs: u64 = self.blobs.iter().map(|blob| blob.size).sum();
        blobs + self.documents.iter().map(|document| document.json.len() as u64).sum::<u64>()
    }

    /// Bytes of blobs and documents that are there already.
    pub fn there_bytes(&self) -> u64 {
        let all: u64 = self.release.blobs.iter().map(|blob| blob.size).sum();
        let documents: u64 = self.release.documents().map(|document| document.json.len() as u64).sum();
        all + documents - self.missing_bytes()
    }

    /// What carrying it out comes to when nothing is to be had from another repository.
    pub fn expected(&self) -> Pushed {
        let tags = self.tags.len() as u64 * self.release.top.json.len() as u64;
        Pushed {
            digest: self.release.top.digest,
            sent: self.missing_bytes() + tags,
            there: self.there_bytes(),
            mounted: 0,
            tags: self.tags.iter().map(|tag| tag.tag.clone()).collect(),
        }
    }

    /// The same in two: everything but the tags, and the tags alone. Between the two comes what stands beside the image, so that
    /// whoever asks for a tag finds that too.
    pub fn in_two(self) -> (Self, Self) {
        let tags = Self { blobs: Vec::new(), there: Vec::new(), documents: Vec::new(), ..self.clone() };
        (Self { tags: Vec::new(), ..self }, tags)
    }

    /// Whether everything is there, and every tag leads to it.
    pub fn is_done(&self) -> bool {
        self.blobs.is_empty() && self.documents.is_empty() && self.tags.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::release::Source;
    use super::*;
    use crate::oci::documents::{INDEX, LAYER_GZIP, MANIFEST};

    fn blob(bytes: &[u8]) -> Blob {
        Blob {
            digest: medic_archive::digest::of_bytes(bytes).sha256,
            size: bytes.len() as u64,
            media_type: LAYER_GZIP,
            what: "a blob".to_owned(),
            source: Source::Bytes(bytes.to_vec()),
        }
    }

    fn release() -> Release {
        Release {
            blobs: vec![blob(b"small"), blob(b"the largest"), blob(b"middling")],
            children: vec![
                Document::new(MANIFEST, b"{1}".to_vec()),
                Document::new(MANIFEST, b"{2}".to_vec()),
            ],
            top: Document::new(INDEX, b"{index}".to_vec()),
        }
    }

    fn wanted(tag: &str, may_move: bool) -> WantedTag {
        WantedTag { tag: tag.parse().expect("a tag"), may_move }
    }

    const PLACE: &str = "registry.example/app";

    #[test]
    fn of_nothing_everything_is_missing_and_what_leads_to_all_comes_last() {
        let release = release();
        let plan = Plan::new(&release, &Found::default(), &[wanted("1", false)], PLACE).expect("planned");
        let sizes: Vec<u64> = plan.blobs.iter().map(|blob| blob.size).collect();
        assert_eq!(sizes, [11, 8, 5]);
        assert_eq!(plan.documents.last(), Some(&&release.top));
        assert_eq!((plan.missing_bytes(), plan.there_bytes(), plan.is_done()), (24 + 13, 0, false));
        assert_eq!((plan.tags.len(), plan.tags[0].before), (1, None));
    }

    #[test]
    fn what_is_there_is_not_sent_again() {
        let release = release();
        let all = Found {
            blobs: release.blobs.iter().map(|blob| blob.digest).collect(),
            documents: release.documents().map(|document| document.digest).collect(),
            tags: [("1".parse().expect("a tag"), release.top.digest)].into(),
        };
        let plan = Plan::new(&release, &all, &[wanted("1", false)], PLACE).expect("planned");
        assert_eq!((plan.missing_bytes(), plan.there_bytes(), plan.is_done()), (0, 37, true));
        let mut most = all.clone();
        most.blobs.remove(&release.blobs[1].digest);
        let plan = Plan::new(&release, &most, &[wanted("2", false)], PLACE).expect("planned");
        assert_eq!((plan.blobs, plan.documents.len(), plan.tags.len()), (vec![&release.blobs[1]], 0, 1));
    }

    #[test]
    fn a_tag_that_leads_elsewhere_is_refused_by_both_digests_unless_it_may_be_moved() {
        let release = release();
        let theirs = release.blobs[0].digest;
        let found = Found { tags: [("latest".parse().expect("a tag"), theirs)].into(), ..Found::default() };
        let error = Plan::new(&release, &found, &[wanted("latest", false)], PLACE).expect_err("refused");
        let said = error.to_string();
        assert!(said.contains("registry.example/app:latest"), "{said}");
        assert!(said.contains(&theirs.oci()) && said.contains(&release.top.digest.oci()), "{said}");
        let plan = Plan::new(&release, &found, &[wanted("latest", true)], PLACE).expect("planned");
        assert_eq!(plan.tags[0].before, Some(theirs));
    }

    #[test]
    fn a_plan_in_two_is_the_same_plan() {
        let release = release();
        let tag: Tag = "1.0".parse().expect("a tag");
        let wanted = [WantedTag { tag, may_move: false }];
        let plan = Plan::new(&release, &Found::default(), &wanted, "here").expect("planned");
        let (first, tags) = plan.clone().in_two();
        assert_eq!((&first.blobs, &first.documents, &tags.tags), (&plan.blobs, &plan.documents, &plan.tags));
        assert!(
            first.tags.is_empty()
                && tags.blobs.is_empty()
                && tags.documents.is_empty()
                && tags.there.is_empty()
        );
    }
}
