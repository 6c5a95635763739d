//! "Did you mean …?"

/// The name that is most like `word`, if any is much like it.
pub fn nearest(word: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let limit = (word.chars().count() / 3).max(1);
    names
        .map(|name| (distance(word, &name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`
/// (the optimal string alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_much_alike_is_suggested() {
        let near = |word: &str| nearest(word, ["nginx", "zlib", "pcre2"].into_iter().map(str::to_owned));
        assert_eq!(near("ngnix").as_deref(), Some("nginx"));
        assert_eq!(near("zlob").as_deref(), Some("zlib"));
        assert_eq!(near("zlibb").as_deref(), Some("zlib"));
        assert_eq!(near("couchdb"), None);
        assert_eq!(near(""), None);
    }
}
