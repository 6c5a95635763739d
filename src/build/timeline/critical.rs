//! What the end of a build waited for. Pure.

use medic_model::ComponentName;

use super::{Run, Timed, Timeline};

/// See [`Timeline::critical_path`].
pub fn path(timeline: &Timeline) -> Vec<ComponentName> {
    let mut path = Vec::new();
    let mut next = last(timeline.components.iter());
    while let Some((one, _)) = next {
        path.push(one.name.clone());
        // Only backwards in time: a record is data, and might say that two need each other.
        let before = |need: &&Timed| !path.contains(&need.name);
        next = last(one.needs.iter().filter_map(|need| timeline.component(need)).filter(before));
    }
    path.reverse();
    path
}

fn last<'a>(components: impl Iterator<Item = &'a Timed>) -> Option<(&'a Timed, &'a Run)> {
    let ran = components.filter_map(|one| one.run.as_ref().map(|run| (one, run)));
    ran.max_by_key(|(_, run)| run.end)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{timed, timeline};
    use super::*;

    fn path_of(components: Vec<Timed>) -> Vec<String> {
        path(&timeline(components)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_is_preceded_by_the_need_that_ended_last() {
        let nginx = timed("nginx", &["zlib", "pcre2", "openssl"], Some((60, 80)));
        let mut components = vec![
            timed("zlib", &[], Some((0, 10))),
            timed("pcre2", &[], Some((0, 40))),
            timed("openssl", &["zlib"], Some((10, 60))),
            nginx,
            timed("busybox", &[], Some((40, 70))),
        ];
        assert_eq!(path_of(components.clone()), ["zlib", "openssl", "nginx"]);
        components[4].run = Some(Run { lane: 1, start: 40, end: 90, steps: Vec::new() });
        assert_eq!(path_of(components), ["busybox"]);
    }

    #[test]
    fn what_was_in_the_store_was_not_waited_for() {
        let components = vec![timed("zlib", &[], None), timed("nginx", &["zlib"], Some((0, 5)))];
        assert_eq!(path_of(components), ["nginx"]);
        assert!(path_of(vec![timed("zlib", &[], None)]).is_empty());
    }

    #[test]
    fn a_record_with_a_circle_is_no_endless_loop() {
        let components = vec![timed("a", &["b"], Some((0, 5))), timed("b", &["a"], Some((0, 9)))];
        assert_eq!(path_of(components), ["a", "b"]);
    }
}
