//! Marks that processes pass on to their descendants.
//!
//! `RLIMIT_LOCKS` has had no effect since Linux 2.4.25 (getrlimit(2)), is inherited over fork and exec, and may be
//! lowered but not raised by an ordinary process. So its value can tell whose a process is, however it was
//! started. A mark is made of the number of the process that gives it and of the service's, so those of two
//! supervisors on one machine differ. Marks nest once: a supervisor inside a service has marks within the service's.

use super::limits::{Resource, prlimit};

/// The bits of a service's number.
const SERVICE_BITS: u32 = 12;
/// The bits of the giver's number at the outer level: every process number that Linux has.
const OUTER_BITS: u32 = 22;
/// The bits of the giver's number inside a service: numbers that are equal in these are equal there.
const INNER_BITS: u32 = 14;
/// How far the marks of the outer level are apart: those of the inner level fit in between.
const OUTER_STEP: u64 = 1 << (INNER_BITS + SERVICE_BITS + 1);
const INNER_STEP: u64 = 2;
/// Marks of the outer level are above the lower one and not above the higher one.
const RANGE: (u64, u64) = (1 << 61, (1 << 61) + (OUTER_STEP << (OUTER_BITS + SERVICE_BITS)));

/// Where this process's own marks are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkSpace {
    /// The highest value.
    top: u64,
    step: u64,
}

/// The mark of one service: of its process and of all that descends from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    value: u64,
    width: u64,
}

impl MarkSpace {
    /// The space of this process, by its number and the mark that it bears itself; none inside two services, or when
    /// the limit is used for something else.
    pub fn of_myself() -> Option<Self> {
        let limit = prlimit(0, Resource::Mark, None).ok()?;
        Self::within(limit.hard, u64::from(std::process::id()))
    }

    fn within(hard: u64, giver: u64) -> Option<Self> {
        let own = |bits: u32| (giver % (1 << bits)) << SERVICE_BITS;
        if hard == u64::MAX {
            return Some(Self { top: RANGE.1 - own(OUTER_BITS) * OUTER_STEP, step: OUTER_STEP });
        }
        let is_outer = hard > RANGE.0 && hard < RANGE.1 && (RANGE.1 - hard).is_multiple_of(OUTER_STEP);
        // One below: the service's own processes have the mark itself.
        is_outer.then(|| Self { top: hard - 1 - own(INNER_BITS) * INNER_STEP, step: INNER_STEP })
    }

    /// The mark of the service with this number, below 4096; none for a higher one.
    pub fn mark(self, number: u64) -> Option<Mark> {
        let value = self.top - number.min(1 << SERVICE_BITS) * self.step;
        (number < 1 << SERVICE_BITS).then_some(Mark { value, width: self.step })
    }

    /// A mark that every mark of this space, and what nests in it, falls under.
    pub fn whole(self) -> Mark {
        Mark { value: self.top, width: self.step << SERVICE_BITS }
    }
}

impl Mark {
    /// The limit to set.
    pub fn value(self) -> u64 {
        self.value
    }

    /// Whether a process with this limit bears the mark, or one nested in it.
    pub fn holds(self, limit: u64) -> bool {
        limit <= self.value && limit > self.value - self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u64; 5] = [0, 1, 2, 4094, 4095];

    /// Some marks of a giver, each with what falls under it.
    fn families(space: MarkSpace) -> Vec<(Mark, Vec<u64>)> {
        let family = |number: &u64| {
            let mark = space.mark(*number).expect("a mark");
            let inner = [1, 2, 16_383, 16_384 + 5].map(|giver| MarkSpace::within(mark.value(), giver));
            let inner = inner.into_iter().flatten().flat_map(|space| NUMBERS.map(|n| space.mark(n)));
            let values = inner.flatten().map(Mark::value).chain([mark.value()]).collect();
            (mark, values)
        };
        NUMBERS.iter().map(family).collect()
    }

    #[test]
    fn marks_of_services_and_of_supervisors_never_meet() {
        let givers = [1, 2, 4095, 4096, (1 << 22) - 1]
            .map(|giver| MarkSpace::within(u64::MAX, giver).expect("unused"));
        let all: Vec<(Mark, Vec<u64>)> = givers.iter().flat_map(|space| families(*space)).collect();
        for (i, (mark, _)) in all.iter().enumerate() {
            for (j, (_, values)) in all.iter().enumerate() {
                for value in values {
                    assert_eq!(mark.holds(*value), i == j, "{mark:?} {value}");
                }
            }
        }
        for (i, space) in givers.iter().enumerate() {
            for (j, (_, values)) in all.iter().enumerate() {
                for value in values {
                    assert_eq!(space.whole().holds(*value), j / NUMBERS.len() == i);
                }
            }
            assert!(space.mark(4096).is_none() && !space.whole().holds(u64::MAX));
        }
    }

    #[test]
    fn marks_of_two_supervisors_inside_one_service_do_not_meet() {
        let outer = MarkSpace::within(u64::MAX, 77).and_then(|space| space.mark(3)).expect("a mark");
        let [one, two] = [100, 101].map(|giver| MarkSpace::within(outer.value(), giver).expect("nests"));
        for number in NUMBERS {
            let value = one.mark(number).expect("a mark").value();
            assert!(outer.holds(value) && one.whole().holds(value) && !two.whole().holds(value));
            assert!(MarkSpace::within(value, 5).is_none(), "there is no third level");
        }
    }

    #[test]
    fn somebody_elses_limit_is_no_space_for_marks() {
        for hard in [0, 1024, 1 << 30, RANGE.0, RANGE.1 + 1, RANGE.1 - 1, 1 << 62] {
            assert_eq!(MarkSpace::within(hard, 1), None, "{hard}");
        }
    }
}
