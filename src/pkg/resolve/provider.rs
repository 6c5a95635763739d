//! The pool as PubGrub wants it: packages and versions as numbers.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;

use medic_model::{Dependency, PackageName, Version, VersionReq};
use pubgrub::{Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, Ranges};

use super::Wish;
use super::pool::{Candidate, Candidates, Pool, Source};

/// A package: its number in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u32);

/// The package that needs what is wished for and what is installed.
pub(super) const ROOT: Id = Id(u32::MAX);
/// The ordinal that stands for "not installed".
const ABSENT: u32 = 0;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

pub(super) struct Provider<'a> {
    pub(super) pool: &'a Pool<'a>,
    pub(super) wishes: &'a [Wish],
    /// Names that something needs and that nobody has, ascending. Their numbers are behind those of the pool.
    unknown: Vec<&'a PackageName>,
}

impl<'a> Provider<'a> {
    /// Checks that every wish can be met by itself, so that the usual mistakes are told in few words.
    pub(super) fn new(pool: &'a Pool<'a>, wishes: &'a [Wish]) -> Result<Self, String> {
        let candidates = pool.packages.iter().flat_map(|package| &package.versions);
        let needed = candidates.flat_map(|candidate| candidate.depends).map(|need| &need.name);
        let unknown: BTreeSet<&PackageName> = needed.filter(|name| pool.find(name).is_none()).collect();
        let unknown = unknown.into_iter().collect();
        let provider = Self { pool, wishes, unknown };
        for wish in wishes {
            let Some(at) = pool.find(&wish.name) else {
                return Err(format!("there is no '{}', neither installed nor in a repository", wish.name));
            };
            if pool.packages[at].matching(&wish.req).next().is_none() {
                return Err(format!("there is no '{}' {}: {}", wish.name, wish.req, provider.versions(at)));
            }
        }
        Ok(provider)
    }

    /// What there is of a package, for messages.
    pub(super) fn versions(&self, at: usize) -> String {
        let shown = |candidate: &Candidate<'_>| match candidate.source {
            Source::Installed => format!("{} (installed)", candidate.version),
            _ => candidate.version.to_string(),
        };
        let versions = &self.pool.packages[at].versions;
        let list: Vec<String> = versions.iter().rev().take(5).map(shown).collect();
        let more = if versions.len() > 5 { " and older ones" } else { "" };
        format!("there are {}{more}", list.join(", "))
    }

    fn id(&self, name: &PackageName) -> Id {
        let known = self.pool.find(name);
        let unknown = || self.unknown.binary_search(&name).ok().map(|at| at + self.pool.packages.len());
        // Every name is one or the other; a name that is neither has no versions, like ROOT's neighbour.
        known.or_else(unknown).and_then(|at| u32::try_from(at).ok()).map_or(Id(u32::MAX - 1), Id)
    }

    pub(super) fn package(&self, id: Id) -> Option<&Candidates<'a>> {
        self.pool.packages.get(id.0 as usize)
    }

    pub(super) fn name(&self, id: Id) -> Option<&PackageName> {
        let at = id.0 as usize;
        self.pool
            .packages
            .get(at)
            .map(|p| p.name)
            .or_else(|| self.unknown.get(at - self.pool.packages.len()).copied())
    }

    pub(super) fn candidate(&self, id: Id, ordinal: u32) -> Option<&Candidate<'a>> {
        self.package(id)?.versions.get((ordinal as usize).checked_sub(1)?)
    }

    pub(super) fn chosen(&self, id: Id, ordinal: u32) -> Option<(PackageName, (Version, Source))> {
        let candidate = self.candidate(id, ordinal)?;
        Some((self.name(id)?.clone(), (candidate.version.clone(), candidate.source)))
    }

    fn set(&self, id: Id, req: &VersionReq) -> Ranges<u32> {
        match self.package(id) {
            Some(package) => runs(package.matching(req)),
            None => Ranges::empty(),
        }
    }

    /// A need. That of an installed version which is not met as things are is no reason to refuse everything.
    fn need(&self, candidate: &Candidate<'_>, need: &Dependency) -> Option<(Id, Ranges<u32>)> {
        let is_met = || self.pool.installed.get(&need.name).is_some_and(|version| need.req.matches(version));
        if candidate.source == Source::Installed && !is_met() {
            return None;
        }
        let id = self.id(&need.name);
        Some((id, self.set(id, &need.req)))
    }

    /// A conflict: the other is absent, or in a version that is not meant.
    fn conflict(&self, candidate: &Candidate<'_>, conflict: &Dependency) -> Option<(Id, Ranges<u32>)> {
        let id = Id(u32::try_from(self.pool.find(&conflict.name)?).ok()?);
        let is_there =
            self.pool.installed.get(&conflict.name).is_some_and(|version| conflict.req.matches(version));
        if candidate.source == Source::Installed && is_there {
            return None;
        }
        Some((id, self.set(id, &conflict.req).complement()))
    }

    fn of_root(&self) -> Vec<(Id, Ranges<u32>)> {
        let wished = self.wishes.iter().map(|wish| {
            let id = self.id(&wish.name);
            (id, self.set(id, &wish.req))
        });
        let installed =
            self.pool.installed.keys().map(|name| (self.id(name), Ranges::strictly_higher_than(ABSENT)));
        wished.chain(installed).collect()
    }
}

/// Ranges of neighbouring ordinals.
fn runs(ordinals: impl Iterator<Item = u32>) -> Ranges<u32> {
    let mut ranges = Ranges::empty();
    let mut run: Option<(u32, u32)> = None;
    for ordinal in ordinals {
        run = match run {
            Some((start, end)) if end == ordinal => Some((start, ordinal + 1)),
            Some((start, end)) => {
                ranges = ranges.union(&Ranges::between(start, end));
                Some((ordinal, ordinal + 1))
            }
            None => Some((ordinal, ordinal + 1)),
        };
    }
    match run {
        Some((start, end)) => ranges.union(&Ranges::between(start, end)),
        None => ranges,
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Id;
    type V = u32;
    type VS = Ranges<u32>;
    type Priority = (u32, Reverse<usize>);
    type M = String;
    type Err = Infallible;

    /// Those that were in conflicts most, then those that leave the least choice.
    fn prioritize(
        &self,
        id: &Id,
        range: &Ranges<u32>,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let count = self.package(*id).map_or(0, |package| {
            (1..).take(package.versions.len()).filter(|ordinal: &u32| range.contains(ordinal)).count()
        });
        (conflicts.conflict_count(), Reverse(count))
    }

    fn choose_version(&self, id: &Id, range: &Ranges<u32>) -> Result<Option<u32>, Infallible> {
        if *id == ROOT {
            return Ok(Some(1));
        }
        if range.contains(&ABSENT) {
            return Ok(Some(ABSENT));
        }
        let Some(package) = self.package(*id) else { return Ok(None) };
        let ordinals = || (1..).zip(&package.versions).filter(|(ordinal, _)| range.contains(ordinal));
        let highest = self.wishes.iter().any(|wish| wish.highest && wish.name == *package.name);
        let preferred = ordinals().find(|(_, candidate)| match candidate.source {
            Source::Given(_) => true,
            Source::Installed => !highest,
            Source::Offered(..) => false,
        });
        Ok(preferred.or_else(|| ordinals().last()).map(|(ordinal, _)| ordinal))
    }

    fn get_dependencies(
        &self,
        id: &Id,
        ordinal: &u32,
    ) -> Result<Dependencies<Id, Ranges<u32>, String>, Infallible> {
        let constraints: DependencyConstraints<Id, Ranges<u32>> = if *id == ROOT {
            self.of_root().into_iter().collect()
        } else {
            let Some(candidate) = self.candidate(*id, *ordinal) else {
                return Ok(Dependencies::Available(DependencyConstraints::default()));
            };
            let needs = candidate.depends.iter().filter_map(|need| self.need(candidate, need));
            let other = |conflict: &&Dependency| Some(&conflict.name) != self.name(*id);
            let conflicts = candidate.conflicts.iter().filter(other);
            needs.chain(conflicts.filter_map(|conflict| self.conflict(candidate, conflict))).collect()
        };
        Ok(Dependencies::Available(constraints))
    }
}
