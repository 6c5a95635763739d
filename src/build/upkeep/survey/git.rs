//! Versions of a git repository: its tags.

use medic_model::recipe::{GitTree, Location};

use super::super::carry::Pattern;
use super::{Offer, Survey};
use crate::fetch::Reason;
use crate::fetch::ask::Asker;

pub(super) fn survey(asker: &Asker<'_>, tree: &GitTree) -> Result<Survey, Reason> {
    if tree.url.starts_with('-') || tree.url.contains("::") {
        return Err(Reason::Address(tree.url.clone()));
    }
    let scratch = asker.scratch().map_err(|error| Reason::Broken(error.to_string()))?;
    let args = ["ls-remote", "--tags", "--", &tree.url].map(Into::into).to_vec();
    let env = vec![("GIT_TERMINAL_PROMPT", "0".into())];
    let said = asker.run(&asker.access().programs.git, args, env, scratch.path())?;
    Ok(read(&String::from_utf8_lossy(&said), tree))
}

/// `<commit> TAB refs/tags/<tag>`; a line with `^{}` behind it names the commit that a tag object stands for.
fn read(said: &str, tree: &GitTree) -> Survey {
    let mut tags: Vec<(String, String)> = Vec::new();
    for line in said.lines() {
        let Some((commit, tag)) = line.split_once("\trefs/tags/") else { continue };
        match tag.strip_suffix("^{}") {
            Some(tag) => {
                tags.retain(|(known, _)| known != tag);
                tags.push((tag.to_owned(), commit.to_owned()));
            }
            None => tags.push((tag.to_owned(), commit.to_owned())),
        }
    }
    // Tags are called as the one of the present commit is; where it has none, by anything before the first digit.
    let present = tags.iter().find(|(_, commit)| *commit == tree.commit);
    let pattern = present.and_then(|(tag, _)| Pattern::of(tag, bare(tag)));
    let offer = |(tag, commit): &(String, String)| {
        let version = match &pattern {
            Some(pattern) => pattern.version_in(tag)?,
            None => bare(tag).parse().ok()?,
        };
        let location = Location::Git(GitTree { url: tree.url.clone(), commit: commit.clone() });
        Some(Offer { pre_release: version.is_pre_release(), version, location, released: None })
    };
    Survey {
        offers: tags.iter().filter_map(offer).collect(),
        gone: None,
        place: format!("tags of {}", tree.url),
    }
}

/// A tag without what stands before its first digit.
fn bare(tag: &str) -> &str {
    let start = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len());
    &tag[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_versions() {
        let said = "aa\trefs/tags/v1.0\nbb\trefs/tags/v1.1\ncc\trefs/tags/v1.1^{}\ndd\trefs/tags/w9.9\nee\trefs/tags/v2.0-rc1\n";
        let tree =
            |commit: &str| GitTree { url: "https://g.example/x".to_owned(), commit: commit.to_owned() };
        let offers = read(said, &tree("cc")).offers;
        let told: Vec<_> = offers.iter().map(|offer| offer.version.to_string()).collect();
        assert_eq!(told, ["1.0", "1.1", "2.0-rc1"], "called as the present one is");
        assert_eq!(offers[1].location, Location::Git(tree("cc")), "the commit, not the tag object");
        assert!(offers[2].pre_release);
        assert_eq!(read(said, &tree("ff")).offers.len(), 4);
    }
}
