//! A recipe: how one component is built from its upstream sources. `recipes/<component>/recipe.yaml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::{
    ByteSize, ComponentName, Cpe, Date, Exception, PackageName, Purl, RelPath, Sha256, Sha512, Span, Version,
};

/// How one component is built. Values reach a step as environment variables only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The component; the folder has the same name.
    pub name: ComponentName,
    /// Upstream's version.
    pub version: Version,
    /// The day upstream released it; its midnight (UTC) is `SOURCE_DATE_EPOCH`.
    pub released: Date,
    /// One line for people.
    pub summary: String,
    /// Upstream's page.
    pub homepage: String,
    /// An SPDX licence expression.
    pub licence: String,
    /// Licence texts, below the source folder; they are copied into the result.
    #[serde(default)]
    pub licence_files: Vec<RelPath>,
    /// Its names in the National Vulnerability Database, for scanners. No part of the action key.
    #[serde(default)]
    pub cpe: Vec<Cpe>,
    /// Its package URL, where the one made of its sources' locations is not the best; without a version it gets the recipe's.
    /// No part of the action key.
    #[serde(default)]
    pub purl: Option<Purl>,
    /// The build root, one of `recipes/build-roots.yaml`.
    #[serde(default = "default_root")]
    pub root: String,
    /// Everything fetched.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Patch files beside the recipe, applied in order with no fuzz.
    #[serde(default)]
    pub patches: Vec<RelPath>,
    /// Other files beside the recipe that the steps use, at `/build/files`.
    #[serde(default)]
    pub files: Vec<RelPath>,
    /// Components visible at `/sysroot/<component>` while building.
    #[serde(default)]
    pub needs: Vec<ComponentName>,
    /// Programs that the build root must have.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Further environment variables of the steps.
    #[serde(default, deserialize_with = "unique_map")]
    pub environment: BTreeMap<String, String>,
    /// How much memory the steps need: more than this is not given to them, and components are built side by side as far
    /// as the machine's memory goes. No part of the action key: it cannot change a result.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// What is run, in order.
    pub steps: Vec<Step>,
    /// Run after the steps, against the staged result, where the result can run on this machine.
    #[serde(default)]
    pub test: Option<String>,
    /// Whether `test` needs no run of the target's programs, and so is run for every architecture.
    #[serde(default)]
    pub test_foreign: bool,
    /// What the checks find and is meant. No input of the action key: a change of it rebuilds nothing.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// How long each step may take, where an hour is not right. It cannot influence a result, so it is no part of one's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Span>,
}

fn default_root() -> String {
    "c".to_owned()
}

/// A named part of the build: a shell text, run with `sh -eu` in the source folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Shown while it runs, and heading its part of the log.
    pub name: String,
    /// The shell text.
    pub run: String,
}

/// Something fetched and put into the source folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SourceFields", into = "SourceFields")]
pub enum Source {
    /// One file, known by its digest.
    File(Box<FileSource>),
    /// This workspace's own sources: the crates that a package of it is made of.
    Workspace(WorkspaceSource),
    /// The registry crates that a package of this workspace is made of, by `Cargo.lock`'s digests, as a Cargo
    /// directory source.
    CargoLock(CargoLockSource),
}

/// One file with its digest, and where it may be had. A location is a hint: only the digest is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// What the content must be.
    pub sha256: Sha256,
    /// Checked too when given.
    pub sha512: Option<Sha512>,
    /// A download larger than this is cut off and refused.
    pub max_size: ByteSize,
    /// Where it may be had, in the order tried.
    pub locations: Vec<Location>,
    /// The folder below the source folder it goes to; none is the source folder itself.
    pub into: Option<RelPath>,
    /// Whether it is an archive to unpack.
    pub unpack: bool,
    /// Leading parts dropped from each name in the archive.
    pub strip: u32,
}

/// See [`Source::Workspace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceSource {
    /// The Cargo package whose crates are wanted.
    pub package: String,
}

/// See [`Source::CargoLock`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CargoLockSource {
    /// The Cargo package whose dependencies are wanted.
    pub package: String,
    /// The folder below the source folder that becomes the directory source.
    pub into: RelPath,
}

/// A place where a source may be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// An HTTP or HTTPS address.
    Url(String),
    /// A path in the machine's own Debian mirror.
    Debian(RelPath),
    /// A file of a release on the Python package index, through the machine's own client.
    Pypi(PypiFile),
    /// A package of the npm registry, through the machine's own client.
    Npm(RegistryPackage),
    /// A crate, through the machine's own Cargo.
    Crate(RegistryPackage),
    /// A commit of a git repository.
    Git(GitTree),
    /// A file of this workspace.
    Path(RelPath),
}

/// A file of a Python release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PypiFile {
    /// The project.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file's name: a wheel or a source archive.
    pub file: String,
}

/// A package by name and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryPackage {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// A commit of a git repository; the source's digest is that of its canonical tar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitTree {
    /// The repository's address.
    pub url: String,
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
}

/// The form in which a source stands in a document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha512: Option<Sha512>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<ByteSize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debian: Option<RelPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pypi: Option<PypiFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    npm: Option<RegistryPackage>,
    #[serde(rename = "crate", skip_serializing_if = "Option::is_none")]
    krate: Option<RegistryPackage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<GitTree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<RelPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<RelPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpack: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strip: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<WorkspaceSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cargo_lock: Option<CargoLockSource>,
}

/// The least that a recipe may say its steps need.
const LEAST_MEMORY: ByteSize = ByteSize(64 << 20);
const DEFAULT_MAX_SIZE: ByteSize = ByteSize(512 << 20);

impl TryFrom<SourceFields> for Source {
    type Error = String;

    fn try_from(fields: SourceFields) -> Result<Self, String> {
        match (fields.workspace.clone(), fields.cargo_lock.clone(), fields.sha256) {
            (Some(workspace), None, None) => Ok(Self::Workspace(workspace)),
            (None, Some(lock), None) => Ok(Self::CargoLock(lock)),
            (None, None, Some(sha256)) => fields.file(sha256).map(|file| Self::File(Box::new(file))),
            (None, None, None) => {
                Err("a source has no 'sha256': add the digest of the file that is meant".to_owned())
            }
            _ => {
                Err("a source is one of a file ('sha256'), 'workspace' and 'cargo_lock': keep one".to_owned())
            }
        }
    }
}

impl SourceFields {
    fn file(self, sha256: Sha256) -> Result<FileSource, String> {
        if let Some(url) =
            self.urls.iter().find(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            return Err(format!("the address '{url}' does not start with https:// or http://"));
        }
        if let Some(git) =
            self.git.as_ref().filter(|git| git.commit.len() != 40 || hex::decode(&git.commit).is_err())
        {
            return Err(format!(
                "the git commit '{}' is not 40 hexadecimal digits: name a commit, not a branch",
                git.commit
            ));
        }
        let locations: Vec<Location> = (self.path.into_iter().map(Location::Path))
            .chain(self.urls.into_iter().map(Location::Url))
            .chain(self.debian.into_iter().map(Location::Debian))
            .chain(self.pypi.into_iter().map(Location::Pypi))
            .chain(self.npm.into_iter().map(Location::Npm))
            .chain(self.krate.into_iter().map(Location::Crate))
            .chain(self.git.into_iter().map(Location::Git))
            .collect();
        if locations.is_empty() {
            return Err(
                "a source has no location: add 'urls', 'debian', 'pypi', 'npm', 'crate', 'git' or 'path'"
                    .to_owned(),
            );
        }
        Ok(FileSource {
            sha256,
            sha512: self.sha512,
            max_size: self.max_size.unwrap_or(DEFAULT_MAX_SIZE),
            locations,
            into: self.into,
            unpack: self.unpack.unwrap_or(true),
            strip: self.strip.unwrap_or(1),
        })
    }
}

impl From<Source> for SourceFields {
    fn from(source: Source) -> Self {
        let file = match source {
            Source::Workspace(workspace) => return Self { workspace: Some(workspace), ..Self::default() },
            Source::CargoLock(lock) => return Self { cargo_lock: Some(lock), ..Self::default() },
            Source::File(file) => *file,
        };
        let mut fields = Self {
            sha256: Some(file.sha256),
            sha512: file.sha512,
            max_size: Some(file.max_size),
            into: file.into,
            unpack: Some(file.unpack),
            strip: Some(file.strip),
            ..Self::default()
        };
        for location in file.locations {
            match location {
                Location::Url(url) => fields.urls.push(url),
                Location::Debian(path) => fields.debian = Some(path),
                Location::Pypi(file) => fields.pypi = Some(file),
                Location::Npm(package) => fields.npm = Some(package),
                Location::Crate(package) => fields.krate = Some(package),
                Location::Git(tree) => fields.git = Some(tree),
                Location::Path(path) => fields.path = Some(path),
            }
        }
        fields
    }
}

impl Recipe {
    /// Reads a recipe and checks what its types alone cannot: `file` is what errors call it.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let recipe: Self = from_yaml(file, text)?;
        recipe.check().map_err(|message| DocumentError::whole(file, message))?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        if self.steps.is_empty() {
            return Err("'steps' is empty: a recipe that does nothing builds nothing".to_owned());
        }
        if let Some(name) = self.needs.iter().find(|need| **need == self.name) {
            return Err(format!("'{name}' needs itself: remove it from 'needs'"));
        }
        if let Some(memory) = self.memory.filter(|memory| *memory < LEAST_MEMORY) {
            return Err(format!(
                "'memory' is {memory}: no compiler runs in less than 64 MiB, so write at least '64 MiB'"
            ));
        }
        let reserved = |name: &&String| RESERVED_VARIABLES.contains(&name.as_str()) || !is_variable(name);
        if let Some(name) = self.environment.keys().find(reserved) {
            return Err(format!(
                "the environment variable '{name}' is not a variable's name, or the builder sets it itself"
            ));
        }
        let own = self.version.to_string();
        if let Some(purl) = self.purl.as_ref().filter(|purl| !purl.version().unwrap_or(&own).contains(&own)) {
            return Err(format!("'purl' is '{purl}', but the version is {own}: make them the same"));
        }
        let mut names = std::collections::BTreeSet::new();
        if let Some(step) = self.steps.iter().find(|step| !names.insert(&step.name)) {
            return Err(format!("two steps are called '{}': the log could not tell them apart", step.name));
        }
        Ok(())
    }

    /// The file sources.
    pub fn file_sources(&self) -> impl Iterator<Item = &FileSource> {
        self.sources.iter().filter_map(|source| match source {
            Source::File(file) => Some(file.as_ref()),
            Source::Workspace(_) | Source::CargoLock(_) => None,
        })
    }
}

fn is_variable(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The variables that the builder sets; a recipe cannot set them.
pub const RESERVED_VARIABLES: [&str; 13] = [
    "SYSROOT",
    "PREFIX",
    "DESTDIR",
    "JOBS",
    "ARCH",
    "TARGET",
    "VERSION",
    "SOURCE_DATE_EPOCH",
    "HOME",
    "TZ",
    "LC_ALL",
    "PATH",
    "PWD",
];

/// The package that a component becomes part of has the same alphabet for its name.
impl From<&PackageName> for ComponentName {
    fn from(name: &PackageName) -> Self {
        // Both newtypes have one grammar, so this cannot fail; an empty match arm would hide a change of that.
        name.as_str()
            .parse()
            .unwrap_or_else(|_| unreachable!("package and component names share one grammar"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = "
name: zlib
version: \"1.3.2\"
released: 2026-02-17
summary: Compression library
homepage: https://zlib.net/
licence: Zlib
sources:
  - sha256: 7b6903eb019983987b7112eccf90f1703f1c6c0e0cede36564bf611d19ca579d
    max_size: 2 MiB
    urls: [https://zlib.net/zlib-1.3.2.tar.gz]
    debian: pool/main/z/zlib/zlib_1.3.orig.tar.gz
steps:
  - name: build
    run: make
";

    fn fault(from: &str, to: &str) -> String {
        assert!(RECIPE.contains(from));
        Recipe::from_yaml("r.yaml", &RECIPE.replace(from, to)).expect_err("refused").to_string()
    }

    #[test]
    fn a_recipe_is_read_and_written_without_loss() {
        let recipe = Recipe::from_yaml("r.yaml", RECIPE).expect("valid");
        let file = recipe.file_sources().next().expect("one source");
        assert_eq!(file.locations.len(), 2);
        assert_eq!((file.max_size, file.strip, file.unpack), (ByteSize(2 << 20), 1, true));
        let json = serde_json::to_string(&recipe).expect("json");
        assert_eq!(serde_json::from_str::<Recipe>(&json).expect("same"), recipe);
    }

    #[test]
    fn bad_recipes_are_refused_with_their_place() {
        assert!(fault("name: zlib", "name: ../zlib").contains("r.yaml:2:"));
        assert!(fault("  - name: build\n    run: make", "  []").contains("does nothing"));
        assert!(fault("    urls: [https://zlib.net/zlib-1.3.2.tar.gz]\n    debian: pool/main/z/zlib/zlib_1.3.orig.tar.gz\n", "").contains("no location"));
        assert!(fault("pool/main", "/pool/main").contains("absolute"));
        assert!(fault("https://zlib.net/zlib-1", "ftp://zlib.net/zlib-1").contains("does not start with"));
        assert!(fault("steps:", "needs: [zlib]\nsteps:").contains("needs itself"));
        assert!(fault("steps:", "environment: {PATH: /x}\nsteps:").contains("'PATH'"));
        assert!(fault("steps:", "memory: 8 MiB\nsteps:").contains("'memory' is"));
        assert!(fault("steps:", "memory: much\nsteps:").contains("r.yaml:"));
        assert!(fault("sha256: 7b", "sha256: 7B").contains("not a sha256 digest"));
        assert!(fault("steps:", "purl: zlib\nsteps:").contains("not a package URL"));
        assert!(
            fault("steps:", "purl: pkg:github/madler/zlib@v1.3.1\nsteps:").contains("the version is 1.3.2")
        );
        assert!(fault("steps:", "cpe: [zlib]\nsteps:").contains("vendor:product"));
        assert!(fault("licence: Zlib", "license: Zlib").contains("unknown field `license`"));
    }

    /// The keys that a document may have, as an error about another one lists them.
    fn keys(text: &str) -> std::collections::BTreeSet<String> {
        let error = Recipe::from_yaml("r.yaml", text).expect_err("refused").to_string();
        let (_, list) = error.split_once("expected").unwrap_or_else(|| panic!("no list of keys: {error}"));
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_is_documented_and_no_other() {
        let page = include_str!("../../docs/recipes.md");
        for (heading, text) in [
            ("## Keys of a recipe", "nothing: 1"),
            ("## Keys of a source", "sources: [{nothing: 1}]"),
            ("## Keys of a step", "steps: [{nothing: 1}]"),
        ] {
            let (_, section) = page.split_once(heading).expect("the section is there");
            let table = section.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
            let key = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_owned);
            let documented = table.take_while(|line| line.starts_with('|')).filter_map(key).collect();
            assert_eq!(keys(text), documented, "{heading}");
        }
        for name in RESERVED_VARIABLES {
            assert!(page.contains(&format!("`{name}`")), "{name} is not documented");
        }
    }
}
