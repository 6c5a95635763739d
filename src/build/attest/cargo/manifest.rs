//! A `Cargo.toml` as a build reads it: dependencies with their kinds, platforms and features (the Cargo book, "Specifying
//! Dependencies", "Features").

use std::collections::BTreeMap;

use cfg_expr::targets::get_builtin_target_by_triple;
use cfg_expr::{Expression, Predicate};
use toml::{Table, Value};

/// A dependency of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What the manifest calls it.
    pub key: String,
    /// The package that it is.
    pub package: String,
    /// Whether building takes it, and running does not.
    pub to_build: bool,
    /// Whether a feature must ask for it.
    pub optional: bool,
    /// What is asked of it, `default` included.
    pub features: Vec<String>,
}

/// The dependencies of a package on any of these targets. `root` is the manifest of its workspace.
pub fn dependencies(manifest: &Table, root: Option<&Table>, targets: &[&str]) -> Vec<Dependency> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let platforms = platforms.filter(|(platform, _)| targets.iter().any(|target| fits(platform, target)));
    let tables = std::iter::once(manifest).chain(platforms.filter_map(|(_, table)| table.as_table()));
    let mut found = Vec::new();
    for table in tables {
        for (kind, to_build) in [("dependencies", false), ("build-dependencies", true)] {
            let needs = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            found.extend(needs.map(|(key, value)| dependency(root, key, value, to_build)));
        }
    }
    found
}

fn dependency(root: Option<&Table>, key: &str, value: &Value, to_build: bool) -> Dependency {
    let inherited = flag(value, "workspace").unwrap_or(false);
    let shared = || root?.get("workspace")?.get("dependencies")?.get(key);
    let shared = if inherited { shared() } else { None };
    // The workspace decides on the default features; a member may only ask for more.
    let decides = shared.unwrap_or(value);
    let default = flag(decides, "default-features").or_else(|| flag(decides, "default_features"));
    let mut features: Vec<String> =
        [Some(value), shared].into_iter().flatten().flat_map(features_of).collect();
    if default.unwrap_or(true) || (inherited && flag(value, "default-features") == Some(true)) {
        features.push("default".to_owned());
    }
    let package = decides.get("package").and_then(Value::as_str).unwrap_or(key);
    Dependency {
        key: key.to_owned(),
        package: package.to_owned(),
        to_build,
        optional: flag(value, "optional").unwrap_or(false),
        features,
    }
}

fn flag(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

fn features_of(value: &Value) -> Vec<String> {
    texts(value.get("features"))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The features of a package, with what each asks for.
pub fn features(manifest: &Table) -> BTreeMap<String, Vec<String>> {
    let features = manifest.get("features").and_then(Value::as_table).into_iter().flatten();
    features.map(|(name, asks)| (name.clone(), texts(Some(asks)))).collect()
}

/// Whether the package runs in the compiler.
pub fn is_macro(manifest: &Table) -> bool {
    let library = manifest.get("lib");
    let key = |name| library.and_then(|library| flag(library, name));
    key("proc-macro").or_else(|| key("proc_macro")).unwrap_or(false)
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

    const MUSL: &str = "x86_64-unknown-linux-musl";

    #[test]
    fn platforms_are_those_of_cargo() {
        for (platform, holds) in [
            ("cfg(unix)", true),
            ("cfg(windows)", false),
            ("cfg(all(target_os = \"linux\", target_env = \"musl\"))", true),
            ("cfg(not(target_arch = \"x86_64\"))", false),
            ("cfg(any(target_os = \"macos\", feature = \"x\"))", false),
            ("cfg(loom)", false),
            (MUSL, true),
            ("x86_64-pc-windows-msvc", false),
        ] {
            assert_eq!(fits(platform, MUSL), holds, "{platform}");
        }
        assert!(fits("cfg(target_arch = \"aarch64\")", "aarch64-unknown-linux-musl"));
    }

    #[test]
    fn a_member_asks_for_what_the_workspace_has_and_more() {
        let root: Table = "[workspace.dependencies]\na = {package = \"real\", version = \"1\", default-features = false, features = [\"x\"]}\nb = \"1\"\n"
            .parse()
            .expect("a manifest");
        let manifest: Table = "[dependencies]\na = {workspace = true, features = [\"y\"], optional = true}\nb.workspace = true\n[target.'cfg(windows)'.dependencies]\nc = \"1\"\n[build-dependencies]\nd = {version = \"1\", default-features = false}\n"
            .parse()
            .expect("a manifest");
        let found = dependencies(&manifest, Some(&root), &[MUSL]);
        let shown: Vec<_> = found
            .iter()
            .map(|d| (d.key.as_str(), d.package.as_str(), d.to_build, d.optional, d.features.join(",")))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", "real", false, true, "y,x".to_owned()),
                ("b", "b", false, false, "default".to_owned()),
                ("d", "d", true, false, String::new()),
            ]
        );
    }
}
