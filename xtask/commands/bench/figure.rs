//! Figures: several values of one quantity, a peer's beside them, and what was aimed at. Pure.

use std::fmt;
use std::time::Duration;

use medic_model::ByteSize;
use serde_json::{Value, json};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, of which the fewest of all runs count: whatever else the machine did only adds to them.
    Seconds,
    /// Seconds, of which the median counts: of one event, many times.
    MedianSeconds,
    /// Bytes, of which the most of all runs count.
    Bytes,
    /// How many, of which the most counts.
    Count,
    /// Hundredths of something, of which the most counts.
    Percent,
}

/// One quantity, measured at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    unit: Unit,
    /// Ascending.
    values: Vec<f64>,
}

impl Figure {
    /// Times of several runs.
    pub fn seconds(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(Unit::Seconds, times.into_iter().map(|time| time.as_secs_f64()))
    }

    /// Sizes of several runs.
    pub fn bytes(sizes: impl IntoIterator<Item = u64>) -> Self {
        Self::new(Unit::Bytes, sizes.into_iter().map(|size| size as f64))
    }

    /// Times of one event, many times.
    pub fn median_seconds(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(Unit::MedianSeconds, times.into_iter().map(|time| time.as_secs_f64()))
    }

    /// Numbers of something.
    pub fn count(counts: impl IntoIterator<Item = u64>) -> Self {
        Self::new(Unit::Count, counts.into_iter().map(|count| count as f64))
    }

    /// Shares in hundredths.
    pub fn percent(shares: impl IntoIterator<Item = f64>) -> Self {
        Self::new(Unit::Percent, shares)
    }

    fn new(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self { unit, values }
    }

    /// All values times a number.
    pub fn times(&self, factor: f64) -> Self {
        Self::new(self.unit, self.values.iter().map(|value| value * factor))
    }

    /// The value that counts.
    pub fn value(&self) -> f64 {
        let value = match self.unit {
            Unit::Seconds => self.values.first().copied(),
            Unit::MedianSeconds => Some(self.median()),
            Unit::Bytes | Unit::Count | Unit::Percent => self.values.last().copied(),
        };
        value.unwrap_or(f64::NAN)
    }

    fn median(&self) -> f64 {
        self.values.get(self.values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::MedianSeconds if value < 0.1 => format!("{:.2} ms", value * 1e3),
            Unit::Seconds | Unit::MedianSeconds if value < 1.0 => format!("{:.1} ms", value * 1e3),
            Unit::Seconds | Unit::MedianSeconds => format!("{value:.2} s"),
            Unit::Count => format!("{value:.0}"),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Bytes => ByteSize(value as u64).to_string(),
        }
    }

    fn json(&self) -> Value {
        let unit = match self.unit {
            Unit::Seconds | Unit::MedianSeconds => "s",
            Unit::Bytes => "B",
            Unit::Count => "",
            Unit::Percent => "%",
        };
        json!({"unit": unit, "value": self.value(), "median": self.median(), "values": self.values})
    }
}

impl fmt::Display for Figure {
    /// The value that counts, and the median where that is another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, median) = (self.show(self.value()), self.show(self.median()));
        f.write_str(&value)?;
        if value == median { Ok(()) } else { write!(f, " (median {median})") }
    }
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// At most so many times the peer's.
    Ratio(f64),
    /// At most so much.
    Most(f64),
    /// Nothing: it is shown because it explains something.
    None,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// The builder's.
    pub ours: Figure,
    /// What it is compared with, and its.
    pub peer: Option<(String, Figure)>,
    /// What is aimed at.
    pub target: Target,
}

impl Row {
    /// Ours in relation to the peer's; none where the peer's is 0.
    pub fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, peer)| self.ours.value() / peer.value()).filter(|ratio| ratio.is_finite())
    }

    /// Whether the target was met; none without one.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::Most(most) => Some(self.ours.value() <= most),
            // As it is shown: to two places.
            Target::Ratio(most) => self.ratio().map(|ratio| (ratio * 100.0).round() / 100.0 <= most),
        }
    }

    /// The cells of a table: case, ours, the peer's name, its figure, ratio, target.
    pub fn cells(&self) -> [String; 6] {
        let (peer, theirs) = match &self.peer {
            Some((name, figure)) => (name.clone(), figure.to_string()),
            None => (String::new(), String::new()),
        };
        let ratio = self.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let target = match self.target {
            Target::None => String::new(),
            Target::Ratio(most) => format!("≤ {most:.2}"),
            Target::Most(most) => format!("≤ {}", self.ours.show(most)),
        };
        let verdict = match self.met() {
            Some(false) => format!("{target}: missed"),
            Some(true) => format!("{target}: met"),
            None => target,
        };
        [self.case.clone(), self.ours.to_string(), peer, theirs, ratio, verdict]
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let target = match self.target {
            Target::None => Value::Null,
            Target::Ratio(most) => json!({"ratio": most}),
            Target::Most(most) => json!({"most": most}),
        };
        let peer = self.peer.as_ref().map(|(name, figure)| json!({"name": name, "figure": figure.json()}));
        json!({"case": self.case, "ours": self.ours.json(), "peer": peer, "ratio": self.ratio(), "target": target, "met": self.met()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: &[u64], theirs: &[u64], target: Target) -> Row {
        let seconds = |millis: &[u64]| Figure::seconds(millis.iter().map(|ms| Duration::from_millis(*ms)));
        Row {
            case: "x".to_owned(),
            ours: seconds(ours),
            peer: Some(("y".to_owned(), seconds(theirs))),
            target,
        }
    }

    #[test]
    fn the_fastest_runs_are_compared() {
        let row = row(&[2000, 1040, 1500], &[1000, 3000], Target::Ratio(1.05));
        assert_eq!(
            row.cells(),
            ["x", "1.04 s (median 1.50 s)", "y", "1.00 s (median 3.00 s)", "1.04", "≤ 1.05: met"]
        );
        assert_eq!(row.met(), Some(true));
        assert_eq!(Row { target: Target::Ratio(1.03), ..row.clone() }.met(), Some(false));
        assert_eq!(Row { target: Target::Most(1.0), ..row.clone() }.cells()[5], "≤ 1.00 s: missed");
        assert_eq!(Row { target: Target::None, ..row }.met(), None);
    }

    #[test]
    fn of_one_event_the_median_counts_and_of_numbers_the_most() {
        let times = Figure::median_seconds([5, 1, 900].map(Duration::from_millis));
        assert_eq!((times.value(), times.to_string().as_str()), (5e-3, "5.00 ms"));
        assert_eq!(Figure::count([0, 3]).to_string(), "3");
        assert_eq!(Figure::percent([4.26]).to_string(), "4.3 %");
        let none =
            Row { case: String::new(), ours: Figure::count([0]), peer: None, target: Target::Most(0.0) };
        assert_eq!((none.met(), none.cells()[5].as_str()), (Some(true), "≤ 0: met"));
    }

    #[test]
    fn the_largest_size_counts() {
        let figure = Figure::bytes([1000, 3_000_000, 2000]);
        assert_eq!((figure.value(), figure.to_string().as_str()), (3e6, "3.00 MB (median 2.0 kB)"));
    }
}
