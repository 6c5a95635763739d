//! What an operator asks for, as plans: install, switch to a version that is there, remove.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use medic_archive::PackageReader;
use medic_archive::package::Limits;
use medic_model::receipt::{FORMAT, Origin};
use medic_model::{Arch, Dependency, Manifest, PackageName, Receipt, Sha256, Version, VersionReq, layout};
use medic_repository::{Listed, Network, RepositoryError, http};

use crate::bundle::check_arch;
use crate::error::{Error, Named};
use crate::installed::{self, Present};
use crate::plan::{self, Candidate, From, Plan};
use crate::reporter::{Event, Reporter};
use crate::repositories::{Offers, Opened};
use crate::resolve::{Pool, Source, Wish, resolve};
use crate::root::Root;
use crate::sync::{previous, settings};
use crate::transaction::{Archive, Materials};
use crate::{bundle, data, depends, holds, paths};

/// What an installation may do beyond the ordinary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Put a version in the place of a newer one.
    pub downgrade: bool,
    /// Install what is installed already.
    pub reinstall: bool,
    /// The data is that of a backup, which an older version can use.
    pub data_restored: bool,
}

/// Something that is to be installed, as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A package archive; `location` is where it came from, when that is not its path.
    File {
        /// The file.
        path: PathBuf,
        /// Its address.
        location: Option<String>,
    },
    /// A package archive behind a web server: `https://host/web.pkg.tar.zst`, perhaps with `#sha256=` and its digest.
    Address {
        /// The address.
        address: String,
        /// The digest, if it is known.
        sha256: Option<Sha256>,
    },
    /// A package of a repository: `nginx`, `nginx=1.30.6`, `nginx>=1.30,<2`.
    Name(Dependency),
}

impl Operand {
    /// A text is a file when it has a slash, ends like an archive, or is there; else it is a name.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if http::is_address(text) {
            let (address, digest) = match text.split_once("#sha256=") {
                Some((address, digest)) => (address, Some(digest)),
                None => (text, None),
            };
            let wrong = |error: medic_model::digest::DigestError| {
                Error::Usage(format!("'{text}' has no digest of SHA-256 at its end: {error}"))
            };
            let sha256 = digest.map(str::parse).transpose().map_err(wrong)?;
            return Ok(Self::Address { address: address.to_owned(), sha256 });
        }
        let path = Path::new(text);
        if text.contains('/') || text.ends_with(".pkg.tar.zst") || path.is_file() {
            return Ok(Self::File { path: path.to_owned(), location: None });
        }
        let name = text.parse().map(Self::Name);
        name.map_err(|error| Error::NoCandidate { text: text.to_owned(), why: error.to_string() })
    }
}

/// Opens a package archive and reads its manifest.
///
/// # Errors
/// [`Error::Package`]; [`Error::NoCandidate`] when it is not there.
pub fn open_archive(path: &Path, expected: Option<Sha256>) -> Result<Archive, Error> {
    if !path.exists() {
        let why = "there is no such file".to_owned();
        return Err(Error::NoCandidate { text: path.display().to_string(), why });
    }
    let reader = PackageReader::open(path, Limits::default())?;
    Ok(Archive { reader, location: path.display().to_string(), expected })
}

/// Gets an archive from behind a web server; where it is now.
///
/// # Errors
/// It cannot be got, or is another than it should be.
pub fn download(
    root: &Root,
    address: &str,
    sha256: Option<Sha256>,
    network: &Network,
    reporter: &dyn Reporter,
) -> Result<PathBuf, Error> {
    let limit = Limits::default().size;
    let name = address.rsplit('/').next().unwrap_or(address);
    let told = |bytes, size| reporter.event(&Event::Downloading { name, bytes, size });
    let result = http::download(address, sha256, limit, network, &root.path_of(&paths::cache()), &told);
    result.map_err(|source| RepositoryError::Read { location: address.to_owned(), source }.into())
}

/// Plans the installation of what is asked for and of what that needs, as one transaction. What is installed already is left out.
///
/// # Errors
/// An archive is refused, for another machine, or older than what is installed; or no set of packages would go together.
pub fn install(
    root: &Root,
    operands: &[Operand],
    offers: Offers<'_>,
    permissions: Permissions,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let installed = installed::all(root)?;
    let held = holds::all(root)?;
    let (mut given, mut wishes) = (Vec::new(), Vec::new());
    for operand in operands {
        let (name, req) = match operand {
            Operand::Name(dependency) => (dependency.name.clone(), dependency.req.clone()),
            Operand::Address { address, .. } => {
                let why = "it was not downloaded".to_owned();
                return Err(Error::NoCandidate { text: address.clone(), why });
            }
            Operand::File { path, location } => {
                let mut archive = open_archive(path, None)?;
                if let Some(location) = location {
                    archive.location.clone_from(location);
                }
                let manifest = archive.reader.manifest();
                let exact = (manifest.name.clone(), VersionReq::exactly(manifest.version.clone()));
                let old = installed.get(&manifest.name);
                check_given(manifest, &given, old, permissions)?;
                if permissions.reinstall || old.is_none_or(|old| old.manifest != *manifest) {
                    given.push(archive);
                }
                exact
            }
        };
        check_held(&installed, &held, &name, &req)?;
        wishes.push(Wish { name, req, highest: false });
    }
    let wanted = choose(root, &installed, &held, given, &wishes, offers, permissions)?;
    of_archives(root, &installed, wanted, permissions.data_restored, now)
}

/// Plans the upgrade of these packages (none: of all) to the highest versions that go together.
///
/// # Errors
/// As [`install`]; or one is not installed.
pub fn upgrade(
    root: &Root,
    packages: &[PackageName],
    offers: Offers<'_>,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let installed = installed::all(root)?;
    if let Some(package) = packages.iter().find(|package| !installed.contains_key(package)) {
        return Err(Error::NotInstalled { package: package.clone() });
    }
    let names = installed.keys().filter(|name| packages.is_empty() || packages.contains(name));
    let wishes: Vec<Wish> =
        names.map(|name| Wish { name: name.clone(), req: VersionReq::ANY, highest: true }).collect();
    let held = holds::all(root)?;
    let wanted = choose(root, &installed, &held, Vec::new(), &wishes, offers, Permissions::default())?;
    of_archives(root, &installed, wanted, false, now)
}

/// Another version of a held package is refused in few words, before the solver does in many.
fn check_held(
    installed: &BTreeMap<PackageName, Receipt>,
    held: &BTreeSet<PackageName>,
    package: &PackageName,
    req: &VersionReq,
) -> Result<(), Error> {
    match installed.get(package).map(|old| &old.manifest.version) {
        Some(version) if held.contains(package) && !req.matches(version) => {
            Err(Error::Held { package: package.clone(), installed: version.clone() })
        }
        _ => Ok(()),
    }
}

fn check_given(
    manifest: &Manifest,
    given: &[Archive],
    old: Option<&Receipt>,
    permissions: Permissions,
) -> Result<(), Error> {
    check_arch(manifest)?;
    if let Some(other) = given.iter().map(|a| a.reader.manifest()).find(|other| other.name == manifest.name) {
        return Err(Error::Twice {
            package: manifest.name.clone(),
            one: other.version.clone(),
            other: manifest.version.clone(),
        });
    }
    match old.map(|old| &old.manifest.version) {
        Some(installed) if manifest.version < *installed && !permissions.downgrade => Err(Error::Older {
            package: manifest.name.clone(),
            installed: installed.clone(),
            version: manifest.version.clone(),
        }),
        _ => Ok(()),
    }
}

/// Solves, and opens the archives of what is chosen.
fn choose(
    root: &Root,
    installed: &BTreeMap<PackageName, Receipt>,
    held: &BTreeSet<PackageName>,
    given: Vec<Archive>,
    wishes: &[Wish],
    offers: Offers<'_>,
    permissions: Permissions,
) -> Result<BTreeMap<PackageName, Archive>, Error> {
    let Some(arch) = Arch::host() else { return Ok(BTreeMap::new()) };
    let chosen = {
        let mut pool = Pool::new(installed, permissions.downgrade, held);
        for (number, archive) in given.iter().enumerate() {
            pool.give(archive.reader.manifest(), number);
        }
        for opened in offers.opened {
            pool.offer(opened.repository.index(), arch);
        }
        resolve(pool, wishes).map_err(|why| Error::NoSolution { why })?
    };
    let mut given: Vec<Option<Archive>> = given.into_iter().map(Some).collect();
    let mut wanted = BTreeMap::new();
    for (name, (_, source)) in chosen {
        let archive = match source {
            Source::Installed => continue,
            Source::Given(number) => given.get_mut(number).and_then(Option::take),
            Source::Offered(number, at) => Some(fetch(root, offers, &offers.opened[number], at)?),
        };
        wanted.extend(archive.map(|archive| (name, archive)));
    }
    if permissions.reinstall {
        again(root, installed, wishes, offers, &mut wanted)?;
    }
    Ok(wanted)
}

/// What is installed and was asked for by name, once more, from a repository that has that version.
fn again(
    root: &Root,
    installed: &BTreeMap<PackageName, Receipt>,
    wishes: &[Wish],
    offers: Offers<'_>,
    wanted: &mut BTreeMap<PackageName, Archive>,
) -> Result<(), Error> {
    for manifest in wishes.iter().filter_map(|wish| installed.get(&wish.name)).map(|r| &r.manifest) {
        if wanted.contains_key(&manifest.name) {
            continue;
        }
        let same = |listed: &Listed| {
            (&listed.name, &listed.version, listed.arch) == (&manifest.name, &manifest.version, manifest.arch)
        };
        let found = offers
            .opened
            .iter()
            .find_map(|opened| Some((opened, opened.repository.index().packages.iter().position(same)?)));
        let (opened, at) = found.ok_or_else(|| Error::NoCandidate {
            text: format!("{}={}", manifest.name, manifest.version),
            why: "no repository has that version, so it cannot be installed again".to_owned(),
        })?;
        wanted.insert(manifest.name.clone(), fetch(root, offers, opened, at)?);
    }
    Ok(())
}

/// Opens an archive of a repository. Its digest is checked while it is unpacked, before anything of it is used.
fn fetch(root: &Root, offers: Offers<'_>, opened: &Opened, at: usize) -> Result<Archive, Error> {
    let listed = &opened.repository.index().packages[at];
    let path = offers.fetch(root, opened, listed)?;
    let mut archive = open_archive(&path, Some(listed.sha256))?;
    archive.location = opened.repository.location(listed);
    let manifest = archive.reader.manifest();
    if (&manifest.name, &manifest.version, manifest.arch) != (&listed.name, &listed.version, listed.arch) {
        let expected = Named { package: listed.name.clone(), version: listed.version.clone() };
        let (expected, found) = (Box::new(expected), Named::of(manifest));
        return Err(Error::Exchanged { location: archive.location, expected, found });
    }
    Ok(archive)
}

fn of_archives(
    root: &Root,
    installed: &BTreeMap<PackageName, Receipt>,
    wanted: BTreeMap<PackageName, Archive>,
    data_restored: bool,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let manifests: depends::Together<'_> =
        wanted.iter().map(|(name, archive)| (name, archive.reader.manifest())).collect();
    // The solver went by the indexes; the archives themselves have the last word.
    together(installed, &manifests, None)?;
    let (mut plan, mut receipts) = (Plan::default(), BTreeMap::new());
    for name in depends::in_order(&manifests) {
        let (manifest, old) = (manifests[&name], installed.get(&name));
        plan.append(plan::install(root, Candidate { manifest, from: From::Archive }, old)?);
        plan.append(forget(root, manifest, old)?);
        data::guard(root, manifest, data_restored, &mut plan)?;
        // The archive's digest is known when it has been read to its end: unpacking completes the origin.
        receipts.insert(name, receipt(manifest.clone(), Origin::Bundle, old, now));
    }
    Ok((plan, Materials { archives: wanted, receipts }))
}

/// Checks that what is installed, and what is added or has been taken away, go together.
fn together(
    installed: &BTreeMap<PackageName, Receipt>,
    added: &depends::Together<'_>,
    removed: Option<&Manifest>,
) -> Result<(), Error> {
    let mut before: depends::Together<'_> =
        installed.iter().map(|(name, receipt)| (name, &receipt.manifest)).collect();
    let mut after = before.clone();
    after.extend(added.iter());
    let mut changed: BTreeSet<PackageName> = added.keys().map(|name| (*name).clone()).collect();
    if let Some(removed) = removed {
        before.insert(&removed.name, removed);
        changed.insert(removed.name.clone());
    }
    depends::check(&before, &after, &changed)
}

fn receipt(manifest: Manifest, origin: Origin, old: Option<&Receipt>, now: u64) -> Receipt {
    Receipt {
        format: FORMAT,
        settings: settings(&manifest),
        origin,
        installed_at: now,
        previous: previous(&manifest, old),
        manifest,
    }
}

/// Of the versions that are whole in the volume the new one and the one before it stay; the others go.
fn forget(root: &Root, new: &Manifest, old: Option<&Receipt>) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let stays = |version: &Version| *version == new.version || previous(new, old).as_ref() == Some(version);
    for Present { version, arch, whole } in installed::versions(root, &new.name)? {
        if whole && !stays(&version) {
            plan.after.extend(plan::kept_version(&new.name, &version, arch));
        }
    }
    Ok(plan)
}

/// Plans the switch to a version that is there already: whole in the volume, or in the image.
///
/// # Errors
/// The package is not installed, or has no such version here.
pub fn switch(
    root: &Root,
    package: &PackageName,
    version: &Version,
    data_restored: bool,
    now: u64,
) -> Result<(Plan, Materials), Error> {
    let installed = installed::all(root)?;
    let old = installed.get(package).ok_or_else(|| Error::NotInstalled { package: package.clone() })?;
    if old.manifest.version == *version {
        return Ok((Plan::default(), Materials::default()));
    }
    let present = installed::versions(root, package)?;
    let not_kept =
        || Error::NotKept { package: package.clone(), version: version.clone(), kept: list(&present) };
    let chosen = present.iter().find(|present| present.version == *version).ok_or_else(not_kept)?;
    let (manifest, origin, from) = if chosen.whole {
        let kept = installed::kept_receipt(root, package, version)?.ok_or_else(not_kept)?;
        (kept.manifest, kept.origin, From::Kept)
    } else {
        let bundled = bundle::version(root, package, version)?.ok_or_else(not_kept)?;
        (bundled, Origin::Bundle, From::Bundle)
    };
    check_arch(&manifest)?;
    together(&installed, &[(package, &manifest)].into(), None)?;
    let mut plan = plan::install(root, Candidate { manifest: &manifest, from }, Some(old))?;
    data::guard(root, &manifest, data_restored, &mut plan)?;
    let receipts = [(package.clone(), receipt(manifest, origin, Some(old), now))].into();
    Ok((plan, Materials { receipts, ..Materials::default() }))
}

/// The version that a rollback goes to: the one that was current before, else the highest that is older.
///
/// # Errors
/// The package is not installed, or there is no other version here.
pub fn rollback_target(root: &Root, package: &PackageName) -> Result<Version, Error> {
    let current = installed::required(root, package)?;
    let present = installed::versions(root, package)?;
    let is_there = |version: &Version| present.iter().any(|present| present.version == *version);
    let older =
        || present.iter().rev().map(|p| &p.version).find(|version| **version < current.manifest.version);
    let target = current.previous.as_ref().filter(|version| is_there(version)).or_else(older);
    target.cloned().ok_or_else(|| Error::NoPrevious { package: package.clone(), kept: list(&present) })
}

fn list(present: &[Present]) -> String {
    let versions: Vec<String> = present.iter().map(|present| present.version.to_string()).collect();
    if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
}

/// Plans the removal of every version that is whole in the volume and is not current. After it nothing can be rolled back.
///
/// # Errors
/// A receipt or a folder cannot be read.
pub fn collect(root: &Root) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for (name, receipt) in installed::all(root)? {
        let current = &receipt.manifest.version;
        let old: Vec<Present> = installed::versions(root, &name)?
            .into_iter()
            .filter(|present| present.whole && present.version != *current)
            .collect();
        for Present { version, arch, .. } in &old {
            plan.after.extend(plan::kept_version(&name, version, *arch));
        }
        if !old.is_empty() {
            plan.changes.push(plan::Change { package: name, from: None, to: None, services: false });
        }
    }
    Ok(plan)
}

/// Plans the removal of packages as one transaction.
///
/// # Errors
/// One is not installed, or is needed by another that stays, unless `force` is set.
pub fn remove(root: &Root, packages: &[PackageName], purge: bool, force: bool) -> Result<Plan, Error> {
    let mut installed = installed::all(root)?;
    let mut removed = Vec::new();
    for package in packages {
        let receipt =
            installed.remove(package).ok_or_else(|| Error::NotInstalled { package: package.clone() })?;
        removed.push(receipt);
    }
    let mut plan = Plan::default();
    for receipt in dependents_first(&removed) {
        let name = &receipt.manifest.name;
        if !force {
            together(&installed, &BTreeMap::new(), Some(&receipt.manifest))?;
        }
        let versions = installed::versions(root, name)?;
        let versions: Vec<_> = versions.into_iter().map(|v| (v.version, v.arch, v.whole)).collect();
        plan.append(plan::remove(root, plan::Removal { receipt, versions: &versions, purge })?);
    }
    Ok(plan)
}

fn dependents_first(receipts: &[Receipt]) -> Vec<&Receipt> {
    let manifests = receipts.iter().map(|receipt| (&receipt.manifest.name, &receipt.manifest)).collect();
    let order = depends::in_order(&manifests);
    let find = |name: PackageName| receipts.iter().find(|receipt| receipt.manifest.name == name);
    order.into_iter().rev().filter_map(find).collect()
}

/// The package that a path belongs to: one of its entries, or below one of its folders.
///
/// # Errors
/// A receipt cannot be read.
pub fn owner(root: &Root, path: &medic_model::RelPath) -> Result<Option<(PackageName, bool)>, Error> {
    for (name, receipt) in installed::all(root)? {
        let listed = receipt.manifest.entries.iter().any(|entry| entry.path() == path);
        let below = |folder: medic_model::RelPath| *path == folder || path.below(&folder).is_some();
        if listed {
            return Ok(Some((name, true)));
        }
        let folders = [
            layout::software(&name),
            layout::scripts(&name),
            layout::settings(&name),
            layout::storage(&name),
        ];
        if folders.into_iter().any(below) {
            return Ok(Some((name, false)));
        }
    }
    Ok(None)
}
