//! Which way through the graph is the longest, by the time that each component takes. Pure.

use std::collections::BTreeMap;

use medic_model::ComponentName;

use crate::graph::Graph;

/// Milliseconds of each component, and of the longest way from its start to the end of everything that waits for it.
pub type Milliseconds = BTreeMap<ComponentName, u64>;

fn time(times: &Milliseconds, name: &ComponentName) -> u64 {
    // What takes no time still is a step of the way: of two ways without a measure the one with more components wins.
    times.get(name).copied().unwrap_or(0).max(1)
}

/// For each component: its own time and that of the longest row of components that wait for it, one after another.
pub fn ranks(graph: &Graph, times: &Milliseconds) -> Milliseconds {
    let mut ranks = Milliseconds::new();
    for name in graph.order().iter().rev() {
        // Whatever waits for it stands behind it in the order, and has told it by now.
        let rank = ranks.get(name).copied().unwrap_or(0).saturating_add(time(times, name));
        ranks.insert(name.clone(), rank);
        for need in &graph.recipe(name).needs {
            let known = ranks.entry(need.clone()).or_insert(0);
            *known = (*known).max(rank);
        }
    }
    ranks
}

/// The row of components, each needing the one before it, that takes longest. However many processors there are, a build of
/// everything takes no less than the sum of their times.
pub fn critical_path(graph: &Graph, times: &Milliseconds) -> Vec<ComponentName> {
    let ranks = ranks(graph, times);
    let first = |names: &mut dyn Iterator<Item = &ComponentName>| {
        // Of equals the first in the order.
        names.fold(None, |best: Option<ComponentName>, name| match best {
            Some(best) if ranks[&best] >= ranks[name] => Some(best),
            _ => Some(name.clone()),
        })
    };
    let mut path: Vec<ComponentName> = Vec::new();
    let mut next = first(&mut graph.order().iter());
    while let Some(name) = next {
        next = first(&mut graph.order().iter().filter(|other| graph.recipe(other).needs.contains(&name)));
        path.push(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;

    fn names(names: &[ComponentName]) -> Vec<&str> {
        names.iter().map(ComponentName::as_str).collect()
    }

    fn times(times: &[(&str, u64)]) -> Milliseconds {
        times.iter().map(|(name, time)| (name.parse().expect("a name"), *time)).collect()
    }

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
    fn without_a_measure_components_are_counted() {
        let ranks = ranks(&nginx(), &Milliseconds::new());
        let rank = |name: &str| ranks[&name.parse::<ComponentName>().expect("a name")];
        assert_eq!(["image", "nginx", "openssl", "pcre2", "zlib", "busybox"].map(rank), [1, 2, 3, 3, 4, 2]);
        assert_eq!(
            names(&critical_path(&nginx(), &Milliseconds::new())),
            ["zlib", "openssl", "nginx", "image"]
        );
    }

    #[test]
    fn time_counts_more_than_the_number_of_components() {
        let times = times(&[("busybox", 500), ("zlib", 1), ("openssl", 100), ("nginx", 50), ("image", 10)]);
        let ranks = ranks(&nginx(), &times);
        let rank = |name: &str| ranks[&name.parse::<ComponentName>().expect("a name")];
        assert_eq!(["busybox", "zlib", "openssl", "pcre2"].map(rank), [510, 161, 160, 61]);
        assert_eq!(names(&critical_path(&nginx(), &times)), ["busybox", "image"]);
    }

    #[test]
    fn an_empty_graph_has_no_path() {
        assert!(critical_path(&graph(&[]).expect("no circle"), &Milliseconds::new()).is_empty());
    }
}
