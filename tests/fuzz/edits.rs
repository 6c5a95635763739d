//! Changes to something good, as bytes: so that a fuzzer gets past digests and checksums to what lies behind them.

/// Carries out edits: each a byte that says how, two for the place, one for the length, and what is put there. What lies beyond the end is
/// left out. Gives the places.
pub fn apply(whole: &mut Vec<u8>, mut edits: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    while let [how, low, high, length, rest @ ..] = edits {
        let at = usize::from(u16::from_le_bytes([*low, *high])).min(whole.len());
        let (put, others) = rest.split_at(usize::from(*length).min(rest.len()));
        let end = (at + put.len()).min(whole.len());
        match how % 4 {
            0 | 1 => drop(whole.splice(at..end, put[..end - at].iter().copied())),
            2 => drop(whole.splice(at..at, put.iter().copied())),
            _ => drop(whole.drain(at..end)),
        }
        places.push(at);
        edits = others;
    }
    places
}
