//! Versions at an address: the listing of its folder, or the page of releases of a forge (GitHub, and those that are like it).

use medic_model::Version;
use medic_model::recipe::Location;

use super::super::carry::{Pattern, series, substitute};
use super::{Offer, Survey, links};
use crate::fetch::Reason;
use crate::fetch::ask::Asker;

const MAX_PAGE: usize = 16 << 20;
/// How many series at most are looked into, the newest first.
const MAX_SERIES: usize = 3;

pub(super) fn survey(asker: &Asker<'_>, url: &str, version: &Version) -> Result<Survey, Reason> {
    let mut survey = match forge(url) {
        Some((page, tag)) => releases(asker, url, &page, &tag, version)?,
        None => listed(asker, url, version)?,
    };
    // Only a clear answer says that a file is gone.
    survey.gone = asker.status(url).ok().and_then(|status| match status {
        200..=299 => Some(false),
        404 | 410 => Some(true),
        _ => None,
    });
    Ok(survey)
}

/// Of `…/<owner>/<repository>/releases/download/<tag>/<file>` or `…/archive/…`: the page that lists releases, and the tag.
fn forge(url: &str) -> Option<(String, String)> {
    if let Some((repository, rest)) = url.split_once("/releases/download/") {
        return Some((format!("{repository}/releases"), rest.split('/').next()?.to_owned()));
    }
    let (repository, rest) = url.split_once("/archive/")?;
    let tag = rest.strip_prefix("refs/tags/").unwrap_or(rest);
    let tag = tag.strip_suffix(".tar.gz").or_else(|| tag.strip_suffix(".zip"))?;
    // Scheme, host, owner, repository: another folder may be called `archive` too.
    (!tag.contains('/') && repository.matches('/').count() >= 4)
        .then(|| (format!("{repository}/tags"), tag.to_owned()))
}

fn releases(
    asker: &Asker<'_>,
    url: &str,
    page: &str,
    tag: &str,
    version: &Version,
) -> Result<Survey, Reason> {
    let pattern = Pattern::of(tag, version.as_str()).ok_or(Reason::Absent)?;
    let found = links(&asker.page(page, "text/html", MAX_PAGE)?.body);
    let tags = found.iter().filter_map(|link| link.split_once("/releases/tag/").map(|(_, tag)| tag));
    let versions = tags.filter_map(|tag| pattern.version_in(tag.split(['?', '#']).next()?));
    Ok(Survey { offers: moved(url, version, versions), gone: None, place: page.to_owned() })
}

fn moved(url: &str, from: &Version, versions: impl Iterator<Item = Version>) -> Vec<Offer> {
    let offer = |version: Version| {
        let url = substitute(url, from.as_str(), version.as_str())?;
        Some(Offer {
            pre_release: version.is_pre_release(),
            version,
            location: Location::Url(url),
            released: None,
        })
    };
    let mut versions: Vec<Version> = versions.collect();
    versions.sort();
    versions.dedup();
    versions.into_iter().filter_map(offer).collect()
}

/// The last part of a link, without the slash that a folder has behind it.
fn last(link: &str) -> &str {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

fn listed(asker: &Asker<'_>, url: &str, version: &Version) -> Result<Survey, Reason> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| Reason::Address(url.to_owned()))?;
    let parts: Vec<&str> = rest.split(['?', '#']).next().unwrap_or_default().split('/').collect();
    let folder = |count: usize| format!("{scheme}://{}/", parts[..count].join("/"));
    let carries = |part: &&str| Pattern::of(part, version.as_str()).is_some();
    let whole =
        parts.iter().skip(1).position(|part| carries(&part)).map(|at| at + 1).ok_or(Reason::Absent)?;
    let pattern = Pattern::of(parts[whole], version.as_str()).ok_or(Reason::Absent)?;
    let in_series = series(version.as_str())
        .and_then(|series| {
            parts[..whole].iter().skip(1).position(|part| part.trim_start_matches('v') == series)
        })
        .map(|at| at + 1);
    let names = |place: &str| -> Result<Vec<String>, Reason> {
        let page = asker.page(place, "text/html", MAX_PAGE)?;
        Ok(links(&page.body).iter().map(|link| last(link).to_owned()).collect())
    };
    let Some(at) = in_series else {
        let place = folder(whole);
        let found = names(&place)?;
        let versions = found.iter().filter_map(|name| pattern.version_in(name));
        return Ok(Survey { offers: moved(url, version, versions), gone: None, place });
    };
    // One folder for each series: the newest of them.
    let place = folder(at);
    let prefix = if parts[at].starts_with('v') { "v" } else { "" };
    let own: Version = parts[at][prefix.len()..].parse().map_err(|_| Reason::Absent)?;
    let mut all: Vec<Version> =
        names(&place)?.iter().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect();
    all.retain(|series| *series >= own && !series.is_pre_release());
    all.sort();
    all.dedup();
    let mut versions = Vec::new();
    for series in all.iter().rev().take(MAX_SERIES).chain(all.contains(&own).then_some(&own)) {
        let inner = [parts[..at].join("/"), format!("{prefix}{series}"), parts[at + 1..whole].join("/")];
        let inner: Vec<&str> = inner.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let found = names(&format!("{scheme}://{}/", inner.join("/")))?;
        versions.extend(found.iter().filter_map(|name| pattern.version_in(name)));
    }
    Ok(Survey { offers: moved(url, version, versions.into_iter()), gone: None, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forge_is_known_by_its_addresses() {
        let page = |url: &str| forge(url).map(|(page, tag)| format!("{page} {tag}"));
        assert_eq!(
            page("https://g.example/o/r/releases/download/v1.0/r-1.0.tar.gz").as_deref(),
            Some("https://g.example/o/r/releases v1.0")
        );
        assert_eq!(
            page("https://g.example/o/r/archive/refs/tags/v1.0.tar.gz").as_deref(),
            Some("https://g.example/o/r/tags v1.0")
        );
        assert_eq!(page("https://x.example/archive/r-1.0.tar.gz"), None);
        assert_eq!(page("https://x.example/r-1.0.tar.gz"), None);
    }

    #[test]
    fn each_version_gets_its_own_address() {
        let from: Version = "1.0".parse().expect("a version");
        let versions = ["1.1", "1.1", "1.2-rc1"].map(|v| v.parse().expect("a version"));
        let offers = moved("https://x.example/1.0/x-1.0.tar.gz", &from, versions.into_iter());
        assert_eq!(offers.len(), 2);
        assert_eq!(offers[0].location, Location::Url("https://x.example/1.1/x-1.1.tar.gz".to_owned()));
        assert!(offers[1].pre_release);
        assert_eq!(last("/a/b-1.0/?x"), "b-1.0");
    }
}
