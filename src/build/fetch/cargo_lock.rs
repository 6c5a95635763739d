//! `Cargo.lock`: which registry crates a package of the workspace is made of, and how they are laid out for a build without a
//! network (the Cargo book, "Source replacement", directory sources).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_archive::upstream::{Limits, Mtime, Options, UnpackError, unpack};
use medic_model::recipe::{FileSource, Location, RegistryPackage};
use medic_model::{ByteSize, RelPath, Sha256, Version};
use serde::Deserialize;

/// The largest crate: the public registry allows 10 MiB, others more.
const MAX_CRATE: ByteSize = ByteSize(64 << 20);

/// A registry crate, as `Cargo.lock` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedCrate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The digest of its `.crate` file.
    pub sha256: Sha256,
}

impl LockedCrate {
    /// Where its `.crate` file may be had.
    pub fn source(&self) -> FileSource {
        let package = RegistryPackage { name: self.name.clone(), version: self.version.to_string() };
        FileSource {
            sha256: self.sha256,
            sha512: None,
            max_size: MAX_CRATE,
            locations: vec![Location::Crate(package)],
            into: None,
            unpack: true,
            strip: 1,
        }
    }
}

/// Why `Cargo.lock` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not in Cargo's form.
    #[error("'{}' is not a lock file of Cargo: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A package that it should list.
    #[error("'{}' does not list the package '{package}': run 'cargo metadata' once, so that Cargo brings it up to date", path.display())]
    NoPackage {
        /// The file.
        path: PathBuf,
        /// The package, or a dependency as the file writes it.
        package: String,
    },
    /// A crate that no registry has.
    #[error("'{}': the crate '{package}' comes from '{source_text}': only crates of a registry, with a checksum, can be fetched by digest", path.display())]
    NotInRegistry {
        /// The file.
        path: PathBuf,
        /// The crate.
        package: String,
        /// Its source, as the file has it.
        source_text: String,
    },
}

#[derive(Debug, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    package: Vec<Package>,
}

/// A package of the lock file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    version: String,
    /// None for a package of the workspace.
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// A lock file, with its dependencies resolved to places in its list.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    version: u32,
    packages: Vec<Package>,
}

/// What is left of a lock file: packages by their place in it, each with the places of those it needs.
pub(crate) type Selection = BTreeMap<usize, Vec<usize>>;

impl Lock {
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, LockError> {
        let file: File = toml::from_str(text).map_err(|error| LockError::Form {
            path: path.to_owned(),
            message: error.message().to_owned(),
        })?;
        Ok(Self { path: path.to_owned(), version: file.version, packages: file.package })
    }

    /// How many packages it lists.
    pub(crate) fn len(&self) -> usize {
        self.packages.len()
    }

    pub(crate) fn package(&self, index: usize) -> &Package {
        &self.packages[index]
    }

    /// Whether a package is one of the workspace's own.
    pub(crate) fn is_member(&self, index: usize) -> bool {
        self.packages[index].source.is_none()
    }

    /// Everything that the workspace's package `name` is made of. `uses` says whether a member needs a package of some name other than
    /// for its tests.
    pub(crate) fn select(
        &self,
        name: &str,
        uses: impl Fn(&str, &str) -> bool,
    ) -> Result<Selection, LockError> {
        let start = (0..self.packages.len()).find(|i| self.packages[*i].name == name && self.is_member(*i));
        let missing = || LockError::NoPackage { path: self.path.clone(), package: name.to_owned() };
        let mut open = vec![start.ok_or_else(missing)?];
        let mut selection = Selection::new();
        while let Some(index) = open.pop() {
            if selection.contains_key(&index) {
                continue;
            }
            let package = &self.packages[index];
            let mut needs = Vec::new();
            for text in &package.dependencies {
                let need = self.find(text)?;
                if !self.is_member(index) || uses(&package.name, &self.packages[need].name) {
                    needs.push(need);
                }
            }
            open.extend(&needs);
            selection.insert(index, needs);
        }
        Ok(selection)
    }

    /// The package that a dependency means: `name`, `name version` or `name version (source)`.
    fn find(&self, text: &str) -> Result<usize, LockError> {
        let mut words = text.splitn(3, ' ');
        let name = words.next().unwrap_or_default();
        let version = words.next();
        let source = words.next().map(|word| word.trim_matches(['(', ')']));
        let fits = |package: &Package| {
            package.name == name
                && version.is_none_or(|version| package.version == version)
                && source.is_none_or(|source| package.source.as_deref() == Some(source))
        };
        let missing = || LockError::NoPackage { path: self.path.clone(), package: text.to_owned() };
        self.packages.iter().position(fits).ok_or_else(missing)
    }

    /// The registry crates of a selection, in the lock file's order.
    pub(crate) fn crates(&self, selection: &Selection) -> Result<Vec<LockedCrate>, LockError> {
        selection.keys().filter(|index| !self.is_member(**index)).map(|index| self.locked(*index)).collect()
    }

    pub(crate) fn locked(&self, index: usize) -> Result<LockedCrate, LockError> {
        let package = &self.packages[index];
        let source = package.source.as_deref().unwrap_or_default();
        let registry = source.starts_with("registry+") || source.starts_with("sparse+");
        let sha256 = package.checksum.as_deref().filter(|_| registry).and_then(|text| text.parse().ok());
        match (sha256, package.version.parse()) {
            (Some(sha256), Ok(version)) => Ok(LockedCrate { name: package.name.clone(), version, sha256 }),
            _ => Err(LockError::NotInRegistry {
                path: self.path.clone(),
                package: format!("{} {}", package.name, package.version),
                source_text: source.to_owned(),
            }),
        }
    }

    /// A lock file with only a selection in it, in Cargo's own form.
    pub(super) fn reduced(&self, selection: &Selection) -> String {
        let mut text = format!(
            "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = {}\n",
            self.version
        );
        for (index, needs) in selection {
            let package = &self.packages[*index];
            text.push_str("\n[[package]]\n");
            let pairs = [
                ("name", Some(&package.name)),
                ("version", Some(&package.version)),
                ("source", package.source.as_ref()),
                ("checksum", package.checksum.as_ref()),
            ];
            for (key, value) in pairs {
                if let Some(value) = value {
                    // Writing to a text cannot fail.
                    let _ = writeln!(text, "{key} = \"{value}\"");
                }
            }
            let names: BTreeSet<String> = needs.iter().map(|need| self.shortest(*need, selection)).collect();
            if !names.is_empty() {
                let lines: Vec<String> = names.iter().map(|name| format!(" \"{name}\",\n")).collect();
                let _ = write!(text, "dependencies = [\n{}]\n", lines.concat());
            }
        }
        text
    }

    /// How a dependency is written: with as much as it takes to tell it from others of its name.
    fn shortest(&self, index: usize, selection: &Selection) -> String {
        let package = &self.packages[index];
        let others = || selection.keys().filter(|i| **i != index).map(|i| &self.packages[*i]);
        if others().all(|other| other.name != package.name) {
            package.name.clone()
        } else if others().all(|other| (&other.name, &other.version) != (&package.name, &package.version)) {
            format!("{} {}", package.name, package.version)
        } else {
            let source = package.source.as_deref().unwrap_or_default();
            format!("{} {} ({source})", package.name, package.version)
        }
    }
}

/// Why a directory source cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DirectorySourceError {
    /// The disk; the error names the file.
    #[error(transparent)]
    Disk(io::Error),
    /// A crate cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A name that cannot be a folder's.
    #[error("the crate '{0}' has a name that no folder can have")]
    Name(String),
}

/// Lays crates out as a directory source below the folder `into`, which must exist: `<name>-<version>/` each, with a
/// `.cargo-checksum.json` that has the crate's digest and none of its files (the archive was compared with its digest, whole).
/// `crates` are crates with the file that was fetched for each. Everything has the time `mtime`.
///
/// # Errors
/// [`DirectorySourceError`]; throw `into` away then.
pub fn write_directory_source<'a>(
    crates: impl IntoIterator<Item = (&'a LockedCrate, &'a Path)>,
    into: &Path,
    mtime: u64,
) -> Result<(), DirectorySourceError> {
    for (krate, file) in crates {
        let name = format!("{}-{}", krate.name, krate.version);
        let plain: Option<RelPath> = name.parse().ok().filter(|path: &RelPath| path.parent().is_none());
        let folder = into.join(plain.ok_or(DirectorySourceError::Name(name))?);
        fs::create_dir(&folder).map_err(DirectorySourceError::Disk)?;
        let options = Options { strip: 1, mtime: Mtime::Fixed(mtime), limits: Limits::default() };
        unpack(file, &folder, &options)?;
        let checksum = format!("{{\"files\":{{}},\"package\":\"{}\"}}", krate.sha256);
        write_checksum(&folder, &checksum, mtime).map_err(DirectorySourceError::Disk)?;
    }
    Ok(())
}

fn write_checksum(folder: &Path, text: &str, mtime: u64) -> io::Result<()> {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(mtime);
    let mut file = fs::File::create_new(folder.join(".cargo-checksum.json"))?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.set_modified(time)?;
    fs::File::open(folder)?.set_modified(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["lib-a", "only-tests", "twice 1.0.0", "member"]

[[package]]
name = "lib-a"
version = "1.0.0"
source = "registry+https://index.example"
checksum = "1111111111111111111111111111111111111111111111111111111111111111"
dependencies = ["twice 2.0.0"]

[[package]]
name = "member"
version = "0.1.0"

[[package]]
name = "only-tests"
version = "1.0.0"
source = "registry+https://index.example"
checksum = "2222222222222222222222222222222222222222222222222222222222222222"

[[package]]
name = "other"
version = "0.1.0"
dependencies = ["from-git"]

[[package]]
name = "from-git"
version = "0.1.0"
source = "git+https://git.example/x#0123"

[[package]]
name = "twice"
version = "1.0.0"
source = "registry+https://index.example"
checksum = "3333333333333333333333333333333333333333333333333333333333333333"

[[package]]
name = "twice"
version = "2.0.0"
source = "registry+https://index.example"
checksum = "4444444444444444444444444444444444444444444444444444444444444444"
"#;

    fn lock() -> Lock {
        Lock::parse(Path::new("Cargo.lock"), LOCK).expect("valid")
    }

    #[test]
    fn what_only_tests_need_is_left_out() {
        let lock = lock();
        let selection = lock.select("app", |_, need| need != "only-tests").expect("selected");
        let crates = lock.crates(&selection).expect("crates");
        let names: Vec<_> = crates.iter().map(|c| format!("{} {}", c.name, c.version)).collect();
        assert_eq!(names, ["lib-a 1.0.0", "twice 1.0.0", "twice 2.0.0"]);
        assert_eq!(crates[0].source().sha256.to_string(), "1".repeat(64));
    }

    #[test]
    fn the_reduced_file_is_one_that_can_be_read_again() {
        let lock = lock();
        let selection = lock.select("app", |_, need| need != "only-tests").expect("selected");
        let text = lock.reduced(&selection);
        assert!(text.contains(" \"lib-a\",\n \"member\",\n \"twice 1.0.0\",\n"), "{text}");
        assert!(!text.contains("only-tests") && !text.contains("git"), "{text}");
        let again = Lock::parse(Path::new("x"), &text).expect("valid");
        let all = again.select("app", |_, _| true).expect("selected");
        assert_eq!(again.reduced(&all), text);
    }

    #[test]
    fn what_cannot_be_had_by_digest_is_refused_by_name() {
        let lock = lock();
        let error = lock.crates(&lock.select("other", |_, _| true).expect("selected")).expect_err("git");
        assert!(
            matches!(&error, LockError::NotInRegistry { package, .. } if package == "from-git 0.1.0"),
            "{error}"
        );
        assert!(matches!(lock.select("none", |_, _| true), Err(LockError::NoPackage { .. })));
        assert!(matches!(lock.select("lib-a", |_, _| true), Err(LockError::NoPackage { .. })), "no member");
        assert!(matches!(Lock::parse(Path::new("x"), "version = ["), Err(LockError::Form { .. })));
    }
}
