//! Where the first source of a new recipe comes from, as its user wrote it: an address, a file, or a name in a registry. Pure.

use std::path::Path;

use medic_model::recipe::{Location, PypiFile, RegistryPackage};
use medic_model::{RelPath, Version};

use crate::upkeep::of_debian;

/// The endings of archives, the longer ones first.
const ENDINGS: [&str; 12] = [
    ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".txz", ".tar", ".zip", ".crate", ".whl",
    ".gz",
];

/// A source, as its user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where it may be had.
    pub location: Location,
    /// The version, as far as the name tells it.
    pub version: Option<Version>,
}

/// Reads what a user wrote: `https://…`, `npm:NAME@VERSION`, `crate:NAME@VERSION`, `pypi:NAME@VERSION`, `debian:pool/…`, or a file
/// of the workspace.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn read(text: &str, workspace: &Path) -> Result<Origin, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        // Archives of a forge are called by the tag alone; the folder above often has the version too.
        let version = version_of(name).or_else(|| version_of(path.rsplit('/').nth(1).unwrap_or_default()));
        return Ok(Origin { location: Location::Url(text.to_owned()), version });
    }
    match text.split_once(':') {
        Some(("npm", rest)) => {
            let package = package(rest, "npm")?;
            Ok(Origin { version: package.version.parse().ok(), location: Location::Npm(package) })
        }
        Some(("crate", rest)) => {
            let package = package(rest, "crate")?;
            // A crate that carries another project has that one's version behind the plus.
            let version = package.version.rsplit('+').next().and_then(|version| version.parse().ok());
            Ok(Origin { version, location: Location::Crate(package) })
        }
        Some(("pypi", rest)) => {
            let RegistryPackage { name, version } = package(rest, "pypi")?;
            let file = format!("{name}-{version}.tar.gz");
            let parsed = version.parse().ok();
            Ok(Origin { location: Location::Pypi(PypiFile { name, version, file }), version: parsed })
        }
        Some(("debian", path)) => {
            let path: RelPath = path.trim_start_matches('/').parse().map_err(|error| format!("{error}"))?;
            let version = version_of(path.file_name());
            Ok(Origin { location: Location::Debian(path), version })
        }
        Some((scheme @ ("ftp" | "git" | "ssh" | "file"), _)) => {
            Err(format!("'{scheme}:' is no place that a recipe knows: download the file into the workspace"))
        }
        _ => file(text, workspace),
    }
}

fn file(text: &str, workspace: &Path) -> Result<Origin, String> {
    let path = Path::new(text);
    let below = path.strip_prefix(workspace).unwrap_or(path).to_string_lossy();
    let path: RelPath = below.trim_start_matches("./").parse().map_err(|error| {
        format!("'{text}' is neither an address nor a file of this workspace ({error}): give https://…, npm:NAME@VERSION, crate:NAME@VERSION, pypi:NAME@VERSION, debian:pool/… or a path")
    })?;
    let version = version_of(path.file_name());
    Ok(Origin { location: Location::Path(path), version })
}

fn package(text: &str, kind: &str) -> Result<RegistryPackage, String> {
    match text.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => {
            Ok(RegistryPackage { name: name.to_owned(), version: version.to_owned() })
        }
        _ => Err(format!("'{kind}:{text}' names no version: write {kind}:NAME@VERSION")),
    }
}

/// The version in an archive's name: what stands behind the last `-` or `_`, or a `v`, and starts with a digit.
fn version_of(name: &str) -> Option<Version> {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    if let Some(stem) = stem.strip_suffix(".orig") {
        return of_debian(stem.split_once('_')?.1);
    }
    let starts = stem.char_indices().filter(|(at, c)| {
        let before = stem[..*at].chars().next_back();
        c.is_ascii_digit() && before.is_none_or(|before| "-_v".contains(before))
    });
    let mut versions = starts.filter_map(|(at, _)| {
        let text = &stem[at..];
        (text.contains('.') || at == 0 || stem[..at].ends_with(['-', '_'])).then(|| text.parse().ok())?
    });
    versions.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let workspace = Path::new("/workspace");
        for (text, version, location) in [
            ("https://x.example/a-1.2.tar.gz", Some("1.2"), "Url"),
            ("https://g.example/o/r/archive/refs/tags/v1.2.3.tar.gz", Some("1.2.3"), "Url"),
            ("https://x.example/1.2/latest.tar.gz", Some("1.2"), "Url"),
            ("https://x.example/latest.tar.gz", None, "Url"),
            ("npm:@a/b@1.0.0", Some("1.0.0"), "Npm"),
            ("crate:nginx-src@1.28.5+1.28.3", Some("1.28.3"), "Crate"),
            ("pypi:certifi@2026.10.18", Some("2026.10.18"), "Pypi"),
            ("debian:pool/main/z/zlib/zlib_1.3.dfsg+really1.3.2.orig.tar.gz", Some("1.3.2"), "Debian"),
            ("recipes/hello/hello-2.0.tgz", Some("2.0"), "Path"),
            ("/workspace/x_3.tar", Some("3"), "Path"),
        ] {
            let origin = read(text, workspace).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(origin.version.map(|v| v.to_string()).as_deref(), version, "{text}");
            assert!(format!("{:?}", origin.location).starts_with(location), "{text}");
        }
        for bad in [
            "npm:left-pad",
            "npm:@1",
            "ftp://x.example/y-1.tar.gz",
            "/etc/passwd",
            "../x-1.tar",
            "debian:../x",
            "",
        ] {
            assert!(read(bad, workspace).is_err(), "{bad:?} was taken");
        }
    }
}
