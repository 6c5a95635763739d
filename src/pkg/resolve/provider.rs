//! The pool as PubGrub wants it: packages and versions as numbers.

use std::cell::RefCell;
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
    /// Needs that several packages could meet, since some provide what is needed, ascending. Their numbers are behind those.
    choices: Vec<Choice<'a>>,
    /// What was chosen on the way: of several packages that will do, one that comes anyway is preferred.
    taken: RefCell<BTreeSet<Id>>,
}

/// A need with the packages that meet it. To the solver it is a package, and each of those a version of it.
pub(super) struct Choice<'a> {
    pub(super) need: &'a Dependency,
    /// Each with the versions that will do; the package of that name comes first.
    pub(super) options: Vec<(Id, Ranges<u32>)>,
}

impl<'a> Provider<'a> {
    /// Checks that every wish can be met by itself, so that the usual mistakes are told in few words.
    pub(super) fn new(pool: &'a Pool<'a>, wishes: &'a [Wish]) -> Result<Self, String> {
        let candidates = pool.packages.iter().flat_map(|package| &package.versions);
        let needed: BTreeSet<&Dependency> = candidates.flat_map(|candidate| candidate.depends).collect();
        let (provided, plain): (Vec<&Dependency>, Vec<&Dependency>) =
            needed.into_iter().partition(|need| pool.providers(&need.name).next().is_some());
        let mut unknown: Vec<&PackageName> = plain.into_iter().map(|need| &need.name).collect();
        unknown.retain(|name| pool.find(name).is_none());
        unknown.dedup();
        let choices = provided.into_iter().map(|need| choice(pool, need)).collect();
        let provider = Self { pool, wishes, unknown, choices, taken: RefCell::default() };
        for wish in wishes {
            let Some(at) = pool.find(&wish.name) else {
                let providers: Vec<String> =
                    pool.providers(&wish.name).map(|name| format!("'{name}'")).collect();
                let name = &wish.name;
                return Err(match providers.as_slice() {
                    [] => format!("there is no '{name}', neither installed nor in a repository"),
                    _ => format!(
                        "'{name}' is no package, but what {} provides: name that",
                        providers.join(" or ")
                    ),
                });
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

    /// A need that several packages could meet.
    pub(super) fn choice(&self, id: Id) -> Option<&Choice<'a>> {
        self.choices.get((id.0 as usize).checked_sub(self.pool.packages.len() + self.unknown.len())?)
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
        if candidate.source == Source::Installed && !self.pool.is_met(need) {
            return None;
        }
        if let Ok(at) = self.choices.binary_search_by(|choice| choice.need.cmp(need)) {
            let id = u32::try_from(self.pool.packages.len() + self.unknown.len() + at).ok()?;
            return Some((Id(id), Ranges::strictly_higher_than(ABSENT)));
        }
        let id = self.id(&need.name);
        Some((id, self.set(id, &need.req)))
    }

    /// A conflict: each other package that is meant, by its name or by what it provides, is absent, or in a version that is not meant.
    fn conflict(&self, own: Id, candidate: &Candidate<'_>, conflict: &Dependency) -> Vec<(Id, Ranges<u32>)> {
        let names = std::iter::once(&conflict.name).chain(self.pool.providers(&conflict.name));
        let others = names.filter_map(|name| Some(Id(u32::try_from(self.pool.find(name)?).ok()?)));
        let mut constraints = Vec::new();
        for id in others.filter(|id| *id != own) {
            let Some(other) = self.package(id) else { continue };
            let meant = runs(other.meeting(conflict));
            let is_there = (1..)
                .zip(&other.versions)
                .any(|(ordinal, other)| other.source == Source::Installed && meant.contains(&ordinal));
            if candidate.source != Source::Installed || !is_there {
                constraints.push((id, meant.complement()));
            }
        }
        constraints
    }

    /// Of the packages that will do: one that comes anyway, that is there or that was asked for; else the one of that name, else the first.
    fn best(&self, choice: &Choice<'a>, range: &Ranges<u32>) -> Option<u32> {
        let taken = self.taken.borrow();
        let is_near = |id: Id, set: &Ranges<u32>| {
            let Some(package) = self.package(id) else { return false };
            let mut versions = (1..).zip(&package.versions).filter(|(ordinal, _)| set.contains(ordinal));
            versions.any(|(_, candidate)| !matches!(candidate.source, Source::Offered(..)))
                || self.wishes.iter().any(|wish| wish.name == *package.name)
        };
        let options = (1..).zip(&choice.options).filter(|(ordinal, _)| range.contains(ordinal));
        let rank = |(id, set): &(Id, Ranges<u32>)| (!taken.contains(id), !is_near(*id, set));
        options.min_by_key(|(ordinal, option)| (rank(option), *ordinal)).map(|(ordinal, _)| ordinal)
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

fn choice<'a>(pool: &Pool<'a>, need: &'a Dependency) -> Choice<'a> {
    let providers = pool.providers(&need.name).filter(|name| **name != need.name);
    let packages = std::iter::once(&need.name).chain(providers).filter_map(|name| pool.find(name));
    let option = |at: usize| {
        let versions = runs(pool.packages[at].meeting(need));
        (versions != Ranges::empty()).then_some((Id(u32::try_from(at).ok()?), versions))
    };
    Choice { need, options: packages.filter_map(option).collect() }
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
        // Who is to meet a need is decided when it is known what comes anyway.
        let count = match (self.package(*id), self.choice(*id)) {
            (Some(package), _) => {
                (1..).take(package.versions.len()).filter(|ordinal: &u32| range.contains(ordinal)).count()
            }
            (None, Some(_)) => usize::MAX,
            (None, None) => 0,
        };
        (conflicts.conflict_count(), Reverse(count))
    }

    fn choose_version(&self, id: &Id, range: &Ranges<u32>) -> Result<Option<u32>, Infallible> {
        if *id == ROOT {
            return Ok(Some(1));
        }
        if range.contains(&ABSENT) {
            return Ok(Some(ABSENT));
        }
        if let Some(choice) = self.choice(*id) {
            return Ok(self.best(choice, range));
        }
        let Some(package) = self.package(*id) else { return Ok(None) };
        self.taken.borrow_mut().insert(*id);
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
        } else if let Some(choice) = self.choice(*id) {
            let at = (*ordinal as usize).checked_sub(1).and_then(|at| choice.options.get(at));
            at.cloned().into_iter().collect()
        } else {
            let Some(candidate) = self.candidate(*id, *ordinal) else {
                return Ok(Dependencies::Available(DependencyConstraints::default()));
            };
            let needs = candidate.depends.iter().filter_map(|need| self.need(candidate, need));
            let conflicts = candidate.conflicts.iter();
            needs.chain(conflicts.flat_map(|conflict| self.conflict(*id, candidate, conflict))).collect()
        };
        Ok(Dependencies::Available(constraints))
    }
}
