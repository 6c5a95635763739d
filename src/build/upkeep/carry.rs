//! How a location carries the version of what it gives: in a name, in a path, beside another version. Pure.

use medic_model::Version;
use medic_model::recipe::{GitTree, Location, PypiFile, RegistryPackage};

/// What may follow a version at once although it is a letter: what Debian calls a source that it packed anew.
const SUFFIXES: [&str; 4] = ["dfsg", "ds", "orig", "repack"];
/// What stands between a version's parts in names that may not have dots.
const SEPARATORS: [char; 3] = ['.', '_', '-'];

/// Where a version stands in a text: byte positions, and what is between its parts there.
fn places(text: &str, version: &str) -> Vec<(usize, usize, char)> {
    let mut found = Vec::new();
    for separator in SEPARATORS {
        let spelt = version.replace('.', &separator.to_string());
        if separator != '.' && !version.contains('.') {
            continue;
        }
        let matches = text.match_indices(&spelt).map(|(at, _)| (at, at + spelt.len(), separator));
        found.extend(matches.filter(|(from, to, separator)| stands_alone(text, *from, *to, *separator)));
    }
    found.sort_unstable();
    found
}

/// Whether nothing before or after it belongs to the same version.
fn stands_alone(text: &str, from: usize, to: usize, separator: char) -> bool {
    let joins = |c: char| c == '.' || c == separator;
    let mut before = text[..from].chars().rev();
    let before = match (before.next(), before.next()) {
        (Some(last), _) if last.is_ascii_digit() => false,
        (Some(last), Some(other)) if joins(last) && separator == '.' => !other.is_ascii_digit(),
        _ => true,
    };
    let rest = &text[to..];
    let mut after = rest.chars();
    let after = match (after.next(), after.next()) {
        (Some(next), _) if next.is_ascii_digit() => false,
        (Some(next), _) if next.is_ascii_alphabetic() => {
            SUFFIXES.iter().any(|suffix| rest.starts_with(suffix))
        }
        (Some(next), Some(other)) if joins(next) => !other.is_ascii_digit(),
        (Some('~'), _) => false,
        _ => true,
    };
    before && after
}

/// The series that a version belongs to: `1.37` of `1.37.0`; none of a version with fewer than three parts.
pub(super) fn series(version: &str) -> Option<&str> {
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    let (_, second) = (dots.next()?, dots.next()?);
    Some(&version[..second])
}

/// A text with one version in place of another, and the one's series in place of the other's where a whole part of a path is it;
/// none when the text does not carry the version.
pub(super) fn substitute(text: &str, from: &str, to: &str) -> Option<String> {
    let found = places(text, from);
    if found.is_empty() {
        return None;
    }
    let (mut new, mut last) = (String::new(), 0);
    for (start, end, separator) in found {
        if start < last {
            continue;
        }
        new.push_str(&text[last..start]);
        new.push_str(&to.replace('.', &separator.to_string()));
        last = end;
    }
    new.push_str(&text[last..]);
    let (Some(old_series), Some(new_series)) = (series(from), series(to)) else { return Some(new) };
    let part = |part: &str| match part.strip_prefix('v').unwrap_or(part) {
        bare if bare == old_series => part.replace(old_series, new_series),
        _ => part.to_owned(),
    };
    Some(new.split('/').map(part).collect::<Vec<_>>().join("/"))
}

/// A name around a version: what is before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    before: String,
    after: String,
    separator: char,
}

impl Pattern {
    /// The pattern of a name that carries this version.
    pub fn of(name: &str, version: &str) -> Option<Self> {
        let (from, to, separator) = places(name, version).into_iter().next()?;
        Some(Self { before: name[..from].to_owned(), after: name[to..].to_owned(), separator })
    }

    /// The version of another name of the same pattern.
    pub fn version_in(&self, name: &str) -> Option<Version> {
        let middle = name.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        let middle =
            if self.separator == '.' { middle.to_owned() } else { middle.replace(self.separator, ".") };
        middle.parse().ok()
    }
}

/// How a registry's own version tells the recipe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// It is the recipe's.
    Same,
    /// The recipe's is behind the `+`, as in `1.28.5+1.28.3`: a crate that carries another project.
    BehindPlus,
    /// The recipe's is before the `+`.
    BeforePlus,
}

impl Spelling {
    /// How `registry` tells `version`; none when it does not.
    pub fn of(registry: &str, version: &str) -> Option<Self> {
        match registry.split_once('+') {
            _ if registry == version => Some(Self::Same),
            Some((_, behind)) if behind == version => Some(Self::BehindPlus),
            Some((before, _)) if before == version => Some(Self::BeforePlus),
            _ => None,
        }
    }

    /// The recipe's version in another version of the registry.
    pub fn read(self, registry: &str) -> Option<Version> {
        match (self, registry.split_once('+')) {
            (Self::Same, _) => registry.parse().ok(),
            (Self::BehindPlus, Some((_, behind))) => behind.parse().ok(),
            (Self::BeforePlus, Some((before, _))) => before.parse().ok(),
            _ => None,
        }
    }
}

/// Whether a location says which version it is of: only then is there anything to look up, or to change.
pub(super) fn carries(location: &Location, version: &str) -> bool {
    match location {
        Location::Url(url) => !places(url, version).is_empty(),
        Location::Debian(path) | Location::Path(path) => !places(path.as_str(), version).is_empty(),
        Location::Pypi(file) => file.version == version,
        Location::Npm(package) | Location::Crate(package) => {
            Spelling::of(&package.version, version).is_some()
        }
        // A commit says nothing of a version; its tags do.
        Location::Git(_) => true,
    }
}

/// The same location for another version, by its spelling alone; none when that cannot be known so.
pub(super) fn moved(location: &Location, from: &str, to: &str) -> Option<Location> {
    let path = |path: &medic_model::RelPath| substitute(path.as_str(), from, to)?.parse().ok();
    let same = |package: &RegistryPackage| {
        let same = Spelling::of(&package.version, from) == Some(Spelling::Same);
        same.then(|| RegistryPackage { name: package.name.clone(), version: to.to_owned() })
    };
    match location {
        Location::Url(url) => substitute(url, from, to).map(Location::Url),
        Location::Debian(old) => path(old).map(Location::Debian),
        Location::Path(old) => path(old).map(Location::Path),
        Location::Pypi(file) if file.version == from => {
            let (name, version) = (file.name.clone(), to.to_owned());
            let file = substitute(&file.file, from, to)?;
            Some(Location::Pypi(PypiFile { name, version, file }))
        }
        Location::Pypi(_) => None,
        Location::Npm(package) => same(package).map(Location::Npm),
        Location::Crate(package) => same(package).map(Location::Crate),
        Location::Git(GitTree { .. }) => None,
    }
}

/// What Debian calls an upstream version, as upstream does: without what says that the source was packed anew, and what is meant
/// where Debian had to count on (`1.3.dfsg+really1.3.2`).
pub(crate) fn of_debian(version: &str) -> Option<Version> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let version = version.rsplit_once("+really").map_or(version, |(_, version)| version);
    let marks = [
        "+dfsg", ".dfsg", "~dfsg", "-dfsg", "dfsg", "+ds", ".ds", "~ds", "+repack", "~repack", ".repack",
        "+orig",
    ];
    let end = marks.iter().filter_map(|mark| version.find(mark)).min().unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_replaced_wherever_it_stands_alone() {
        let moved = |text: &str, from: &str, to: &str| substitute(text, from, to);
        let github = "https://g.example/openssl/releases/download/openssl-3.5.7/openssl-3.5.7.tar.gz";
        assert_eq!(
            moved(github, "3.5.7", "4.0.0").as_deref(),
            Some("https://g.example/openssl/releases/download/openssl-4.0.0/openssl-4.0.0.tar.gz")
        );
        assert_eq!(
            moved("https://x.example/glib/2.80/glib-2.80.1.tar.xz", "2.80.1", "2.82.0").as_deref(),
            Some("https://x.example/glib/2.82/glib-2.82.0.tar.xz")
        );
        assert_eq!(
            moved("boost/1.84.0/source/boost_1_84_0.tar.gz", "1.84.0", "1.85.0").as_deref(),
            Some("boost/1.85.0/source/boost_1_85_0.tar.gz")
        );
        assert_eq!(
            moved("pool/main/z/zlib/zlib_1.3.dfsg+really1.3.2.orig.tar.gz", "1.3.2", "1.3.3").as_deref(),
            Some("pool/main/z/zlib/zlib_1.3.dfsg+really1.3.3.orig.tar.gz")
        );
        for other in [
            "x-11.3.2.tar.gz",
            "x-1.3.20.tar.gz",
            "x-1.3.2.1.tar.gz",
            "x-0.1.3.2.tar.gz",
            "x-1.3.2rc1.tar.gz",
            "x.tar.gz",
        ] {
            assert_eq!(moved(other, "1.3.2", "2"), None, "{other}");
        }
        assert_eq!(moved("ä-1.0.tar.gz", "1.0", "1.1").as_deref(), Some("ä-1.1.tar.gz"));
    }

    #[test]
    fn a_pattern_reads_versions_from_names_like_its_own() {
        let pattern = Pattern::of("R_2_6_4", "2.6.4").expect("carried");
        assert_eq!(pattern.version_in("R_2_7_0").map(|v| v.to_string()).as_deref(), Some("2.7.0"));
        let pattern = Pattern::of("busybox-1.37.0.tar.bz2", "1.37.0").expect("carried");
        assert_eq!(
            pattern.version_in("busybox-1.38.0.tar.bz2").map(|v| v.to_string()).as_deref(),
            Some("1.38.0")
        );
        assert_eq!(pattern.version_in("busybox-1.38.0.tar.bz2.sig"), None);
        assert_eq!(pattern.version_in("busybox-snapshot.tar.bz2"), None);
    }

    #[test]
    fn a_crate_may_carry_another_projects_version() {
        let spelling = Spelling::of("1.28.5+1.28.3", "1.28.3").expect("told");
        assert_eq!(spelling, Spelling::BehindPlus);
        assert_eq!(spelling.read("1.29.6+1.29.1").map(|v| v.to_string()).as_deref(), Some("1.29.1"));
        assert_eq!(spelling.read("2.0.0"), None);
        assert_eq!(Spelling::of("300.5.0+3.5.7", "3.5.8"), None);
    }

    #[test]
    fn what_debian_calls_a_version_is_read_as_upstream_calls_it() {
        for (debian, upstream) in [
            ("1.3.dfsg+really1.3.2", "1.3.2"),
            ("1:1.2.13.dfsg", "1.2.13"),
            ("3.5.7", "3.5.7"),
            ("10.46", "10.46"),
            ("2.1+dfsg1", "2.1"),
            ("2.1~rc1", "2.1~rc1"),
            ("5.0+ds1", "5.0"),
        ] {
            assert_eq!(of_debian(debian).map(|v| v.to_string()).as_deref(), Some(upstream), "{debian}");
        }
    }
}
