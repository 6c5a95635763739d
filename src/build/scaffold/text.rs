//! The text of a first recipe. Pure. Whatever comes out of an archive is put in as a YAML text of one line, never as more.

use std::collections::BTreeMap;

use medic_model::recipe::Location;
use medic_model::{ByteSize, ComponentName, Date, Version};

use super::Gap;
use super::inspect::{Found, Kind};
use super::licence::Licence;
use super::npm::FetchedDependency;
use super::origin::Origin;
use super::steps;
use crate::fetch::ask::First;

/// What stands on a line where something is to be filled in.
const FILL_IN: &str = "# FILL IN: ";
/// A summary is one line.
const MAX_SUMMARY: usize = 120;

/// All that a text is made of.
pub struct Parts<'a> {
    pub name: &'a ComponentName,
    pub origin: &'a Origin,
    pub first: &'a First,
    pub strip: u32,
    pub kind: Kind,
    pub found: &'a Found,
    pub licence: Option<&'a Licence>,
    pub released: Option<Date>,
    pub dependencies: &'a [FetchedDependency],
    pub programs: &'a BTreeMap<String, String>,
}

/// The text.
pub fn write(parts: &Parts<'_>) -> String {
    let mut text = format!(
        "# A first recipe, written by `cargo xtask new` ({} project). What every key means: docs/recipes.md\nname: {}\n",
        parts.kind.name(),
        parts.name
    );
    head(parts, &mut text);
    text.push_str("sources:\n  # Taken on first trust: compare the digest with what upstream publishes.\n");
    text.push_str(&source(parts.first, &parts.origin.location, parts.strip));
    if !parts.dependencies.is_empty() {
        text.push_str("  # What it depends on, as npm locks it. SHA-512 is the lock's own digest.\n");
    }
    for one in parts.dependencies {
        let location = Location::Npm(one.dependency.package.clone());
        let source = source(&one.file, &location, 1);
        let into = scalar(one.dependency.into.as_str());
        text.push_str(&source.replacen(
            "    max_size",
            &format!("    sha512: {}\n    max_size", one.file.sha512),
            1,
        ));
        text.push_str(&format!("    into: {into}\n"));
    }
    let steps = steps::text(parts.kind, parts.found, parts.programs);
    text.push_str(&steps);
    text
}

fn head(parts: &Parts<'_>, text: &mut String) {
    let mut line = |key: &str, value: Option<String>, otherwise: &str, what: &str| match value {
        Some(value) => text.push_str(&format!("{key}: {value}\n")),
        None => text.push_str(&format!("{key}: {otherwise} {FILL_IN}{what}\n")),
    };
    let own = parts.found.version.as_deref().and_then(|version| version.parse::<Version>().ok());
    // A crate's own version is not that of what it carries.
    let version = parts.origin.version.clone().or(own);
    line(
        "version",
        version.map(|version| scalar(version.as_str())),
        "\"0\"",
        "the version, as upstream calls it",
    );
    line(
        "released",
        parts.released.map(|day| day.to_string()),
        "2000-01-01",
        "the day upstream released it (year-month-day)",
    );
    let summary = parts.found.summary.as_deref().map(one_line).filter(|line| !line.is_empty());
    line("summary", summary.map(|line| scalar(&line)), "\"?\"", "one line for people");
    let homepage = parts.found.homepage.as_deref().map(one_line).filter(|page| page.starts_with("http"));
    let homepage = homepage.or_else(|| site(&parts.origin.location));
    line("homepage", homepage.map(|page| scalar(&page)), "\"?\"", "upstream's page");
    let licence =
        parts.licence.map(|licence| format!("{} # {}", scalar(&licence.expression), licence.known_by));
    line("licence", licence, "UNKNOWN", "an SPDX expression such as MIT (https://spdx.org/licenses)");
    let files: Vec<String> = parts.found.licence_files.iter().map(|name| scalar(name)).collect();
    if files.is_empty() {
        text.push_str(&format!(
            "licence_files: [] {FILL_IN}the file with the licence's text, where there is one\n"
        ));
    } else {
        text.push_str(&format!("licence_files: [{}]\n", files.join(", ")));
    }
}

fn source(first: &First, location: &Location, strip: u32) -> String {
    let place = match location {
        Location::Url(url) => format!("urls: [{}]", scalar(url)),
        Location::Debian(path) => format!("debian: {}", scalar(path.as_str())),
        Location::Path(path) => format!("path: {}", scalar(path.as_str())),
        Location::Pypi(file) => format!(
            "pypi: {{name: {}, version: {}, file: {}}}",
            scalar(&file.name),
            scalar(&file.version),
            scalar(&file.file)
        ),
        Location::Npm(package) => {
            format!("npm: {{name: {}, version: {}}}", scalar(&package.name), scalar(&package.version))
        }
        Location::Crate(package) => {
            format!("crate: {{name: {}, version: {}}}", scalar(&package.name), scalar(&package.version))
        }
        Location::Git(tree) => {
            format!("git: {{url: {}, commit: {}}}", scalar(&tree.url), scalar(&tree.commit))
        }
    };
    let strip = if strip == 1 { String::new() } else { format!("    strip: {strip}\n") };
    format!("  - sha256: {}\n    max_size: {}\n    {place}\n{strip}", first.sha256, cap(first.size))
}

/// A cap with room for the next versions: twice the size, in whole MiB.
fn cap(size: u64) -> String {
    let mib = (ByteSize(size).0.saturating_mul(2) >> 20) + 1;
    format!("{mib} MiB")
}

/// The site that an address is of.
fn site(location: &Location) -> Option<String> {
    let Location::Url(url) = location else { return None };
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?.rsplit('@').next()?;
    Some(format!("{scheme}://{host}/"))
}

fn one_line(text: &str) -> String {
    let line: String =
        text.trim().lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(MAX_SUMMARY) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

/// A text as a YAML scalar that is that text in any place: plain where nobody could take it for anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ./_+~:()@-".contains(c);
    let safe = text.chars().all(plain)
        && !text.contains(": ")
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || "/)".contains(c))
        && serde_yaml::from_str::<serde_yaml::Value>(text).is_ok_and(|value| value.as_str() == Some(text));
    // JSON's texts are YAML's.
    if safe { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// The lines on which something is to be filled in.
pub fn gaps(text: &str) -> Vec<Gap> {
    let gap = |(index, line): (usize, &str)| {
        let (_, what) = line.split_once(FILL_IN)?;
        let key = line.split(':').next().unwrap_or_default().trim();
        Some(Gap { line: index + 1, what: format!("{key}: {what}") })
    };
    text.lines().enumerate().filter_map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use medic_model::recipe::Recipe;
    use medic_model::{Sha256, Sha512};

    fn first() -> First {
        First {
            place: "there".to_owned(),
            sha256: Sha256::from_bytes([1; 32]),
            sha512: Sha512::from_bytes([2; 64]),
            size: 3 << 20,
            path: "/x".into(),
        }
    }

    fn text(kind: Kind, found: &Found, origin: &Origin, licence: Option<&Licence>) -> String {
        let (first, programs) = (first(), [("x".to_owned(), "cli.js".to_owned())].into());
        let parts = Parts {
            name: &"x".parse().expect("a name"),
            origin,
            first: &first,
            strip: 1,
            kind,
            found,
            licence,
            released: origin.version.as_ref().and_then(|_| "2026-01-02".parse().ok()),
            dependencies: &[],
            programs: &programs,
        };
        write(&parts)
    }

    #[test]
    fn every_kind_makes_a_recipe_that_can_be_read() {
        let origin = Origin {
            location: Location::Url("https://x.example/x-1.30.tar.gz".to_owned()),
            version: "1.30".parse().ok(),
        };
        let licence =
            Licence { expression: "MIT OR Apache-2.0".to_owned(), known_by: "it says so itself".to_owned() };
        let found = Found {
            summary: Some("Says: \"hello\" # to `all`\nand more".to_owned()),
            licence_files: vec!["COPYING".to_owned()],
            pkg_config: true,
            libtool: true,
            ..Found::default()
        };
        for kind in [Kind::Autotools, Kind::Configure, Kind::Autoreconf, Kind::CMake, Kind::Make, Kind::Npm] {
            let text = text(kind, &found, &origin, Some(&licence));
            let recipe = Recipe::from_yaml("r.yaml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(recipe.version.as_str(), "1.30");
            assert_eq!(recipe.summary, "Says: \"hello\" # to `all`");
            assert_eq!((recipe.homepage.as_str(), recipe.root.as_str()), ("https://x.example/", kind.root()));
            assert_eq!(gaps(&text), [], "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let origin = Origin { location: Location::Path("x.tar".parse().expect("a path")), version: None };
        let text = text(Kind::Make, &Found::default(), &origin, None);
        Recipe::from_yaml("r.yaml", &text).expect("it can be read all the same");
        let told: Vec<_> = gaps(&text).into_iter().map(|gap| (gap.line, gap.what)).collect();
        let keys: Vec<_> =
            told.iter().map(|(line, what)| (*line, what.split(':').next().expect("a key"))).collect();
        assert_eq!(
            keys,
            [
                (3, "version"),
                (4, "released"),
                (5, "summary"),
                (6, "homepage"),
                (7, "licence"),
                (8, "licence_files")
            ]
        );
        assert!(
            text.lines().nth(6).is_some_and(|line| line.starts_with("licence: UNKNOWN # FILL IN: an SPDX")),
            "{text}"
        );
    }

    #[test]
    fn a_text_cannot_become_more_than_a_text() {
        for text in
            ["a\nb: c", "*x", "- a", "1.0", "yes", "a: b", "", " a", "x #y", "{a}", "\u{7}", "'", "true"]
        {
            let read: serde_yaml::Value = serde_yaml::from_str(&format!("[{}]", scalar(text))).expect("YAML");
            assert_eq!(read, serde_yaml::Value::Sequence(vec![text.into()]), "{text:?}");
        }
        assert_eq!(scalar("GNU hello (a program)"), "GNU hello (a program)");
        assert_eq!((cap(1), cap(3 << 20)), ("1 MiB".to_owned(), "7 MiB".to_owned()));
    }
}
