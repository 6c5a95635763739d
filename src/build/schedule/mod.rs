//! In which order, and how many at once: components whose needs are met are built side by side under a budget of jobs and
//! memory; the one with the longest way to go first.

mod plan;
mod rank;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use medic_model::ComponentName;

use crate::graph::Graph;

pub use plan::{Budget, Expected, Plan};
pub use rank::{Milliseconds, critical_path, ranks};

/// What became of each component.
#[derive(Debug)]
pub struct Outcome<T, E> {
    /// The results.
    pub done: BTreeMap<ComponentName, T>,
    /// Why some have none.
    pub failed: BTreeMap<ComponentName, E>,
    /// Those that were not tried, each with the failed one that it depends on.
    pub skipped: BTreeMap<ComponentName, ComponentName>,
    /// Those that were not begun, as something else had failed, in the graph's order.
    pub not_begun: Vec<ComponentName>,
}

/// Tells a component how many programs its next step may run at once; it is asked before each step.
#[derive(Clone, Copy)]
pub struct Jobs<'a>(pub &'a (dyn Fn() -> usize + Sync));

impl Jobs<'_> {
    /// The number for the step that begins now: at least 1.
    pub fn share(&self) -> usize {
        (self.0)().max(1)
    }
}

impl fmt::Debug for Jobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jobs")
    }
}

struct State<'a, T, E> {
    plan: Plan<'a>,
    done: BTreeMap<ComponentName, T>,
    failed: BTreeMap<ComponentName, E>,
}

/// Builds what the plan has with `build`, which is given the component, the results of all that it needs, and its share of the
/// jobs. `done` are the results that were there before. `skipped` is told of each component that is given up, and of the
/// failed one that it needs.
pub fn run<T: Clone + Send, E: Send>(
    graph: &Graph,
    plan: Plan<'_>,
    done: BTreeMap<ComponentName, T>,
    build: impl Fn(&ComponentName, &BTreeMap<ComponentName, T>, Jobs<'_>) -> Result<T, E> + Sync,
    skipped: impl Fn(&ComponentName, &ComponentName) + Sync,
) -> Outcome<T, E> {
    let width = plan.width();
    let state = Mutex::new(State { plan, done, failed: BTreeMap::new() });
    let changed = Condvar::new();
    let worker = || {
        while let Some((name, needs)) = take(&state, &changed, graph) {
            let alarm = Alarm { state: &state, changed: &changed };
            let share = || lock(&state).plan.share(&name);
            let result = build(&name, &needs, Jobs(&share));
            drop(alarm);
            finish(&mut lock(&state), &name, result, &skipped);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(worker);
        }
    });
    let State { plan, done, failed } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    Outcome { done, failed, skipped: plan.skipped().clone(), not_begun: plan.not_begun() }
}

/// When a build panics, the other workers must not wait for its end: they finish, and the panic goes on.
struct Alarm<'a, 'b, T, E> {
    state: &'a Mutex<State<'b, T, E>>,
    changed: &'a Condvar,
}

impl<T, E> Drop for Alarm<'_, '_, T, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.state).plan.close();
            self.changed.notify_all();
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next component to build, with the results of what it needs; waits until there is one; none when there will be none.
fn take<T: Clone, E>(
    state: &Mutex<State<'_, T, E>>,
    changed: &Condvar,
    graph: &Graph,
) -> Option<(ComponentName, BTreeMap<ComponentName, T>)> {
    let mut state = lock(state);
    loop {
        if let Some(name) = state.plan.start() {
            let result = |need: &&ComponentName| state.done.get(*need).cloned().map(|r| ((*need).clone(), r));
            let needs = graph.closure(&name).iter().filter_map(result).collect();
            return Some((name, needs));
        }
        if state.plan.has_nothing_left() {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn finish<T, E>(
    state: &mut State<'_, T, E>,
    name: &ComponentName,
    result: Result<T, E>,
    skipped: &impl Fn(&ComponentName, &ComponentName),
) {
    let success = result.is_ok();
    match result {
        Ok(result) => drop(state.done.insert(name.clone(), result)),
        Err(error) => drop(state.failed.insert(name.clone(), error)),
    }
    state.plan.finished(name, success).iter().for_each(|given_up| skipped(given_up, name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn nginx() -> Graph {
        let components: [(&str, &[&str]); 6] = [
            ("nginx", &["openssl", "pcre2", "zlib"]),
            ("openssl", &["zlib"]),
            ("pcre2", &[]),
            ("zlib", &[]),
            ("busybox", &[]),
            ("image", &["nginx", "busybox"]),
        ];
        graph(&components).expect("no circle")
    }

    fn plan(graph: &Graph, jobs: usize, keep_going: bool) -> Plan<'_> {
        let budget = Budget { jobs, memory: 0 };
        Plan::new(graph, &BTreeSet::new(), Expected::default(), budget, keep_going)
    }

    #[test]
    fn each_is_built_once_after_all_that_it_needs() {
        let graph = nginx();
        for jobs in [1, 2, 100] {
            let calls = AtomicUsize::new(0);
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let outcome: Outcome<usize, ()> = run(
                &graph,
                plan(&graph, jobs, false),
                BTreeMap::new(),
                |name, needs, share| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    calls.fetch_add(1, Ordering::SeqCst);
                    for need in graph.closure(name) {
                        assert!(needs.contains_key(need), "{name} was built before {need}");
                    }
                    assert!((1..=jobs).contains(&share.share()));
                    std::thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(needs.len())
                },
                |_, _| panic!("nothing fails"),
            );
            assert_eq!(outcome.done.len(), 6);
            assert_eq!(calls.into_inner(), 6);
            assert!(most.into_inner() <= jobs);
            assert!(outcome.skipped.is_empty() && outcome.not_begun.is_empty());
        }
    }

    #[test]
    fn results_of_before_are_given_to_what_needs_them() {
        let graph = nginx();
        let old: BTreeMap<ComponentName, &str> =
            ["zlib", "openssl", "pcre2"].map(|name| (name.parse().expect("a name"), "old")).into();
        let known: BTreeSet<_> = old.keys().cloned().collect();
        let budget = Budget { jobs: 2, memory: 0 };
        let plan = Plan::new(&graph, &known, Expected::default(), budget, false);
        let outcome: Outcome<&str, ()> = run(
            &graph,
            plan,
            old,
            |name, needs, _| {
                assert!(!needs.contains_key(name) && needs.len() == graph.closure(name).len());
                Ok("new")
            },
            |_, _| {},
        );
        let fresh =
            outcome.done.iter().filter(|(_, result)| **result == "new").map(|(name, _)| name.as_str());
        assert_eq!(fresh.collect::<Vec<_>>(), ["busybox", "image", "nginx"]);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_no_hang() {
        let build = |name: &ComponentName, _: &BTreeMap<ComponentName, ()>, _: Jobs<'_>| -> Result<(), ()> {
            if name.as_str() == "zlib" {
                // The other worker waits by then.
                std::thread::sleep(Duration::from_millis(50));
                panic!("a fault in the builder");
            }
            Ok(())
        };
        let graph = nginx();
        run(&graph, plan(&graph, 3, false), BTreeMap::new(), build, |_, _| {});
    }

    #[test]
    fn a_failure_stops_only_what_depends_on_it_when_it_is_to_be_kept_going() {
        let skipped = Mutex::new(Vec::new());
        let graph = nginx();
        let outcome: Outcome<(), &str> = run(
            &graph,
            plan(&graph, 2, true),
            BTreeMap::new(),
            |name, _, _| if name.as_str() == "openssl" { Err("broken") } else { Ok(()) },
            |name, because| {
                skipped.lock().expect("not poisoned").push(format!("{name} because of {because}"))
            },
        );
        let names = |map: Vec<&ComponentName>| map.into_iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(outcome.done.keys().collect()), ["busybox", "pcre2", "zlib"]);
        assert_eq!(names(outcome.failed.keys().collect()), ["openssl"]);
        assert_eq!(names(outcome.skipped.keys().collect()), ["image", "nginx"]);
        let skipped = skipped.into_inner().expect("not poisoned");
        assert_eq!(skipped, ["nginx because of openssl", "image because of openssl"]);
    }

    #[test]
    fn without_it_what_runs_is_kept_and_nothing_more_is_begun() {
        let graph = nginx();
        let (begun, failed) = (Mutex::new(0), Mutex::new(false));
        let wait = |done: &dyn Fn() -> bool| {
            while !done() {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let outcome: Outcome<(), ()> = run(
            &graph,
            plan(&graph, 2, false),
            BTreeMap::new(),
            |name, _, _| {
                *begun.lock().expect("not poisoned") += 1;
                if name.as_str() == "zlib" {
                    wait(&|| *begun.lock().expect("not poisoned") == 2);
                    return Err(());
                }
                wait(&|| *failed.lock().expect("not poisoned"));
                Ok(())
            },
            // It is told when the plan knows of the failure.
            |_, _| *failed.lock().expect("not poisoned") = true,
        );
        let names: Vec<_> = outcome.done.keys().map(ComponentName::as_str).collect();
        assert_eq!(names, ["pcre2"]);
        assert_eq!(outcome.not_begun, ["busybox".parse().expect("a name")]);
    }
}
