//! Marks that processes pass on to their descendants.
//!
//! `RLIMIT_LOCKS` has had no effect since Linux 2.4.25 (getrlimit(2)), is inherited over fork and exec, and may be
//! lowered but not raised by an ordinary process. So its value can tell whose a process is, however it was
//! started. Marks nest: a supervisor inside a service has marks of its own, all within the service's.

use super::limits::{Resource, prlimit};

/// How many bits one level of nesting takes.
const LEVEL_BITS: u32 = 13;
/// How many marks a level has.
const MARKS: u64 = 1 << (LEVEL_BITS - 1);
/// The lowest bit of a first-level mark.
const FIRST_BIT: u32 = 49;
const TOP: u64 = 1 << 62;

/// Where this process's own marks are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkSpace {
    base: u64,
    step: u64,
}

/// The mark of one service: of its process and of all that descends from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    value: u64,
    step: u64,
}

impl MarkSpace {
    /// The space of this process, by the mark it carries itself; none when the limit is used for something else.
    pub fn of_myself() -> Option<Self> {
        prlimit(0, Resource::Mark, None).ok().and_then(|limit| Self::within(limit.hard))
    }

    fn within(hard: u64) -> Option<Self> {
        if hard == u64::MAX {
            return Some(Self { base: TOP, step: 1 << FIRST_BIT });
        }
        // The lowest mark of the first level is TOP / 2, and what nests in it lies less than a step below.
        let is_mark = hard < TOP && hard > TOP / 2 - (1 << FIRST_BIT);
        let level = (0..4).find(|level| hard.is_multiple_of(1 << (FIRST_BIT - level * LEVEL_BITS)))?;
        let bit = FIRST_BIT.checked_sub((level + 1) * LEVEL_BITS)?;
        is_mark.then_some(Self { base: hard, step: 1 << bit })
    }

    /// A mark that every mark of this space, and what nests in it, falls under.
    pub fn whole(self) -> Mark {
        Mark { value: self.base - 1, step: (self.step << LEVEL_BITS) - 1 }
    }

    /// The mark of the service with this number, below 4096; none for a higher one.
    pub fn mark(self, number: u64) -> Option<Mark> {
        (number < MARKS).then(|| Mark { value: self.base - (number + 1) * self.step, step: self.step })
    }
}

impl Mark {
    /// The limit to set.
    pub fn value(self) -> u64 {
        self.value
    }

    /// Whether a process with this limit bears the mark, or one nested in it.
    pub fn holds(self, limit: u64) -> bool {
        limit <= self.value && limit > self.value - self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_nest_and_never_meet() {
        let outer = MarkSpace::within(u64::MAX).expect("unused");
        let marks: Vec<Mark> =
            [0, 1, 2, 4094, 4095].iter().map(|n| outer.mark(*n).expect("a mark")).collect();
        assert!(outer.mark(4096).is_none());
        for (i, mark) in marks.iter().enumerate() {
            let inner = MarkSpace::within(mark.value()).expect("nests");
            let deep = MarkSpace::within(inner.mark(4095).expect("a mark").value()).expect("nests");
            for value in [
                mark.value(),
                inner.mark(0).expect("a mark").value(),
                deep.mark(4095).expect("a mark").value(),
            ] {
                for (j, other) in marks.iter().enumerate() {
                    assert_eq!(other.holds(value), i == j, "{i} {j}");
                }
            }
        }
        for mark in &marks {
            assert!(outer.whole().holds(mark.value()));
        }
        assert!(!outer.whole().holds(u64::MAX) && !outer.whole().holds(TOP));
        assert!(!marks[0].holds(u64::MAX) && !marks[0].holds(TOP) && !marks[0].holds(0));
    }

    #[test]
    fn somebody_elses_limit_is_no_space_for_marks() {
        for hard in [0, 1024, 1 << 30, TOP + (1 << 49), TOP, TOP - 1, TOP / 4] {
            assert_eq!(MarkSpace::within(hard), None, "{hard}");
        }
    }
}
