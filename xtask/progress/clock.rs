//! Lengths of time as people read them.

use std::time::Duration;

/// How long something is under way, for a line that moves: `7 s`, `1:23`, `2:03:04`.
pub fn running(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// How long something took: `0.3 s`, `48.0 s`, `2 min 19 s`, `1 h 02 min`.
pub fn took(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    // Rounded before it is told apart, so that no minute has 60 seconds.
    let whole = (seconds + 0.5) as u64;
    match whole {
        0..100 => format!("{seconds:.1} s"),
        100..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let of = |seconds: f64| Duration::from_secs_f64(seconds);
        assert_eq!(
            [0.9, 59.9, 60.0, 3599.9, 3600.0].map(|s| running(of(s))),
            ["0 s", "59 s", "1:00", "59:59", "1:00:00"]
        );
        assert_eq!(
            [0.04, 48.04, 99.4, 99.6, 139.2, 3599.6, 3720.0].map(|s| took(of(s))),
            ["0.0 s", "48.0 s", "99.4 s", "1 min 40 s", "2 min 19 s", "1 h 00 min", "1 h 02 min"]
        );
    }
}
