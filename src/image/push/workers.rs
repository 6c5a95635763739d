//! Several things done at once, each by whoever is free; the first fault ends it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::AT_ONCE;

/// Does `act` with each of the items; gives the results in their order.
pub(super) fn each<T: Sync, R: Send, E: Send>(
    items: &[T],
    act: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { return };
            let result = act(item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_fault_ends_the_work() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(each(&items, |n| Ok::<_, ()>(n * 2)), Ok((0..100).map(|n| n * 2).collect()));
        assert_eq!(each(&[] as &[usize], |n| Ok::<_, ()>(*n)), Ok(vec![]));
        let begun = AtomicUsize::new(0);
        let result = each(&items, |n| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *n == 0 {
                return Err(*n);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(())
        });
        assert_eq!(result, Err(0));
        assert!(begun.into_inner() < items.len());
    }
}
