//! Keys as they are written down.

use medic_repository::TrustedKey;
use medic_repository::publish::{PublishError, SigningKey};

use crate::error::BuildError;

/// A new key, as two files.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// What signs, not encrypted: for the one who fills a cache.
    pub secret: String,
    /// What is trusted: for everybody who uses it.
    pub public: String,
}

/// Makes a key.
///
/// # Errors
/// There is no randomness.
pub fn new_key() -> Result<KeyPair, BuildError> {
    let key = SigningKey::generate().map_err(of_signing)?;
    Ok(KeyPair { secret: key.secret_file().map_err(of_signing)?, public: key.public().file() })
}

/// The key in a file that minisign or [`new_key`] wrote without a password.
///
/// # Errors
/// It is none, or has a password.
pub fn signing_key(text: &str) -> Result<SigningKey, BuildError> {
    SigningKey::parse(text, None).map_err(of_signing)
}

/// Public keys, one a line; lines with comments between them, as minisign writes them, are passed over.
///
/// # Errors
/// A line is no key.
pub fn trusted_keys(text: &str) -> Result<Vec<TrustedKey>, BuildError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("untrusted"));
    lines
        .map(|line| TrustedKey::parse(line).map_err(|error| BuildError::CacheKey(error.to_string())))
        .collect()
}

pub(super) fn of_signing(error: PublishError) -> BuildError {
    let advice = "make one with 'cargo xtask cache key FILE', or with 'minisign -G -W'";
    BuildError::CacheKey(format!("{error}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let (one, two) = (new_key().expect("made"), new_key().expect("made"));
        let secret = signing_key(&one.secret).expect("a key");
        let trusted = trusted_keys(&format!("{}\n{}", one.public, two.public)).expect("two keys");
        assert_eq!(trusted.len(), 2);
        assert_eq!(trusted[0], *secret.public());
        assert_eq!(trusted_keys("\n").expect("none"), []);
        let error = trusted_keys("hello").expect_err("no key").to_string();
        assert!(error.contains("the cache's key cannot be used"), "{error}");
        let error = signing_key(&one.public).map(drop).expect_err("not a secret one").to_string();
        assert!(error.contains("cargo xtask cache key"), "{error}");
    }
}
