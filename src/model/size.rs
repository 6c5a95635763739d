//! Amounts of bytes as people write them.

use std::fmt;
use std::str::FromStr;

const UNITS: [(&str, u64); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
];

/// An amount of bytes, written as `512`, `64 KiB`, `4 MiB` or `1 GiB` (also kB, MB, GB: powers of ten).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Why a text is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size: write a whole number of bytes, KiB, MiB or GiB, such as '4 MiB'")]
pub struct SizeError(String);

impl FromStr for ByteSize {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number.trim_end(), *unit)))
            .unwrap_or((text, 1));
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        number.parse().ok().and_then(|n: u64| n.checked_mul(unit)).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    /// The largest unit that gives a number of at least one: `1.77 MB`. Powers of ten, as registries show sizes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In whole numbers: the code that prints fractions would be a fiftieth of the supervisor.
        let hundredths = |unit: u64| {
            let hundredths = self.0.saturating_add(unit / 200) / (unit / 100);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        let text = match self.0 {
            n if n >= 1_000_000_000 => hundredths(1_000_000_000) + " GB",
            n if n >= 1_000_000 => hundredths(1_000_000) + " MB",
            n if n >= 1000 => format!("{}.{} kB", (n + 50) / 1000, (n + 50) / 100 % 10),
            n => format!("{n} B"),
        };
        f.pad(&text)
    }
}

impl serde::Serialize for ByteSize {
    /// A number of bytes: what is shown is rounded.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ByteSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl serde::de::Visitor<'_> for Size {
            type Value = ByteSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 4 MiB")
            }
            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!("4 MiB".parse(), Ok(ByteSize(4 << 20)));
        assert_eq!("512".parse(), Ok(ByteSize(512)));
        assert_eq!("2kB".parse(), Ok(ByteSize(2000)));
        for bad in ["", "MiB", "-1", "1.5 MiB", "99999999999999 GiB", "4 mib"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?} was taken");
        }
        assert_eq!(ByteSize(1_771_234).to_string(), "1.77 MB");
    }
}
