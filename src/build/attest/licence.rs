//! Licences as SPDX documents write them: expressions over the ids of SPDX's list; anything else is a reference whose text
//! the document carries (SPDX specification 2.3, clause 10 and annex D).

use std::collections::BTreeMap;

use spdx::Expression;

/// What stands for something that is not known.
pub const NOASSERTION: &str = "NOASSERTION";

/// A licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// An SPDX expression, or [`NOASSERTION`].
    pub expression: String,
    /// The references in it that SPDX's list does not have, each with its text.
    pub references: BTreeMap<String, String>,
}

impl Licence {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self { expression: NOASSERTION.to_owned(), references: BTreeMap::new() }
    }

    /// What a recipe or a manifest declares; the spelling of old crates (`MIT/Apache-2.0`) is put right. `text` is the licence text
    /// that comes with the component, where there is one.
    pub fn declared(declared: &str, text: Option<&str>) -> Self {
        let declared = declared.trim();
        if declared.is_empty() {
            return Self::unknown();
        }
        let right = Expression::canonicalize(declared).ok().flatten();
        let expression = right.unwrap_or_else(|| declared.to_owned());
        let known = Expression::parse_mode(&expression, spdx::ParseMode::LAX).is_ok();
        if known {
            let text = |id: &str| (id.to_owned(), described(id, text));
            let references = references(&expression).map(text).collect();
            return Self { expression, references };
        }
        Self::named(declared, text)
    }

    /// A licence that has no id: only its text is known.
    pub fn named(name: &str, text: Option<&str>) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name_in_id: String = name.chars().map(plain).collect();
        let id = format!("LicenseRef-{}", name_in_id.trim_matches('-'));
        let references = [(id.clone(), described(name, text))].into();
        Self { expression: id, references }
    }
}

fn described(name: &str, text: Option<&str>) -> String {
    let none = || format!("The licence is called '{name}'; its text does not come with the component.");
    text.filter(|text| !text.trim().is_empty()).map_or_else(none, str::to_owned)
}

fn references(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| c.is_whitespace() || "()".contains(c));
    words.filter(|word| word.starts_with("LicenseRef-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_the_list_stay_and_old_spellings_are_put_right() {
        for (declared, expression) in [
            ("Zlib", "Zlib"),
            ("BSD-3-Clause WITH PCRE2-exception", "BSD-3-Clause WITH PCRE2-exception"),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            ("MIT OR Apache-2.0 OR (Zlib AND ISC)", "MIT OR Apache-2.0 OR (Zlib AND ISC)"),
            ("  AGPL-3.0-only ", "AGPL-3.0-only"),
            ("", NOASSERTION),
        ] {
            let licence = Licence::declared(declared, Some("a text"));
            assert_eq!((licence.expression.as_str(), licence.references.len()), (expression, 0));
        }
    }

    #[test]
    fn what_the_list_does_not_have_is_a_reference_with_its_text() {
        let licence = Licence::declared("MIT AND LicenseRef-own", Some("do as you like"));
        assert_eq!(licence.expression, "MIT AND LicenseRef-own");
        assert_eq!(licence.references["LicenseRef-own"], "do as you like");
        let licence = Licence::declared("Public Domain!", None);
        assert_eq!(licence.expression, "LicenseRef-Public-Domain");
        assert!(licence.references["LicenseRef-Public-Domain"].contains("'Public Domain!'"));
    }
}
