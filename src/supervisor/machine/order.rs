//! The order in which things that depend on each other come.

/// Indices such that each comes after those it depends on; among equals, the given order.
///
/// `after[i]` are the indices that `i` depends on. Those that depend on themselves through a circle come last, and are given apart:
/// an order among them is none, so their dependencies on each other must be disregarded.
pub fn sorted(after: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let mut order = Vec::with_capacity(after.len());
    let mut placed = vec![false; after.len()];
    loop {
        let free =
            |i: &usize| !placed[*i] && after[*i].iter().all(|d| placed.get(*d).copied().unwrap_or(true));
        let next: Vec<usize> = (0..after.len()).filter(free).collect();
        if next.is_empty() {
            break;
        }
        for i in next {
            placed[i] = true;
            order.push(i);
        }
    }
    let circle: Vec<usize> = (0..after.len()).filter(|i| !placed[*i]).collect();
    order.extend(&circle);
    (order, circle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_the_given_order_is_kept() {
        assert_eq!(sorted(&[vec![2], vec![], vec![1], vec![]]), (vec![1, 3, 2, 0], vec![]));
        assert_eq!(sorted(&[]), (vec![], vec![]));
        // An index that is not there holds nobody up.
        assert_eq!(sorted(&[vec![7]]), (vec![0], vec![]));
    }

    #[test]
    fn a_circle_is_named_and_still_ordered() {
        let (order, circle) = sorted(&[vec![1], vec![0], vec![], vec![0]]);
        assert_eq!(order, [2, 0, 1, 3]);
        assert_eq!(circle, [0, 1, 3]);
    }
}
