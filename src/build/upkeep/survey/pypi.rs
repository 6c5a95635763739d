//! Versions on the Python package index: the project's page on each index that pip is configured for.

use std::path::Path;

use medic_model::recipe::{Location, PypiFile};
use serde::Deserialize;

use super::{Offer, Survey, day, links};
use crate::fetch::Reason;
use crate::fetch::ask::Asker;

/// PEP 691's form, else PEP 503's.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
/// Projects with thousands of files have some MiB.
const MAX_PAGE: usize = 64 << 20;

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    #[serde(default)]
    yanked: Yanked,
    #[serde(default, rename = "upload-time")]
    upload_time: Option<String>,
}

/// `false`, or `true`, or why.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Yanked {
    Said(bool),
    #[expect(dead_code, reason = "that there is a reason is enough")]
    Why(String),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Said(false)
    }
}

pub(super) fn survey(asker: &Asker<'_>, file: &PypiFile) -> Result<Survey, Reason> {
    let mut fault = Reason::NotConfigured("pip is configured for no index");
    let mut found: Vec<File> = Vec::new();
    let mut asked = false;
    for index in asker.pypi_indexes()? {
        match files(asker, &index, &file.name) {
            Ok(files) => {
                asked = true;
                found.extend(files);
            }
            Err(Reason::File(_)) => {}
            Err(reason) => fault = reason,
        }
    }
    if !asked {
        return Err(fault);
    }
    Ok(read(&found, file))
}

fn files(asker: &Asker<'_>, index: &str, project: &str) -> Result<Vec<File>, Reason> {
    let named = |filename: String| File { filename, yanked: Yanked::default(), upload_time: None };
    if !index.starts_with("http://") && !index.starts_with("https://") {
        let folder = index.strip_prefix("file://").unwrap_or(index);
        return Ok(asker.names(Path::new(folder))?.into_iter().map(named).collect());
    }
    let url = format!("{}/{}/", index.trim_end_matches('/'), normalised(project));
    let page = asker.page(&url, ACCEPT, MAX_PAGE)?;
    if let Ok(page) = serde_json::from_slice::<Page>(&page.body) {
        return Ok(page.files);
    }
    let name = |link: String| link.split(['#', '?']).next()?.rsplit('/').next().map(str::to_owned);
    Ok(links(&page.body).into_iter().filter_map(name).map(named).collect())
}

/// A name as comparisons take it (PEP 503, "Normalized Names").
fn normalised(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

/// A file's version, and what else of its name must be the same for it to be of use in another's place.
fn version_and_kind(file: &str, project: &str) -> Option<(String, String)> {
    if let Some(stem) = file.strip_suffix(".whl") {
        let mut parts = stem.split('-');
        let (name, version) = (parts.next()?, parts.next()?);
        let platform = stem.rsplit('-').next()?;
        return (normalised(name) == normalised(project)).then(|| (version.to_owned(), system(platform)));
    }
    let ending =
        [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"].into_iter().find(|ending| file.ends_with(ending))?;
    let stem = file.strip_suffix(ending)?;
    let (name, version) = stem.rsplit_once('-')?;
    (normalised(name) == normalised(project)).then(|| (version.to_owned(), "source".to_owned()))
}

/// The operating system and processor of a wheel's platform tags: which C library of which age differs between releases.
fn system(platform: &str) -> String {
    let first = platform.split('.').next().unwrap_or(platform);
    let processor = ["x86_64", "aarch64", "i686", "armv7l", "arm64", "amd64", "universal2", "win32"]
        .into_iter()
        .find(|processor| first.ends_with(processor));
    let linux = ["manylinux", "musllinux", "linux"].iter().any(|name| first.starts_with(name));
    match (linux, processor) {
        (true, Some(processor)) => format!("linux {processor}"),
        _ => first.to_owned(),
    }
}

fn read(found: &[File], file: &PypiFile) -> Survey {
    let kind = version_and_kind(&file.file, &file.name).map(|(_, kind)| kind);
    let offer = |other: &File| {
        let (version, other_kind) = version_and_kind(&other.filename, &file.name)?;
        if Some(other_kind) != kind || !matches!(other.yanked, Yanked::Said(false)) {
            return None;
        }
        let moved =
            PypiFile { name: file.name.clone(), version: version.clone(), file: other.filename.clone() };
        Some(Offer {
            pre_release: is_pre_release(&version),
            version: version.parse().ok()?,
            location: Location::Pypi(moved),
            released: other.upload_time.as_deref().and_then(day),
        })
    };
    Survey {
        offers: found.iter().filter_map(offer).collect(),
        gone: Some(!found.iter().any(|other| other.filename == file.file)),
        place: format!("Python package index: {}", file.name),
    }
}

/// PEP 440: letters other than those of `post`, and of a local version behind `+`, are of a pre-release.
fn is_pre_release(version: &str) -> bool {
    let public = version.split('+').next().unwrap_or_default().to_ascii_lowercase();
    public.replace("post", "").bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(version: &str, file: &str) -> PypiFile {
        let name = file.split('-').next().expect("a name").to_owned();
        PypiFile { name, version: version.to_owned(), file: file.to_owned() }
    }

    #[test]
    fn only_files_of_the_same_kind_count() {
        let page = br#"{"files":[
            {"filename":"ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.whl","upload-time":"2026-07-01T00:00:00Z"},
            {"filename":"ziglang-0.18.0-py3-none-manylinux_2_17_x86_64.whl","yanked":false,"upload-time":"2026-09-01T00:00:00Z"},
            {"filename":"ziglang-0.18.1-py3-none-manylinux_2_17_aarch64.whl"},
            {"filename":"ziglang-0.18.2-py3-none-musllinux_1_1_x86_64.whl","yanked":"broken"},
            {"filename":"ziglang-0.19.0rc1-py3-none-musllinux_1_1_x86_64.whl"},
            {"filename":"ziglang-0.20.0.tar.gz"}]}"#;
        let page: Page = serde_json::from_slice(page).expect("a page");
        let old = pinned("0.17.1", "ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.whl");
        let survey = read(&page.files, &old);
        let told: Vec<_> = survey.offers.iter().map(|o| (o.version.to_string(), o.pre_release)).collect();
        let expected = [("0.17.1", false), ("0.18.0", false), ("0.19.0rc1", true)];
        assert_eq!(told, expected.map(|(version, pre)| (version.to_owned(), pre)));
        assert_eq!(survey.gone, Some(false));
        assert_eq!(survey.offers[1].released.map(|day| day.to_string()).as_deref(), Some("2026-09-01"));
        let source = pinned("1", "ziglang-1.tar.gz");
        assert_eq!(read(&page.files, &source).offers[0].version.to_string(), "0.20.0");
        assert_eq!(read(&page.files, &source).gone, Some(true));
    }

    #[test]
    fn names_and_versions_are_read_as_python_does() {
        assert_eq!(
            version_and_kind("Foo_Bar-1.0.zip", "foo.bar"),
            Some(("1.0".to_owned(), "source".to_owned()))
        );
        assert_eq!(version_and_kind("other-1.0.zip", "foo"), None);
        assert!(is_pre_release("1.0b2") && is_pre_release("1.0.dev3"));
        assert!(!is_pre_release("2026.10.19.post1") && !is_pre_release("1.0+local"));
    }
}
