//! Points in time as the OCI documents write them.

/// Seconds since 1970-01-01T00:00:00Z as RFC 3339 text in UTC, such as `2026-11-22T00:00:00Z`; years up to 9999, and
/// what is later is written as that year's end.
pub(crate) fn rfc3339(epoch: u64) -> String {
    let epoch = epoch.min(253_402_300_799);
    let (days, seconds) = (epoch / 86_400, epoch % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a count of days since 1970-01-01. Years start in March here, so that February's length comes
/// last and needs no table.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_305_600 + 86_399), "2026-11-22T23:59:59Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59Z");
        // Every day of the model's calendar comes back as itself.
        for day in ["1980-01-01", "1999-12-31", "2024-02-29", "2024-03-01", "2100-12-31"] {
            let date: medic_model::Date = day.parse().expect("a day");
            assert_eq!(rfc3339(date.epoch()), format!("{day}T00:00:00Z"));
        }
    }
}
