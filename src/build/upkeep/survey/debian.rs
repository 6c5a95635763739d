//! Versions in a Debian mirror: the listing of the file's own folder, or the mirror's indexes of sources where it lists no folders.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use fs_err as fs;
use medic_archive::upstream::decompress;
use medic_model::RelPath;
use medic_model::recipe::Location;

use super::super::carry::of_debian;
use super::{Offer, Survey, links};
use crate::fetch::Reason;
use crate::fetch::ask::{Asker, Place};

/// The suites whose indexes are read, by what they are at any time.
const SUITES: [&str; 3] = ["stable", "testing", "unstable"];
/// The largest index as it is sent, and as it is.
const MAX_INDEX: usize = 64 << 20;
const MAX_TEXT: u64 = 512 << 20;
const MAX_LISTING: usize = 16 << 20;

/// By folder, the names of the source archives in it.
type Files = BTreeMap<String, BTreeSet<String>>;

/// The indexes that were read, each once.
#[derive(Debug, Default)]
pub struct Indexes(Mutex<BTreeMap<String, Result<Arc<Files>, String>>>);

pub(super) fn survey(asker: &Asker<'_>, indexes: &Indexes, path: &RelPath) -> Result<Survey, Reason> {
    let mut fault = Reason::NotConfigured(
        "this machine's apt has no Debian mirror; set MEDIC_OS_DEBIAN_MIRROR to the address of one",
    );
    for place in asker.places(&Location::Debian(path.clone())) {
        match at(asker, indexes, path, &place) {
            Ok(survey) if survey.offers.is_empty() => fault = Reason::Absent,
            Ok(survey) => return Ok(survey),
            Err(reason) => fault = reason,
        }
    }
    Err(fault)
}

fn at(asker: &Asker<'_>, indexes: &Indexes, path: &RelPath, place: &Place) -> Result<Survey, Reason> {
    let (folder, name) = split(path);
    let whole = |names: Vec<String>, place: String| Survey {
        gone: Some(!names.iter().any(|other| other == name)),
        ..from_names(names, path, place)
    };
    match place {
        Place::File(file) => {
            let folder = file.parent().unwrap_or(file);
            Ok(whole(asker.names(folder)?, format!("Debian mirror {}", folder.display())))
        }
        Place::Web(url) => {
            let base = url.strip_suffix(path.as_str()).unwrap_or(url).trim_end_matches('/').to_owned();
            match asker.page(&format!("{base}/{folder}/"), "text/html", MAX_LISTING) {
                Ok(page) => {
                    let names = links(&page.body).into_iter().filter(|link| !link.contains('/')).collect();
                    return Ok(whole(names, format!("{base}/{folder}/")));
                }
                Err(Reason::Status(_)) => {}
                Err(reason) => return Err(reason),
            }
            let names = from_indexes(asker, indexes, &base, folder)?;
            let mut survey = from_names(names, path, format!("indexes of sources of {base}"));
            // An index does not tell of what a mirror still has.
            survey.gone = asker.status(url).ok().map(|status| matches!(status, 404 | 410));
            Ok(survey)
        }
    }
}

fn split(path: &RelPath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()))
}

/// `<source>_<version>.orig.tar.<compression>`
fn parsed(name: &str) -> Option<(&str, &str)> {
    let (source, rest) = name.split_once('_')?;
    let (version, ending) = rest.split_once(".orig.tar.")?;
    matches!(ending, "gz" | "bz2" | "xz" | "zst").then_some((source, version))
}

fn from_names(names: Vec<String>, path: &RelPath, place: String) -> Survey {
    let (folder, name) = split(path);
    let source = parsed(name).map(|(source, _)| source);
    let offer = |other: &String| {
        let (other_source, version) = parsed(other)?;
        if Some(other_source) != source {
            return None;
        }
        let version = of_debian(version)?;
        let location = Location::Debian(format!("{folder}/{other}").parse().ok()?);
        Some(Offer { pre_release: version.is_pre_release(), version, location, released: None })
    };
    Survey { offers: names.iter().filter_map(offer).collect(), gone: None, place }
}

fn from_indexes(
    asker: &Asker<'_>,
    indexes: &Indexes,
    base: &str,
    folder: &str,
) -> Result<Vec<String>, Reason> {
    let area = folder.split('/').nth(1).unwrap_or("main");
    let mut names = BTreeSet::new();
    let mut fault = None;
    for suite in SUITES {
        match indexes.get(asker, &format!("{base}/dists/{suite}/{area}/source")) {
            Ok(files) => names.extend(files.get(folder).into_iter().flatten().cloned()),
            Err(message) => fault = Some(Reason::Broken(message)),
        }
    }
    match fault {
        Some(reason) if names.is_empty() => Err(reason),
        _ => Ok(names.into_iter().collect()),
    }
}

impl Indexes {
    fn get(&self, asker: &Asker<'_>, folder: &str) -> Result<Arc<Files>, String> {
        // Held while one is fetched: whoever asks for the same one waits for it, and does not fetch it again.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = known.get(folder) {
            return files.clone();
        }
        let files = fetch(asker, folder).map(Arc::new).map_err(|reason| reason.to_string());
        known.insert(folder.to_owned(), files.clone());
        files
    }
}

fn fetch(asker: &Asker<'_>, folder: &str) -> Result<Files, Reason> {
    let mut fault = Reason::Absent;
    for ending in [".xz", ".gz"] {
        match asker.page(&format!("{folder}/Sources{ending}"), "*/*", MAX_INDEX) {
            Ok(page) => return read(asker, &page.body),
            Err(reason) => fault = reason,
        }
    }
    Err(fault)
}

fn read(asker: &Asker<'_>, body: &[u8]) -> Result<Files, Reason> {
    let scratch = asker.scratch().map_err(|error| Reason::Broken(error.to_string()))?;
    let file = scratch.path().join("Sources");
    fs::write(&file, body).map_err(Reason::File)?;
    let text = decompress(&file).map_err(Reason::File)?.take(MAX_TEXT);
    sources(BufReader::with_capacity(1 << 20, text)).map_err(Reason::File)
}

/// The source archives of an index (deb-src's `Sources`): stanzas with `Directory`, and a list of files.
fn sources(mut text: impl std::io::BufRead) -> std::io::Result<Files> {
    let mut found = Files::new();
    let (mut folder, mut names) = (String::new(), BTreeSet::new());
    let mut line = Vec::new();
    loop {
        line.clear();
        let ended = text.read_until(b'\n', &mut line)? == 0;
        let shown = String::from_utf8_lossy(&line);
        let trimmed = shown.trim_end();
        if trimmed.is_empty() {
            if !names.is_empty() {
                found.entry(std::mem::take(&mut folder)).or_default().append(&mut names);
            }
            if ended {
                return Ok(found);
            }
        } else if let Some(directory) = trimmed.strip_prefix("Directory:") {
            folder = directory.trim().to_owned();
        } else if trimmed.starts_with(' ')
            && let Some(name) = trimmed.rsplit(' ').next().filter(|name| parsed(name).is_some())
        {
            names.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_sources_is_read() {
        let text = "Package: zlib\nVersion: 1:1.3.1-2\nFiles:\n aa 1 zlib_1.3.1-2.dsc\n bb 2 zlib_1.3.1.orig.tar.gz\n bb 2 zlib_1.3.1-2.debian.tar.xz\nDirectory: pool/main/z/zlib\nChecksums-Sha256:\n cc 2 zlib_1.3.1.orig.tar.gz\n\nPackage: none\nDirectory: pool/main/n/none\n\nPackage: last\nDirectory: pool/main/l/last\nFiles:\n dd 3 last_2.orig.tar.xz\n";
        let files = sources(text.as_bytes()).expect("read");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["pool/main/l/last", "pool/main/z/zlib"]);
        assert!(files["pool/main/z/zlib"].contains("zlib_1.3.1.orig.tar.gz"));
        assert_eq!(files["pool/main/z/zlib"].len(), 1);
    }

    #[test]
    fn files_of_a_pool_folder_are_versions() {
        let path: RelPath = "pool/main/z/zlib/zlib_1.3.dfsg+really1.3.2.orig.tar.gz".parse().expect("a path");
        let names = [
            "zlib_1.4.orig.tar.xz",
            "zlib_1.4~rc1.orig.tar.xz",
            "zlib-ng_2.0.orig.tar.gz",
            "zlib_1.4-1.debian.tar.xz",
            "zlib_1.4.orig.tar.xz.asc",
        ];
        let survey = from_names(names.map(str::to_owned).to_vec(), &path, String::new());
        let told: Vec<_> = survey.offers.iter().map(|o| (o.version.to_string(), o.pre_release)).collect();
        assert_eq!(told, [("1.4".to_owned(), false), ("1.4~rc1".to_owned(), true)]);
        assert_eq!(
            survey.offers[0].location,
            Location::Debian("pool/main/z/zlib/zlib_1.4.orig.tar.xz".parse().expect("a path"))
        );
    }
}
