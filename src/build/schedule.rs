//! In which order, and how many at once: components whose needs are met are built side by side; the one with the longest
//! way to go first; a failure stops only what depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use medic_model::ComponentName;

use crate::graph::Graph;

/// What became of each component.
#[derive(Debug)]
pub struct Outcome<T, E> {
    /// The results.
    pub done: BTreeMap<ComponentName, T>,
    /// Why some have none.
    pub failed: BTreeMap<ComponentName, E>,
}

struct State<T, E> {
    outcome: Outcome<T, E>,
    /// Not begun, with how many of its needs are not done.
    waiting: BTreeMap<ComponentName, usize>,
    /// All needs met; by rank, the largest first.
    ready: BTreeSet<(usize, ComponentName)>,
    running: usize,
}

/// Builds every component of the graph with `build`, at most `width` at once. It is given the results of all that was done
/// before, its needs among them. `skipped` is told of each component that is not tried, and of the failed one that it needs.
pub fn run<T: Clone + Send, E: Send>(
    graph: &Graph,
    width: usize,
    build: impl Fn(&ComponentName, &BTreeMap<ComponentName, T>) -> Result<T, E> + Sync,
    skipped: impl Fn(&ComponentName, &ComponentName) + Sync,
) -> Outcome<T, E> {
    let state = Mutex::new(begin(graph));
    let changed = Condvar::new();
    let worker = || {
        while let Some((name, needs)) = take(&state, &changed, graph) {
            let alarm = Alarm { state: &state, changed: &changed };
            let result = build(&name, &needs);
            drop(alarm);
            let mut state = lock(&state);
            state.running -= 1;
            finish(&mut state, graph, &name, result, &skipped);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..width.clamp(1, graph.order().len().max(1)) {
            scope.spawn(worker);
        }
    });
    state.into_inner().unwrap_or_else(PoisonError::into_inner).outcome
}

/// When a build panics, the other workers must not wait for its end: they finish, and the panic goes on.
struct Alarm<'a, T, E> {
    state: &'a Mutex<State<T, E>>,
    changed: &'a Condvar,
}

impl<T, E> Drop for Alarm<'_, T, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = lock(self.state);
            state.running -= 1;
            state.ready.clear();
            self.changed.notify_all();
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin<T, E>(graph: &Graph) -> State<T, E> {
    let ranks = ranks(graph);
    let needs = |name: &ComponentName| graph.recipe(name).needs.iter().collect::<BTreeSet<_>>().len();
    let (ready, waiting): (Vec<_>, Vec<_>) = graph.order().iter().partition(|name| needs(name) == 0);
    State {
        outcome: Outcome { done: BTreeMap::new(), failed: BTreeMap::new() },
        waiting: waiting.into_iter().map(|name| (name.clone(), needs(name))).collect(),
        ready: ready.into_iter().map(|name| (ranks[name], name.clone())).collect(),
        running: 0,
    }
}

/// How many components, one after another, wait for each.
fn ranks(graph: &Graph) -> BTreeMap<&ComponentName, usize> {
    let mut ranks: BTreeMap<&ComponentName, usize> = BTreeMap::new();
    for name in graph.order().iter().rev() {
        let rank = ranks.get(name).copied().unwrap_or(0);
        ranks.insert(name, rank);
        for need in &graph.recipe(name).needs {
            let known = ranks.entry(need).or_insert(0);
            *known = (*known).max(rank + 1);
        }
    }
    ranks
}

/// The next component to build, with all results so far; waits until there is one; none when there will be none.
fn take<T: Clone, E>(
    state: &Mutex<State<T, E>>,
    changed: &Condvar,
    graph: &Graph,
) -> Option<(ComponentName, BTreeMap<ComponentName, T>)> {
    let mut state = lock(state);
    loop {
        if let Some((_, name)) = state.ready.pop_last() {
            state.running += 1;
            let closure = graph.closure(&name);
            let result =
                |need: &&ComponentName| state.outcome.done.get(*need).cloned().map(|r| ((*need).clone(), r));
            let needs = closure.iter().filter_map(result).collect();
            return Some((name, needs));
        }
        if state.running == 0 {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn finish<T, E>(
    state: &mut State<T, E>,
    graph: &Graph,
    name: &ComponentName,
    result: Result<T, E>,
    skipped: &impl Fn(&ComponentName, &ComponentName),
) {
    let failed = match result {
        Ok(result) => {
            state.outcome.done.insert(name.clone(), result);
            false
        }
        Err(error) => {
            state.outcome.failed.insert(name.clone(), error);
            true
        }
    };
    let ranks = ranks(graph);
    for waiting in graph.order().iter().filter(|other| graph.recipe(other).needs.contains(name)) {
        if failed {
            skip(state, graph, waiting, name, skipped);
        } else if let Some(open) = state.waiting.get_mut(waiting) {
            *open -= 1;
            if *open == 0 {
                state.waiting.remove(waiting);
                state.ready.insert((ranks[waiting], waiting.clone()));
            }
        }
    }
}

/// Gives up a component, and all that waits for it.
fn skip<T, E>(
    state: &mut State<T, E>,
    graph: &Graph,
    name: &ComponentName,
    because: &ComponentName,
    skipped: &impl Fn(&ComponentName, &ComponentName),
) {
    if state.waiting.remove(name).is_none() {
        return;
    }
    skipped(name, because);
    for other in graph.order().iter().filter(|other| graph.recipe(other).needs.contains(name)) {
        skip(state, graph, other, because, skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;
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

    #[test]
    fn each_is_built_once_after_all_that_it_needs() {
        let graph = nginx();
        for width in [1, 2, 100] {
            let calls = AtomicUsize::new(0);
            let most = (AtomicUsize::new(0), AtomicUsize::new(0));
            let outcome: Outcome<usize, ()> = run(
                &graph,
                width,
                |name, needs| {
                    most.1.fetch_max(most.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    calls.fetch_add(1, Ordering::SeqCst);
                    for need in graph.closure(name) {
                        assert!(needs.contains_key(need), "{name} was built before {need}");
                    }
                    std::thread::sleep(Duration::from_millis(2));
                    most.0.fetch_sub(1, Ordering::SeqCst);
                    Ok(needs.len())
                },
                |_, _| panic!("nothing fails"),
            );
            assert_eq!(outcome.done.len(), 6);
            assert_eq!(calls.into_inner(), 6);
            assert!(most.1.into_inner() <= width);
        }
    }

    #[test]
    fn the_longest_way_is_begun_first() {
        let first = Mutex::new(Vec::new());
        let graph = nginx();
        let _: Outcome<(), ()> = run(
            &graph,
            1,
            |name, _| {
                first.lock().expect("not poisoned").push(name.to_string());
                Ok(())
            },
            |_, _| {},
        );
        let order = first.into_inner().expect("not poisoned");
        assert_eq!(order, ["zlib", "pcre2", "openssl", "nginx", "busybox", "image"]);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_no_hang() {
        let build = |name: &ComponentName, _: &BTreeMap<ComponentName, ()>| -> Result<(), ()> {
            if name.as_str() == "zlib" {
                // The other worker waits by then.
                std::thread::sleep(Duration::from_millis(50));
                panic!("a fault in the builder");
            }
            Ok(())
        };
        run(&nginx(), 3, build, |_, _| {});
    }

    #[test]
    fn a_failure_stops_only_what_depends_on_it() {
        let skipped = Mutex::new(Vec::new());
        let graph = nginx();
        let outcome: Outcome<(), &str> = run(
            &graph,
            2,
            |name, _| if name.as_str() == "openssl" { Err("broken") } else { Ok(()) },
            |name, because| {
                skipped.lock().expect("not poisoned").push(format!("{name} because of {because}"))
            },
        );
        let names = |map: Vec<&ComponentName>| map.into_iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(outcome.done.keys().collect()), ["busybox", "pcre2", "zlib"]);
        assert_eq!(names(outcome.failed.keys().collect()), ["openssl"]);
        let skipped = skipped.into_inner().expect("not poisoned");
        assert_eq!(skipped, ["nginx because of openssl", "image because of openssl"]);
    }
}
