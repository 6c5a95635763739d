//! Comparing what is there with what the receipts say: every file, through the link into the image too.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use medic_archive::digest::Digester;
use medic_model::manifest::Entry;
use medic_model::receipt::Origin;
use medic_model::{Receipt, RelPath, Sha256, layout};
use medic_sys::files::{FileError, Folder, Kind, Node};

use crate::error::Error;
use crate::paths;
use crate::reporter::{Event, Reporter};
use crate::root::{Root, absent};

/// A thread takes so many neighbouring entries at a time: they are mostly in one folder.
const BATCH: usize = 32;

/// Something that is not as its receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as the receipt calls it.
    pub path: RelPath,
    /// What about it.
    pub what: What,
}

/// What is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is not there.
    Missing,
    /// A folder where a file should be, and the like.
    Kind {
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: &'static str,
    },
    /// Other permission bits.
    Mode {
        /// As the receipt says.
        expected: u32,
        /// As they are.
        found: u32,
    },
    /// Other content.
    Content {
        /// As the receipt says.
        expected: Sha256,
        /// As it is.
        found: Sha256,
    },
    /// A link that says something else.
    Target {
        /// As the receipt says.
        expected: String,
        /// As it is.
        found: String,
    },
    /// It is there and the receipt does not list it.
    Unknown,
    /// It cannot be read.
    Unreadable(String),
    /// A setting that the operator has edited or removed: no damage.
    Edited,
}

impl What {
    /// Whether it is damage; an edited setting is none.
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Edited)
    }

    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Kind { .. } => "kind",
            Self::Mode { .. } => "mode",
            Self::Content { .. } => "content",
            Self::Target { .. } => "target",
            Self::Unknown => "unknown",
            Self::Unreadable(_) => "unreadable",
            Self::Edited => "edited",
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Kind { expected, found } => write!(f, "is {found} (receipt says {expected})"),
            Self::Mode { expected, found } => {
                write!(f, "mode differs (it is {found:04o}, receipt says {expected:04o})")
            }
            Self::Content { expected, found } => {
                write!(f, "content differs (sha256 is {found}, receipt says {expected})")
            }
            Self::Target { expected, found } => {
                write!(f, "link differs (it says '{}', receipt says '{expected}')", found.escape_debug())
            }
            Self::Unknown => f.write_str("is not in the receipt"),
            Self::Unreadable(why) => write!(f, "cannot be verified: {why}"),
            Self::Edited => f.write_str("was edited"),
        }
    }
}

/// What was found about one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries and links were compared.
    pub checked: usize,
    /// What differs, by path.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether anything is damaged.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.what.is_damage())
    }
}

/// Verifies a package, on so many threads; this one tells how far it is.
///
/// # Errors
/// The root cannot be opened; what concerns single files is a finding.
pub fn verify(
    root: &Path,
    receipt: &Receipt,
    threads: usize,
    reporter: &dyn Reporter,
) -> Result<Report, Error> {
    let entries = &receipt.manifest.entries;
    let (next, read) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (package, size) = (&receipt.manifest.name, receipt.manifest.installed_size());
    let told = |bytes| reporter.event(&Event::Verifying { package, bytes, size });
    let root = &Root::open(root)?;
    let work = |told: Option<&dyn Fn(u64)>| {
        let buffer = vec![0; 256 << 10];
        let mut checker =
            Checker { root, receipt, open: None, buffer, findings: Vec::new(), read: &read, told };
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= entries.len() {
                return checker.findings;
            }
            for entry in &entries[start..entries.len().min(start + BATCH)] {
                checker.entry(entry);
            }
        }
    };
    let threads = threads.clamp(1, entries.len().div_ceil(BATCH).max(1));
    let mut findings: Vec<Finding> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(None))).collect();
        let mut findings = work(Some(&told));
        for other in others {
            // A thread ends early only by a panic, which ends the program anyway.
            findings.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        findings
    });
    let links = links(root, receipt, &mut findings)?;
    unknown(root, receipt, &mut findings)?;
    findings.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Report { checked: entries.len() + links, findings })
}

struct Checker<'a> {
    root: &'a Root,
    receipt: &'a Receipt,
    open: Option<(RelPath, Option<Folder>)>,
    buffer: Vec<u8>,
    findings: Vec<Finding>,
    /// Bytes that all threads have read.
    read: &'a AtomicU64,
    told: Option<&'a dyn Fn(u64)>,
}

/// Where an entry really is: the software of a bundled package is in the image.
fn location(receipt: &Receipt, path: &RelPath) -> RelPath {
    let manifest = &receipt.manifest;
    let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    if receipt.origin == Origin::Bundle && (*path == tree || path.below(&tree).is_some()) {
        let bundled = layout::bundled(path, &manifest.name, &manifest.version, manifest.arch);
        return bundled.unwrap_or_else(|| path.clone());
    }
    path.clone()
}

/// Whether a path is above the package's own trees: such folders belong to the volume.
fn is_shared(receipt: &Receipt, path: &RelPath) -> bool {
    let manifest = &receipt.manifest;
    let roots = layout::package_roots(&manifest.name, &manifest.version, manifest.arch);
    !roots.iter().any(|root| path == root || path.below(root).is_some())
}

impl Checker<'_> {
    fn entry(&mut self, entry: &Entry) {
        let path = entry.path().clone();
        if is_shared(self.receipt, &path) {
            return;
        }
        let what = match self.compare(entry) {
            Ok(what) => what,
            Err(error) if error.is_absent() => Some(What::Missing),
            Err(error) => Some(What::Unreadable(error.source.to_string())),
        };
        let is_setting = path.below(&layout::settings(&self.receipt.manifest.name)).is_some();
        let edited = is_setting && !matches!(what, None | Some(What::Unreadable(_)));
        if let Some(what) = if edited { Some(What::Edited) } else { what } {
            self.findings.push(Finding { path, what });
        }
    }

    fn compare(&mut self, entry: &Entry) -> Result<Option<What>, FileError> {
        let location = location(self.receipt, entry.path());
        let name = location.file_name();
        self.enter(location.parent())?;
        let Self { open: Some((_, Some(folder))), buffer, read, told, .. } = self else {
            return Ok(Some(What::Missing));
        };
        let Some(node) = folder.node(name)? else { return Ok(Some(What::Missing)) };
        if let Some(what) = kind_and_mode(entry, &node) {
            return Ok(Some(what));
        }
        match entry {
            Entry::Directory { .. } => Ok(None),
            Entry::Link { target, .. } => {
                let found = folder.read_link(name)?.to_string_lossy().into_owned();
                Ok((found != *target).then(|| What::Target { expected: target.clone(), found }))
            }
            Entry::File { sha256, .. } => {
                let file = folder.open_file(name)?;
                let shown = folder.path_of(name);
                let found =
                    digest(file, buffer, read, *told).map_err(|e| FileError::new("read", shown, e))?;
                Ok((found != *sha256).then_some(What::Content { expected: *sha256, found }))
            }
        }
    }

    /// Opens the folder of a path, unless it is the one that is open.
    fn enter(&mut self, path: Option<RelPath>) -> Result<(), FileError> {
        let Some(path) = path else { return Ok(()) };
        if self.open.as_ref().is_none_or(|(open, _)| *open != path) {
            let folder = absent(self.root.folder(&path))?;
            self.open = Some((path, folder));
        }
        Ok(())
    }
}

fn digest(
    mut file: impl Read,
    buffer: &mut [u8],
    done: &AtomicU64,
    told: Option<&dyn Fn(u64)>,
) -> std::io::Result<Sha256> {
    let mut digester = Digester::default();
    loop {
        match file.read(buffer)? {
            0 => return Ok(digester.finish().sha256),
            count => {
                digester.update(&buffer[..count]);
                let done = done.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
                if let Some(told) = told {
                    told(done);
                }
            }
        }
    }
}

fn kind_and_mode(entry: &Entry, node: &Node) -> Option<What> {
    let (kind, expected) = match entry {
        Entry::Directory { .. } => (Kind::Folder, "a folder"),
        Entry::File { .. } => (Kind::File, "a file"),
        Entry::Link { .. } => (Kind::Link, "a link"),
    };
    if node.kind != kind {
        return Some(What::Kind { expected, found: name(node.kind) });
    }
    let expected = entry.mode()?;
    (node.mode != expected).then_some(What::Mode { expected, found: node.mode })
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Folder => "a folder",
        Kind::File => "a file",
        Kind::Link => "a link",
        Kind::Other => "neither file, folder nor link",
    }
}

/// `current`, `default`, and the link into the image. Gives how many there should be.
fn links(root: &Root, receipt: &Receipt, findings: &mut Vec<Finding>) -> Result<usize, Error> {
    let manifest = &receipt.manifest;
    let (package, version, arch) = (&manifest.name, &manifest.version, manifest.arch);
    let mut expected = vec![
        (paths::current(package), format!("v{version}")),
        (paths::default_arch(package, version), arch.to_string()),
    ];
    if receipt.origin == Origin::Bundle {
        let tree = layout::software_tree(package, version, arch);
        expected.push((tree, paths::bundle_target(package, version, arch)));
    }
    let count = expected.len();
    for (path, expected) in expected {
        let what = match (root.node(&path)?, root.read_link(&path)?) {
            (None, _) => What::Missing,
            (_, Some(found)) if found == expected => continue,
            (_, Some(found)) => What::Target { expected, found },
            (Some(node), None) => What::Kind { expected: "a link", found: name(node.kind) },
        };
        findings.push(Finding { path, what });
    }
    Ok(count)
}

/// What is in the folders of the software tree and not in the receipt.
fn unknown(root: &Root, receipt: &Receipt, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let manifest = &receipt.manifest;
    let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let known: std::collections::BTreeSet<&RelPath> = manifest.entries.iter().map(Entry::path).collect();
    for entry in &manifest.entries {
        let Entry::Directory { path, .. } = entry else { continue };
        if *path != tree && path.below(&tree).is_none() {
            continue;
        }
        // What cannot be listed is a finding already.
        let Ok(folder) = root.folder(&location(receipt, path)) else { continue };
        for name in folder.names()? {
            let Some(inner) = name.to_str().and_then(|name| format!("{path}/{name}").parse().ok()) else {
                let what = What::Unreadable("it holds a name that no package has".to_owned());
                findings.push(Finding { path: path.clone(), what });
                continue;
            };
            if !known.contains(&inner) {
                findings.push(Finding { path: inner, what: What::Unknown });
            }
        }
    }
    Ok(())
}
