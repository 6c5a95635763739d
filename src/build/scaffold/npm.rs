//! The dependencies of an npm package: which versions, as npm itself locks them, each fetched and digested once. What comes out
//! names no address, and npm takes no part in the build: each dependency is unpacked where the lock puts it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use fs_err as fs;
use medic_model::recipe::{Location, RegistryPackage};
use medic_model::{ByteSize, RelPath};
use serde::Deserialize;

use super::ScaffoldError;
use crate::error::BuildError;
use crate::fetch::Reason;
use crate::fetch::ask::{Asker, First};

/// A package larger than this is refused.
const MAX_PACKAGE: ByteSize = ByteSize(64 << 20);
/// The two names of a lock file, the one that is published with a package first.
const LOCKS: [&str; 2] = ["npm-shrinkwrap.json", "package-lock.json"];

/// A dependency: where it goes, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The folder below the source folder, such as `node_modules/a/node_modules/b`.
    pub into: RelPath,
    /// Its name and version.
    pub package: RegistryPackage,
    /// SHA-512 in base64, where the lock has it.
    integrity: Option<String>,
    /// Whether it wants to run something when it is installed.
    pub wants_script: bool,
}

/// A dependency that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedDependency {
    /// What it is.
    pub dependency: Dependency,
    /// Its archive.
    pub file: First,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    #[serde(default)]
    lockfile_version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Locked>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Locked {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    dev: bool,
    link: bool,
    in_bundle: bool,
    optional: bool,
    has_install_script: bool,
    os: Option<serde_json::Value>,
    cpu: Option<serde_json::Value>,
}

/// The dependencies that a lock lists for use (not for development), in its order.
///
/// # Errors
/// One of them is not from a registry; the lock is of npm before 7.
pub fn dependencies(lock: &[u8]) -> Result<Vec<Dependency>, String> {
    let lock: Lock =
        serde_json::from_slice(lock).map_err(|error| format!("the lock is no such file: {error}"))?;
    if lock.lockfile_version < 2 {
        return Err(
            "the lock is of npm 6 or older: make it anew with 'npm install --package-lock-only'".to_owned()
        );
    }
    let mut found = Vec::new();
    for (path, one) in lock.packages.iter().filter(|(path, _)| !path.is_empty()) {
        // A part of another's archive comes with that; one for other systems only is none for ours.
        if one.dev || one.in_bundle || (one.optional && (one.os.is_some() || one.cpu.is_some())) {
            continue;
        }
        let last = path.rsplit_once("node_modules/").map(|(_, name)| name);
        let name = one.name.as_deref().or(last).unwrap_or_default().to_owned();
        let registry = one
            .resolved
            .as_deref()
            .is_none_or(|from| from.starts_with("https://") || from.starts_with("http://"));
        let (Some(version), false, true, Some(_)) = (&one.version, one.link, registry, last) else {
            return Err(format!(
                "the dependency '{path}' is not from a registry ({}): its source must be added by hand",
                one.resolved.as_deref().unwrap_or("a folder")
            ));
        };
        if !crate::fetch::is_plain(&name) || !crate::fetch::is_plain(version) {
            return Err(format!(
                "the dependency '{path}' has a name or version that is none: {name}@{version}"
            ));
        }
        let sha512 = one.integrity.as_deref().and_then(|text| {
            text.split_whitespace().find_map(|part| part.strip_prefix("sha512-").map(str::to_owned))
        });
        found.push(Dependency {
            into: path.parse().map_err(|error| format!("the dependency '{path}': {error}"))?,
            package: RegistryPackage { name, version: version.clone() },
            integrity: sha512,
            wants_script: one.has_install_script,
        });
    }
    Ok(found)
}

/// The lock of an unpacked package: its own, or one that npm makes now from what it says it depends on.
///
/// # Errors
/// npm is not there, or finds no versions that go together.
pub fn lock(asker: &Asker<'_>, folder: &Path, scratch: &Path) -> Result<Vec<u8>, Reason> {
    for name in LOCKS {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            return fs::read(path).map_err(Reason::File);
        }
    }
    let text = fs::read(folder.join("package.json")).map_err(Reason::File)?;
    let wrong = |error: serde_json::Error| Reason::Broken(format!("package.json: {error}"));
    let package: serde_json::Value = serde_json::from_slice(&text).map_err(wrong)?;
    // Only what is needed for that: no scripts, no hooks, no settings of its own.
    let mut reduced = serde_json::json!({"name": "locked", "version": "0.0.0", "private": true});
    for key in
        ["dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta", "overrides"]
    {
        if let Some(value) = package.get(key) {
            reduced[key] = value.clone();
        }
    }
    let work = scratch.join("lock");
    let written =
        fs::create_dir(&work).and_then(|()| fs::write(work.join("package.json"), reduced.to_string()));
    written.map_err(Reason::File)?;
    let args = [
        "install",
        "--package-lock-only",
        "--ignore-scripts",
        "--omit=dev",
        "--no-audit",
        "--no-fund",
        "--silent",
    ];
    let env = vec![("npm_config_update_notifier", "false".into())];
    asker.run(&asker.access().programs.npm, args.map(Into::into).to_vec(), env, &work)?;
    match fs::read(work.join("package-lock.json")) {
        // npm writes none for a package without dependencies.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(br#"{"lockfileVersion":3,"packages":{}}"#.to_vec())
        }
        other => other.map_err(Reason::File),
    }
}

/// Fetches dependencies, several at once; each must be what the lock says it is. In the order of `wanted`.
///
/// # Errors
/// One of them is not to be had, or is another file.
pub fn fetch(asker: &Asker<'_>, wanted: Vec<Dependency>) -> Result<Vec<FetchedDependency>, BuildError> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Result<FetchedDependency, BuildError>>> = Mutex::default();
    let worker = || {
        while let Some((index, dependency)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            wanted.get(index).map(|dependency| (index, dependency))
        } {
            let result = fetch_one(asker, dependency);
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..asker.workers().min(wanted.len()) {
            scope.spawn(worker);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

fn fetch_one(asker: &Asker<'_>, dependency: &Dependency) -> Result<FetchedDependency, BuildError> {
    let name = || format!("npm:{}@{}", dependency.package.name, dependency.package.version);
    let absent = |reason: String| ScaffoldError::Source { origin: name(), reason };
    let location = Location::Npm(dependency.package.clone());
    let file = asker.first(&location, MAX_PACKAGE)?.map_err(|reason| absent(reason.to_string()))?;
    if let Some(expected) = &dependency.integrity {
        let bytes: Option<Vec<u8>> = hex_bytes(&file.sha512.to_string());
        let found = bytes.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
        if found.as_deref() != Some(expected.as_str()) {
            let reason = format!(
                "it is another file than the lock means: sha512 in base64 is {}",
                found.unwrap_or_default()
            );
            return Err(absent(reason).into());
        }
    }
    Ok(FetchedDependency { dependency: dependency.clone(), file })
}

fn hex_bytes(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// The programs of a package: by name, the file in it. Names and paths that a shell could take for something else are left out.
pub fn programs(package_json: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Package {
        name: Option<String>,
        bin: Option<serde_json::Value>,
    }
    let Ok(package) = serde_json::from_slice::<Package>(package_json) else { return BTreeMap::new() };
    let name = package.name.unwrap_or_default();
    let own = name.rsplit('/').next().unwrap_or_default().to_owned();
    let all: Vec<(String, String)> = match package.bin {
        Some(serde_json::Value::String(path)) => vec![(own, path)],
        Some(serde_json::Value::Object(map)) => {
            map.into_iter().filter_map(|(name, path)| Some((name, path.as_str()?.to_owned()))).collect()
        }
        _ => Vec::new(),
    };
    let clean = |path: &str| path.trim_start_matches("./").to_owned();
    let plain = |text: &str| crate::fetch::is_plain(text) && text.parse::<RelPath>().is_ok();
    let all = all.into_iter().map(|(name, path)| (name, clean(&path)));
    all.filter(|(name, path)| plain(name) && !name.contains('/') && plain(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_becomes_sources_without_addresses() {
        let lock = br#"{"lockfileVersion":3,"packages":{
            "":{"dependencies":{"a":"1"}},
            "node_modules/a":{"version":"1.0.0","resolved":"https://r.example/a.tgz","integrity":"sha1-x sha512-eHk="},
            "node_modules/a/node_modules/@s/b":{"version":"2.0.0","hasInstallScript":true},
            "node_modules/alias":{"name":"real","version":"3.0.0"},
            "node_modules/dev":{"version":"1.0.0","dev":true},
            "node_modules/mac":{"version":"1.0.0","optional":true,"os":["darwin"]},
            "node_modules/a/node_modules/in":{"version":"1.0.0","inBundle":true}}}"#;
        let found = dependencies(lock).expect("read");
        let told: Vec<_> =
            found.iter().map(|d| format!("{} {}@{}", d.into, d.package.name, d.package.version)).collect();
        assert_eq!(
            told,
            [
                "node_modules/a a@1.0.0",
                "node_modules/a/node_modules/@s/b @s/b@2.0.0",
                "node_modules/alias real@3.0.0"
            ]
        );
        assert_eq!(found[0].integrity.as_deref(), Some("eHk="));
        assert!(found[1].wants_script && !found[0].wants_script);
        for (bad, says) in [
            (r#"{"lockfileVersion":1}"#, "npm 6"),
            (
                r#"{"lockfileVersion":3,"packages":{"node_modules/x":{"version":"1.0.0","resolved":"git+ssh://x"}}}"#,
                "not from a registry",
            ),
            (r#"{"lockfileVersion":3,"packages":{"packages/x":{"version":"1.0.0"}}}"#, "not from a registry"),
            (
                r#"{"lockfileVersion":3,"packages":{"node_modules/x":{"version":"1.0.0","name":"--x"}}}"#,
                "none",
            ),
            (r#"{"lockfileVersion":3,"packages":{"../node_modules/x":{"version":"1.0.0"}}}"#, "../"),
            ("x", "no such file"),
        ] {
            let error = dependencies(bad.as_bytes()).expect_err("refused");
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn only_plain_programs_are_taken() {
        let found = programs(br#"{"name":"@s/x","bin":"./cli.js"}"#);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("x".to_owned(), "cli.js".to_owned())]);
        let found = programs(br#"{"bin":{"a":"bin/a.js","b;rm":"x","c":"../c","d":"$(x)","../e":"e"}}"#);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["a"]);
    }
}
