//! What an unpacked archive is: how it is built, and what it says of itself. Files are read, nothing is run.

use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Deserialize;

/// How something is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `configure`, made by GNU Autoconf.
    Autotools,
    /// `configure`, written by hand.
    Configure,
    /// `configure.ac` only: `configure` is to be made first.
    Autoreconf,
    /// `CMakeLists.txt`
    CMake,
    /// A `Makefile`.
    Make,
    /// `package.json`
    Npm,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Autotools => "autotools",
            Self::Configure => "configure",
            Self::Autoreconf => "autotools (without configure)",
            Self::CMake => "CMake",
            Self::Make => "make",
            Self::Npm => "npm",
        }
    }

    /// The build root that has what it takes.
    pub fn root(self) -> &'static str {
        match self {
            Self::Autotools | Self::Configure | Self::Make => "c",
            Self::Autoreconf => "autotools",
            Self::CMake => "cmake",
            Self::Npm => "node",
        }
    }
}

/// What was found in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// How it is built.
    pub kind: Option<Kind>,
    /// What it says its version is.
    pub version: Option<String>,
    /// A line about it.
    pub summary: Option<String>,
    /// Its page.
    pub homepage: Option<String>,
    /// The licence that it claims, as an SPDX expression.
    pub licence: Option<String>,
    /// Whether it uses libtool, and so may build shared libraries.
    pub libtool: bool,
    /// Whether it installs descriptions for pkg-config.
    pub pkg_config: bool,
    /// Whether its Makefile has a target `install`.
    pub installs: bool,
    /// Whether that target puts everything below `DESTDIR`.
    pub staged: bool,
    /// Files with licence texts, in its top folder.
    pub licence_files: Vec<String>,
    /// Everything in its top folder.
    pub names: Vec<String>,
}

/// A text file of at most this size is looked into.
const MAX_TEXT: u64 = 4 << 20;

/// Looks at a source folder.
pub fn inspect(folder: &Path, prefer_npm: bool) -> Found {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    names.sort();
    let has = |name: &str| names.iter().any(|other| other == name);
    let makefile = ["GNUmakefile", "makefile", "Makefile"].into_iter().find(|name| has(name));
    let configure = read(&folder.join("configure"));
    let kind = match configure {
        _ if prefer_npm && has("package.json") => Some(Kind::Npm),
        Some(ref text) if text.contains("Autoconf") => Some(Kind::Autotools),
        Some(_) => Some(Kind::Configure),
        None if has("configure.ac") || has("configure.in") => Some(Kind::Autoreconf),
        None if has("CMakeLists.txt") => Some(Kind::CMake),
        None if makefile.is_some() => Some(Kind::Make),
        None if has("package.json") => Some(Kind::Npm),
        None => None,
    };
    let makefile = makefile.and_then(|name| read(&folder.join(name))).unwrap_or_default();
    let mut found = Found {
        kind,
        libtool: any(folder, &names, |name| name == "ltmain.sh"),
        pkg_config: any(folder, &names, |name| name.ends_with(".pc.in") || name.ends_with(".pc.cmakein")),
        installs: has_target(&makefile),
        staged: is_staged(&makefile),
        licence_files: names.iter().filter(|name| is_licence(name)).cloned().collect(),
        ..Found::default()
    };
    match kind {
        Some(Kind::Autotools) => of_configure(configure.as_deref().unwrap_or_default(), &mut found),
        Some(Kind::CMake) => of_cmake(&read(&folder.join("CMakeLists.txt")).unwrap_or_default(), &mut found),
        Some(Kind::Npm) => of_npm(&read(&folder.join("package.json")).unwrap_or_default(), &mut found),
        _ => {}
    }
    of_python(&read(&folder.join("PKG-INFO")).unwrap_or_default(), &mut found);
    of_cargo(&read(&folder.join("Cargo.toml")).unwrap_or_default(), &mut found);
    found.names = names;
    found
}

fn read(path: &Path) -> Option<String> {
    fs::symlink_metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= MAX_TEXT)?;
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a file of such a name stands in the folder, or one folder deeper.
fn any(folder: &Path, names: &[String], wanted: impl Fn(&str) -> bool) -> bool {
    let deeper = |name: &String| {
        let below: PathBuf = folder.join(name);
        let is_folder = fs::symlink_metadata(&below).is_ok_and(|meta| meta.is_dir());
        let entries = is_folder.then(|| fs::read_dir(&below).ok()).flatten();
        entries.is_some_and(|entries| {
            entries.flatten().any(|entry| wanted(&entry.file_name().to_string_lossy()))
        })
    };
    names.iter().any(|name| wanted(name) || deeper(name))
}

fn is_licence(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let starts = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE"]
        .iter()
        .any(|start| upper.starts_with(start));
    starts && ![".RS", ".C", ".H", ".PY", ".JS"].iter().any(|end| upper.ends_with(end))
}

fn has_target(makefile: &str) -> bool {
    makefile.lines().any(|line| {
        let mut targets = line.split(':').next().unwrap_or_default().split_whitespace();
        !line.starts_with(['\t', '#', '.']) && line.contains(':') && targets.any(|target| target == "install")
    })
}

/// Whether a Makefile takes `DESTDIR` for a folder before all others: some have it for the folder of programs, most others not at all.
fn is_staged(makefile: &str) -> bool {
    let own = |line: &str| {
        let value = line.strip_prefix("DESTDIR").map(str::trim_start).and_then(|rest| {
            rest.strip_prefix('=').or_else(|| rest.strip_prefix("?=")).or_else(|| rest.strip_prefix(":="))
        });
        value.is_some_and(|value| !value.trim().is_empty())
    };
    makefile.contains("DESTDIR") && !makefile.lines().any(own)
}

/// `PACKAGE_VERSION='2.12.1'` and the like, which Autoconf writes.
fn of_configure(text: &str, found: &mut Found) {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches('\'').to_owned()).filter(|value| !value.is_empty())
    };
    found.version = value("PACKAGE_VERSION");
    found.homepage = value("PACKAGE_URL");
}

/// `project(x VERSION 1.2 DESCRIPTION "…" HOMEPAGE_URL "…")`
fn of_cmake(text: &str, found: &mut Found) {
    let lower = text.to_ascii_lowercase();
    let Some(start) = lower.match_indices("project").map(|(at, _)| at).find(|at| {
        let line = lower[..*at].rsplit('\n').next().unwrap_or_default();
        line.trim().is_empty() && lower[at + 7..].trim_start().starts_with('(')
    }) else {
        return;
    };
    let call = text[start..].split_once(')').map_or(&text[start..], |(call, _)| call);
    let word = |name: &str| {
        let after =
            call.split_once(name).filter(|(before, _)| before.ends_with(char::is_whitespace))?.1.trim_start();
        let value = match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => after.split_whitespace().next()?,
        };
        (!value.contains("${") && !value.is_empty()).then(|| value.to_owned())
    };
    found.version = word("VERSION");
    found.summary = word("DESCRIPTION");
    found.homepage = word("HOMEPAGE_URL");
}

#[derive(Deserialize)]
struct PackageJson {
    version: Option<String>,
    description: Option<String>,
    homepage: Option<String>,
    license: Option<serde_json::Value>,
}

fn of_npm(text: &str, found: &mut Found) {
    let Ok(package) = serde_json::from_str::<PackageJson>(text) else { return };
    found.version = package.version;
    found.summary = package.description;
    found.homepage = package.homepage;
    found.licence = package.license.and_then(|licence| licence.as_str().map(str::to_owned));
}

/// The head of a Python source archive's description (Core Metadata).
fn of_python(text: &str, found: &mut Found) {
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match name {
            "Version" => found.version = found.version.take().or(value),
            "Summary" => found.summary = found.summary.take().or(value),
            "Home-page" => found.homepage = found.homepage.take().or(value),
            "License-Expression" | "License" => found.licence = found.licence.take().or(value),
            _ => {}
        }
    }
}

/// A crate may carry another project: its version is not that one's, the rest mostly is.
fn of_cargo(text: &str, found: &mut Found) {
    let Ok(manifest) = toml::from_str::<toml::Table>(text) else { return };
    let text = |name: &str| {
        manifest.get("package")?.as_table()?.get(name)?.as_str().map(|value| value.trim().to_owned())
    };
    found.summary = found.summary.take().or_else(|| text("description"));
    found.homepage = found.homepage.take().or_else(|| text("homepage")).or_else(|| text("repository"));
    found.licence = found.licence.take().or_else(|| text("license"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        folder
    }

    #[test]
    fn each_kind_is_told() {
        let kind = |files: &[(&str, &str)], npm| inspect(folder(files).path(), npm).kind;
        assert_eq!(
            kind(&[("configure", "# Generated by GNU Autoconf"), ("CMakeLists.txt", "")], false),
            Some(Kind::Autotools)
        );
        assert_eq!(kind(&[("configure", "#!/bin/sh"), ("Makefile", "")], false), Some(Kind::Configure));
        assert_eq!(kind(&[("configure.ac", ""), ("Makefile.am", "")], false), Some(Kind::Autoreconf));
        assert_eq!(kind(&[("CMakeLists.txt", ""), ("Makefile", "")], false), Some(Kind::CMake));
        assert_eq!(kind(&[("Makefile", ""), ("package.json", "{}")], false), Some(Kind::Make));
        assert_eq!(kind(&[("Makefile", ""), ("package.json", "{}")], true), Some(Kind::Npm));
        assert_eq!(kind(&[("package.json", "{}")], false), Some(Kind::Npm));
        assert_eq!(kind(&[("README", "")], false), None);
    }

    #[test]
    fn what_it_says_of_itself_is_read() {
        let configure = "# GNU Autoconf\nPACKAGE_NAME='hello'\nPACKAGE_VERSION='2.12'\nPACKAGE_URL='https://x.example/'\n";
        let found = inspect(
            folder(&[
                ("configure", configure),
                ("COPYING", ""),
                ("build-aux/ltmain.sh", ""),
                ("x.pc.in", ""),
            ])
            .path(),
            false,
        );
        assert_eq!(
            (found.version.as_deref(), found.homepage.as_deref()),
            (Some("2.12"), Some("https://x.example/"))
        );
        assert!(found.libtool && found.pkg_config);
        assert_eq!(found.licence_files, ["COPYING"]);
        let cmake = "cmake_minimum_required(VERSION 3.5)\n# project(no VERSION 0)\nproject(x\n  VERSION 1.7.15 DESCRIPTION \"A thing\" LANGUAGES C)\n";
        let found = inspect(folder(&[("CMakeLists.txt", cmake)]).path(), false);
        assert_eq!((found.version.as_deref(), found.summary.as_deref()), (Some("1.7.15"), Some("A thing")));
        let npm = r#"{"version":"1.0.0","description":"d","license":"MIT","homepage":"h"}"#;
        let found = inspect(folder(&[("package.json", npm), ("LICENSE.md", "")]).path(), false);
        assert_eq!((found.version.as_deref(), found.licence.as_deref()), (Some("1.0.0"), Some("MIT")));
        assert!(!found.installs);
        assert!(inspect(folder(&[("Makefile", "all:\n\tcc\ninstall: all\n\tcp\n")]).path(), false).installs);
        assert!(!inspect(folder(&[("Makefile", "all:\n\tinstall: x\n")]).path(), false).installs);
    }
}
