//! Versions, their total order, and requirements on them.
//!
//! A version is `<upstream>[-r<revision>]`: what upstream calls it, then our own revision of the
//! package. Upstream's part is cut into numbers and words; the parts are compared one by one:
//! a pre-release word (`alpha`, `beta`, `pre`, `preview`, `rc`, `dev`, or any word after `~`) comes before the end of
//! the version, which comes before any other word, which comes before a number. So
//! `1.0alpha < 1.0rc1 < 1.0~snapshot < 1.0 < 1.0p1 < 1.0.1 < 1.6.1 < 1.30.6 < 3.5.2 < 3.5.2.1`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::name::{NameError, PackageName};
use crate::text::text_serde;

/// The most characters a version may have.
pub const MAX_VERSION: usize = 64;

/// A version; see the module for its order. Two versions are equal only when their texts are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a version: 1 to 64 of the characters A-Z a-z 0-9 . + _ ~ -, starting with a digit, such as '1.30.6' or '1.30.6-r2'"
)]
pub struct VersionError(String);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    PreRelease(usize, &'a str),
    End,
    Word(&'a str),
    // Digits without leading zeros: the longer number is the larger one.
    Number(usize, &'a str),
}

const PRE_RELEASES: [&str; 6] = ["dev", "alpha", "beta", "pre", "preview", "rc"];

fn parts(upstream: &str) -> Vec<Part<'_>> {
    let bytes = upstream.as_bytes();
    let mut parts = Vec::new();
    let mut at = 0;
    let mut tilde = false;
    while at < bytes.len() {
        let start = at;
        let class = |b: u8| (b.is_ascii_digit(), b.is_ascii_alphabetic());
        while at < bytes.len() && class(bytes[at]) == class(bytes[start]) {
            at += 1;
        }
        let text = &upstream[start..at];
        if bytes[start].is_ascii_digit() {
            let digits = text.trim_start_matches('0');
            parts.push(if tilde {
                Part::PreRelease(PRE_RELEASES.len(), digits)
            } else {
                Part::Number(digits.len(), digits)
            });
        } else if bytes[start].is_ascii_alphabetic() {
            match PRE_RELEASES.iter().position(|word| *word == text) {
                Some(rank) => parts.push(Part::PreRelease(rank, "")),
                None if tilde => parts.push(Part::PreRelease(PRE_RELEASES.len(), text)),
                None => parts.push(Part::Word(text)),
            }
        }
        tilde = text.ends_with('~');
    }
    parts.push(Part::End);
    parts
}

impl Version {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Upstream's part, without our revision.
    pub fn upstream(&self) -> &str {
        self.split().0
    }

    /// Our revision of the package; 0 when none is written.
    pub fn revision(&self) -> u32 {
        self.split().1
    }

    /// Whether it comes before a release: it has a word such as `rc` or `beta`, or a part after `~`.
    pub fn is_pre_release(&self) -> bool {
        parts(self.upstream()).iter().any(|part| matches!(part, Part::PreRelease(..)))
    }

    /// Its numbers, in order: `[3, 5, 7]` of `3.5.7`. One that is larger than fits is the largest that does.
    pub fn numbers(&self) -> Vec<u64> {
        let digits = self.upstream().split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        digits.map(|digits| digits.parse().unwrap_or(u64::MAX)).collect()
    }

    fn split(&self) -> (&str, u32) {
        let revision = |text: &str| {
            (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())
        };
        match self.0.rsplit_once("-r") {
            Some((upstream, digits)) => match revision(digits).flatten() {
                Some(number) => (upstream, number),
                None => (&self.0, 0),
            },
            None => (&self.0, 0),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((left, left_revision), (right, right_revision)) = (self.split(), other.split());
        parts(left)
            .cmp(&parts(right))
            .then(left_revision.cmp(&right_revision))
            // Only spellings of one version are left (1.01 and 1.1): the text decides, so that the order is total.
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b));
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
        if plain && first && text.len() <= MAX_VERSION && !text.as_bytes().windows(2).any(|two| two == b"..")
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(VersionError(text.to_owned()))
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_serde!(Version, "a version, in quotes where it looks like a number, such as \"1.30\"");

/// How a version is compared with the one that a requirement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

/// A requirement on a version: comparisons that must all hold, as in `>=1.2, <2`; `*` is any version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionReq(Vec<(Comparison, Version)>);

/// Why a text is not a requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// No comparison sign where one is needed.
    #[error("'{0}' is not a requirement: write comparisons such as '>=1.2, <2', or '*' for any version")]
    Sign(String),
    /// A bad version behind a sign.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A bad name before the requirement.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl VersionReq {
    /// The requirement that every version meets.
    pub const ANY: Self = Self(Vec::new());

    /// The requirement that only this version meets.
    pub fn exactly(version: Version) -> Self {
        Self(vec![(Comparison::Equal, version)])
    }

    /// Whether the version meets every comparison. `=1.2` is met by every package revision of 1.2 when it names none.
    pub fn matches(&self, version: &Version) -> bool {
        self.0.iter().all(|(comparison, wanted)| match comparison {
            Comparison::Less => version < wanted,
            Comparison::LessOrEqual => version <= wanted,
            Comparison::Equal => version == wanted || version.upstream() == wanted.as_str(),
            Comparison::GreaterOrEqual => version >= wanted,
            Comparison::Greater => version > wanted,
        })
    }

    /// The requirement that a version meets when it meets both.
    pub fn and(&self, other: &Self) -> Self {
        let added = other.0.iter().filter(|one| !self.0.contains(one));
        Self(self.0.iter().chain(added).cloned().collect())
    }

    /// Whether no version can meet both, as far as their bounds tell: `<2` and `>=3`, `=1.2` and `>1.4`.
    pub fn excludes(&self, other: &Self) -> bool {
        let apart = |one: &Self, two: &Self| {
            one.0.iter().any(|(from, low)| two.0.iter().any(|(to, high)| is_apart(*from, low, *to, high)))
        };
        apart(self, other) || apart(other, self)
    }

    /// The comparisons, in the order written.
    pub fn comparisons(&self) -> &[(Comparison, Version)] {
        &self.0
    }
}

/// Whether nothing lies between a lower bound and an upper one. `=` is both; as an upper one it lets every package revision pass.
fn is_apart(from: Comparison, low: &Version, to: Comparison, high: &Version) -> bool {
    if matches!(from, Comparison::Less | Comparison::LessOrEqual) {
        return false;
    }
    match to {
        Comparison::Less => low >= high,
        Comparison::LessOrEqual => low > high || (low == high && from == Comparison::Greater),
        Comparison::Equal => low > high && low.upstream() != high.as_str(),
        Comparison::GreaterOrEqual | Comparison::Greater => false,
    }
}

impl FromStr for VersionReq {
    type Err = RequirementError;
    fn from_str(text: &str) -> Result<Self, RequirementError> {
        if text.trim() == "*" {
            return Ok(Self::ANY);
        }
        let comparison = |part: &str| {
            let part = part.trim();
            let (sign, comparison) = COMPARISONS
                .iter()
                .find(|(sign, _)| part.starts_with(sign))
                .ok_or_else(|| RequirementError::Sign(text.to_owned()))?;
            Ok((*comparison, part[sign.len()..].trim().parse()?))
        };
        text.split(',').map(comparison).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for VersionReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("*");
        }
        for (index, (comparison, version)) in self.0.iter().enumerate() {
            let sign = COMPARISONS.iter().find(|(_, c)| c == comparison).map_or("", |(sign, _)| *sign);
            write!(f, "{}{sign}{version}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

text_serde!(VersionReq, "a requirement such as '>=1.2, <2'");

/// A package by name, with a requirement on its version: `busybox`, or `openssl >=3.5, <4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The package.
    pub name: PackageName,
    /// The versions that will do.
    pub req: VersionReq,
}

impl Dependency {
    /// Whether a package that says it provides `provided` meets this need: a name without a version meets only needs of any version.
    pub fn is_met_by(&self, provided: &Self) -> bool {
        self.name == provided.name
            && match provided.req.0.as_slice() {
                [(Comparison::Equal, version)] => self.req.matches(version),
                _ => self.req == VersionReq::ANY,
            }
    }

    /// Whether it can stand in `provides`: a name alone, or with the one version that it stands for.
    pub fn is_provision(&self) -> bool {
        matches!(self.req.0.as_slice(), [] | [(Comparison::Equal, _)])
    }
}

impl FromStr for Dependency {
    type Err = RequirementError;
    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let end = text.find(|c: char| "<>=* ".contains(c)).unwrap_or(text.len());
        let (name, req) = text.split_at(end);
        let req = if req.trim().is_empty() { VersionReq::ANY } else { req.parse()? };
        Ok(Self { name: name.parse()?, req })
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.req == VersionReq::ANY {
            write!(f, "{}", self.name)
        } else {
            write!(f, "{} {}", self.name, self.req)
        }
    }
}

text_serde!(Dependency, "a package name, with a version requirement if need be");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().expect("valid")
    }

    #[test]
    fn the_documented_order_holds() {
        let ascending = [
            "1.0alpha",
            "1.0beta2",
            "1.0rc1",
            "1.0~rc1",
            "1.0rc2",
            "1.0~x1",
            "1.0",
            "1.0-r1",
            "1.0-r2",
            "1.0-r10",
            "1.0p1",
            "1.0.1",
            "1.6.1",
            "1.30.6",
            "3.5.2",
            "3.5.2.1",
            "9.2",
            "9.2p1",
            "9.10",
            "20260816",
            "20260816+nmu1",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn what_is_provided_meets_needs_by_its_own_version() {
        let met = |need: &str, provided: &str| {
            let [need, provided]: [Dependency; 2] = [need, provided].map(|text| text.parse().expect("valid"));
            need.is_met_by(&provided)
        };
        assert!(met("mail", "mail") && met("mail", "mail =2") && met("mail >=2", "mail =2"));
        assert!(!met("mail >=2", "mail") && !met("mail >=3", "mail =2") && !met("mail", "post"));
        let may = |text: &str| text.parse::<Dependency>().expect("valid").is_provision();
        assert!(may("mail") && may("mail =2"));
        assert!(!may("mail >=2") && !may("mail =2, =3"));
    }

    #[test]
    fn requirements_are_met_or_not() {
        let req: VersionReq = ">=1.2, <2".parse().expect("valid");
        assert!(
            req.matches(&version("1.30.6")) && !req.matches(&version("2")) && !req.matches(&version("1.1"))
        );
        assert!("=1.2".parse::<VersionReq>().expect("valid").matches(&version("1.2-r3")));
        assert!(!"=1.2-r1".parse::<VersionReq>().expect("valid").matches(&version("1.2-r3")));
        assert_eq!("a >=1, <2".parse::<Dependency>().expect("valid").to_string(), "a >=1, <2");
        assert_eq!("a=1".parse::<Dependency>().expect("valid").to_string(), "a =1");
        for bad in ["a 1.2", "A", "", "a >=", "a >=x", "a >=1,"] {
            assert!(bad.parse::<Dependency>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn requirements_are_joined_and_contradictions_seen() {
        let req = |text: &str| text.parse::<VersionReq>().expect("valid");
        assert_eq!(req(">=1.2").and(&req("<2, >=1.2")).to_string(), ">=1.2, <2");
        assert_eq!(VersionReq::ANY.and(&req("<2")).to_string(), "<2");
        for (one, two) in [("<2", ">=2"), ("<=2", ">2"), ("=1", "=2"), ("=1.2", ">1.4"), ("<1", "=1-r3")] {
            assert!(req(one).excludes(&req(two)) && req(two).excludes(&req(one)), "{one} and {two}");
        }
        for (one, two) in [("<2", ">=1"), ("<=2", ">=2"), ("=1.2", "=1.2-r3"), ("*", "<1"), (">1", ">2")] {
            assert!(!req(one).excludes(&req(two)) && !req(two).excludes(&req(one)), "{one} and {two}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in prop::collection::vec("[0-9][0-9a-c.p~r-]{0,6}", 3)) {
            let versions: Vec<Version> = texts.iter().filter_map(|t| t.parse().ok()).collect();
            if let [a, b, c] = versions.as_slice() {
                prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
                prop_assert_eq!(a == b, a.cmp(b) == Ordering::Equal);
                if a <= b && b <= c { prop_assert!(a <= c); }
            }
        }
    }
}
