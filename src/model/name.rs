//! Names of components, packages, services and images.

use std::fmt;
use std::str::FromStr;

use crate::text::text_serde;

/// The most characters a name may have.
pub const MAX_NAME: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a {what} name: a name has 1 to 64 of the characters a-z 0-9 . _ + - and starts with a letter or digit"
)]
pub struct NameError {
    what: &'static str,
    text: String,
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._+-".contains(&b));
    first && rest && text.len() <= MAX_NAME && !text.as_bytes().windows(2).any(|two| two == b"..")
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, text: text.to_owned() })
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        text_serde!($type, concat!("a ", $what, " name"));
    };
}

name!(
    /// A component: one upstream program or library, built by one recipe.
    ComponentName,
    "component"
);
name!(
    /// A package: what is installed.
    PackageName,
    "package"
);
name!(
    /// A service of a package: what `run/<service>` starts.
    ServiceName,
    "service"
);
name!(
    /// An image: what is shipped.
    ImageName,
    "image"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_cannot_escape_a_folder() {
        for good in ["nginx", "ca-certificates", "libstdc++", "7zip", "a.b_c"] {
            assert_eq!(good.parse::<PackageName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "..", ".hidden", "a/b", "a..b", "Nginx", "a b", "ä", "-x", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_bad_name_in_a_document_says_what_a_name_is() {
        let error = serde_json::from_str::<ServiceName>("\"../x\"").expect_err("refused").to_string();
        assert!(error.contains("'../x' is not a service name"), "{error}");
    }
}
