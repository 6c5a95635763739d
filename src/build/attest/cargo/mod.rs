//! Which crates of a lock file become part of the programs that are built from it.
//!
//! `Cargo.lock` is for all platforms and features, and knows no kinds of dependencies. So the manifests are asked as Cargo asks them
//! (the Cargo book, "Feature resolver version 2"): what is needed on the target, by the features that somebody asks for; and
//! apart from it what runs on the machine that builds, as macros and build scripts do.

mod crate_file;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};

use medic_archive::tree::{Content, Node, Tree};
use medic_model::Arch;
use toml::{Table, Value};

use crate::fetch::cargo_lock::{Lock, Selection};
pub use crate_file::CrateFile;
use manifest::{Dependency, dependencies, features, is_macro};

/// The machines that build: what is needed only to build is compiled for one of them.
const MACHINES: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// What programs for an architecture are compiled for.
fn target(arch: Arch) -> &'static str {
    match arch {
        Arch::X64 => "x86_64-unknown-linux-musl",
        Arch::Arm64 => "aarch64-unknown-linux-musl",
    }
}

/// How a crate is used: whether it becomes part of the programs. One that does may be needed to build them, too.
pub type Uses = BTreeMap<usize, bool>;

/// A package by its place in the lock file, and whether it is compiled for the target: Cargo compiles one that both the
/// target and the machine need twice, with the features that each asks for.
type Unit = (usize, bool);

/// What is known of a unit so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    features: BTreeSet<String>,
    /// The optional dependencies that features ask for, by their key.
    optional: BTreeSet<String>,
    /// What features ask of dependencies: key and feature.
    of_dependencies: BTreeSet<(String, String)>,
}

/// The resolution of a selection of a lock file.
struct Resolver<'a, M> {
    lock: &'a Lock,
    selection: &'a Selection,
    arch: Arch,
    root: Option<&'a Table>,
    manifest: M,
    units: BTreeMap<Unit, Asked>,
}

/// The uses of everything in a selection of a lock file, from its package `start` on; by place in the lock file. `manifest`
/// gives the manifest of a package by its place; `root` is the workspace's.
pub fn uses<'a>(
    lock: &'a Lock,
    selection: &'a Selection,
    start: usize,
    arch: Arch,
    root: Option<&'a Table>,
    manifest: impl Fn(usize) -> Option<&'a Table>,
) -> Uses {
    let first = Asked { features: ["default".to_owned()].into(), ..Asked::default() };
    let units = [((start, true), first)].into();
    let mut resolver = Resolver { lock, selection, arch, root, manifest, units };
    // Features are only ever added, and there are only so many.
    loop {
        let before = resolver.units.clone();
        before.keys().for_each(|unit| resolver.visit(*unit));
        if resolver.units == before {
            break;
        }
    }
    let mut uses = Uses::new();
    for (index, linked) in resolver.units.into_keys() {
        *uses.entry(index).or_insert(false) |= linked;
    }
    uses
}

impl<'a, M: Fn(usize) -> Option<&'a Table>> Resolver<'a, M> {
    /// Takes what is known of a unit to what it needs.
    fn visit(&mut self, unit: Unit) {
        let (index, linked) = unit;
        let Some(manifest) = (self.manifest)(index) else { return };
        let targets: &[&str] = if linked { &[target(self.arch)] } else { &MACHINES };
        let needs = dependencies(manifest, self.root, targets);
        let asked = self.units.entry(unit).or_default();
        expand(asked, &features(manifest), &needs);
        let asked = asked.clone();
        for need in needs.iter().filter(|need| !need.optional || asked.optional.contains(&need.key)) {
            let of_it = asked.of_dependencies.iter().filter(|(key, _)| *key == need.key);
            let wanted: BTreeSet<String> =
                need.features.iter().chain(of_it.map(|(_, feature)| feature)).cloned().collect();
            for other in self.packages(index, need) {
                let runs_here = (self.manifest)(other).is_some_and(is_macro) || need.to_build;
                let other = (other, linked && !runs_here);
                self.units.entry(other).or_default().features.extend(wanted.clone());
            }
        }
    }

    /// The packages that a dependency may be: several when a package needs several versions of one.
    fn packages(&self, of: usize, need: &Dependency) -> Vec<usize> {
        let needs = self.selection.get(&of).into_iter().flatten();
        needs.copied().filter(|other| self.lock.package(*other).name == need.package).collect()
    }
}

/// All that a unit's features ask for (the Cargo book, "Features": `dep:x`, `x/y`, `x?/y`, another feature, or an optional
/// dependency by its name).
fn expand(asked: &mut Asked, features: &BTreeMap<String, Vec<String>>, needs: &[Dependency]) {
    let is_optional = |key: &str| needs.iter().any(|need| need.optional && need.key == key);
    let mut open: Vec<String> = asked.features.iter().cloned().collect();
    while let Some(feature) = open.pop() {
        match features.get(&feature) {
            None if is_optional(&feature) => drop(asked.optional.insert(feature)),
            None => {}
            Some(asks) => {
                for ask in asks {
                    if let Some(key) = ask.strip_prefix("dep:") {
                        asked.optional.insert(key.to_owned());
                    } else if let Some((key, of_it)) = ask.split_once('/') {
                        let strong = !key.ends_with('?');
                        let key = key.trim_end_matches('?').to_owned();
                        if strong && is_optional(&key) {
                            asked.optional.insert(key.clone());
                            if features.contains_key(&key) && asked.features.insert(key.clone()) {
                                open.push(key.clone());
                            }
                        }
                        asked.of_dependencies.insert((key, of_it.to_owned()));
                    } else if asked.features.insert(ask.clone()) {
                        open.push(ask.clone());
                    }
                }
            }
        }
    }
}

/// The manifests of a workspace's packages, by name; the root's is there without one when it is no package.
pub fn members(files: &Tree) -> BTreeMap<String, Table> {
    let manifest = |node: &Node| match node {
        Node::File { content: Content::Bytes(bytes), .. } => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    };
    let manifests = files.iter().filter(|(path, _)| path.file_name() == "Cargo.toml");
    let tables = manifests.filter_map(|(_, node)| manifest(node));
    let name = |table: &Table| {
        let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        name.unwrap_or_default().to_owned()
    };
    tables.map(|table: Table| (name(&table), table)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// What is linked, and what is only needed to build, of packages with their manifests; the first is `app`. Every
    /// package of them is locked as a need of every other that names it.
    fn resolved(packages: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let tables: BTreeMap<&str, Table> =
            packages.iter().map(|(name, text)| (*name, text.parse().expect("a manifest"))).collect();
        let mut lock = "version = 4\n".to_owned();
        for (name, text) in packages {
            lock.push_str(&format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n"));
            if *name != "app" {
                lock.push_str(&format!("source = \"registry+x\"\nchecksum = \"{}\"\n", "1".repeat(64)));
            }
            let needs: Vec<&str> =
                packages.iter().map(|(other, _)| *other).filter(|other| text.contains(other)).collect();
            lock.push_str(&format!("dependencies = {needs:?}\n"));
        }
        let lock = Lock::parse(Path::new("Cargo.lock"), &lock).expect("valid");
        let selection = lock.select("app", |_, _| true).expect("selected");
        let manifest = |index: usize| tables.get(lock.package(index).name.as_str());
        let uses = uses(&lock, &selection, 0, Arch::X64, tables.get("app"), manifest);
        let names = |linked: bool| {
            let some = uses.iter().filter(|(_, is)| **is == linked);
            some.map(|(index, _)| lock.package(*index).name.clone()).collect::<Vec<_>>()
        };
        (names(true), names(false))
    }

    #[test]
    fn what_runs_in_the_compiler_or_elsewhere_is_not_linked() {
        let (linked, to_build) = resolved(&[
            (
                "app",
                "[workspace.dependencies]\nother = {package = \"renamed-real\", version = \"1\"}\n[dependencies]\nlib = \"1\"\nderive = \"1\"\nother = {workspace = true}\n[build-dependencies]\ncc = \"1\"\n[target.'cfg(windows)'.dependencies]\nwinapi = \"1\"\n",
            ),
            ("lib", "[dependencies]\nboth = \"1\"\n"),
            ("derive", "[lib]\nproc-macro = true\n[dependencies]\nsyn = \"1\"\nboth = \"1\"\n"),
            ("syn", ""),
            ("both", ""),
            (
                "cc",
                "[dependencies]\nonly-build = \"1\"\n[target.'cfg(windows)'.dependencies]\nwinapi = \"1\"\n",
            ),
            ("only-build", ""),
            ("renamed-real", ""),
            ("winapi", ""),
        ]);
        assert_eq!(linked, ["app", "lib", "both", "renamed-real"]);
        assert_eq!(to_build, ["derive", "syn", "cc", "only-build"]);
    }

    #[test]
    fn an_option_that_nobody_asks_for_is_not_there() {
        let (linked, to_build) = resolved(&[
            (
                "app",
                "[dependencies]\narchive = {version = \"1\", default-features = false, features = [\"gzip\", \"serde\"]}\nplain = \"1\"\n[build-dependencies]\nhost = \"1\"\n",
            ),
            (
                "archive",
                "[features]\ndefault = [\"bzip2\"]\ngzip = [\"dep:flate2\", \"more\"]\nmore = [\"flate2/fast\", \"zstd?/thin\"]\nserde = [\"serde/derive\"]\n[dependencies]\nflate2 = {version = \"1\", optional = true, default-features = false}\nbzip2 = {version = \"1\", optional = true}\nzstd = {version = \"1\", optional = true}\nserde = {version = \"1\", optional = true}\n",
            ),
            (
                "flate2",
                "[features]\nfast = [\"zlib-rs\"]\ndefault = [\"miniz\"]\n[dependencies]\nzlib-rs = {version = \"1\", optional = true}\nminiz = {version = \"1\", optional = true}\n",
            ),
            ("zlib-rs", ""),
            ("miniz", ""),
            ("bzip2", ""),
            ("zstd", ""),
            (
                "serde",
                "[features]\nderive = [\"dep:make\"]\n[dependencies]\nmake = {version = \"1\", optional = true}\n",
            ),
            ("make", "[lib]\nproc-macro = true\n"),
            // What the machine asks of a crate is not asked of the target's.
            (
                "plain",
                "[features]\nextra = [\"dep:unused\"]\n[dependencies]\nunused = {version = \"1\", optional = true}\n",
            ),
            ("unused", ""),
            ("host", "[dependencies]\nplain = {version = \"1\", features = [\"extra\"]}\n"),
        ]);
        assert_eq!(linked, ["app", "archive", "flate2", "zlib-rs", "serde", "plain"]);
        assert_eq!(to_build, ["make", "unused", "host"]);
    }
}
