//! How long to wait before the next try.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::stream::RetryAfter;
use crate::fetch::Limits;

/// The wait after the try number `attempt` (from 1): doubling, capped, and at random between half and all of that, so that many
/// clients that failed together do not come back together.
pub(super) fn backoff(limits: &Limits, attempt: u32, chance: f64) -> Duration {
    let doubled =
        limits.first_delay.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(limits.max_delay).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// How long a server asks to wait; none when it gives a time without saying what time it is.
pub(super) fn asked(retry_after: RetryAfter) -> Option<Duration> {
    match retry_after {
        RetryAfter::For(duration) => Some(duration),
        RetryAfter::Until(until, now) => Some(until.duration_since(now?).unwrap_or_default()),
    }
}

/// A number from 0 to 1, another one each time. Not for secrets.
pub(super) fn chance() -> f64 {
    // The standard library seeds each hasher anew.
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let limits = Limits {
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            ..Limits::default()
        };
        let seconds: Vec<_> =
            [1, 2, 3, 4, 5, 40, 4_000_000_000].map(|n| backoff(&limits, n, 1.0).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(backoff(&limits, 3, 0.0), Duration::from_secs(2));
        let chances: Vec<_> = (0..100).map(|_| chance()).collect();
        assert!(chances.iter().all(|c| (0.0..=1.0).contains(c)) && chances[0] != chances[1]);
    }
}
