//! Calendar days, for a recipe's release date.

use std::fmt;
use std::str::FromStr;

use crate::text::text_serde;

/// A day of the Gregorian calendar, written `2026-08-11`; from 1980 (the oldest date a ZIP file can hold) to 2100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Why a text is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a date: write year, month and day, such as 2026-08-11")]
pub struct DateError(String);

impl Date {
    /// The day (UTC) of a moment in seconds since 1970; none outside of the years that a date may have.
    pub fn of_epoch(seconds: u64) -> Option<Self> {
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = (year_of_era + era * 400).checked_add(u64::from(month <= 2))?;
        format!("{year:04}-{month:02}-{day:02}").parse().ok()
    }

    /// Seconds from 1970-01-01T00:00:00Z to this day's midnight (UTC): what `SOURCE_DATE_EPOCH` is set to.
    pub const fn epoch(self) -> u64 {
        // Days from civil: a March-based year makes February's length the last thing to matter.
        let year = self.year as u64 - (self.month <= 2) as u64;
        let month = (self.month as u64 + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day as u64 - 1;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
        (days - 719_468) * 86_400
    }
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, DateError> {
        let error = || DateError(text.to_owned());
        let digits = |range: std::ops::Range<usize>| {
            text.get(range).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).ok_or_else(error)
        };
        let dashes = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        let year: u16 = digits(0..4)?.parse().map_err(|_| error())?;
        let month: u8 = digits(5..7)?.parse().map_err(|_| error())?;
        let day: u8 = digits(8..10)?.parse().map_err(|_| error())?;
        let real = (1980..=2100).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day);
        if dashes && real { Ok(Self { year, month, day }) } else { Err(error()) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

text_serde!(Date, "a date such as 2026-08-11");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_right() {
        let epoch = |text: &str| text.parse::<Date>().map(Date::epoch);
        assert_eq!(epoch("1980-01-01"), Ok(315_532_800));
        assert_eq!(epoch("2000-02-29"), Ok(951_782_400));
        assert_eq!(epoch("2026-11-22"), Ok(1_795_305_600));
        for day in ["1980-01-01", "2000-02-29", "2000-03-01", "2026-11-22", "2100-12-31"] {
            let epoch = epoch(day).expect("a date");
            assert_eq!(Date::of_epoch(epoch + 86_399).map(|date| date.to_string()).as_deref(), Some(day));
        }
        assert_eq!(Date::of_epoch(0), None, "a time that means none");
        assert_eq!(Date::of_epoch(u64::MAX), None);
        for bad in
            ["2026-02-29", "2026-13-01", "26-01-01", "2026/01/01", "2026-1-1", "", "1979-12-31", "ä26-01-011"]
        {
            assert!(epoch(bad).is_err(), "{bad:?} was taken");
        }
    }
}
