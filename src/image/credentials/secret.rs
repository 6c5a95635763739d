//! A text that nobody may see.

use std::fmt;

use zeroize::Zeroizing;

/// A password, a token or a key: shown as `***`, and wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Of a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for whoever it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What another program or a server said, fit to be shown: its first line, at most 300 characters of it, without control characters and
/// without any of the secrets, which some servers repeat.
pub(super) fn words(said: &str, secrets: &[&Secret]) -> String {
    let mut line = said.trim().lines().next().unwrap_or_default().to_owned();
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        line = line.replace(secret.expose(), "***");
    }
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("open sesame");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(words("say open sesame\x1b[1m, or open sesame\nmore", &[&secret]), "say ***[1m, or ***");
        assert_eq!(words(&"x".repeat(1000), &[&Secret::new("")]).len(), 300);
    }
}
