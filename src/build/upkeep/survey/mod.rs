//! What a location has to offer besides what a recipe names: other versions, each with its own location.

mod debian;
mod git;
mod krate;
mod npm;
mod pypi;
mod web;

use medic_model::recipe::Location;
use medic_model::{Date, Version};

use crate::fetch::Reason;
use crate::fetch::ask::Asker;

pub use debian::Indexes;

/// A version that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// As the recipe would call it.
    pub version: Version,
    /// Where it may be had.
    pub location: Location,
    /// The day it was put there, where that is told.
    pub released: Option<Date>,
    /// Whether it comes before a release.
    pub pre_release: bool,
}

/// What was found at a location.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The versions, in no order.
    pub offers: Vec<Offer>,
    /// Whether what the recipe names is gone from there; none when that is not known.
    pub gone: Option<bool>,
    /// Where it was looked, for people.
    pub place: String,
}

/// Asks what a location that is of `version` has to offer.
///
/// # Errors
/// Why nobody could be asked.
pub fn survey(
    asker: &Asker<'_>,
    indexes: &Indexes,
    location: &Location,
    version: &Version,
) -> Result<Survey, Reason> {
    match location {
        Location::Pypi(file) => pypi::survey(asker, file),
        Location::Npm(package) => npm::survey(asker, package),
        Location::Crate(package) => krate::survey(asker, package, version),
        Location::Debian(path) => debian::survey(asker, indexes, path),
        Location::Url(url) => web::survey(asker, url, version),
        Location::Git(tree) => git::survey(asker, tree),
        Location::Path(_) => Err(Reason::NotConfigured("a file of this workspace has no other versions")),
    }
}

/// The day of a time as registries write it: `2026-10-18T01:02:03Z`.
fn day(time: &str) -> Option<Date> {
    time.get(..10)?.parse().ok()
}

/// The addresses that the links of an HTML page lead to, as they stand there but for `&amp;` and percent signs.
fn links(page: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(page);
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    // Lower case has the same bytes at the same places: only ASCII letters differ.
    for (at, _) in lower.match_indices("href=") {
        let rest = &text[at + 5..];
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        if let Some(link) = rest[1..].split(quote).next() {
            found.push(unescape(&link.replace("&amp;", "&")));
        }
    }
    found
}

/// `%2B` and the like, decoded.
fn unescape(link: &str) -> String {
    let mut bytes = Vec::with_capacity(link.len());
    let mut rest = link.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a version of semantic versioning (semver.org, paragraph 9) comes before a release.
fn is_semver_pre_release(version: &str) -> bool {
    version.split('+').next().unwrap_or_default().contains('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_from_pages_of_any_kind() {
        let page =
            b"<A HREF='x-1.0%2B2.tar.gz'>x</a> <a href=\"/d/?a=1&amp;b=2\">d</a> <a href=plain>p</a> \xff";
        assert_eq!(links(page), ["x-1.0+2.tar.gz", "/d/?a=1&b=2"]);
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%41"), "%zzA");
    }

    #[test]
    fn days_and_pre_releases() {
        assert_eq!(day("2026-10-18T01:02:03.123Z").map(|d| d.to_string()).as_deref(), Some("2026-10-18"));
        assert_eq!(day("soon"), None);
        assert!(is_semver_pre_release("1.0.0-rc.1+x") && !is_semver_pre_release("1.0.0+x-y"));
    }
}
