//! An image's lock: which packages, in which versions and with which bytes, it is made of. `images/<image>.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::{Arch, ImageName, PackageName, Sha256, Version};

/// The version of the document's form.
pub const FORMAT: u32 = 1;

/// What stands at the top of the file.
const HEADING: &str = "\
# What the image is made of: the version of each package, and the digest of its archive. With --locked, and in CI, an image of
# anything else is refused. Written by: cargo xtask lock
";

/// `images/<image>.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`FORMAT`].
    pub format: u32,
    /// The image.
    pub image: ImageName,
    /// What it is made of, for each architecture.
    #[serde(deserialize_with = "unique_map")]
    pub arches: BTreeMap<Arch, LockedPackages>,
}

/// An image's packages for one architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LockedPackages {
    /// By name.
    #[serde(deserialize_with = "unique_map")]
    pub packages: BTreeMap<PackageName, Locked>,
}

/// A package that is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Its version.
    pub version: Version,
    /// The digest of its archive.
    pub archive: Sha256,
}

/// How a package differs from what is locked. Shown as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChange {
    /// The package.
    pub package: PackageName,
    /// What the lock says; none when it does not name the package.
    pub locked: Option<Locked>,
    /// What it is now; none when the image does not hold it any more.
    pub found: Option<Locked>,
}

impl fmt::Display for LockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = &self.package;
        match (&self.locked, &self.found) {
            (None, Some(found)) => {
                write!(f, "{package} {}: not in the lock ({})", found.version, found.archive)
            }
            (Some(locked), None) => {
                write!(f, "{package} {}: in the lock, and not in the image", locked.version)
            }
            (Some(locked), Some(found)) if locked.version != found.version => {
                write!(
                    f,
                    "{package}: {} is locked, and it is {} ({})",
                    locked.version, found.version, found.archive
                )
            }
            (Some(locked), Some(found)) => {
                write!(
                    f,
                    "{package} {}: other bytes: {} is locked, and it is {}",
                    found.version, locked.archive, found.archive
                )
            }
            (None, None) => write!(f, "{package}: neither locked nor there"),
        }
    }
}

impl Lock {
    /// A lock that pins nothing yet.
    pub fn new(image: ImageName) -> Self {
        Self { format: FORMAT, image, arches: BTreeMap::new() }
    }

    /// Reads the document; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DocumentError`], with line and column.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let lock: Self = from_yaml(file, text)?;
        if lock.format == FORMAT {
            return Ok(lock);
        }
        let message = format!("the format is {}, and this program reads format {FORMAT}", lock.format);
        Err(DocumentError::whole(file, message))
    }

    /// The document as text.
    pub fn to_yaml(&self) -> String {
        let mut text = format!("{HEADING}format: {}\nimage: {}\narches:", self.format, self.image);
        if self.arches.is_empty() {
            text.push_str(" {}");
        }
        text.push('\n');
        for (arch, packages) in &self.arches {
            let none = if packages.packages.is_empty() { " {}" } else { "" };
            text.push_str(&format!("  {arch}:{none}\n"));
            for (name, Locked { version, archive }) in &packages.packages {
                // Quoted, as some versions would be numbers.
                text.push_str(&format!("    {name}: {{version: \"{version}\", archive: {archive}}}\n"));
            }
        }
        text
    }

    /// How what is found differs from what is locked for an architecture, by name; nothing when it does not.
    pub fn changes(&self, arch: Arch, found: &LockedPackages) -> Vec<LockChange> {
        let empty = LockedPackages::default();
        let locked = self.arches.get(&arch).unwrap_or(&empty);
        let names: BTreeSet<&PackageName> = locked.packages.keys().chain(found.packages.keys()).collect();
        let change = |name: &PackageName| LockChange {
            package: name.clone(),
            locked: locked.packages.get(name).cloned(),
            found: found.packages.get(name).cloned(),
        };
        let changes = names.into_iter().map(change);
        changes.filter(|change| change.locked != change.found).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(of: &[(&str, &str, u8)]) -> LockedPackages {
        let one = |(name, version, byte): &(&str, &str, u8)| {
            let locked = Locked {
                version: version.parse().expect("a version"),
                archive: Sha256::from_bytes([*byte; 32]),
            };
            (name.parse().expect("a name"), locked)
        };
        LockedPackages { packages: of.iter().map(one).collect() }
    }

    fn lock() -> Lock {
        let mut lock = Lock::new("web".parse().expect("a name"));
        lock.arches.insert(Arch::X64, packages(&[("nginx", "1.10", 1), ("zlib", "1.3", 2)]));
        lock.arches.insert(Arch::Arm64, LockedPackages::default());
        lock
    }

    #[test]
    fn what_is_written_is_read_again() {
        for lock in [lock(), Lock::new("web".parse().expect("a name"))] {
            let text = lock.to_yaml();
            assert_eq!(Lock::from_yaml("images/web.lock", &text), Ok(lock), "{text}");
        }
        let text = lock().to_yaml();
        assert!(text.contains("  x64:\n    nginx: {version: \"1.10\", archive: 0101"), "{text}");
        for (from, to, said) in
            [("format: 1", "format: 2", "reads format 1"), ("image:", "colour:", "unknown field")]
        {
            let error = Lock::from_yaml("f", &text.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn every_kind_of_change_is_told_package_by_package() {
        let lock = lock();
        assert_eq!(lock.changes(Arch::X64, &packages(&[("nginx", "1.10", 1), ("zlib", "1.3", 2)])), []);
        let changes = lock.changes(Arch::X64, &packages(&[("nginx", "1.11", 3), ("pcre2", "10.0", 4)]));
        let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("nginx: 1.10 is locked, and it is 1.11"), "{told:?}");
        assert!(told[1].starts_with("pcre2 10.0: not in the lock"), "{told:?}");
        assert!(told[2].starts_with("zlib 1.3: in the lock, and not in the image"), "{told:?}");
        let bytes = lock.changes(Arch::X64, &packages(&[("nginx", "1.10", 9), ("zlib", "1.3", 2)]));
        assert!(bytes[0].to_string().contains("other bytes: 0101"), "{}", bytes[0]);
        assert_eq!(lock.changes(Arch::Arm64, &packages(&[("nginx", "1.10", 1)])).len(), 1);
    }
}
