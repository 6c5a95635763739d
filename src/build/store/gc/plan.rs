//! What stays, what goes, and why. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Object, Pin};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The time now.
    pub now: SystemTime,
    /// What was used within this time stays, unless the size forces it out.
    pub keep: Duration,
    /// The most bytes that all objects together may have.
    pub max_size: Option<u64>,
}

/// What becomes of an object, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stays: the definitions need it as they are now.
    Needed,
    /// It stays: a program uses it at this moment.
    InUse,
    /// It stays: it was used lately.
    Recent,
    /// It stays: something that stays names it.
    Held,
    /// It goes: it was not used for long.
    Old,
    /// It goes: the store is larger than it may be, and this was not used for longer than what stays.
    TooMuch,
    /// It goes: what named it goes.
    Unheld,
    /// It goes: nothing leads to it.
    Orphan,
}

impl Fate {
    /// Whether it goes.
    pub fn goes(self) -> bool {
        matches!(self, Self::Old | Self::TooMuch | Self::Unheld | Self::Orphan)
    }
}

/// An object, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The object.
    pub object: Object,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of everything in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each object, in the order of their paths.
    pub decisions: Vec<Decision>,
    /// The most bytes that were asked for.
    pub max_size: Option<u64>,
}

impl Plan {
    /// Number and bytes of what stays, or of what goes.
    pub fn sum(&self, goes: bool) -> (usize, u64) {
        let those = self.decisions.iter().filter(|decision| decision.fate.goes() == goes);
        those.fold((0, 0), |(count, size), decision| (count + 1, size + decision.object.size))
    }

    /// Whether what stays is no larger than was asked for. If not, all of it is needed now, or in use.
    pub fn fits(&self) -> bool {
        self.max_size.is_none_or(|max| self.sum(false).1 <= max)
    }
}

/// Decides.
pub fn plan(mut objects: Vec<Object>, options: Options) -> Plan {
    objects.sort_by(|a, b| a.path.cmp(&b.path));
    let by_path: BTreeMap<&Path, usize> =
        objects.iter().enumerate().map(|(index, object)| (object.path.as_path(), index)).collect();
    let holders = |object: &Object| -> Option<Vec<usize>> {
        let known = |path: &std::path::PathBuf| by_path.get(path.as_path()).copied();
        object.holders.as_ref().map(|paths| paths.iter().filter_map(known).collect())
    };
    let holders: Vec<Option<Vec<usize>>> = objects.iter().map(holders).collect();
    let mut fates: Vec<Fate> = objects.iter().map(|object| alone(object, options)).collect();
    settle(&objects, &holders, &mut fates);
    if let Some(max) = options.max_size {
        shrink(&objects, &holders, &mut fates, max);
    }
    let decide = |(object, fate)| Decision { object, fate };
    Plan { decisions: objects.into_iter().zip(fates).map(decide).collect(), max_size: options.max_size }
}

/// The fate of an object for itself.
fn alone(object: &Object, options: Options) -> Fate {
    match object.pin {
        Some(Pin::Needed) => Fate::Needed,
        Some(Pin::InUse) => Fate::InUse,
        // A time in the future is that of another clock.
        None if options.now.duration_since(object.used).unwrap_or_default() > options.keep => Fate::Old,
        None => Fate::Recent,
    }
}

/// What is held follows its holders, unless it is pinned itself.
fn settle(objects: &[Object], holders: &[Option<Vec<usize>>], fates: &mut [Fate]) {
    for index in 0..objects.len() {
        let Some(holders) = &holders[index] else { continue };
        if objects[index].pin.is_none() {
            fates[index] = if holders.is_empty() {
                Fate::Orphan
            } else if holders.iter().all(|holder| fates[*holder].goes()) {
                Fate::Unheld
            } else {
                Fate::Held
            };
        }
    }
}

/// Lets go what was not used for longest, with what it alone holds, until the rest is small enough.
fn shrink(objects: &[Object], holders: &[Option<Vec<usize>>], fates: &mut [Fate], max: u64) {
    let mut held: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, of) in holders.iter().enumerate() {
        of.iter().flatten().for_each(|holder| held.entry(*holder).or_default().push(index));
    }
    let size = |index: usize| objects[index].size;
    let mut left: u64 = (0..objects.len()).filter(|index| !fates[*index].goes()).map(size).sum();
    let mut candidates: Vec<usize> = (0..objects.len())
        .filter(|index| holders[*index].is_none() && fates[*index] == Fate::Recent)
        .collect();
    candidates.sort_by_key(|index| (objects[*index].used, objects[*index].kind));
    for candidate in candidates {
        if left <= max {
            return;
        }
        fates[candidate] = Fate::TooMuch;
        left -= size(candidate);
        for index in held.get(&candidate).into_iter().flatten().copied() {
            let unheld = holders[index].iter().flatten().all(|holder| fates[*holder].goes());
            if fates[index] == Fate::Held && unheld {
                fates[index] = Fate::Unheld;
                left -= size(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    const DAY: u64 = 86_400;

    /// An object of so many bytes, used so many days ago.
    fn object(path: &str, size: u64, days: u64) -> Object {
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs((100 - days) * DAY);
        Object { kind: Kind::Result, path: path.into(), size, used, holders: None, pin: None }
    }

    fn held(path: &str, size: u64, by: &[&str]) -> Object {
        let holders = Some(by.iter().map(Into::into).collect());
        Object { kind: Kind::Tree, holders, ..object(path, size, 50) }
    }

    fn pinned(pin: Pin, object: Object) -> Object {
        Object { pin: Some(pin), ..object }
    }

    fn options(days: u64, max_size: Option<u64>) -> Options {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * DAY);
        Options { now, keep: Duration::from_secs(days * DAY), max_size }
    }

    fn fates(plan: &Plan) -> Vec<(&str, Fate)> {
        let of = |decision: &'_ Decision| decision.fate;
        let name = |decision: &'_ Decision| decision.object.path.clone();
        let named: Vec<_> = plan.decisions.iter().map(|d| (name(d), of(d))).collect();
        assert!(named.is_sorted_by_key(|(name, _)| name.clone()));
        plan.decisions.iter().map(|d| (d.object.path.to_str().expect("plain"), d.fate)).collect()
    }

    #[test]
    fn what_is_needed_or_used_stays_and_the_rest_goes_by_age() {
        let objects = vec![
            pinned(Pin::Needed, object("a", 1, 90)),
            pinned(Pin::InUse, object("b", 2, 90)),
            object("c", 4, 29),
            object("d", 8, 31),
            Object { used: SystemTime::UNIX_EPOCH + Duration::from_secs(200 * DAY), ..object("e", 16, 0) },
        ];
        let plan = plan(objects, options(30, None));
        assert_eq!(
            fates(&plan),
            [
                ("a", Fate::Needed),
                ("b", Fate::InUse),
                ("c", Fate::Recent),
                ("d", Fate::Old),
                ("e", Fate::Recent)
            ]
        );
        assert_eq!((plan.sum(true), plan.sum(false)), ((1, 8), (4, 23)));
        assert!(plan.fits());
    }

    #[test]
    fn what_is_held_stays_as_long_as_one_that_holds_it() {
        let objects = vec![
            object("new", 1, 1),
            object("old", 1, 40),
            held("t1", 10, &["new", "old"]),
            held("t2", 10, &["old"]),
            held("t3", 10, &[]),
            held("t4", 10, &["gone long ago"]),
            pinned(Pin::Needed, held("t5", 10, &["old"])),
        ];
        let plan = plan(objects, options(30, None));
        assert_eq!(
            fates(&plan)[2..],
            [
                ("t1", Fate::Held),
                ("t2", Fate::Unheld),
                ("t3", Fate::Orphan),
                ("t4", Fate::Orphan),
                ("t5", Fate::Needed)
            ]
        );
    }

    #[test]
    fn to_fit_a_size_the_least_recently_used_goes_first_with_what_it_alone_holds() {
        let objects = || {
            vec![
                pinned(Pin::Needed, object("needed", 100, 90)),
                object("r1", 1, 20),
                object("r2", 1, 10),
                object("r3", 1, 5),
                held("shared", 50, &["r1", "r3"]),
                held("own", 30, &["r2"]),
                held("both", 20, &["r1", "needed"]),
            ]
        };
        let of = |max| plan(objects(), options(30, Some(max)));
        assert_eq!(of(1000).sum(true), (0, 0));
        // Its record alone is little: the next goes as well, with its tree.
        let some = of(200);
        let gone: Vec<_> = fates(&some).into_iter().filter(|(_, fate)| fate.goes()).collect();
        assert_eq!(gone, [("own", Fate::Unheld), ("r1", Fate::TooMuch), ("r2", Fate::TooMuch)]);
        assert!(some.fits());
        let all = of(100);
        assert_eq!(all.sum(false), (2, 120), "what is needed, and what that holds, stays");
        assert!(!all.fits());
    }
}
