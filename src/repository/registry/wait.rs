//! What is tried again, and after how long: pauses grow, with chance in them, so that many who were sent away do not come back at once.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, SystemTime};

use super::error::{RegistryError, Trouble};

/// So often something may fail that could go well the next time.
pub const ATTEMPTS: u32 = 7;
/// The same while a registry has never answered: its name may be wrong.
pub const FIRST_ATTEMPTS: u32 = 3;
/// The pause after the first failure, at most; each further one may be twice as long.
pub const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause of ours.
pub const LONGEST: Duration = Duration::from_secs(20);
/// The longest pause that a registry may ask for.
pub const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// Time and chance: an input, so that tests need neither.
pub trait Waiting: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
    /// Waits before something is tried again, which failed for this reason.
    fn wait(&self, time: Duration, why: &RegistryError);
    /// A number of chance, from 0 up to but not 1.
    fn chance(&self) -> f64;
}

/// This machine's clock and chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Waiting for Machine {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait(&self, time: Duration, _: &RegistryError) {
        std::thread::sleep(time);
    }

    fn chance(&self) -> f64 {
        // Each state has keys of its own, from the system's random numbers.
        let bits = RandomState::new().build_hasher().finish() >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

impl fmt::Debug for dyn Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// The pause after so many failures in a row (from 1): between half and all of what it may be.
pub fn pause(failures: u32, chance: f64) -> Duration {
    let most = PAUSE.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST);
    most.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// What `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date. What is neither asks for nothing.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Tries until it is done, cannot be, or was tried often enough.
pub(super) fn persist<T>(
    waiting: &dyn Waiting,
    mut attempt: impl FnMut(u32) -> Result<T, Trouble>,
) -> Result<T, RegistryError> {
    let mut failures = 0;
    loop {
        let trouble = match attempt(failures) {
            Ok(result) => return Ok(result),
            Err(trouble) => trouble,
        };
        failures += 1;
        let attempts = if trouble.is_first_contact { FIRST_ATTEMPTS } else { ATTEMPTS };
        if !trouble.is_transient || failures >= attempts {
            return Err(trouble.error);
        }
        let asked = trouble.retry_after.as_deref().and_then(|value| retry_after(value, waiting.now()));
        if asked.is_some_and(|asked| asked > LONGEST_ASKED) {
            return Err(trouble.error);
        }
        let own = pause(failures, waiting.chance());
        // Whoever says when to come back is not asked earlier, and not by all at the same instant.
        waiting.wait(asked.map_or(own, |asked| asked + own.min(PAUSE)), &trouble.error);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Time that only passes when somebody waits.
    #[derive(Default)]
    struct Still(Mutex<Vec<Duration>>);

    impl Waiting for Still {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
        }

        fn wait(&self, time: Duration, _: &RegistryError) {
            self.0.lock().expect("whole").push(time);
        }

        fn chance(&self) -> f64 {
            0.5
        }
    }

    fn busy(retry_after: Option<&str>, is_first_contact: bool) -> Trouble {
        let error = RegistryError::Nonsense { request: "GET x".to_owned(), why: "busy".to_owned() };
        let retry_after = retry_after.map(Box::from);
        Trouble { error, is_transient: true, retry_after, is_first_contact }
    }

    fn pauses(mut troubles: Vec<Trouble>) -> (bool, Vec<u64>) {
        let still = Still::default();
        troubles.reverse();
        let result = persist(&still, |_| troubles.pop().map_or(Ok(()), Err));
        let pauses = still.0.into_inner().expect("whole");
        (
            result.is_ok(),
            pauses.iter().map(|pause| u64::try_from(pause.as_millis()).expect("short")).collect(),
        )
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_are_never_less_than_half() {
        let times: Vec<u64> =
            (1..9).map(|n| u64::try_from(pause(n, 1.0).as_millis()).expect("short")).collect();
        assert_eq!(times, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
        assert_eq!(pause(1, 0.0), Duration::from_millis(250));
        assert_eq!(pause(u32::MAX, 0.0), LONGEST / 2);
        for _ in 0..1000 {
            let chance = Machine.chance();
            assert!((0.0..1.0).contains(&chance), "{chance}");
        }
    }

    #[test]
    fn something_is_tried_so_often_and_less_where_nobody_has_ever_answered() {
        assert_eq!(pauses(vec![]), (true, vec![]));
        assert_eq!(pauses(vec![busy(None, false), busy(None, false)]), (true, vec![375, 750]));
        let (done, times) = pauses((0..9).map(|_| busy(None, false)).collect());
        assert_eq!((done, times.len()), (false, 6));
        let (done, times) = pauses((0..9).map(|_| busy(None, true)).collect());
        assert_eq!((done, times.len()), (false, 2));
        let final_one = Trouble { is_transient: false, ..busy(None, false) };
        assert_eq!(pauses(vec![final_one]), (false, vec![]));
    }

    #[test]
    fn a_registry_says_when_to_come_back_but_not_next_year() {
        assert_eq!(pauses(vec![busy(Some("7"), false)]), (true, vec![7375]));
        // 1 000 020 seconds after 1970.
        assert_eq!(pauses(vec![busy(Some("Mon, 12 Jan 1970 13:47:00 GMT"), false)]), (true, vec![20375]));
        // Past, or nothing that anybody understands.
        assert_eq!(pauses(vec![busy(Some("Thu, 01 Jan 1970 00:00:00 GMT"), false)]), (true, vec![375]));
        assert_eq!(pauses(vec![busy(Some("soon"), false)]), (true, vec![375]));
        assert_eq!(pauses(vec![busy(Some("3600"), false)]), (false, vec![]));
    }
}
