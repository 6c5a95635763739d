use super::*;
use crate::graph::tests::graph;

const PLENTY: u64 = 100;

fn name(text: &str) -> ComponentName {
    text.parse().expect("a name")
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

fn expected(times: &[(&str, u64)], memory: &[(&str, u64)]) -> Expected {
    let map = |values: &[(&str, u64)]| values.iter().map(|(text, value)| (name(text), *value)).collect();
    Expected { milliseconds: map(times), memory: map(memory) }
}

fn plan<'a>(graph: &'a Graph, expected: Expected, jobs: usize, memory: u64, keep_going: bool) -> Plan<'a> {
    Plan::new(graph, &BTreeSet::new(), expected, Budget { jobs, memory }, keep_going)
}

/// All that may be started now.
fn started(plan: &mut Plan<'_>) -> Vec<String> {
    std::iter::from_fn(|| plan.start()).map(|name| name.to_string()).collect()
}

#[test]
fn the_longest_way_by_time_is_begun_first() {
    let graph = nginx();
    let order = |expected: Expected| {
        let mut plan = plan(&graph, expected, 1, PLENTY, false);
        let mut order = Vec::new();
        while let Some(name) = plan.start() {
            assert_eq!(plan.start(), None, "one job, one component");
            plan.finished(&name, true);
            order.push(name.to_string());
        }
        assert!(plan.is_over());
        order
    };
    assert_eq!(order(Expected::default()), ["zlib", "openssl", "pcre2", "busybox", "nginx", "image"]);
    let slow_busybox = expected(&[("busybox", 900), ("zlib", 1), ("openssl", 10), ("pcre2", 20)], &[]);
    assert_eq!(order(slow_busybox), ["busybox", "pcre2", "zlib", "openssl", "nginx", "image"]);
}

#[test]
fn as_many_run_as_there_are_jobs_and_what_is_ready_in_the_meantime_follows() {
    let graph = nginx();
    let mut plan = plan(&graph, Expected::default(), 2, PLENTY, false);
    assert_eq!(started(&mut plan), ["zlib", "pcre2"]);
    plan.finished(&name("zlib"), true);
    assert_eq!(started(&mut plan), ["openssl"]);
    plan.finished(&name("openssl"), true);
    assert_eq!(started(&mut plan), ["busybox"], "nginx waits for pcre2");
    plan.finished(&name("pcre2"), true);
    assert_eq!(started(&mut plan), ["nginx"]);
    plan.finished(&name("nginx"), true);
    assert!(started(&mut plan).is_empty() && !plan.is_over());
    plan.finished(&name("busybox"), true);
    assert_eq!(started(&mut plan), ["image"]);
    plan.finished(&name("image"), true);
    assert!(plan.is_over() && plan.not_begun().is_empty());
}

#[test]
fn what_is_done_already_is_not_started_and_is_no_obstacle() {
    let graph = nginx();
    let done = ["zlib", "openssl", "pcre2"].map(name).into();
    let budget = Budget { jobs: 8, memory: PLENTY };
    let mut plan = Plan::new(&graph, &done, Expected::default(), budget, false);
    assert_eq!(started(&mut plan), ["busybox", "nginx"]);
}

#[test]
fn memory_is_shared_out_and_nothing_overtakes_the_longest_way() {
    let graph = nginx();
    let memory = [("zlib", 60), ("pcre2", 60), ("busybox", 10), ("openssl", 500)];
    let mut plan = plan(&graph, expected(&[], &memory), 8, PLENTY, false);
    assert_eq!(started(&mut plan), ["zlib"], "pcre2 has no room; busybox would have, and waits its turn");
    plan.finished(&name("zlib"), true);
    assert_eq!(started(&mut plan), ["openssl"], "it wants more than there is: alone");
    plan.finished(&name("openssl"), true);
    assert_eq!(started(&mut plan), ["pcre2", "busybox"]);
}

#[test]
fn absurd_amounts_of_memory_are_no_overflow() {
    let graph = nginx();
    let memory = [("zlib", u64::MAX), ("pcre2", u64::MAX), ("busybox", u64::MAX)];
    let mut plan = plan(&graph, expected(&[], &memory), 8, u64::MAX, false);
    assert_eq!(started(&mut plan), ["zlib", "pcre2", "busybox"], "all of it is not more than all of it");
}

#[test]
fn jobs_are_shared_out_anew_before_each_step() {
    let graph = nginx();
    let mut plan = plan(&graph, Expected::default(), 8, PLENTY, false);
    assert_eq!(started(&mut plan), ["zlib", "pcre2", "busybox"]);
    // 8 among 3: the remainder goes to the longest ways.
    assert_eq!(["zlib", "pcre2", "busybox"].map(|one| plan.share(&name(one))), [3, 3, 2]);
    plan.finished(&name("zlib"), true);
    assert_eq!(started(&mut plan), ["openssl"]);
    assert_eq!(plan.share(&name("openssl")), 3);
    plan.finished(&name("pcre2"), true);
    plan.finished(&name("busybox"), true);
    assert_eq!(plan.share(&name("openssl")), 8, "alone, it has all");
    plan.finished(&name("openssl"), true);
    assert_eq!(started(&mut plan), ["nginx"]);
    assert_eq!(plan.share(&name("nginx")), 8);
}

#[test]
fn the_sum_of_all_shares_stays_within_the_budget_but_everybody_has_one() {
    let components: [(&str, &[&str]); 5] =
        [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["a"]), ("e", &[])];
    let graph = graph(&components).expect("no circle");
    let mut plan = plan(&graph, Expected::default(), 4, PLENTY, false);
    assert_eq!(started(&mut plan), ["a", "e"]);
    assert_eq!((plan.share(&name("a")), plan.share(&name("e"))), (2, 2));
    plan.finished(&name("a"), true);
    assert_eq!(started(&mut plan), ["b", "c", "d"]);
    assert_eq!(["b", "c", "d"].map(|one| plan.share(&name(one))), [1, 1, 1], "e has 2 until its next step");
    assert_eq!(plan.share(&name("e")), 1);
    assert_eq!(plan.share(&name("nobody")), 1, "one that does not run still is told something sensible");
}

#[test]
fn after_a_failure_nothing_is_started_unless_it_is_to_be_kept_going() {
    let graph = nginx();
    for keep_going in [false, true] {
        let mut plan = plan(&graph, Expected::default(), 2, PLENTY, keep_going);
        assert_eq!(started(&mut plan), ["zlib", "pcre2"]);
        let given_up = plan.finished(&name("zlib"), false);
        assert_eq!(given_up, ["openssl", "nginx", "image"].map(name));
        let skipped: Vec<_> = plan.skipped().iter().map(|(a, b)| format!("{a} for {b}")).collect();
        assert_eq!(skipped, ["image for zlib", "nginx for zlib", "openssl for zlib"]);
        assert!(!plan.is_over(), "pcre2 goes on to its end");
        assert_eq!(started(&mut plan).len(), usize::from(keep_going));
        plan.finished(&name("pcre2"), true);
        if keep_going {
            plan.finished(&name("busybox"), true);
        }
        assert!(plan.is_over());
        assert_eq!(plan.not_begun().len(), usize::from(!keep_going), "{:?}", plan.not_begun());
    }
}

#[test]
fn two_failures_skip_each_component_once() {
    let graph = nginx();
    let mut plan = plan(&graph, Expected::default(), 8, PLENTY, true);
    assert_eq!(started(&mut plan).len(), 3);
    assert_eq!(plan.finished(&name("busybox"), false), [name("image")]);
    assert_eq!(plan.finished(&name("pcre2"), false), [name("nginx")]);
    plan.finished(&name("zlib"), true);
    assert_eq!(started(&mut plan), ["openssl"], "nobody needs it any more, but it was asked for");
    plan.finished(&name("openssl"), true);
    assert!(plan.is_over());
    assert_eq!(plan.skipped()[&name("image")], name("busybox"));
}
