//! From bytes to lines.

/// The most bytes a line of the log has; a longer one is cut into several.
pub const MAX_LINE: usize = 8 * 1024;

/// The first line in `bytes`, without its end, and how many bytes it takes with it. None: no whole line is there.
///
/// A line that is too long counts as whole at [`MAX_LINE`]; at the end of everything (`last`) so does what is left.
pub fn first(bytes: &[u8], last: bool) -> Option<(&[u8], usize)> {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
        return Some((trim(&window[..end]), end + 1));
    }
    let cut = window.len() == MAX_LINE || (last && !window.is_empty());
    cut.then_some((window, window.len()))
}

/// Without the carriage return of a program that believes itself at a terminal.
fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `2026-11-22T10:11:12.123456Z `
pub const STAMP: usize = 28;

/// The time of day as ISO 8601 in UTC with microseconds, and a space.
pub fn stamp((seconds, micros): (u64, u32)) -> [u8; STAMP] {
    let (year, month, day) = civil(seconds / 86_400);
    let second = seconds % 86_400;
    let mut text = *b"0000-00-00T00:00:00.000000Z ";
    let mut put = |start: usize, digits: usize, mut value: u64| {
        for place in (start..start + digits).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, second / 3600);
    put(14, 2, second / 60 % 60);
    put(17, 2, second % 60);
    put(20, 6, u64::from(micros));
    text
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar: counted in eras of 400 years
/// that begin on the first of March, so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_their_ends_and_never_grow_too_long() {
        assert_eq!(first(b"one\ntwo", false), Some((&b"one"[..], 4)));
        assert_eq!(first(b"one\r\n", false), Some((&b"one"[..], 5)));
        assert_eq!(first(b"\n", false), Some((&b""[..], 1)));
        assert_eq!((first(b"half", false), first(b"", true)), (None, None));
        assert_eq!(first(b"half", true), Some((&b"half"[..], 4)));
        let long = vec![b'x'; MAX_LINE + 10];
        assert_eq!(first(&long, false).map(|(line, taken)| (line.len(), taken)), Some((MAX_LINE, MAX_LINE)));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let text = |seconds| String::from_utf8(stamp((seconds, 42)).to_vec()).expect("ASCII");
        assert_eq!(text(0), "1970-01-01T00:00:00.000042Z ");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00.000042Z ");
        assert_eq!(text(1_795_343_472), "2026-11-22T10:31:12.000042Z ");
        assert_eq!(text(4_107_542_399), "2100-02-28T23:59:59.000042Z ");
        assert_eq!(text(4_107_542_400), "2100-03-01T00:00:00.000042Z ");
    }
}
