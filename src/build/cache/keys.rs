//! Keys as they are written down.

use medic_repository::TrustedKey;
use medic_repository::publish::{PublishError, SigningKey};

use crate::error::BuildError;

/// The key in a file that minisign or `cache key` wrote without a password.
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
        let new = || SigningKey::generate().expect("made");
        let (one, two) = (new(), new());
        let secret = signing_key(&one.secret_file().expect("text")).expect("a key");
        let public = one.public().file();
        let trusted = trusted_keys(&format!("{public}\n{}", two.public().file())).expect("two keys");
        assert_eq!(trusted.len(), 2);
        assert_eq!(trusted[0], *secret.public());
        assert_eq!(trusted_keys("\n").expect("none"), []);
        let error = trusted_keys("hello").expect_err("no key").to_string();
        assert!(error.contains("the cache's key cannot be used"), "{error}");
        let error = signing_key(&public).map(drop).expect_err("not a secret one").to_string();
        assert!(error.contains("cargo xtask cache key"), "{error}");
    }
}
