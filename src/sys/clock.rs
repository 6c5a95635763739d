//! The two clocks: the monotonic one, by which everything is decided, and the wall clock, which is only shown.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of the monotonic clock: it never jumps, whatever happens to the time of day.
pub fn monotonic_millis() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts near 0 at boot, so both parts are positive.
    (time.tv_sec as u64) * 1000 + (time.tv_nsec as u64) / 1_000_000
}

/// The time of day: seconds since 1970-01-01T00:00:00Z, and microseconds of the second.
pub fn wall_clock() -> (u64, u32) {
    let time = clock_gettime(ClockId::Realtime);
    (u64::try_from(time.tv_sec).unwrap_or(0), (time.tv_nsec / 1000) as u32)
}
