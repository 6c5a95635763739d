//! Which crates of a lock file become part of the programs that are built from it.
//!
//! `Cargo.lock` is for all platforms and knows no kinds of dependencies. So each crate's own manifest is asked for which
//! platform it needs another, and whether only to be built. Features are not looked at: a crate that is needed for an option
//! only is listed when it is locked.

use std::collections::{BTreeMap, BTreeSet};

use cfg_expr::targets::get_builtin_target_by_triple;
use cfg_expr::{Expression, Predicate};
use medic_archive::tree::{Content, Node, Tree};
use medic_model::Arch;
use toml::{Table, Value};

use super::crate_file::is_macro;
use crate::fetch::cargo_lock::{Lock, Selection};

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

/// The uses of everything in a selection of a lock file, from its package `start` on; by place in the lock file. `manifest`
/// gives the manifest of a package by its place; `root` is the workspace's.
pub fn uses<'a>(
    lock: &Lock,
    selection: &Selection,
    start: usize,
    arch: Arch,
    root: Option<&Table>,
    manifest: impl Fn(usize) -> Option<&'a Table>,
) -> Uses {
    let mut seen = BTreeSet::new();
    let mut open = vec![(start, true)];
    while let Some((index, linked)) = open.pop() {
        if !seen.insert((index, linked)) {
            continue;
        }
        let targets: &[&str] = if linked { &[target(arch)] } else { &MACHINES };
        for need in selection.get(&index).into_iter().flatten() {
            let name = lock.package(*need).name.as_str();
            let kinds = match manifest(index) {
                Some(table) => kinds(table, root, name, targets),
                None => Kinds { to_run: true, to_build: false },
            };
            let runs_in_the_compiler = manifest(*need).is_some_and(is_macro);
            if kinds.to_run {
                open.push((*need, linked && !runs_in_the_compiler));
            }
            if kinds.to_build {
                open.push((*need, false));
            }
        }
    }
    let mut uses = Uses::new();
    for (index, linked) in seen {
        *uses.entry(index).or_insert(false) |= linked;
    }
    uses
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

/// What a package needs another for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kinds {
    to_run: bool,
    to_build: bool,
}

/// What the package of this manifest needs the one called `name` for, on any of these targets.
fn kinds(manifest: &Table, root: Option<&Table>, name: &str, targets: &[&str]) -> Kinds {
    let mut found = Kinds::default();
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let platforms = platforms.filter(|(platform, _)| targets.iter().any(|target| fits(platform, target)));
    let tables = platforms.filter_map(|(_, table)| table.as_table());
    for table in std::iter::once(manifest).chain(tables) {
        let has = |kind: &str| {
            let needs = table.get(kind).and_then(Value::as_table);
            needs.into_iter().flatten().any(|(key, value)| real_name(root, key, value) == name)
        };
        found.to_run |= has("dependencies");
        found.to_build |= has("build-dependencies");
    }
    found
}

/// The package behind a dependency's key.
fn real_name<'a>(root: Option<&'a Table>, key: &'a str, value: &'a Value) -> &'a str {
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let shared = || root?.get("workspace")?.get("dependencies")?.get(key);
    let value = if inherited { shared() } else { Some(value) };
    value.and_then(|value| value.get("package")).and_then(Value::as_str).unwrap_or(key)
}

/// Whether a platform of a manifest (a target, or a `cfg` expression) holds for a target.
fn fits(platform: &str, target: &str) -> bool {
    if !platform.starts_with("cfg(") {
        return platform == target;
    }
    let (Ok(expression), Some(target)) = (Expression::parse(platform), get_builtin_target_by_triple(target))
    else {
        // What cannot be understood may hold.
        return true;
    };
    expression.eval(|predicate| match predicate {
        Predicate::Target(wanted) => wanted.matches(target),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn platforms_are_those_of_cargo() {
        let musl = target(Arch::X64);
        for (platform, holds) in [
            ("cfg(unix)", true),
            ("cfg(windows)", false),
            ("cfg(all(target_os = \"linux\", target_env = \"musl\"))", true),
            ("cfg(not(target_arch = \"x86_64\"))", false),
            ("cfg(any(target_os = \"macos\", feature = \"x\"))", false),
            ("cfg(loom)", false),
            ("x86_64-unknown-linux-musl", true),
            ("x86_64-pc-windows-msvc", false),
        ] {
            assert_eq!(fits(platform, musl), holds, "{platform}");
        }
        assert!(fits("cfg(target_arch = \"aarch64\")", target(Arch::Arm64)));
    }

    fn lock(packages: &[(&str, &[&str])]) -> Lock {
        let mut text = "version = 4\n".to_owned();
        for (name, needs) in packages {
            text.push_str(&format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n"));
            if *name != "app" {
                text.push_str(&format!("source = \"registry+x\"\nchecksum = \"{}\"\n", "1".repeat(64)));
            }
            text.push_str(&format!("dependencies = {needs:?}\n"));
        }
        Lock::parse(Path::new("Cargo.lock"), &text).expect("valid")
    }

    #[test]
    fn what_runs_in_the_compiler_or_elsewhere_is_not_linked() {
        let packages: [(&str, &[&str]); 9] = [
            ("app", &["lib", "derive", "cc", "renamed-real", "winapi"]),
            ("lib", &["both"]),
            ("derive", &["syn", "both"]),
            ("syn", &[]),
            ("both", &[]),
            ("cc", &["only-build", "winapi"]),
            ("only-build", &[]),
            ("renamed-real", &[]),
            ("winapi", &[]),
        ];
        let manifests: BTreeMap<&str, Table> = [
            (
                "app",
                "[workspace.dependencies]\nother = {package = \"renamed-real\", version = \"1\"}\n[package]\nname = \"app\"\n[dependencies]\nlib = \"1\"\nderive = \"1\"\nother = {workspace = true}\n[build-dependencies]\ncc = \"1\"\n[target.'cfg(windows)'.dependencies]\nwinapi = \"1\"\n",
            ),
            ("lib", "[dependencies]\nboth = \"1\"\n"),
            ("derive", "[lib]\nproc-macro = true\n[dependencies]\nsyn = \"1\"\nboth = \"1\"\n"),
            ("cc", "[dependencies]\nonly-build = \"1\"\n[target.'cfg(windows)'.dependencies]\nwinapi = \"1\"\n"),
        ]
        .map(|(name, text)| (name, text.parse().expect("a manifest")))
        .into();
        let lock = lock(&packages);
        let selection = lock.select("app", |_, _| true).expect("selected");
        let manifest = |index: usize| manifests.get(lock.package(index).name.as_str());
        let uses = uses(&lock, &selection, 0, Arch::X64, manifests.get("app"), manifest);
        let names = |linked: bool| {
            let some = uses.iter().filter(|(_, is)| **is == linked);
            some.map(|(index, _)| lock.package(*index).name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(names(true), ["app", "lib", "both", "renamed-real"]);
        assert_eq!(names(false), ["derive", "syn", "cc", "only-build"]);
    }
}
