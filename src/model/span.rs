//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::text::text_serde;

/// A length of time in milliseconds, written as `500ms`, `10s`, `5m` or `2h`; at most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a length of time: write a whole number and ms, s, m or h, such as '10s'; at most a year"
)]
pub struct SpanError(String);

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
const YEAR: u64 = 366 * 24 * 3_600_000;

impl Span {
    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// As the standard library's type.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError(text.to_owned());
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, *unit)))
            .ok_or_else(error)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let millis = number.parse().ok().and_then(|n: u64| n.checked_mul(unit));
        millis.filter(|millis| *millis <= YEAR).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS
            .into_iter()
            .rev()
            .find(|(_, unit)| self.0.is_multiple_of(*unit) && self.0 >= *unit)
            .unwrap_or(UNITS[0]);
        write!(f, "{}{name}", self.0 / unit)
    }
}

text_serde!(Span, "a length of time such as 10s");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_round_trip() {
        for text in ["500ms", "10s", "5m", "2h", "0ms", "90s"] {
            let span: Span = text.parse().expect("valid");
            assert_eq!(span.to_string(), text);
        }
        for bad in ["", "10", "s", "-1s", "1.5s", "9999999h", "10 s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} was taken");
        }
    }
}
