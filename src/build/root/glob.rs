//! Paths with `*`.

/// Whether `path`, or a folder above it, matches `pattern`. A `*` stands for any letters of one part of a path.
pub fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    pattern.split('/').all(|pattern| parts.next().is_some_and(|part| part_matches(pattern, part)))
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == part };
    let Some(rest) = part.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| part_matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_is_below_it_too() {
        for (pattern, path) in [
            ("usr/share/doc", "usr/share/doc"),
            ("usr/share/doc", "usr/share/doc/make/copyright"),
            ("etc/cron.*", "etc/cron.daily/dpkg"),
            ("tmp/*", "tmp/x"),
            ("*/a*c*", "x/abbcbb"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("usr/share/doc", "usr/share/doc-base"),
            ("usr/share/doc", "usr/share"),
            ("tmp/*", "tmp"),
            ("etc/*.d", "etc/a/b.d"),
            ("a*c", "ab"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
