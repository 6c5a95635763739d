//! How long a service that failed waits before it is started again.

use super::Millis;

/// Up for so long, a service counts as sound again: its next failure is the first.
pub const STABLE: Millis = 60_000;
const FIRST: Millis = 100;
/// With the most jitter on top it is 30 s.
const MOST: Millis = 24_000;

/// The wait after this many failures in a row: none after the first, then 0.1 s doubling up to 30 s, with up to a quarter
/// of jitter on top, so that services which failed together do not return together. `random` is any number.
pub fn delay(failures: u32, random: u64) -> Millis {
    match failures {
        0 | 1 => 0,
        n => {
            let plain = FIRST.checked_shl(n - 2).map_or(MOST, |delay| delay.min(MOST));
            plain + random % (plain / 4 + 1)
        }
    }
}

/// The wait after the machine could not make a process (EAGAIN, ENOMEM): short, since it is not the service's fault.
pub fn retry(random: u64) -> Millis {
    200 + random % 200
}

/// The next number of a small generator (xorshift): for jitter, not for secrets.
pub fn next_random(state: &mut u64) -> u64 {
    *state |= 1;
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_half_a_minute() {
        assert_eq!([1, 2, 3, 4].map(|n| delay(n, 0)), [0, 100, 200, 400]);
        for n in 0..200 {
            for random in [0, 1, 7, u64::MAX] {
                assert!(delay(n, random) <= 30_000);
                assert!(delay(n, random) >= delay(n, 0));
            }
        }
        assert_eq!(delay(200, 0), 24_000);
    }

    #[test]
    fn a_crash_loop_starts_at_most_ten_times_in_thirty_seconds() {
        for seed in 1..100 {
            let (mut random, mut at, mut starts) = (seed, 0, 1);
            for failures in 1.. {
                at += delay(failures, next_random(&mut random));
                if at > 30_000 {
                    break;
                }
                starts += 1;
            }
            assert!((8..=10).contains(&starts), "{starts} with seed {seed}");
        }
    }
}
