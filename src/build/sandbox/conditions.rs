//! What a sandbox may be like without any influence on what is built in it.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::HOST_NAME;

/// What a build step can find out of its sandbox, and must not let into its result. The default is what every build has;
/// another is for a second build that is to give the same bytes ([`crate::reproduce`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The host name.
    pub host_name: String,
    /// The permission bits that new files do not get.
    pub umask: u32,
    /// How many of this machine's processors may be used, at least 1; none: all that this program may use.
    pub processors: Option<usize>,
    /// Other values of the steps' variables. A variable that a step has not is not added.
    pub environment: BTreeMap<String, String>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { host_name: HOST_NAME.to_owned(), umask: 0o022, processors: None, environment: BTreeMap::new() }
    }
}

impl Conditions {
    /// Gives the variables of `environment` their other values.
    pub fn change(&self, environment: &mut BTreeMap<String, String>) {
        for (name, other) in &self.environment {
            if let Some(value) = environment.get_mut(name) {
                other.clone_into(value);
            }
        }
    }
}

/// Calls `start` while this thread may use `count` processors only, the last of those that it may use: the process that it
/// starts keeps them, this thread gets the others back.
///
/// # Errors
/// The kernel refuses, or what `start` gives.
pub(super) fn on_processors<T>(count: Option<usize>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(count) = count else { return start() };
    let all = sched_getaffinity(None)?;
    sched_setaffinity(None, &last(&all, count))?;
    let started = start();
    sched_setaffinity(None, &all)?;
    started
}

fn last(all: &CpuSet, count: usize) -> CpuSet {
    let mut few = CpuSet::new();
    numbers(all, count).for_each(|number| few.set(number));
    few
}

fn numbers(all: &CpuSet, count: usize) -> impl Iterator<Item = usize> {
    (0..CpuSet::MAX_CPU).rev().filter(|number| all.is_set(*number)).take(count.max(1))
}

/// The numbers of `count` processors, the last of those that this thread may use, as `2,3`; nothing for all of them.
///
/// # Errors
/// The kernel refuses.
pub(super) fn processor_list(count: Option<usize>) -> io::Result<Option<String>> {
    let Some(count) = count else { return Ok(None) };
    let all = sched_getaffinity(None)?;
    let numbers: Vec<String> = numbers(&all, count).map(|number| number.to_string()).collect();
    Ok(Some(numbers.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn variables_get_other_values_and_none_is_added() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let conditions =
            Conditions { environment: map(&[("TZ", "A+1"), ("NEW", "x")]), ..Conditions::default() };
        let mut environment = map(&[("TZ", "UTC"), ("ARCH", "x64")]);
        conditions.change(&mut environment);
        assert_eq!(environment, map(&[("TZ", "A+1"), ("ARCH", "x64")]));
    }

    #[test]
    fn what_is_started_sees_one_processor_and_this_thread_keeps_its_own() {
        let before = sched_getaffinity(None).expect("known");
        let output = on_processors(Some(1), || Command::new("nproc").output()).expect("runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1");
        assert_eq!(sched_getaffinity(None).expect("known"), before);
    }
}
