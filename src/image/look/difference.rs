//! What changed from one image to another: packages, files, and how the container is started.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::view::{Entry, ImageView, Owner};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Difference {
    /// Packages that are new, gone, or of another version.
    pub packages: Vec<PackageChange>,
    /// Files, folders and links that are new, gone or different, by owner (a package's name, or nothing) and path.
    pub files: Vec<FileChange>,
    /// Fields of the container's configuration, such as `Env` or `Entrypoint`.
    pub configuration: Vec<Change<String>>,
}

/// A package that is not in both in the same version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its versions before.
    pub before: Vec<String>,
    /// Its versions after.
    pub after: Vec<String>,
}

/// Something that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// What it is called.
    pub name: String,
    /// What it was.
    pub before: Option<T>,
    /// What it is.
    pub after: Option<T>,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The package that it is of; none when it is of no package.
    pub package: Option<String>,
    /// Its path: in the package, or at the image's root.
    pub path: String,
    /// What it was.
    pub before: Option<Entry>,
    /// What it is.
    pub after: Option<Entry>,
}

impl Difference {
    /// What changed from `before` to `after`.
    pub fn between(before: &ImageView, after: &ImageView) -> Self {
        Self {
            packages: packages(before, after),
            files: files(before, after),
            configuration: configuration(before, after),
        }
    }

    /// Whether nothing did.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl FileChange {
    /// What changed, in words: `new`, `gone`, or the parts that are others.
    pub fn words(&self) -> String {
        let (before, after) = match (&self.before, &self.after) {
            (Some(before), Some(after)) => (before, after),
            (None, _) => return "new".to_owned(),
            (_, None) => return "gone".to_owned(),
        };
        let mut words = Vec::new();
        if before.kind != after.kind {
            words.push("another kind".to_owned());
        }
        if before.sha256 != after.sha256 {
            words.push("content".to_owned());
        }
        if before.mode != after.mode {
            words.push(format!("mode {} → {}", before.mode, after.mode));
        }
        if (before.uid, before.gid) != (after.uid, after.gid) {
            words.push(format!("owner {}:{} → {}:{}", before.uid, before.gid, after.uid, after.gid));
        }
        if before.target != after.target {
            let target = |entry: &Entry| entry.target.clone().unwrap_or_default();
            words.push(format!("link {} → {}", target(before), target(after)));
        }
        words.join(", ")
    }

    /// How many bytes it grew; negative when it shrank.
    pub fn growth(&self) -> i64 {
        let size = |entry: &Option<Entry>| {
            entry.as_ref().map_or(0, |entry| i64::try_from(entry.size).unwrap_or(i64::MAX))
        };
        size(&self.after) - size(&self.before)
    }
}

fn packages(before: &ImageView, after: &ImageView) -> Vec<PackageChange> {
    let versions = |view: &ImageView| {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in view.packages() {
            found.entry(package.name).or_default().push(package.version);
        }
        found
    };
    let (before, after) = (versions(before), versions(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| PackageChange {
        name: name.clone(),
        before: before.get(name).cloned().unwrap_or_default(),
        after: after.get(name).cloned().unwrap_or_default(),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// Where a file is looked for in the other image: the version of its package does not count.
fn key(entry: &Entry) -> (Owner, String) {
    match entry.place() {
        Some((_, _, path)) => (entry.owner(), path.to_owned()),
        None => (Owner::Image, entry.path.clone()),
    }
}

fn files(before: &ImageView, after: &ImageView) -> Vec<FileChange> {
    let by_key = |view: &ImageView| -> BTreeMap<(Owner, String), Entry> {
        view.files().into_values().map(|entry| (key(entry), entry.clone())).collect()
    };
    let (mut before, after) = (by_key(before), by_key(after));
    let keys: BTreeSet<(Owner, String)> = before.keys().chain(after.keys()).cloned().collect();
    let mut changes = Vec::new();
    for key in keys {
        let (old, new) = (before.remove(&key), after.get(&key).cloned());
        if old.as_ref().map(content) == new.as_ref().map(content) {
            continue;
        }
        let package = match key.0 {
            Owner::Image => None,
            Owner::Package(name) => Some(name),
        };
        changes.push(FileChange { package, path: key.1, before: old, after: new });
    }
    changes
}

/// An entry without its path, in which a package's version stands.
fn content(entry: &Entry) -> Entry {
    Entry { path: String::new(), ..entry.clone() }
}

fn configuration(before: &ImageView, after: &ImageView) -> Vec<Change<String>> {
    let fields = |view: &ImageView| -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, value) in view.config.as_object().into_iter().flatten() {
            // One line a label: most of them are the same.
            match value.as_object().filter(|_| name == "Labels") {
                Some(labels) => {
                    found.extend(
                        labels.iter().map(|(label, value)| (format!("label {label}"), value.to_string())),
                    );
                }
                None if value.is_null() => {}
                None => drop(found.insert(name.clone(), value.to_string())),
            }
        }
        found
    };
    let (before, after) = (fields(before), fields(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| Change {
        name: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}
