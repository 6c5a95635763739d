//! Every package that there is to choose from: installed, given as a file, offered by a repository.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use medic_model::{Arch, Dependency, Manifest, PackageName, Receipt, Version, VersionReq};
use medic_repository::Index;

/// Where a version can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It is installed.
    Installed,
    /// The caller has it as a file; the number is the caller's.
    Given(usize),
    /// A repository offers it: the number of the repository, and of the package in its index.
    Offered(usize, usize),
}

/// A version of a package.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub(super) version: &'a Version,
    pub(super) depends: &'a [Dependency],
    pub(super) conflicts: &'a [Dependency],
    pub(super) provides: &'a [Dependency],
    pub(super) source: Source,
}

/// All versions of a package, ascending.
#[derive(Debug, Clone)]
pub(super) struct Candidates<'a> {
    pub(super) name: &'a PackageName,
    pub(super) versions: Vec<Candidate<'a>>,
}

/// Every package that there is to choose from.
#[derive(Debug, Clone)]
pub struct Pool<'a> {
    pub(super) packages: Vec<Candidates<'a>>,
    by_name: HashMap<&'a PackageName, usize>,
    /// Of each installed package: its version, below which nothing is chosen unless it is allowed.
    pub(super) installed: BTreeMap<&'a PackageName, &'a Version>,
    /// What repositories offer; of that, only what a solution may need is added.
    offers: Vec<(&'a Index, Arch)>,
    /// By what they provide: the packages that do, in one of their versions.
    providers: HashMap<&'a PackageName, BTreeSet<&'a PackageName>>,
    downgrade: bool,
    held: &'a BTreeSet<PackageName>,
}

impl<'a> Pool<'a> {
    /// A pool of what is installed. `downgrade`: versions older than that may be chosen. `held`: packages of which no other
    /// version may be chosen.
    pub fn new(
        installed: &'a BTreeMap<PackageName, Receipt>,
        downgrade: bool,
        held: &'a BTreeSet<PackageName>,
    ) -> Self {
        let (packages, by_name, versions) = (Vec::new(), HashMap::new(), BTreeMap::new());
        let (offers, providers) = (Vec::new(), HashMap::new());
        let mut pool = Self { packages, by_name, installed: versions, offers, providers, downgrade, held };
        for receipt in installed.values() {
            pool.installed.insert(&receipt.manifest.name, &receipt.manifest.version);
            pool.add_manifest(&receipt.manifest, Source::Installed);
        }
        pool
    }

    /// Adds a package that the caller has as a file. It takes the place of the same version from elsewhere.
    pub fn give(&mut self, manifest: &'a Manifest, number: usize) {
        self.add_manifest(manifest, Source::Given(number));
    }

    /// Adds what a repository offers for an architecture; the caller's repositories are numbered in this order. What is there already in
    /// the same version stays.
    pub fn offer(&mut self, index: &'a Index, arch: Arch) {
        self.offers.push((index, arch));
        for listed in index.packages.iter().filter(|listed| listed.arch == arch) {
            self.note_provider(&listed.name, &listed.provides);
        }
    }

    /// Takes from the repositories whatever a solution may have: what is wished for and what is there, and what any version of those
    /// needs. An index has far more.
    pub(super) fn reach(&mut self, wished: impl Iterator<Item = &'a PackageName>) {
        let mut names: Vec<&PackageName> = self.packages.iter().map(|package| package.name).collect();
        names.extend(wished);
        let mut reached: HashSet<&PackageName> = names.iter().copied().collect();
        while let Some(name) = names.pop() {
            self.take_offers(name);
            let Some(at) = self.find(name) else { continue };
            let needs = self.packages[at].versions.iter().flat_map(|candidate| candidate.depends);
            let needs: Vec<&PackageName> = needs.map(|need| &need.name).collect();
            let providers = needs.iter().flat_map(|need| self.providers(need));
            let found: Vec<&PackageName> = needs.iter().copied().chain(providers).collect();
            names.extend(found.into_iter().filter(|name| reached.insert(name)));
        }
    }

    fn note_provider(&mut self, name: &'a PackageName, provides: &'a [Dependency]) {
        for provided in provides {
            self.providers.entry(&provided.name).or_default().insert(name);
        }
    }

    /// The packages that provide a name in one of their versions, in the order of their own names.
    pub(super) fn providers(&self, name: &PackageName) -> impl Iterator<Item = &'a PackageName> {
        self.providers.get(name).into_iter().flatten().copied()
    }

    /// Whether what is installed meets a need.
    pub(super) fn is_met(&self, need: &Dependency) -> bool {
        let is_installed = |name: &&PackageName| self.installed.contains_key(*name);
        self.installed.get(&need.name).is_some_and(|version| need.req.matches(version))
            || self.providers(&need.name).filter(is_installed).filter_map(|name| self.find(name)).any(|at| {
                let mut versions = self.packages[at].versions.iter();
                versions.any(|candidate| candidate.source == Source::Installed && candidate.provides(need))
            })
    }

    fn take_offers(&mut self, name: &PackageName) {
        for number in 0..self.offers.len() {
            let (index, arch) = self.offers[number];
            let start = index.packages.partition_point(|listed| listed.name < *name);
            let same = index.packages[start..].iter().take_while(|listed| listed.name == *name);
            for (at, listed) in (start..).zip(same).filter(|(_, listed)| listed.arch == arch) {
                let source = Source::Offered(number, at);
                let (depends, conflicts) = (&listed.depends[..], &listed.conflicts[..]);
                let (version, provides) = (&listed.version, &listed.provides[..]);
                self.add(&listed.name, Candidate { version, depends, conflicts, provides, source });
            }
        }
    }

    fn add_manifest(&mut self, manifest: &'a Manifest, source: Source) {
        let (depends, conflicts) = (&manifest.depends[..], &manifest.conflicts[..]);
        let (version, provides) = (&manifest.version, &manifest.provides[..]);
        self.note_provider(&manifest.name, provides);
        self.add(&manifest.name, Candidate { version, depends, conflicts, provides, source });
    }

    fn add(&mut self, name: &'a PackageName, candidate: Candidate<'a>) {
        let installed = self.installed.get(name);
        let is_older = installed.is_some_and(|installed| candidate.version < *installed);
        let is_other = installed.is_some_and(|installed| candidate.version != *installed);
        if is_older && !self.downgrade || is_other && self.held.contains(name) {
            return;
        }
        let at = *self.by_name.entry(name).or_insert_with(|| {
            self.packages.push(Candidates { name, versions: Vec::new() });
            self.packages.len() - 1
        });
        let versions = &mut self.packages[at].versions;
        // An index is ascending, so the end is the usual place.
        let place = versions.partition_point(|other| other.version < candidate.version);
        match versions.get_mut(place).filter(|other| other.version == candidate.version) {
            Some(other) => {
                if matches!(candidate.source, Source::Given(_)) {
                    *other = candidate;
                }
            }
            None => versions.insert(place, candidate),
        }
    }

    pub(super) fn find(&self, name: &PackageName) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Candidate<'_> {
    /// Whether it provides what is needed, beside what it is.
    fn provides(&self, need: &Dependency) -> bool {
        self.provides.iter().any(|provided| need.is_met_by(provided))
    }
}

impl Candidates<'_> {
    /// The ordinals of the versions that meet a requirement; an ordinal is a version's place, from 1.
    pub(super) fn matching(&self, req: &VersionReq) -> impl Iterator<Item = u32> {
        (1..).zip(&self.versions).filter(|(_, candidate)| req.matches(candidate.version)).map(|(n, _)| n)
    }

    /// The ordinals of the versions that meet a need: the package's own, or of those that provide it.
    pub(super) fn meeting(&self, need: &Dependency) -> impl Iterator<Item = u32> {
        let is_own = *self.name == need.name;
        let meets = move |candidate: &Candidate<'_>| {
            is_own && need.req.matches(candidate.version) || candidate.provides(need)
        };
        (1..).zip(&self.versions).filter(move |(_, candidate)| meets(candidate)).map(|(n, _)| n)
    }
}
