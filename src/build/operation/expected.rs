//! What is known of components before they are built: how long each took the last time, how much memory it wants. Pure.

use std::collections::BTreeMap;
use std::time::SystemTime;

use medic_model::{Arch, ComponentName};

use crate::graph::Graph;
use crate::schedule::{Expected, Milliseconds};
use crate::store::ComponentRecord;

/// What a component is taken to want whose recipe does not say: what a compiler or two at work have been seen to use.
const MEMORY: u64 = 1 << 30;
/// What a component is taken to take when nothing was ever built: any time will do.
const MILLISECONDS: u64 = 60_000;

/// What the records of earlier builds and the recipes say of each component of the graph.
pub fn expected(graph: &Graph, records: &[(SystemTime, ComponentRecord)], arch: Arch) -> Expected {
    let measured = measured(records, arch);
    let usual = median(measured.values().copied().collect()).unwrap_or(MILLISECONDS);
    let time = |name: &ComponentName| measured.get(name).copied().unwrap_or(usual);
    let memory = |name: &ComponentName| graph.recipe(name).memory.map_or(MEMORY, |memory| memory.0);
    Expected {
        milliseconds: graph.order().iter().map(|name| (name.clone(), time(name))).collect(),
        memory: graph.order().iter().map(|name| (name.clone(), memory(name))).collect(),
    }
}

/// How long each component took when it was built last: for this architecture, or else for another one.
pub fn measured(records: &[(SystemTime, ComponentRecord)], arch: Arch) -> Milliseconds {
    let mut newest: BTreeMap<&ComponentName, (bool, SystemTime, u64)> = BTreeMap::new();
    for (written, record) in records {
        let this = (record.inputs.arch == arch, *written, record.milliseconds);
        let known = newest.entry(&record.inputs.component).or_insert(this);
        *known = this.max(*known);
    }
    newest.into_iter().map(|(name, (_, _, milliseconds))| (name.clone(), milliseconds)).collect()
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;
    use crate::key::tests::inputs;
    use crate::store::FORMAT;
    use std::time::Duration;

    fn record(name: &str, arch: Arch, written: u64, milliseconds: u64) -> (SystemTime, ComponentRecord) {
        let mut inputs = inputs();
        inputs.component = name.parse().expect("a name");
        inputs.arch = arch;
        let (key, tree) = (inputs.key(), inputs.root);
        let record = ComponentRecord { format: FORMAT, key, inputs, tree, size: 1, milliseconds };
        (SystemTime::UNIX_EPOCH + Duration::from_secs(written), record)
    }

    #[test]
    fn the_last_build_counts_and_one_for_the_same_architecture_most() {
        let records = [
            record("zlib", Arch::X64, 10, 1000),
            record("zlib", Arch::X64, 30, 3000),
            record("zlib", Arch::X64, 20, 2000),
            record("zlib", Arch::Arm64, 40, 4000),
            record("openssl", Arch::Arm64, 10, 9000),
        ];
        let times: Vec<_> = measured(&records, Arch::X64).into_values().collect();
        assert_eq!(times, [9000, 3000]);
        assert_eq!(measured(&records, Arch::Arm64)[&"zlib".parse().expect("a name")], 4000);
    }

    #[test]
    fn what_was_never_built_is_taken_to_be_as_usual() {
        let graph = graph(&[("zlib", &[]), ("new", &[]), ("openssl", &[])]).expect("no circle");
        let records = [record("zlib", Arch::X64, 1, 500), record("openssl", Arch::X64, 1, 70_000)];
        let of = |expected: &Expected, name: &str| expected.milliseconds[&name.parse().expect("a name")];
        let known = expected(&graph, &records, Arch::X64);
        assert_eq!((of(&known, "zlib"), of(&known, "new")), (500, 70_000));
        assert_eq!(of(&expected(&graph, &[], Arch::X64), "zlib"), MILLISECONDS);
        assert!(known.memory.values().all(|memory| *memory == MEMORY));
    }
}
