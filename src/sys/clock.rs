//! The two clocks: the monotonic one, by which everything is decided, and the wall clock, which is only shown.

/// Read by a system call in place of the kernel's page of shared code: that page, touched, costs a process three page tables.
fn read(clock: libc::clockid_t) -> (u64, u32) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for the answer. It cannot fail for clocks that every kernel has.
    unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time) };
    (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Milliseconds of the monotonic clock: it never jumps, whatever happens to the time of day.
pub fn monotonic_millis() -> u64 {
    let (seconds, nanoseconds) = read(libc::CLOCK_MONOTONIC);
    seconds * 1000 + u64::from(nanoseconds) / 1_000_000
}

/// The time of day: seconds since 1970-01-01T00:00:00Z, and microseconds of the second.
pub fn wall_clock() -> (u64, u32) {
    let (seconds, nanoseconds) = read(libc::CLOCK_REALTIME);
    (seconds, nanoseconds / 1000)
}
