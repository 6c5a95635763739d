//! Where a document mentions a name, for errors that come after it was read.

/// Line and column, from 1, of `word` at or after the top-level key `key`; (1, 1) when it is not found.
pub fn locate(text: &str, key: &str, word: &str) -> (usize, usize) {
    let starts = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !starts(line));
    lines.find_map(|(number, line)| whole_word(line, word).map(|at| (number + 1, at + 1))).unwrap_or((1, 1))
}

/// The column, from 0, at which `word` stands by itself.
fn whole_word(line: &str, word: &str) -> Option<usize> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    line.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = line[..*at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_found_below_its_key_and_whole() {
        let text = "name: zlib\nsummary: needs xz\nneeds: [xz-utils, xz]\nsteps:\n";
        assert_eq!(locate(text, "needs", "xz"), (3, 19));
        let text = "needs:\n  - zlib\n  - pcre2\n";
        assert_eq!(locate(text, "needs", "pcre2"), (3, 5));
        assert_eq!(locate(text, "needs", "absent"), (1, 1));
        assert_eq!(locate("", "needs", "x"), (1, 1));
    }
}
